// SPDX-License-Identifier: GPL-2.0

//! libkipc against the module: memory, borrowed values, JSON, who listens.

use std::time::Duration;

use allocation_counter::measure;
use libkipc::Bus;
use libkipc::Error;
use libkipc::Item;
use libkipc::Json;

const PATIENCE: Duration = Duration::from_secs(10);

fn bus() -> Bus {
    Bus::connect().expect("connect")
}

/// Neither publishing nor receiving allocates, once everything has its size.
pub fn allocates_nothing_per_message() {
    let bus = bus();
    let builder = bus.subscriber::<(u64, u64)>("cost/*").expect("a pattern");
    let mut subscriber = builder.create().expect("subscribe");
    let builder = bus.publisher::<(u64, u64)>("cost/a").expect("a topic");
    let publisher = builder.create().expect("advertise");
    let builder = bus.raw_subscriber("raw").expect("a pattern");
    let mut raw_subscriber = builder.create().expect("subscribe");
    let builder = bus.raw_publisher("raw").expect("a topic");
    let raw_publisher = builder.create().expect("advertise");
    let mut round = |number: u64| {
        publisher.publish(&(number, 7)).expect("publish");
        publisher.tagged(3).publish(&(number, 8)).expect("publish");
        publisher.publish_acked(&(number, 9)).expect("publish");
        let batch = [(number, 10), (number, 11)];
        publisher.publish_batch(&batch).expect("publish");
        for want in 7..=11 {
            match subscriber.recv().expect("receive") {
                Item::Message(message) => assert_eq!(message.value, (number, want)),
                other => panic!("{other:?}"),
            }
        }
        raw_publisher.publish(&[7; 64]).expect("publish");
        match raw_subscriber.recv_as::<&[u8]>().expect("receive") {
            Item::Message(message) => assert_eq!(message.value, [7; 64]),
            other => panic!("{other:?}"),
        }
    };
    // Topics become known, buffers get their size.
    (0..10).for_each(&mut round);
    let counted = measure(|| (0..1000).for_each(&mut round));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    // The counter counts.
    assert_eq!(
        measure(|| drop(std::hint::black_box(vec![1]))).count_total,
        1
    );
}

/// A publisher that watches knows how many subscribe, and may wait for one.
pub fn watched_subscribers_are_counted() {
    let bus = bus();
    let builder = bus.publisher::<u32>("watched").expect("a topic");
    let publisher = builder.watch_subscribers().create().expect("advertise");
    assert_eq!(publisher.subscribers().expect("count"), 0);
    let short = Duration::from_millis(20);
    assert!(!publisher.wait_for_subscribers(1, short).expect("wait"));
    let mut subscribers = Vec::new();
    let waited = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| publisher.wait_for_subscribers(3, PATIENCE).expect("wait"));
        for _ in 0..3 {
            let builder = bus.subscriber::<u32>("watched").expect("a pattern");
            subscribers.push(builder.create().expect("subscribe"));
        }
        waiter.join().expect("no panic")
    });
    assert!(waited);
    // Answers between the events are not lost, nor the events behind them.
    subscribers.pop();
    let delivery = publisher.publish_acked(&1).expect("publish");
    assert_eq!(delivery.delivered, 2);
    assert_eq!(publisher.subscribers().expect("count"), 2);
    subscribers.clear();
    publisher.publish(&2).expect("publish");
    assert_eq!(publisher.subscribers().expect("count"), 0);
}

#[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
struct Reading<'a> {
    room: &'a str,
    celsius: f32,
}

/// Values that borrow arrive where they were received; JSON topics are marked as such, and another
/// type is an error that names the field.
pub fn borrows_and_speaks_json() {
    let bus = bus();
    let builder = bus
        .subscriber::<Reading<'static>>("json")
        .expect("a pattern");
    let mut subscriber = builder.codec::<Json>().create().expect("subscribe");
    let builder = bus.publisher::<Reading<'static>>("json").expect("a topic");
    let publisher = builder.codec::<Json>().create().expect("advertise");
    let reading = Reading {
        room: "hall",
        celsius: 21.5,
    };
    publisher.publish(&reading).expect("publish");
    let item = subscriber.recv_timeout_as::<Reading<'_>>(PATIENCE);
    let message = item.expect("receive").expect("in time").into_message();
    let message = message.expect("a message");
    assert_eq!(message.value, reading);
    assert_eq!(message.fingerprint, Json::FINGERPRINT);
    let topics = bus.topics().expect("list");
    assert!(
        topics
            .iter()
            .any(|t| t.name == "json" && t.fingerprint == Json::FINGERPRINT)
    );

    let other = bus.raw_publisher("json").expect("a topic");
    let other = other
        .fingerprint(Json::FINGERPRINT)
        .create()
        .expect("advertise");
    other.publish(br#"{"room":"hall"}"#).expect("publish");
    match subscriber.recv_as::<Reading<'_>>() {
        Err(error @ Error::Decode { .. }) => {
            let source = std::error::Error::source(&error).expect("what the codec says");
            assert!(source.to_string().contains("celsius"), "{source}");
        }
        other => panic!("{other:?}"),
    }
}
