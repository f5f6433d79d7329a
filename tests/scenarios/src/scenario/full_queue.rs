// SPDX-License-Identifier: GPL-2.0

//! A subscriber that does not keep up.

use crate::client::Client;
use crate::client::Event;
use crate::kernel;

/// received + lost = published, with the loss in its place, each time it happens.
pub fn loses_exactly_and_says_where() {
    const ROUND: u64 = 2000;
    let slow = Client::open();
    slow.subscribe("flood");
    let publisher = Client::open();
    let topic = publisher.advertise("flood");
    let mut next = 1;
    let mut lost_before = 0;
    for round in 1..=3_u64 {
        let mut dropped = 0;
        for number in 0..ROUND {
            let receipt = publisher.publish_acked(topic, &number.to_ne_bytes());
            dropped += u64::from(receipt.expect("publish").2);
        }
        assert!(dropped > 0, "the queue was meant to overflow");
        let mut lost = 0;
        for event in slow.drain() {
            match event {
                Event::Message { seq, .. } => {
                    assert_eq!(seq, next);
                    next += 1;
                }
                Event::Lost {
                    topic: t,
                    first,
                    count,
                } => {
                    assert_eq!((t, first), (topic, next));
                    lost += count;
                    next += count;
                }
                Event::Topic { .. } => assert_eq!((round, next), (1, 1)),
                other => panic!("{other:?}"),
            }
        }
        // What was lost at the end of this round is told at the start of the next.
        assert_eq!(lost, lost_before);
        assert_eq!(next + dropped, round * ROUND + 1);
        lost_before = dropped;
        assert!(kernel::drops(slow.port()) > 0);
    }
    // As soon as there is room, the next message arrives, after the word of the loss.
    publisher.publish(topic, b"room");
    let events = slow.drain();
    assert!(
        matches!(events[..], [Event::Lost { .. }, Event::Message { seq, .. }] if seq == 3 * ROUND + 1),
        "{events:?}"
    );
    // And the loss at the very end is told when the topic ends.
    for number in 0..ROUND {
        publisher.publish(topic, &number.to_ne_bytes());
    }
    drop(publisher);
    let events = slow.drain();
    let received = events
        .iter()
        .filter(|e| matches!(e, Event::Message { .. }))
        .count() as u64;
    assert_eq!(
        events[events.len() - 2..],
        [
            Event::Lost {
                topic,
                first: 3 * ROUND + 2 + received,
                count: ROUND - received
            },
            Event::Removed { topic },
        ]
    );
}

/// The fast one next to the slow one gets everything.
pub fn of_one_leaves_others_alone() {
    let (slow, fast) = (Client::open(), Client::open());
    slow.subscribe("mixed");
    fast.subscribe("mixed");
    let publisher = Client::open();
    let topic = publisher.advertise("mixed");
    let mut received = 0;
    for number in 1..=1500_u64 {
        publisher.publish(topic, &number.to_ne_bytes());
        for event in fast.drain() {
            match event {
                Event::Message { seq, .. } => {
                    received += 1;
                    assert_eq!(seq, received);
                }
                other => assert!(matches!(other, Event::Topic { .. }), "{other:?}"),
            }
        }
    }
    assert_eq!(received, 1500);
    assert!(slow.drain().len() < 1500);
}

/// The smallest queue that the kernel grants, and messages larger than it: as long as the reader
/// empties it, each message comes, with what was lost before.
pub fn of_the_smallest_size_is_never_deaf() {
    let small = Client::open();
    small.set_receive_buffer(0);
    small.subscribe("deaf");
    let publisher = Client::open();
    let topic = publisher.advertise("deaf");
    let mut next = 1;
    for round in 0..10 {
        for _ in 0..5 {
            publisher.publish(topic, &[round; 8000]);
        }
        let mut received = 0;
        for event in small.drain() {
            match event {
                Event::Message { seq, .. } => {
                    assert_eq!(seq, next);
                    next += 1;
                    received += 1;
                }
                Event::Lost { first, count, .. } => {
                    assert_eq!(first, next);
                    next += count;
                }
                other => assert!(matches!(other, Event::Topic { .. }), "{other:?}"),
            }
        }
        assert_eq!(received, 1, "an empty queue takes a message of any size");
    }
}
