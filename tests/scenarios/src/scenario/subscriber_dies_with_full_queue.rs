// SPDX-License-Identifier: GPL-2.0

//! A stalled subscriber that is killed takes its queue with it.

use crate::client::Client;
use crate::kernel;
use crate::process::Process;

/// Memory, registration and socket are gone when the process is.
pub fn frees_everything() {
    let publisher = Client::open();
    let topic = publisher.advertise("stalled");
    let round = || {
        let mut stalled: Vec<Process> = (0..8)
            .map(|_| Process::role(&["subscribe-and-stall", "stalled"]).ready())
            .collect();
        let mut dropped = 0;
        for _ in 0..1000 {
            dropped += publisher.publish_acked(topic, &[7; 64]).expect("publish").2;
        }
        assert!(dropped > 0, "the queues were meant to overflow");
        assert_eq!(publisher.counts(), (1, 9, 8));
        for process in &mut stalled {
            process.kill();
        }
        assert_eq!(publisher.counts(), (1, 1, 0));
        assert_eq!(
            publisher.publish_acked(topic, b"x").map(|r| (r.1, r.2)),
            Ok((0, 0))
        );
        assert_eq!(kernel::user_sockets(), 1);
    };
    round();
    let before = kernel::unreclaimable_slab();
    for _ in 0..5 {
        round();
    }
    let grown = kernel::unreclaimable_slab().saturating_sub(before);
    // A round queues 8 × 212,992 bytes, so one round's leak alone would be 1,664 kB.
    assert!(grown < 1600, "slab grew by {grown} kB");
}
