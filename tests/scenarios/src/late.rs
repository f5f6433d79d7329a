// SPDX-License-Identifier: GPL-2.0

//! What a topic retains, as those see it who come late.

use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use crate::wire::message;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::record::Record;

/// What a subscriber is told of the messages of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It got the message with this number.
    Message(u64),
    /// These are missing here: the first, and how many.
    Lost(u64, u64),
}

/// What is told by events.
pub fn told(events: &[Event]) -> Vec<Told> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Message { seq, .. } => Some(Told::Message(*seq)),
            Event::Lost { first, count, .. } => Some(Told::Lost(*first, *count)),
            _ => None,
        })
        .collect()
}

/// Numbers of the messages, without a word on what is missing.
pub fn numbers(told: &[Told]) -> Vec<u64> {
    let number = |told: &Told| match told {
        Told::Message(seq) => Some(*seq),
        Told::Lost(..) => None,
    };
    told.iter().filter_map(number).collect()
}

/// What a subscriber gets now of a topic's history, root who may have all of it. Its queue is
/// large enough for what a few users may retain.
pub fn history(topic: &str) -> Vec<Told> {
    kernel::allow_large_queues();
    let client = Client::open();
    client.set_receive_buffer(128 << 20);
    told(&client.subscribe_with(topic, SUBSCRIBE_HISTORY).1)
}

/// How many messages are retained on each topic, by its name; whoever asks.
pub fn retained(asker: &Client) -> Vec<(String, u32)> {
    let mut all = Vec::new();
    asker.dump(message::TOPICS, |record| {
        let Record::TopicInfo(info) = record else {
            panic!("a topic");
        };
        all.push((info.name.as_str().to_owned(), info.retained));
    });
    all
}

/// How many messages are retained in all.
pub fn retained_in_all(asker: &Client) -> u32 {
    retained(asker).iter().map(|(_, count)| count).sum()
}
