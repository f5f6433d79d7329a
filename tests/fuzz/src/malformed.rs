// SPDX-License-Identifier: GPL-2.0

//! Control messages whose attributes are wrong in every way that attributes can be: lengths that
//! are zero, that end inside another one or beyond the message, bits of the type that nobody asked
//! for, nesting where there is none and deeper than there is, padding and trailers.

use crate::generate::edge;
use crate::generate::finish;
use crate::generate::header_of;
use crate::generate::pick;
use crate::wire::attr::HEADER_LEN;
use crate::wire::header;
use crate::wire::message;
use crate::wire::message::attr;
use fastrand::Rng;

/// `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
pub const TYPE_BITS: [u16; 3] = [1 << 15, 1 << 14, 3 << 14];

const KINDS: [u16; 8] = [
    message::INFO,
    message::ADVERTISE,
    message::UNADVERTISE,
    message::SUBSCRIBE,
    message::UNSUBSCRIBE,
    message::CLEAR,
    message::POLICY,
    message::POLICY,
];

/// Attributes that some request has.
const ATTRIBUTES: [u16; 16] = [
    attr::TOPIC,
    attr::TOPIC_ID,
    attr::PATTERN,
    attr::SUBSCRIPTION_ID,
    attr::FINGERPRINT,
    attr::FLAGS,
    attr::WAIT,
    attr::HISTORY,
    attr::MODE,
    attr::GID,
    attr::UID,
    attr::PREFIX,
    attr::RULE,
    attr::RULE,
    0,
    attr::MAX_PATTERNS_PER_USER + 1,
];

/// The attribute in which all others fit.
const MAX_VALUE: usize = 0xffff - HEADER_LEN;

/// A control message that is hardly ever right.
pub fn message(rng: &mut Rng) -> Vec<u8> {
    let kind = pick(rng, &KINDS, message::POLICY);
    let header = header_of(rng, kind);
    let mut bytes = vec![0; header::LEN];
    if rng.u8(..) < 16 {
        bytes.extend(tower(rng));
    } else {
        bytes.extend(attributes(rng, 0));
    }
    if rng.u8(..) < 32 {
        bytes.extend((0..rng.usize(1..4)).map(|_| rng.u8(..)));
    }
    let mut bytes = finish(bytes, header);
    if rng.u8(..) < 48 {
        let len = wrong_length(rng, u32::try_from(bytes.len()).unwrap_or(0));
        bytes[..4].copy_from_slice(&len.to_ne_bytes());
    }
    bytes
}

/// A length beside the right one.
pub fn wrong_length(rng: &mut Rng, right: u32) -> u32 {
    match rng.u8(..5) {
        0 => right.wrapping_add(rng.u32(1..9)),
        1 => right.wrapping_sub(rng.u32(1..9)),
        2 => rng.u32(..header::LEN as u32 + 1),
        3 => right.wrapping_mul(2),
        _ => edge(rng),
    }
}

/// Nested attributes, each in the next.
fn tower(rng: &mut Rng) -> Vec<u8> {
    let mut value = vec![0; rng.usize(..9)];
    for _ in 0..rng.u8(1..200) {
        let len = value.len();
        value = attribute(attr::RULE | TYPE_BITS[0], len, &value);
    }
    value
}

fn attributes(rng: &mut Rng, depth: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.u8(..6) {
        let mut kind = pick(rng, &ATTRIBUTES, 0);
        let value = value(rng, kind, depth);
        if rng.u8(..) < 24 {
            kind ^= pick(rng, &TYPE_BITS, 0);
        }
        let len = match rng.u8(..16) {
            0 => 0usize.wrapping_sub(rng.usize(1..=HEADER_LEN)),
            1 => value.len() + rng.usize(1..6),
            2 => value.len().saturating_sub(rng.usize(1..6)),
            3 => MAX_VALUE - rng.usize(..4),
            _ => value.len(),
        };
        bytes.extend(attribute(kind, len, &value));
        // Sometimes the padding is missing, and the next one is not aligned.
        if rng.u8(..) < 240 {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
    }
    bytes
}

/// An attribute that says it had a value of length `len`.
fn attribute(kind: u16, len: usize, value: &[u8]) -> Vec<u8> {
    let len = len.wrapping_add(HEADER_LEN) as u16;
    let mut bytes = Vec::with_capacity(HEADER_LEN + value.len());
    bytes.extend(len.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes
}

fn value(rng: &mut Rng, kind: u16, depth: u8) -> Vec<u8> {
    let nested = if kind == attr::RULE { 12 } else { 1 };
    match rng.u8(..16) {
        n if n < nested && depth < 5 => attributes(rng, depth + 1),
        12 => Vec::new(),
        13 => (0..rng.usize(..300)).map(|_| rng.u8(..)).collect(),
        14 => rng.u64(..).to_ne_bytes().to_vec(),
        _ if matches!(kind, attr::TOPIC | attr::PATTERN | attr::PREFIX) => text(rng),
        _ => edge(rng).to_ne_bytes().to_vec(),
    }
}

/// A path, or nearly one.
fn text(rng: &mut Rng) -> Vec<u8> {
    let whole: [&[u8]; 12] = [
        b"a",
        b"a/b\0",
        b"**",
        b"a/*",
        b"",
        b"\0",
        b"/",
        b"a//b",
        b"a/**b",
        b"\xff\xfe",
        b"a\x1f",
        b"a\0b",
    ];
    let mut text = pick(rng, &whole, b"a").to_vec();
    if rng.u8(..) < 32 {
        // Around the longest path, and the deepest.
        let unit: &[u8] = pick(rng, &[b"x", b"a/", b"*/"], b"x");
        text = unit.repeat(rng.usize(120..260));
        text.truncate(rng.usize(250..260));
    }
    text
}
