// SPDX-License-Identifier: GPL-2.0

//! What is published, who gets it, and what else clients get.

use crate::client::Event;
use crate::wire::refusal::Refusal;
use std::fmt;
use std::rc::Rc;

/// A published message.
#[derive(PartialEq, Eq)]
pub struct Message {
    /// Serial number of the client that published it.
    pub from: u64,
    pub topic: u32,
    pub seq: u64,
    pub port: u32,
    pub tag: u32,
    pub fingerprint: u64,
    pub payload: Vec<u8>,
}

impl fmt::Debug for Message {
    /// The first number in a payload is enough to know it by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            seq,
            port,
            tag,
            ..
        } = self;
        let payload = self.payload.get(..8);
        write!(
            f,
            "{seq} of topic {topic} from {port}, tag {tag}, {payload:?}"
        )
    }
}

impl Message {
    /// Whether this is what was read.
    pub fn is(&self, event: &Event) -> bool {
        matches!(event, Event::Message { topic, seq, port, tag, fingerprint, payload }
            if (self.topic, self.seq, self.port) == (*topic, *seq, *port)
                && (self.tag, self.fingerprint) == (*tag, *fingerprint)
                && self.payload == *payload)
    }
}

/// An event in a sentence: without all of a payload.
pub fn brief(event: &Event) -> Event {
    let mut event = event.clone();
    if let Event::Message { payload, .. } | Event::Seed(payload) = &mut event {
        payload.truncate(8);
    }
    event
}

/// What a publisher sends of it.
#[derive(Clone, Debug)]
pub struct Draft {
    pub tag: u32,
    pub payload: Vec<u8>,
}

/// In which protocol a client gets messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    V1,
    Seed,
}

/// What happens when a queue is full; the strictest comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overflow {
    DropNewest,
    DropOldest,
    Block,
    Fail,
}

/// Something that a client gets.
#[derive(Clone, Debug)]
pub enum Item {
    Message {
        message: Rc<Message>,
        form: Form,
        overflow: Overflow,
        /// Which of the messages that were sent as one this stands with, and how many these are.
        batch: (u64, usize),
        /// All of those of this step may be left out: which subscription came first is not said.
        optional: bool,
    },
    Joined {
        topic: u32,
        port: u32,
    },
    Gone {
        topic: u32,
        port: u32,
    },
    /// To those who were told of the topic.
    Removed {
        topic: u32,
    },
    /// Nothing comes to the client, but whatever it lost of the topic must have been told.
    Left {
        topic: u32,
    },
    Denied {
        name: &'static str,
    },
}

/// What clients get of a step, in the order of each topic.
pub type Items = Vec<(usize, Item)>;

/// Every reason for which a request may be refused now.
pub type Reasons = Vec<Refusal>;

/// Somebody who receives a topic.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub client: usize,
    pub form: Form,
    pub overflow: Overflow,
    pub events: bool,
}
