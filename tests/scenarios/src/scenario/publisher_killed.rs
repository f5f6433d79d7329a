// SPDX-License-Identifier: GPL-2.0

//! A publisher that is killed in the middle of publishing.

use crate::client::Client;
use crate::client::Event;
use crate::process::Process;
use crate::wire::message::SUBSCRIBE_EVENTS;
use std::time::Duration;

/// "Gone" arrives once, after the last message, and nothing is left; 20 times.
pub fn is_gone_after_its_last_message() {
    let watcher = Client::open();
    watcher.set_receive_buffer(1 << 20);
    watcher.subscribe_with("killed", SUBSCRIBE_EVENTS);
    for round in 0..20_u64 {
        let mut publisher = Process::role(&["publish-forever", "killed"]);
        let port: u32 = publisher.line().parse().expect("a port id");
        let mut events = watcher.expect();
        std::thread::sleep(Duration::from_millis(1 + round));
        publisher.kill();
        // The process is reaped, so its socket is closed and the word is out.
        events.extend(watcher.drain());

        let (mut next, mut gone) = (1, 0);
        for event in &events {
            match event {
                Event::Message {
                    seq,
                    port: from,
                    payload,
                    ..
                } => {
                    assert_eq!((*from, gone), (port, 0));
                    assert_eq!(*seq, next);
                    assert_eq!(payload[..], seq.to_ne_bytes());
                    next += 1;
                }
                Event::Lost { first, count, .. } => {
                    assert_eq!(*first, next);
                    next += count;
                }
                Event::Gone { port: from, .. } => {
                    assert_eq!(*from, port);
                    gone += 1;
                }
                Event::Topic { .. } | Event::Joined { .. } => assert_eq!(next, 1),
                Event::Removed { .. } => assert_eq!(gone, 1),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(gone, 1, "{:?}", events.last());
        assert!(matches!(events.last(), Some(Event::Removed { .. })));
        assert_eq!(watcher.counts(), (0, 1, 1));
    }
}
