// SPDX-License-Identifier: GPL-2.0

//! A subscriber's queue and a publisher's message, as the tests see them.

use crate::bus::port::Form;
use crate::bus::port::Outcome;
use crate::bus::port::Parcel;
use crate::bus::port::Port;
use crate::bus::port::Stamp;
use crate::wire::header;
use crate::wire::record::Record;
use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// What lies in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Message {
        form: Form,
        topic: u32,
        seq: u64,
        port: u32,
        fingerprint: u64,
        tag: u32,
    },
    Topic {
        topic: u32,
        name: String,
        fingerprint: u64,
    },
    Lost {
        topic: u32,
        first: u64,
        count: u64,
    },
    Joined {
        topic: u32,
        port: u32,
    },
    Gone {
        topic: u32,
        port: u32,
    },
    Removed {
        topic: u32,
    },
}

impl Item {
    fn parse(bytes: &[u8]) -> Self {
        let (message, next) = header::message_at(bytes, 0).unwrap();
        assert_eq!(next, bytes.len(), "one record at a time");
        match Record::parse(message.header, message.payload).unwrap() {
            Record::Topic {
                topic_id: topic,
                name,
                fingerprint,
            } => Self::Topic {
                topic,
                name: name.as_str().into(),
                fingerprint,
            },
            Record::Lost {
                topic_id: topic,
                first,
                count,
            } => Self::Lost {
                topic,
                first,
                count,
            },
            Record::Joined {
                topic_id: topic,
                port,
            } => Self::Joined { topic, port },
            Record::Gone {
                topic_id: topic,
                port,
            } => Self::Gone { topic, port },
            Record::Removed { topic_id: topic } => Self::Removed { topic },
            answer => panic!("the bus does not answer requests: {answer:?}"),
        }
    }

    /// The topic that it is about.
    pub(crate) fn topic(&self) -> u32 {
        match self {
            Self::Message { topic, .. }
            | Self::Topic { topic, .. }
            | Self::Lost { topic, .. }
            | Self::Joined { topic, .. }
            | Self::Gone { topic, .. }
            | Self::Removed { topic } => *topic,
        }
    }
}

/// What happened to a queue since somebody looked.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// What was queued.
    pub(crate) items: Vec<Item>,
    /// How often something not urgent found no room.
    pub(crate) refused: u32,
    /// How often something urgent found no room.
    pub(crate) overrun: u32,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    news: News,
    no_memory: bool,
}

/// A queue with room for so many items; what is urgent may fill it up to twice that.
pub(crate) struct Queue {
    capacity: usize,
    /// Which tags its owner wants; as in the kernel it decides before the room does.
    filter: fn(u32) -> bool,
    state: Mutex<State>,
}

impl Queue {
    pub(crate) fn new(capacity: usize, filter: fn(u32) -> bool) -> Self {
        Self {
            capacity,
            filter,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the oldest `count` items.
    pub(crate) fn receive(&self, count: usize) -> Vec<Item> {
        let mut state = self.state();
        let count = count.min(state.items.len());
        state.items.drain(..count).collect()
    }

    /// Takes all items.
    pub(crate) fn drain(&self) -> Vec<Item> {
        self.receive(usize::MAX)
    }

    /// What happened since the last call, whether or not it was received.
    pub(crate) fn news(&self) -> News {
        std::mem::take(&mut self.state().news)
    }

    /// Whether queueing fails for want of memory.
    pub(crate) fn set_no_memory(&self, no_memory: bool) {
        self.state().no_memory = no_memory;
    }

    fn queue(&self, item: Item, urgent: bool) -> Outcome {
        let mut state = self.state();
        let limit = self.capacity * if urgent { 2 } else { 1 };
        let outcome = match () {
            () if state.no_memory => Outcome::NoMemory,
            () if state.items.len() >= limit => Outcome::Full,
            () => Outcome::Queued,
        };
        match outcome {
            Outcome::Queued => {
                state.news.items.push(item.clone());
                state.items.push_back(item);
            }
            _ if urgent => state.news.overrun += 1,
            _ => state.news.refused += 1,
        }
        outcome
    }
}

impl Port for Queue {
    fn send(&self, record: &[u8], urgent: bool) -> Outcome {
        self.queue(Item::parse(record), urgent)
    }

    fn now_ns() -> u64 {
        static NOW: AtomicU64 = AtomicU64::new(1);
        NOW.fetch_add(1, Ordering::Relaxed)
    }
}

/// A message; its tag is all it says.
pub(crate) struct Note {
    tag: u32,
    stamp: Option<Stamp>,
}

impl Note {
    pub(crate) fn new(tag: u32) -> Self {
        Self { tag, stamp: None }
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }
}

impl Parcel<Queue> for Note {
    fn stamp(&mut self, stamp: Stamp) {
        assert_eq!(self.stamp, None, "a message is stamped once");
        self.stamp = Some(stamp);
    }

    fn queue_on(&mut self, queue: &Queue, form: Form) -> Outcome {
        let stamp = self
            .stamp
            .expect("a message is stamped before it is queued");
        if !(queue.filter)(self.tag) {
            return Outcome::Filtered;
        }
        let message = Item::Message {
            form,
            topic: stamp.topic_id,
            seq: stamp.seq,
            port: stamp.port_id,
            fingerprint: stamp.fingerprint,
            tag: self.tag,
        };
        queue.queue(message, false)
    }
}
