// SPDX-License-Identifier: GPL-2.0

//! Other datagrams made of those that there are: by message, by attribute, or by byte.

use crate::generate;
use crate::generate::Known;
use crate::generate::edge;
use crate::generate::pick;
use crate::malformed::TYPE_BITS;
use crate::malformed::wrong_length;
use crate::wire::attr::HEADER_LEN;
use crate::wire::data;
use crate::wire::header;
use crate::wire::header::Messages;
use crate::wire::message;
use crate::wire::message::attr;
use fastrand::Rng;
use std::ops::Range;

/// What is longer does not grow any more.
const MAX_LEN: usize = 200_000;

/// Something like `datagram`, perhaps with a part of `other`.
pub fn datagram(rng: &mut Rng, known: &Known, datagram: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = datagram.to_vec();
    for _ in 0..rng.u8(1..5) {
        match rng.u8(..12) {
            0..4 => by_message(rng, known, &mut bytes, other),
            4..9 => by_attribute(rng, &mut bytes),
            _ => damage(rng, &mut bytes),
        }
    }
    if rng.u8(..) < 230 {
        renumber(rng, known, &mut bytes);
    }
    bytes
}

/// Where the messages lie, with the padding behind them.
fn messages(bytes: &[u8]) -> Vec<Range<usize>> {
    Messages::new(bytes)
        .map_while(Result::ok)
        .map(|message| {
            let end = message.offset + message.header.len as usize;
            message.offset..end.next_multiple_of(4).min(bytes.len())
        })
        .collect()
}

fn one(rng: &mut Rng, bytes: &[u8]) -> Option<Range<usize>> {
    let spans = messages(bytes);
    (!spans.is_empty()).then(|| spans[rng.usize(..spans.len())].clone())
}

fn by_message(rng: &mut Rng, known: &Known, bytes: &mut Vec<u8>, other: &[u8]) {
    let Some(here) = one(rng, bytes) else { return };
    let new = match rng.u8(..5) {
        0 => Vec::new(),
        1 => bytes[here.clone()].repeat(rng.usize(2..6)),
        2 => [&generate::message(rng, known), &bytes[here.clone()]].concat(),
        _ => match one(rng, other) {
            Some(there) => [&bytes[here.clone()], &other[there]].concat(),
            None => return,
        },
    };
    if bytes.len() + new.len() > MAX_LEN {
        return;
    }
    bytes.splice(here, new);
}

/// An attribute, and what holds it.
struct Spot {
    span: Range<usize>,
    message: usize,
    rule: Option<usize>,
}

/// All attributes of control messages, those in rules too.
fn spots(bytes: &[u8]) -> Vec<Spot> {
    let mut spots = Vec::new();
    for message in messages(bytes) {
        let kind = number(bytes, message.start + 4);
        if !(message::INFO..message::PUBLISH).contains(&kind) {
            continue;
        }
        for span in attributes(bytes, message.start + header::LEN..message.end) {
            let rule = span.start;
            if number(bytes, rule + 2) & !TYPE_BITS[2] == attr::RULE {
                for inside in attributes(bytes, rule + HEADER_LEN..span.end) {
                    spots.push(Spot {
                        span: inside,
                        message: message.start,
                        rule: Some(rule),
                    });
                }
            }
            spots.push(Spot {
                span,
                message: message.start,
                rule: None,
            });
        }
    }
    spots
}

fn attributes(bytes: &[u8], within: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = within.start;
    while at + HEADER_LEN <= within.end {
        let len = usize::from(number(bytes, at));
        if len < HEADER_LEN || at + len > within.end {
            break;
        }
        found.push(at..at + len);
        at += len.next_multiple_of(4);
    }
    found
}

fn number(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..at + 2)
        .map_or(0, |two| u16::from_ne_bytes([two[0], two[1]]))
}

fn set(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(field) = bytes.get_mut(at..at + value.len()) {
        field.copy_from_slice(value);
    }
}

fn by_attribute(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let mut spots = spots(bytes);
    if spots.is_empty() {
        return;
    }
    let spot = spots.swap_remove(rng.usize(..spots.len()));
    let span = spot.span.clone();
    let kind = number(bytes, span.start + 2);
    match rng.u8(..8) {
        0 => {
            let len = wrong_length(rng, span.len() as u32) as u16;
            set(bytes, span.start, &len.to_ne_bytes());
        }
        1 => {
            let bits = pick(rng, &TYPE_BITS, 0);
            set(bytes, span.start + 2, &(kind ^ bits).to_ne_bytes());
        }
        2 => {
            let kind = rng.u16(..48);
            set(bytes, span.start + 2, &kind.to_ne_bytes());
        }
        3 | 4 if span.len() == HEADER_LEN + 4 => {
            let value = edge(rng);
            set(bytes, span.start + HEADER_LEN, &value.to_ne_bytes());
        }
        // Twice, not at all, or longer: whatever holds it becomes as long as it must be.
        5 => {
            let mut copy = bytes[span.clone()].to_vec();
            copy.resize(copy.len().next_multiple_of(4), 0);
            splice(bytes, &spot, span.start..span.start, &copy);
        }
        6 => {
            let end = span.end.next_multiple_of(4).min(bytes.len());
            splice(bytes, &spot, span.start..end, &[]);
        }
        _ => {
            let more = vec![rng.u8(..); 4 * rng.usize(1..20)];
            let end = span.end.next_multiple_of(4).min(bytes.len());
            let len = (end - span.start + more.len()) as u16;
            set(bytes, span.start, &len.to_ne_bytes());
            splice(bytes, &spot, end..end, &more);
        }
    }
}

/// Replaces a part of what holds an attribute, and corrects its length.
fn splice(bytes: &mut Vec<u8>, spot: &Spot, part: Range<usize>, new: &[u8]) {
    let grown = new.len().wrapping_sub(part.len());
    bytes.splice(part, new.iter().copied());
    if let Some(rule) = spot.rule {
        let len = number(bytes, rule).wrapping_add(grown as u16);
        set(bytes, rule, &len.to_ne_bytes());
    }
    if let Some(header) = header::Header::read(&bytes[spot.message..]) {
        let len = header.len.wrapping_add(grown as u32);
        set(bytes, spot.message, &len.to_ne_bytes());
    }
}

/// Ids are those of the moment: a datagram that was kept means others by now.
fn renumber(rng: &mut Rng, known: &Known, bytes: &mut [u8]) {
    for span in messages(bytes) {
        let at = match number(bytes, span.start + 4) {
            message::PUBLISH | message::LAST_WILL => span.start + header::LEN + data::TOPIC_OFFSET,
            message::UNADVERTISE | message::UNSUBSCRIBE => span.start + header::LEN + HEADER_LEN,
            _ => continue,
        };
        let ids = match number(bytes, span.start + 4) {
            message::UNSUBSCRIBE => &known.subscriptions,
            _ => &known.topics,
        };
        if at + 4 <= span.end && !ids.is_empty() {
            set(bytes, at, &pick(rng, ids, 1).to_ne_bytes());
        }
    }
}

/// Changes something that is not meant to be changed.
pub fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.usize(..bytes.len());
    match rng.u8(..8) {
        0 | 1 => bytes[at] ^= 1 << rng.u8(..8),
        2 => bytes.truncate(at),
        3 => bytes.extend((0..rng.usize(1..40)).map(|_| rng.u8(..))),
        // A length or type, of a message or an attribute.
        4 => {
            let value = (edge(rng) as u16).to_ne_bytes();
            set(bytes, at & !1, &value);
        }
        5 => {
            let value = edge(rng).to_ne_bytes();
            set(bytes, at & !3, &value);
        }
        6 => {
            if 2 * bytes.len() < MAX_LEN {
                bytes.extend_from_within(at..);
            }
        }
        _ => {
            let len = rng.usize(..=(bytes.len() - at).min(32));
            bytes.drain(at..at + len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Vec<u8> {
        let mut buf = [0; 256];
        let header = header::Header {
            kind: message::POLICY,
            ..header::Header::default()
        };
        let len = crate::wire::attr::MessageWriter::new(&mut buf, header)
            .nested(attr::RULE, |rule| {
                rule.string(attr::PREFIX, "a").u32(attr::UID, 7)
            })
            .finish()
            .unwrap();
        buf[..len].to_vec()
    }

    #[test]
    fn attributes_are_found_where_they_are() {
        let found = spots(&policy());
        let kinds: Vec<u16> = found
            .iter()
            .map(|spot| number(&policy(), spot.span.start + 2) & !TYPE_BITS[2])
            .collect();
        assert_eq!(kinds, [attr::PREFIX, attr::UID, attr::RULE]);
    }

    #[test]
    fn what_holds_an_attribute_grows_with_it() {
        let mut bytes = policy();
        let spots = spots(&bytes);
        let copy = bytes[spots[1].span.clone()].to_vec();
        let at = spots[1].span.start;
        splice(&mut bytes, &spots[1], at..at, &copy);
        assert_eq!(super::spots(&bytes).len(), 4);
        assert_eq!(messages(&bytes)[0], 0..bytes.len());
    }

    #[test]
    fn nothing_here_panics() {
        let mut rng = Rng::with_seed(7);
        let known = Known {
            topics: vec![5],
            subscriptions: vec![6],
        };
        let mut last = policy();
        for _ in 0..50_000 {
            let fresh = generate::datagram(&mut rng, &known);
            last = datagram(&mut rng, &known, &last, &fresh);
            if last.len() > 4096 {
                last = fresh;
            }
        }
    }
}
