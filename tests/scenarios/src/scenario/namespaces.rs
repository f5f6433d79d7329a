// SPDX-License-Identifier: GPL-2.0

//! Each network namespace has a bus of its own.

use crate::client::Client;
use crate::client::Event;
use crate::process::Process;

/// Two namespaces next to this one; nobody hears the neighbours, everybody himself.
pub fn do_not_hear_each_other() {
    let subscriber = Client::open();
    subscriber.subscribe("**");
    let publisher = Client::open();
    let topic = publisher.advertise("outside");

    let mut others: Vec<Process> = (0..2)
        .map(|_| Process::role_in_new_netns(&["alone"]).ready())
        .collect();
    assert_eq!(publisher.publish_acked(topic, b"outside"), Ok((1, 1, 0)));
    assert_eq!(publisher.counts(), (1, 2, 1));
    for other in &mut others {
        assert_eq!(other.line(), "inside");
        other.succeed();
    }
    let payloads: Vec<Vec<u8>> = subscriber
        .drain()
        .into_iter()
        .filter_map(|event| match event {
            Event::Message { payload, .. } => Some(payload),
            _ => None,
        })
        .collect();
    assert_eq!(payloads, [b"outside"]);
}
