// SPDX-License-Identifier: GPL-2.0

//! Messages by the grammar of the protocol, with values at its edges.

use crate::malformed;
use crate::mutate;
use crate::wire::attr::MessageWriter;
use crate::wire::data;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;
use crate::wire::message::attr;
use crate::wire::seed;
use fastrand::Rng;

/// The topics that the workers fight for.
const TOPICS: &[&str] = &[
    "a",
    "b",
    "a/b",
    "a/b/c",
    "a/c",
    "b/c/d/e",
    "x/y",
    "x/ü",
    "default",
    "deep/1/2/3/4/5/6/7/8/9",
];

const PATTERNS: &[&str] = &[
    "**",
    "*",
    "a/**",
    "*/b",
    "a/*/c",
    "**/c",
    "a",
    "a/b",
    "x/*",
    "default",
    "nobody/**",
];

/// The most that one datagram has, before it is damaged.
const MAX_PAYLOAD: usize = 100_000;

/// What a socket knows of the ids that exist.
#[derive(Default)]
pub struct Known {
    pub topics: Vec<u32>,
    pub subscriptions: Vec<u32>,
}

impl Known {
    /// The newest ids are the ones that still mean something.
    const MOST: usize = 24;

    /// Adds ids, and forgets the oldest.
    pub fn learn(&mut self, topics: &[u32], subscriptions: &[u32]) {
        for (known, new) in [
            (&mut self.topics, topics),
            (&mut self.subscriptions, subscriptions),
        ] {
            known.extend(new);
            let old = known.len().saturating_sub(Self::MOST);
            known.drain(..old);
        }
    }
}

/// A datagram of one message or several, mostly well-formed.
pub fn datagram(rng: &mut Rng, known: &Known) -> Vec<u8> {
    let messages = if rng.u8(..) < 32 { rng.u64(2..20) } else { 1 };
    let mut bytes = Vec::new();
    for _ in 0..messages {
        let one = message(rng, known);
        bytes.extend_from_slice(&one);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        if bytes.len() > MAX_PAYLOAD {
            break;
        }
    }
    if rng.u8(..) < 48 {
        for _ in 0..rng.u8(1..4) {
            mutate::damage(rng, &mut bytes);
        }
    }
    bytes
}

/// The same message so often that a socket comes to its limits.
pub fn flood(rng: &mut Rng, known: &Known) -> Vec<u8> {
    let mut one = message(rng, known);
    one.resize(one.len().next_multiple_of(4), 0);
    let most = MAX_PAYLOAD / one.len().max(1);
    one.repeat(rng.usize(1..1200).min(most))
}

/// A batch, as a publisher sends it.
pub fn batch(rng: &mut Rng, known: &Known) -> Vec<u8> {
    let topic = pick(rng, &known.topics, 1);
    let mut bytes = Vec::new();
    for _ in 0..rng.u8(2..40) {
        let len = rng.usize(..64);
        bytes.extend_from_slice(&data_message(rng, topic, 0, len));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// One of them.
pub fn pick<T: Copy>(rng: &mut Rng, values: &[T], otherwise: T) -> T {
    match values.len() {
        0 => otherwise,
        len => values[rng.usize(..len)],
    }
}

/// A number at some edge.
pub fn edge(rng: &mut Rng) -> u32 {
    let small = rng.u32(..64);
    let edges = [
        0, 1, 2, 3, 4, 15, 16, 17, 0x7f, 0xff, 0xfffe, 0xffff, 0x10000,
    ];
    let large = [i32::MAX as u32, 1 << 31, u32::MAX - 3, u32::MAX];
    match rng.u8(..4) {
        0 => pick(rng, &edges, 0),
        1 => pick(rng, &large, 0),
        2 => rng.u32(..),
        _ => small,
    }
}

fn flags(rng: &mut Rng) -> u16 {
    let ack = if rng.bool() { header::ACK } else { 0 };
    let odd = if rng.u8(..) < 8 { rng.u16(..) } else { 0 };
    header::REQUEST | ack | odd
}

/// One message.
pub fn message(rng: &mut Rng, known: &Known) -> Vec<u8> {
    match rng.u8(..104) {
        0..45 => published(rng, known, message::PUBLISH),
        45..57 => advertise(rng),
        57..61 => numbered(rng, message::UNADVERTISE, attr::TOPIC_ID, &known.topics),
        61..70 => subscribe(rng),
        70..74 => numbered(
            rng,
            message::UNSUBSCRIBE,
            attr::SUBSCRIPTION_ID,
            &known.subscriptions,
        ),
        74..76 => control(rng, message::CLEAR, |rng, writer| {
            writer.string(attr::TOPIC, pick(rng, TOPICS, "a"))
        }),
        76..81 => published(rng, known, message::LAST_WILL),
        81..83 => control(rng, message::INFO, |_, writer| writer),
        83..86 => {
            let kind = rng.u16(0x10..0x40);
            control(rng, kind, anything)
        }
        86..88 => dump(rng),
        88 => policy(rng),
        89..97 => seed_message(rng),
        97..101 => malformed::message(rng),
        _ => (0..rng.usize(..64)).map(|_| rng.u8(..)).collect(),
    }
}

/// A header whose length is still to be filled in.
pub fn header_of(rng: &mut Rng, kind: u16) -> Header {
    Header {
        kind,
        flags: flags(rng),
        seq: rng.u32(..),
        port: rng.u32(..),
        ..Header::default()
    }
}

/// Fills in the length.
pub fn finish(mut bytes: Vec<u8>, header: Header) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).expect("a small message");
    bytes[..header::LEN].copy_from_slice(&Header { len, ..header }.to_bytes());
    bytes
}

fn control(
    rng: &mut Rng,
    kind: u16,
    fill: impl for<'b> Fn(&mut Rng, MessageWriter<'b>) -> MessageWriter<'b>,
) -> Vec<u8> {
    let mut buf = [0; 2048];
    let header = header_of(rng, kind);
    let mut writer = fill(rng, MessageWriter::new(&mut buf, header));
    if rng.u8(..) < 6 {
        writer = anything(rng, writer);
    }
    let len = writer.finish().expect("it fits");
    buf[..len].to_vec()
}

/// Attributes without a plan.
fn anything<'b>(rng: &mut Rng, mut writer: MessageWriter<'b>) -> MessageWriter<'b> {
    for _ in 0..rng.u8(..4) {
        let kind = rng.u16(..72);
        writer = match rng.u8(..4) {
            0 => writer.u32(kind, edge(rng)),
            1 => writer.u64(kind, rng.u64(..)),
            2 => writer.string(kind, pick(rng, PATTERNS, "a")),
            _ => writer.string(kind, ""),
        };
    }
    writer
}

fn advertise(rng: &mut Rng) -> Vec<u8> {
    control(rng, message::ADVERTISE, |rng, mut writer| {
        writer = writer.string(attr::TOPIC, pick(rng, TOPICS, "a"));
        if rng.u8(..) < 16 {
            writer = writer.u64(attr::FINGERPRINT, rng.u64(..2));
        }
        if rng.u8(..) < 48 {
            // Waits must end while the fuzzer runs.
            writer = writer.u32(attr::WAIT, rng.u32(..4));
        }
        if rng.u8(..) < 96 {
            let depth = pick(rng, &[0, 1, 2, 16, 4096, 4097], 1);
            writer = writer.u32(attr::HISTORY, depth);
        }
        if rng.u8(..) < 64 {
            writer = writer.u32(attr::FLAGS, rng.u32(..2));
        }
        if rng.u8(..) < 128 {
            writer = writer.u32(attr::MODE, pick(rng, &[0o666, 0o600, 0o622, 0o777], 0));
        }
        if rng.u8(..) < 8 {
            let gid = edge(rng);
            writer = writer.u32(attr::GID, pick(rng, &[0, 1000, 1001, gid], 0));
        }
        writer
    })
}

/// Rules that mostly leave some room for those who are not root.
fn policy(rng: &mut Rng) -> Vec<u8> {
    control(rng, message::POLICY, |rng, mut writer| {
        for _ in 0..rng.u8(..4) {
            let prefix = pick(rng, &["", "a", "a/b", "x", "default", "*"], "a");
            let uid = pick(rng, &[0, 1000, 1001], 0);
            let mode = pick(rng, &[0o666, 0o600, 0o644, 0o060, 0o111], 0);
            writer = writer.nested(attr::RULE, |rule| {
                rule.string(attr::PREFIX, prefix)
                    .u32(attr::UID, uid)
                    .u32(attr::GID, uid)
                    .u32(attr::MODE, mode)
            });
        }
        writer
    })
}

fn subscribe(rng: &mut Rng) -> Vec<u8> {
    control(rng, message::SUBSCRIBE, |rng, writer| {
        let writer = writer.string(attr::PATTERN, pick(rng, PATTERNS, "a"));
        let flags = match rng.u8(..8) {
            0 => edge(rng),
            1..4 => 0,
            _ => pick(rng, &[1, 2, 4, 8, 16, 17, 18, 20, 24], 0),
        };
        writer.u32(attr::FLAGS, flags)
    })
}

fn numbered(rng: &mut Rng, kind: u16, attribute: u16, known: &[u32]) -> Vec<u8> {
    control(rng, kind, |rng, writer| {
        let number = if rng.u8(..) < 200 {
            pick(rng, known, 1)
        } else {
            edge(rng)
        };
        writer.u32(attribute, number)
    })
}

fn dump(rng: &mut Rng) -> Vec<u8> {
    let kind = pick(rng, &[0x17, 0x30, 0x31, 0x32, 0x33], 0x30);
    let mut bytes = control(rng, kind, |_, writer| writer);
    let flags = header::REQUEST | header::DUMP;
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes
}

fn published(rng: &mut Rng, known: &Known, kind: u16) -> Vec<u8> {
    let topic = if rng.u8(..) < 250 {
        pick(rng, &known.topics, 1)
    } else {
        edge(rng)
    };
    let flags = if rng.u8(..) < 16 { rng.u32(..4) } else { 0 };
    let len = match rng.u16(..2048) {
        // Around the longest that the module takes.
        0 => (1 << 20) - 2 + rng.usize(..4),
        1..8 => rng.usize(..MAX_PAYLOAD),
        8..64 => rng.usize(..5000),
        _ => rng.usize(..100),
    };
    let mut bytes = data_message(rng, topic, flags, len);
    let header = header_of(rng, kind);
    if kind == message::LAST_WILL && flags & data::LAST_WILL_CANCEL != 0 {
        bytes.truncate(data::PAYLOAD_OFFSET);
    }
    // One in many has something in the fields of the kernel.
    if rng.u8(..) == 0 {
        bytes[header::LEN + rng.usize(8..36)] = 1;
    }
    finish(bytes, header)
}

/// A message to publish, without an answer.
fn data_message(rng: &mut Rng, topic: u32, flags: u32, len: usize) -> Vec<u8> {
    let data = DataHeader {
        topic,
        tag: edge(rng),
        flags,
        ..DataHeader::default()
    };
    let header = Header {
        kind: message::PUBLISH,
        flags: header::REQUEST,
        ..Header::default()
    };
    let mut bytes = vec![0; header::LEN];
    bytes.extend_from_slice(&data.to_bytes());
    bytes.resize(data::PAYLOAD_OFFSET + len, rng.u8(..));
    finish(bytes, header)
}

fn seed_message(rng: &mut Rng) -> Vec<u8> {
    let header = header_of(rng, seed::TYPE);
    let mut bytes = vec![0; header::LEN];
    if rng.u8(..) < 250 {
        bytes.push(pick(rng, &[1, 2, 3, 3, 3, 0, 4], 3));
    }
    bytes.resize(bytes.len() + rng.usize(..130), 7);
    finish(bytes, header)
}
