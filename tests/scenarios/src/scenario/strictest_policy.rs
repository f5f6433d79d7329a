// SPDX-License-Identifier: GPL-2.0

//! Two subscriptions of a socket with different overflow policies: the strictest counts.

use crate::client::Client;
use crate::client::Event;
use crate::client::Terms;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;

/// A socket blocks for a topic, and drops the oldest of all that match another pattern. What it
/// got from a publisher that agreed to wait is not evicted by one that did not: for that one,
/// "block" is "drop newest".
pub fn counts_for_publishers_that_do_not_wait() {
    let subscriber = Client::open();
    subscriber.set_receive_buffer(16 << 10);
    subscriber.subscribe_with("strict", SUBSCRIBE_BLOCK);
    subscriber.subscribe_with("**", SUBSCRIBE_DROP_OLDEST);
    let patient = Client::open();
    let terms = Terms {
        wait: Some(0),
        ..Terms::default()
    };
    let topic = patient.advertise_with("strict", terms).expect("advertise");
    let hasty = Client::open();
    hasty.advertise("strict");
    for _ in 0..5 {
        let receipt = patient.publish_acked(topic, &[1; 500]);
        assert_eq!(receipt.map(|r| (r.1, r.2)), Ok((1, 0)));
    }
    let mut dropped = 0;
    for _ in 0..50 {
        dropped += hasty.publish_acked(topic, &[2; 500]).expect("publish").2;
    }
    assert!(dropped > 0, "the newest are dropped");
    let events = subscriber.drain();
    let reliable = events
        .iter()
        .filter(|event| matches!(event, Event::Message { port, .. } if *port == patient.port()));
    assert_eq!(reliable.count(), 5, "nothing is evicted");
}
