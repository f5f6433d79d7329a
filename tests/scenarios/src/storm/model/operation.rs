// SPDX-License-Identifier: GPL-2.0

//! What clients do in a random history.

use super::user::Access;
use super::user::Rule;
use super::user::USERS;
use crate::client::Terms;
use crate::wire::message::ADVERTISE_EVENTS;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_FAIL;
use crate::wire::message::SUBSCRIBE_HISTORY;
use fastrand::Rng;

pub const CLIENTS: usize = 12;
pub const TOPICS: [&str; 7] = ["default", "a", "a/b", "a/b/c", "b", "b/a", "c/x/b"];
const PATTERNS: [&str; 10] = [
    "*", "**", "a/**", "*/a", "a/*", "**/b", "*/*/*", "a/**/c", "nothing", "b/**",
];
const OVERFLOW: [u32; 4] = [0, SUBSCRIBE_DROP_OLDEST, SUBSCRIBE_BLOCK, SUBSCRIBE_FAIL];
const WAITS: [Option<u32>; 4] = [None, None, Some(0), Some(60_000)];
const PREFIXES: [&str; 5] = ["", "a", "a/b", "b", "default"];

/// One step. It is tried whether or not it is allowed, since refusals are promises, too.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Closes the client's socket; this one takes its place.
    Open {
        client: usize,
        kind: Kind,
    },
    Advertise {
        client: usize,
        topic: &'static str,
        terms: Terms,
    },
    Unadvertise {
        who: Who,
        topic: &'static str,
    },
    Subscribe {
        client: usize,
        pattern: &'static str,
        flags: u32,
    },
    /// Its n-th subscription.
    Unsubscribe {
        client: usize,
        nth: usize,
    },
    /// One datagram.
    Send {
        who: Who,
        parts: Vec<Part>,
    },
    LastWill {
        who: Who,
        topic: &'static str,
        tag: u32,
        size: usize,
        cancel: bool,
    },
    Clear {
        client: usize,
        topic: &'static str,
    },
    Policy {
        client: usize,
        rules: Vec<Rule>,
    },
    /// Registers in the seed protocol as a subscriber or publisher, or broadcasts.
    Seed {
        client: usize,
        kind: u8,
        size: usize,
    },
    /// Reads so many datagrams.
    Receive {
        client: usize,
        datagrams: usize,
    },
    /// Compares all dumps.
    Dump,
}

/// What sort of socket.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Which of [`USERS`] opens it.
    pub user: usize,
    /// Size of its queue. `None`: so large that it never overflows, and read after every step.
    pub room: Option<usize>,
    /// Its filter lets only tags pass that are a multiple of this.
    pub filter: Option<u32>,
    /// Whether it may ask to drop the oldest, which concerns what it gets of all topics.
    pub evicts: bool,
}

/// Who does it.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// This client.
    Client(usize),
    /// The n-th publisher of the topic, if there is one; otherwise the n-th client. (A datagram goes
    /// to another topic rather.)
    Publisher(usize),
}

/// A message of a datagram.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Publish {
        topic: &'static str,
        tag: u32,
        size: usize,
        ack: bool,
        nowait: bool,
    },
    Unadvertise {
        topic: &'static str,
    },
}

impl Part {
    pub fn topic(&self) -> &'static str {
        match self {
            Self::Publish { topic, .. } | Self::Unadvertise { topic } => topic,
        }
    }

    /// The same on another topic, if it is on this one.
    pub fn moved(mut self, from: &str, to: &'static str) -> Self {
        let (Self::Publish { topic, .. } | Self::Unadvertise { topic }) = &mut self;
        if *topic == from {
            *topic = to;
        }
        self
    }
}

/// Limits that the module is loaded with; `None`: as it comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    pub topics: Option<u32>,
    pub subscriptions: Option<u32>,
    pub patterns: Option<u32>,
    pub message_bytes: Option<u32>,
}

impl Limits {
    pub fn any(rng: &mut Rng) -> Self {
        let mut one = |from: u32, to: u32| rng.bool().then(|| rng.u32(from..to));
        Self {
            topics: one(1, 5),
            subscriptions: one(3, 9),
            patterns: one(1, 6),
            message_bytes: one(100, 400),
        }
    }

    pub fn parameters(&self) -> Vec<String> {
        let named = [
            ("topics_per_user", self.topics),
            ("subscriptions_per_user", self.subscriptions),
            ("patterns_per_user", self.patterns),
            ("message_bytes", self.message_bytes),
        ];
        let set = named
            .into_iter()
            .filter_map(|(name, limit)| limit.map(|l| format!("{name}={l}")));
        set.collect()
    }
}

/// What a history is about: all of everything would meet too seldom.
struct Taste {
    topics: Vec<&'static str>,
    /// Of subscriptions.
    overflow: Vec<u32>,
    /// Of publishers.
    waits: Vec<Option<u32>>,
}

impl Taste {
    fn any(rng: &mut Rng) -> Self {
        let mut some = |count| rng.usize(1..=count);
        let (topics, overflow, waits) =
            (some(TOPICS.len()), some(OVERFLOW.len()), some(WAITS.len()));
        Self {
            topics: rng.choose_multiple(TOPICS, topics),
            overflow: rng.choose_multiple(OVERFLOW, overflow),
            waits: rng.choose_multiple(WAITS, waits),
        }
    }
}

fn any<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

fn one_in(rng: &mut Rng, n: u32) -> bool {
    rng.u32(..n) == 0
}

impl Kind {
    fn any(rng: &mut Rng, filters: u32) -> Self {
        Self {
            user: any(rng, &[0, 1, 1, 1, 2, 2]),
            room: any(rng, &[None, Some(16 << 10), Some(16 << 10), Some(40 << 10)]),
            filter: one_in(rng, filters).then(|| rng.u32(2..5)),
            evicts: rng.bool(),
        }
    }
}

impl Who {
    fn any(rng: &mut Rng) -> Self {
        if one_in(rng, 15) {
            Self::Client(rng.usize(..CLIENTS))
        } else {
            Self::Publisher(rng.usize(..CLIENTS))
        }
    }
}

fn mode(rng: &mut Rng) -> u32 {
    any(
        rng,
        &[
            0o666, 0o666, 0o660, 0o640, 0o620, 0o600, 0o400, 0o606, 0o204,
        ],
    )
}

fn terms(rng: &mut Rng, taste: &Taste) -> Terms {
    Terms {
        fingerprint: any(rng, &[0, 0, 0, 0, 7, 7, 8]),
        wait: any(rng, &taste.waits),
        history: any(
            rng,
            &[
                None,
                None,
                None,
                None,
                Some(0),
                Some(1),
                Some(2),
                Some(5),
                Some(5),
            ],
        ),
        flags: if one_in(rng, 3) { ADVERTISE_EVENTS } else { 0 },
        mode: match rng.u8(..10) {
            0..=4 => None,
            5..=8 => Some(0o666),
            _ => Some(mode(rng)),
        },
        gid: one_in(rng, 10).then(|| any(rng, &[2000, 2001])),
    }
}

fn flags(rng: &mut Rng, taste: &Taste) -> u32 {
    any(rng, &taste.overflow) | any(rng, &[0, SUBSCRIBE_EVENTS]) | any(rng, &[0, SUBSCRIBE_HISTORY])
}

fn rules(rng: &mut Rng) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for _ in 0..any(rng, &[0, 0, 0, 1, 2, 3]) {
        let prefix = any(rng, &PREFIXES);
        if rules.iter().all(|rule| rule.prefix != prefix) {
            let access = Access {
                uid: any(rng, &USERS.map(|user| user.uid)),
                gid: any(rng, &USERS.map(|user| user.gid)),
                mode: mode(rng),
            };
            rules.push(Rule { prefix, access });
        }
    }
    rules
}

fn size(rng: &mut Rng) -> usize {
    any(rng, &[0, 8, 60, 120, 130, 500, 2000])
}

/// The messages of a datagram: often one, otherwise mostly to one topic.
fn parts(rng: &mut Rng, taste: &Taste) -> Vec<Part> {
    let first = any(rng, &taste.topics);
    let count = if rng.bool() { 1 } else { rng.usize(2..8) };
    let acks = any(rng, &[1, 3, 20]);
    let mut size = || size(rng).min(4000 / count);
    let sizes: Vec<usize> = (0..count).map(|_| size()).collect();
    let part = |size| {
        let topic = if one_in(rng, 8) {
            any(rng, &TOPICS)
        } else {
            first
        };
        if count > 1 && one_in(rng, 30) {
            return Part::Unadvertise { topic };
        }
        Part::Publish {
            topic,
            tag: rng.u32(..13),
            size,
            ack: one_in(rng, acks),
            nowait: one_in(rng, 10),
        }
    };
    sizes.into_iter().map(part).collect()
}

/// A history: first all sockets are opened. Client 0 is always an administrator's with a large
/// queue.
pub fn history(rng: &mut Rng, length: usize) -> Vec<Operation> {
    let mut history: Vec<Operation> = (0..CLIENTS)
        .map(|client| Operation::Open {
            client,
            kind: match client {
                0 => Kind {
                    user: 0,
                    room: None,
                    filter: None,
                    evicts: true,
                },
                _ => Kind::any(rng, 8),
            },
        })
        .collect();
    let taste = Taste::any(rng);
    history.extend((0..length).map(|_| operation(rng, &taste)));
    history
}

fn operation(rng: &mut Rng, taste: &Taste) -> Operation {
    let client = rng.usize(..CLIENTS);
    let topic = any(rng, &taste.topics);
    match rng.u32(..100) {
        0..=14 => Operation::Advertise {
            client,
            topic,
            terms: terms(rng, taste),
        },
        15..=17 => Operation::Unadvertise {
            who: Who::any(rng),
            topic,
        },
        18..=29 => Operation::Subscribe {
            client,
            pattern: if rng.bool() {
                topic
            } else {
                any(rng, &PATTERNS)
            },
            flags: flags(rng, taste),
        },
        30..=33 => Operation::Unsubscribe {
            client,
            nth: rng.usize(..4),
        },
        34..=75 => Operation::Send {
            who: Who::any(rng),
            parts: parts(rng, taste),
        },
        76..=79 => Operation::LastWill {
            who: Who::any(rng),
            topic,
            tag: rng.u32(..13),
            size: size(rng),
            cancel: one_in(rng, 4),
        },
        80..=81 => Operation::Clear { client, topic },
        82 => Operation::Policy {
            client: if one_in(rng, 3) { client } else { 0 },
            rules: rules(rng),
        },
        83..=87 => Operation::Seed {
            client,
            kind: any(rng, &[1, 2, 3, 3]),
            size: size(rng),
        },
        88..=94 => Operation::Receive {
            client,
            datagrams: any(rng, &[1, 5, usize::MAX, usize::MAX]),
        },
        95..=97 => Operation::Open {
            client: client.max(1),
            // Attaching one takes a process.
            kind: Kind::any(rng, 30),
        },
        _ => Operation::Dump,
    }
}
