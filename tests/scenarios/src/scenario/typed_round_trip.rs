// SPDX-License-Identifier: GPL-2.0

//! A Rust struct from one process to another, with libkipc.

use crate::process::Process;
use libkipc::Bus;
use libkipc::Item;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
struct Reading {
    sensor: String,
    celsius: f64,
    history: Vec<u32>,
}

fn reading(number: u32) -> Reading {
    Reading {
        sensor: format!("sensor {number}"),
        celsius: f64::from(number) / 8.0,
        history: (0..number).collect(),
    }
}

/// The other process: publishes ten readings.
pub fn publisher() {
    let bus = Bus::connect().expect("connect");
    let publisher = bus
        .publisher::<Reading>("typed/room1")
        .and_then(|builder| builder.create())
        .expect("a publisher");
    for number in 0..5 {
        let delivery = publisher.publish_acked(&reading(number)).expect("publish");
        assert_eq!((delivery.delivered, delivery.dropped), (1, 0));
    }
    let rest: Vec<Reading> = (5..10).map(reading).collect();
    publisher.publish_batch(&rest).expect("publish");
}

/// Every reading arrives as it was, with the sender's identity; another type is refused.
pub fn between_processes() {
    let bus = Bus::connect().expect("connect");
    let mut subscriber = bus
        .subscriber::<Reading>("typed/*")
        .and_then(|builder| builder.events().credentials().create())
        .expect("a subscriber");
    let mut process = Process::role(&["typed-publisher"]);
    let mut number = 0;
    loop {
        let item = subscriber
            .recv_timeout(Duration::from_secs(10))
            .expect("receive")
            .expect("an item within ten seconds");
        match item {
            Item::Joined { topic, .. } => assert_eq!(topic.as_str(), "typed/room1"),
            Item::Message(message) => {
                assert_eq!(message.value, reading(number));
                assert_eq!(message.seq, u64::from(number) + 1);
                let credentials = message.credentials.expect("credentials");
                assert_eq!(credentials.pid as u32, process.id());
                assert_eq!((credentials.uid, credentials.gid), (0, 0));
                number += 1;
            }
            Item::Gone { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(number, 10);
    process.succeed();

    // A publisher of another type on a topic of this one is told so; a subscriber, too.
    let _publisher = bus
        .publisher::<Reading>("typed/room1")
        .and_then(|builder| builder.create())
        .expect("a publisher");
    let other = bus
        .publisher::<u32>("typed/room1")
        .and_then(|builder| builder.create());
    assert!(
        matches!(other, Err(libkipc::Error::Refused(_))),
        "{:?}",
        other.err()
    );
    let numbers = bus
        .publisher::<u32>("typed/room2")
        .and_then(|builder| builder.create())
        .expect("a publisher");
    numbers.publish(&5).expect("publish");
    let mismatch = loop {
        match subscriber.recv_timeout(Duration::from_secs(10)) {
            Ok(Some(Item::Joined { .. } | Item::Removed { .. })) => {}
            other => break other,
        }
    };
    assert!(
        matches!(mismatch, Err(libkipc::Error::TypeMismatch { .. })),
        "{mismatch:?}"
    );
}
