// SPDX-License-Identifier: GPL-2.0

//! The parser of the wire format: any bytes end in a value or a refusal, and a value that is
//! written again is parsed again to the same.

#![no_main]

mod answers;
mod attributes;
mod data;
mod requests;

#[allow(
    dead_code,
    reason = "only what reads is called, and what writes the same"
)]
#[path = "../../../../../src/wire/mod.rs"]
mod wire;

use wire::header;
use wire::header::Header;
use wire::header::Malformed;
use wire::header::Message;
use wire::header::Messages;
use wire::message;

/// All message types that mean something, and one that does not.
const KINDS: [u16; 26] = [
    header::TYPE_NOOP,
    header::TYPE_ERROR,
    header::TYPE_DONE,
    message::INFO,
    message::ADVERTISE,
    message::UNADVERTISE,
    message::SUBSCRIBE,
    message::UNSUBSCRIBE,
    message::CLEAR,
    message::POLICY,
    message::PUBLISH,
    message::PUBLISHED,
    message::LAST_WILL,
    message::TOPICS,
    message::CLIENTS,
    message::SUBSCRIPTIONS,
    message::STATISTICS,
    message::TOPIC,
    message::LOST,
    message::JOINED,
    message::GONE,
    message::REMOVED,
    message::DENIED,
    message::MATCHED,
    0x2f,
    u16::MAX,
];

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| {
    let mut end = 0;
    let mut messages = Messages::new(datagram);
    while let Some(found) = messages.next() {
        match found {
            Ok(message) => {
                end = stands_in(datagram, message, end);
                all_readings(message);
            }
            Err(malformed) => {
                is_malformed(&datagram[wire::align(end).min(datagram.len())..], malformed);
                assert!(messages.next().is_none(), "the walk ends where it is lost");
            }
        }
    }
});

/// The message is that part of the datagram, behind the one before; returns its end.
fn stands_in(datagram: &[u8], message: Message<'_>, end: usize) -> usize {
    let Message {
        header,
        offset,
        payload,
    } = message;
    assert_eq!(offset, wire::align(end));
    assert_eq!(header.len as usize, header::LEN + payload.len());
    let whole = &datagram[offset..][..header.len as usize];
    assert_eq!(whole, [&header.to_bytes()[..], payload].concat());
    offset + whole.len()
}

/// No message could have been read here.
fn is_malformed(rest: &[u8], malformed: Malformed) {
    assert_eq!(malformed.header(), Header::read(rest));
    match malformed {
        Malformed::NoHeader => assert!(rest.len() < header::LEN),
        Malformed::LengthTooSmall(header) => assert!((header.len as usize) < header::LEN),
        Malformed::Truncated(header) => assert!(header.len as usize > rest.len()),
    }
}

/// Reads the message as whatever it might be: what is malformed for one may do for another.
fn all_readings(message: Message<'_>) {
    let Message {
        header, payload, ..
    } = message;
    let kinds = attributes::walk(payload);
    for kind in KINDS.into_iter().chain([header.kind]) {
        let header = Header { kind, ..header };
        requests::check(header, payload, &kinds);
        answers::record(header, payload);
    }
    answers::ack(header, payload);
    data::header(payload);
    data::seed(payload);
}
