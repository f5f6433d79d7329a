// SPDX-License-Identifier: GPL-2.0

//! What this program does when a scenario starts it as another process.

use crate::client::Client;
use crate::client::Event;
use crate::scenario::sender_identity;
use crate::scenario::unload_with_kept_sockets;
use crate::scenario::user_limits;
use std::io::Write;
use std::time::Duration;

/// Says a line to the scenario.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").expect("say a line");
    out.flush().expect("flush");
}

/// Ends when whoever started it ends, also where only that one's end is waited for: a program that
/// makes a namespace stands between, perhaps.
pub fn end_with_parent() {
    use rustix::process::Signal;
    use rustix::process::set_parent_process_death_signal;
    set_parent_process_death_signal(Some(Signal::KILL)).expect("prctl");
}

/// Runs the role that the arguments name.
pub fn run(arguments: &[String]) {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["publish-forever", topic] => publish_forever(topic, None),
        ["publish-forever-patiently", topic] => publish_forever(topic, Some(60_000)),
        ["publish-with-history", topic, depth] => publish_with_history(topic, depth),
        ["probe-access", topic] => say(&crate::scenario::access::probe(topic)),
        ["advertise-and-stay", topic] => {
            let client = Client::open();
            client.advertise(topic);
            say("ready");
            std::thread::sleep(Duration::from_secs(60));
        }
        ["latch", topic, text, will] => latch(topic, text, will),
        ["meddle", topic] => {
            for errno in crate::scenario::history::meddle(topic) {
                say(&errno.to_string());
            }
        }
        ["subscribe-and-stall", pattern] => subscribe_and_stall(pattern),
        ["alone"] => alone(),
        ["wait-for-kernel"] => wait_for_kernel(),
        ["send-to", topic, how] => sender_identity::sender(topic, how),
        ["report-senders", topic, what, count] => {
            sender_identity::receiver(topic, what == "retained", count);
        }
        ["hand-over-receiver", topic] => sender_identity::hand_over_receiver(topic),
        ["keep-a-waited-for-reader"] => unload_with_kept_sockets::keep_in_a_namespace(),
        ["try-advertise", topic] => user_limits::try_advertise(topic),
        ["typed-publisher"] => crate::scenario::typed_round_trip::publisher(),
        ["frozen-publisher", wait] => crate::scenario::frozen_publisher::run(wait),
        ["quota-retain", topic] => crate::scenario::quota_across_namespaces::retain(topic),
        ["quota-fill"] => crate::scenario::quota_across_namespaces::fill(),
        ["quota-hold"] => crate::scenario::quota_across_namespaces::hold(),
        ["charged", kind, go] => crate::scenario::retained_memory_is_charged::run(kind, go),
        _ => panic!("unknown role {words:?}"),
    }
}

/// Publishes 1, 2, 3, … until it is killed.
fn publish_forever(topic: &str, wait: Option<u32>) {
    let client = Client::open();
    let topic = match wait {
        Some(milliseconds) => client.advertise_patiently(topic, milliseconds),
        None => client.advertise(topic),
    };
    say(&format!("{}", client.port()));
    for number in 1_u64.. {
        client.publish(topic, &number.to_ne_bytes());
    }
}

/// Publishes 1, 2, 3, … on a topic with a history, not too fast, until it is killed.
fn publish_with_history(topic: &str, depth: &str) {
    let client = Client::open();
    let depth = depth.parse().expect("a number");
    let topic = client.advertise_history(topic, depth).expect("advertise");
    say("ready");
    for number in 1_u64.. {
        client.publish(topic, &number.to_ne_bytes());
        if number % 8 == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Publishes one message, which is retained, and leaves a last will.
fn latch(topic: &str, text: &str, will: &str) {
    let client = Client::open();
    let topic = client.advertise_history(topic, 2).expect("advertise");
    client
        .publish_acked(topic, text.as_bytes())
        .expect("publish");
    if !will.is_empty() {
        client
            .set_last_will(topic, will.as_bytes())
            .expect("a last will");
    }
    say("ready");
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Subscribes and never reads.
fn subscribe_and_stall(pattern: &str) {
    let client = Client::open();
    client.subscribe(pattern);
    say("ready");
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Publishes and subscribes in its own network namespace; says what it heard within half a second.
fn alone() {
    let subscriber = Client::open();
    subscriber.subscribe("**");
    let publisher = Client::open();
    let topic = publisher.advertise("inside");
    say("ready");
    publisher.publish(topic, b"inside");
    std::thread::sleep(Duration::from_millis(500));
    let heard: Vec<String> = subscriber
        .drain()
        .into_iter()
        .filter_map(|event| match event {
            Event::Message { payload, .. } => Some(String::from_utf8_lossy(&payload).into_owned()),
            _ => None,
        })
        .collect();
    say(&heard.join(","));
}

/// Waits for a message of the kernel in its own network namespace.
fn wait_for_kernel() {
    let subscriber = Client::open();
    subscriber.subscribe("kernel/*");
    say("ready");
    loop {
        if let Some(Event::Message { port, .. }) = subscriber
            .expect()
            .into_iter()
            .find(|event| matches!(event, Event::Message { .. }))
        {
            say(&format!("from {port}"));
            return;
        }
    }
}
