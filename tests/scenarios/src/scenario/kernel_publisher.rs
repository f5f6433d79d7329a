// SPDX-License-Identifier: GPL-2.0

//! Publishers in the kernel, by the module in `samples/kernel-publisher`.

use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use crate::kernel::Sample;
use crate::process::Process;
use crate::wire::message::SUBSCRIBE_EVENTS;
use std::time::Duration;
use std::time::Instant;

const TOPIC: &str = "kernel/sample";

/// A subscriber to the sample and to its events.
fn watcher() -> Client {
    late_watcher().0
}

/// The same, and what it was told when it subscribed.
fn late_watcher() -> (Client, Vec<Event>) {
    let client = Client::open();
    let (_, told) = client.subscribe_with("kernel/*", SUBSCRIBE_EVENTS);
    (client, told)
}

/// What comes until so many messages have come.
fn until_messages(client: &Client, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while messages(&events).len() < count {
        events.extend(client.expect());
    }
    events
}

/// What comes until the topic is removed.
fn until_removed(client: &Client) -> Vec<Event> {
    let mut events = Vec::new();
    while !matches!(events.last(), Some(Event::Removed { .. })) {
        events.extend(client.expect());
    }
    events
}

/// (seq, port, tag, count) of all messages of the sample.
fn messages(events: &[Event]) -> Vec<(u64, u32, u32, u64)> {
    let message = |event: &Event| match event {
        Event::Message {
            seq,
            port,
            tag,
            payload,
            ..
        } => {
            assert_eq!(payload.len(), 16, "two numbers");
            let count = payload[..8].try_into().expect("eight bytes");
            Some((*seq, *port, *tag, u64::from_ne_bytes(count)))
        }
        _ => None,
    };
    events.iter().filter_map(message).collect()
}

/// The others, in short.
fn others(events: &[Event]) -> Vec<String> {
    let other = |event: &Event| match event {
        Event::Message { .. } => None,
        Event::Topic { name, .. } => Some(format!("topic {name}")),
        Event::Joined { port, .. } => Some(format!("joined {port}")),
        Event::Gone { port, .. } => Some(format!("gone {port}")),
        Event::Removed { .. } => Some("removed".to_owned()),
        other => Some(format!("{other:?}")),
    };
    events.iter().filter_map(other).collect()
}

fn assert_gapless(messages: &[(u64, u32, u32, u64)]) {
    for pair in messages.windows(2) {
        assert_eq!(pair[1].0, pair[0].0 + 1, "{messages:?}");
    }
}

/// Joined, its messages in order, gone, removed; it counts; and it holds the module.
pub fn is_a_publisher_like_any_other() {
    let watcher = watcher();
    let sample = Sample::load(&["period_ms=5"]);
    let mut events = until_messages(&watcher, 50);
    assert_eq!(others(&events), ["topic kernel/sample", "joined 0"]);
    assert_eq!(Client::open().counts(), (1, 2, 1));
    assert!(kernel::unload_is_refused());
    drop(watcher);
    assert!(kernel::unload_is_refused(), "the sample alone holds it");

    let first = messages(&events).len();
    let (watcher, told) = late_watcher();
    events = told;
    events.extend(until_messages(&watcher, 5));
    drop(sample);
    events.extend(until_removed(&watcher));
    assert_eq!(
        others(&events),
        ["topic kernel/sample", "joined 0", "gone 0", "removed"]
    );
    let messages = messages(&events);
    assert!(messages[0].0 > first as u64);
    assert_gapless(&messages);
    for (seq, port, tag, count) in messages {
        assert_eq!((port, tag, count), (0, 0, seq - 1));
    }
    assert_eq!(Client::open().counts(), (0, 1, 1));
}

/// Two of them take turns: neither ends the other.
pub fn share_topic_and_port() {
    let watcher = watcher();
    let sample = Sample::load(&["period_ms=5", "publishers=2"]);
    let mut events = until_messages(&watcher, 20);
    assert_eq!(Client::open().counts(), (1, 3, 1));
    drop(sample);
    events.extend(until_removed(&watcher));
    assert_eq!(
        others(&events),
        [
            "topic kernel/sample",
            "joined 0",
            "joined 0",
            "gone 0",
            "gone 0",
            "removed"
        ]
    );
    let messages = messages(&events);
    assert_eq!(messages[0].0, 1);
    assert_gapless(&messages);
    for (seq, port, tag, count) in messages {
        assert_eq!((port, count), (0, seq - 1));
        assert_eq!(u64::from(tag), count % 2);
    }
}

/// What nobody heard is not lost to those who come later; they start with the next message.
pub fn needs_no_subscriber() {
    let sample = Sample::load(&["period_ms=5"]);
    std::thread::sleep(Duration::from_millis(100));
    let (watcher, mut events) = late_watcher();
    events.extend(until_messages(&watcher, 5));
    drop(sample);
    assert_eq!(others(&events), ["topic kernel/sample", "joined 0"]);
    let messages = messages(&events);
    assert!(messages[0].0 > 1);
    assert_gapless(&messages);
}

/// One topic, one order, whoever publishes; what a process says bears its port, not the kernel's.
pub fn keeps_order_beside_a_process() {
    let watcher = watcher();
    let process = Client::open();
    let topic = process.advertise(TOPIC);
    let sample = Sample::load(&["period_ms=5"]);
    let payload = [0; 16];
    let mut events = Vec::new();
    for _ in 0..10 {
        process.publish(topic, &payload);
        let before = events.len();
        while !events[before..]
            .iter()
            .any(|event| matches!(event, Event::Message { port: 0, .. }))
        {
            events.extend(watcher.expect());
        }
    }
    drop(sample);
    events.extend(watcher.drain());
    let port = process.port();
    assert_eq!(
        others(&events),
        [
            "topic kernel/sample".to_owned(),
            format!("joined {port}"),
            "joined 0".to_owned(),
            "gone 0".to_owned()
        ]
    );
    let messages = messages(&events);
    assert_eq!(messages[0].0, 1);
    assert_gapless(&messages);
    let own = messages.iter().filter(|message| message.1 == port).count();
    assert_eq!(own, 10);
    assert!(messages.len() >= 20);
}

/// Others do not hear it, and have their own topics meanwhile.
pub fn stays_in_its_namespace() {
    let watcher = watcher();
    let _sample = Sample::load(&["period_ms=5"]);
    until_messages(&watcher, 1);
    let mut other = Process::role_in_new_netns(&["alone"]).ready();
    assert_eq!(other.line(), "inside");
    other.succeed();
    until_messages(&watcher, 10);
}

/// It publishes in the namespace of a process; the namespace ends nevertheless, and the publisher
/// learns that.
pub fn outlives_its_namespace() {
    let here = watcher();
    for _ in 0..10 {
        let mut inside = Process::role_in_new_netns(&["wait-for-kernel"]).ready();
        let netns = format!("netns={}", inside.id());
        let sample = Sample::load(&["period_ms=1", "publishers=2", &netns]);
        assert_eq!(inside.line(), "from 0");
        inside.succeed();
        let patience = Instant::now() + Duration::from_secs(20);
        while sample.error() == 0 {
            assert!(Instant::now() < patience, "the namespace does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(sample.error(), -100, "ENETDOWN");
        assert!(kernel::unload_is_refused());
    }
    assert_eq!(here.drain(), []);
}
