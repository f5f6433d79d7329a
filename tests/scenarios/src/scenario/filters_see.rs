// SPDX-License-Identifier: GPL-2.0

//! What a socket filter can read: the message that it judges, from its first byte to its last, and
//! nothing that stood in front of it or behind it where its publisher sent it.
//!
//! A publisher may send messages on several topics at once, and to those who get one of them the
//! others are as good as unknown. So whatever is not the message itself is filled with a byte that
//! the message does not have, and filters look for it at every offset in every way that there is.

use crate::client::Client;
use crate::client::Terms;
use crate::client::publish_message;
use crate::client::raw_message;
use crate::kernel;
use crate::process::Process;
use crate::wire::data;
use crate::wire::header;
use crate::wire::message;
use crate::wire::message::SUBSCRIBE_FAIL;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::request;
use crate::wire::request::Request;
use crate::wire::seed;
use crate::wire::topic::Pattern;
use rustix::fd::AsRawFd as _;
use std::ops::Range;
use std::time::Duration;

/// Ways to read, as `attach-probes.c` knows them.
const HOWS: [&str; 6] = [
    "absolute",
    "network",
    "link",
    "bytes",
    "from-network",
    "from-link",
];

/// What is nobody's business but that of the publisher.
const CANARY: u8 = 0xc3;

/// How far into the message a reading begins (`attach-probes.c`).
const TOLD: usize = 64;

/// Length of a payload: odd, so that there is padding behind it, and long enough for all readings.
const LEN: usize = 265;

/// Offsets at both ends of a message of that many bytes. Another message, of 72 bytes, may stand in
/// front or behind. A kernel that looks for faults itself sees the nearest.
fn ends(len: usize) -> [Range<usize>; 2] {
    match kernel::looks_for_faults() {
        true => [0..12, len - 6..len + 6],
        false => [0..100, len - 60..len + 100],
    }
}

/// How many filters are there at a time: as many descriptors as a process may have, and to spare.
const AT_A_TIME: usize = 240;

/// A message as it stands in a datagram, with padding that can be recognized.
fn padded(mut message: Vec<u8>) -> Vec<u8> {
    message.resize(message.len().next_multiple_of(4), CANARY);
    message
}

/// A payload that has no canary.
fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 100 + 1) as u8).collect()
}

/// Somebody who publishes on a topic for all, and on one for nobody but himself.
struct Publisher {
    client: Client,
    open: u32,
    secret: u32,
}

impl Publisher {
    fn new(topic: &str, terms: Terms) -> Self {
        let client = Client::open();
        // The send buffer counts what netlink takes beside the message.
        client.set_send_buffer(1 << 16);
        Self {
            open: client.advertise_with(topic, terms).expect("advertise"),
            secret: client.advertise("secret"),
            client,
        }
    }

    /// A message that is secret from head to toe.
    fn secret(&self) -> Vec<u8> {
        let tag = u32::from_ne_bytes([CANARY; 4]);
        padded(publish_message(
            self.secret,
            tag,
            header::REQUEST,
            0,
            &[CANARY; 16],
        ))
    }

    /// Sends this with something secret in front and behind.
    fn send_between_secrets(&self, messages: &[Vec<u8>]) {
        let middle = messages.iter().cloned().flat_map(padded).collect();
        let datagram = [self.secret(), middle, self.secret()].concat();
        self.client.send(&datagram);
    }

    fn message(&self, len: usize) -> Vec<u8> {
        publish_message(self.open, 0, header::REQUEST, 0, &payload(len))
    }
}

/// Length and type of the message at the beginning.
fn head(bytes: &[u8]) -> (usize, u16) {
    let len = bytes.first_chunk().expect("a header");
    let kind = bytes[4..].first_chunk().expect("a header");
    (u32::from_ne_bytes(*len) as usize, u16::from_ne_bytes(*kind))
}

fn is_message(bytes: &[u8]) -> bool {
    matches!(head(bytes).1, message::PUBLISH | header::TYPE_DONE)
}

/// The datagrams that hold messages, filtered or not.
fn datagrams(client: &Client) -> Vec<Vec<u8>> {
    let next = || client.try_datagram(Duration::ZERO).expect("receive");
    std::iter::repeat_with(next)
        .take_while(|datagram| !datagram.is_empty())
        .filter(|datagram| is_message(datagram))
        .collect()
}

/// The messages that somebody without a filter got, as they are.
fn messages(client: &Client) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for datagram in datagrams(client) {
        let mut rest = &datagram[..];
        while !rest.is_empty() {
            let len = head(rest).0;
            messages.push(rest[..len].to_vec());
            rest = &rest[len.next_multiple_of(4).min(rest.len())..];
        }
    }
    messages
}

/// Subscribes without a look at what comes: messages that a filter cut are no messages any more.
fn subscribe_blindly(client: &Client, pattern: &str, flags: u32) {
    let pattern = Pattern::new(pattern.as_bytes()).expect("a pattern");
    let mut buf = [0; request::MAX_LEN];
    let request = Request::Subscribe { pattern, flags };
    let len = request.write(&mut buf, 1).expect("it fits");
    client.send(&buf[..len]);
}

/// Lets filters look at what `round` sends to those with a filter; it returns what somebody without
/// one got.
fn look(offsets: &[Range<usize>], round: impl Fn(&[Client]) -> Vec<Vec<u8>>) {
    for how in HOWS {
        for offsets in offsets {
            for first in offsets.clone().step_by(AT_A_TIME) {
                let last = offsets.end.min(first + AT_A_TIME);
                let probes: Vec<Client> = (first..last).map(|_| Client::open()).collect();
                attach(how, first, &probes);
                let sent = round(&probes);
                assert!(!sent.is_empty());
                for (offset, probe) in (first..).zip(&probes) {
                    check(how, offset, probe, &sent);
                }
            }
        }
    }
}

fn attach(how: &str, first: usize, probes: &[Client]) {
    // Duplicates are inherited, unlike the descriptors themselves.
    let inherited: Vec<_> = probes
        .iter()
        .map(|probe| rustix::io::dup(&probe.fd).expect("dup"))
        .collect();
    let mut words = vec![
        "attach-probes".to_owned(),
        how.to_owned(),
        first.to_string(),
    ];
    words.extend(inherited.iter().map(|fd| fd.as_raw_fd().to_string()));
    Process::start(&words).succeed();
}

fn check(how: &str, offset: usize, probe: &Client, sent: &[Vec<u8>]) {
    let readings: Vec<u8> = datagrams(probe)
        .iter()
        .map(|datagram| (datagram.len() - TOLD) as u8)
        .collect();
    let there: Vec<u8> = sent
        .iter()
        .filter_map(|message| message.get(offset).copied())
        .collect();
    // Netlink has no link layer, so nothing need be found by way of its header.
    if how.ends_with("link") && readings.is_empty() {
        return;
    }
    assert_eq!(
        readings,
        there,
        "{how}, offset {offset} of a message of {} bytes; {CANARY} is somebody else's",
        sent[0].len()
    );
}

/// A message in the middle of a datagram, as it is queued at once.
pub fn a_live_message_alone() {
    let publisher = Publisher::new("open/live", Terms::default());
    look(&ends(data::PAYLOAD_OFFSET + LEN), |probes| {
        let plain = Client::open();
        for client in probes.iter().chain([&plain]) {
            client.subscribe("open/live");
        }
        publisher.send_between_secrets(&[publisher.message(LEN)]);
        messages(&plain)
    });
}

/// Messages that stand in a row: those with a filter get each on its own.
pub fn each_message_of_a_batch_alone() {
    let publisher = Publisher::new("open/batch", Terms::default());
    look(&ends(data::PAYLOAD_OFFSET + LEN), |probes| {
        let plain = Client::open();
        for client in probes.iter().chain([&plain]) {
            client.subscribe("open/batch");
        }
        publisher.send_between_secrets(&[const { LEN }; 3].map(|len| publisher.message(len)));
        let sent = messages(&plain);
        assert_eq!(sent.len(), 3);
        sent
    });
}

/// A message for which room was taken before it was published.
pub fn a_message_that_waited_for_room_alone() {
    let terms = Terms {
        wait: Some(0),
        ..Terms::default()
    };
    let publisher = Publisher::new("open/all-or-none", terms);
    look(&ends(data::PAYLOAD_OFFSET + LEN), |probes| {
        let plain = Client::open();
        for client in probes.iter().chain([&plain]) {
            client.subscribe_with("open/all-or-none", SUBSCRIBE_FAIL);
        }
        publisher.send_between_secrets(&[publisher.message(LEN)]);
        messages(&plain)
    });
}

/// A message that was retained, and filters that came later. It is longer than a page: of what is
/// shorter, another copy may be made.
pub fn a_retained_message_alone() {
    const LONG: usize = 5001;
    let terms = Terms {
        history: Some(1),
        ..Terms::default()
    };
    let publisher = Publisher::new("open/retained", terms);
    publisher.send_between_secrets(&[publisher.message(LONG)]);
    let end = LONG + data::PAYLOAD_OFFSET;
    look(&ends(end), |probes| {
        let plain = Client::open();
        for client in probes.iter().chain([&plain]) {
            subscribe_blindly(client, "open/retained", SUBSCRIBE_HISTORY);
        }
        messages(&plain)
    });
    publisher.client.clear("open/retained").expect("clear");
}

/// A last will that stood in the middle of a datagram, and what is retained of it.
pub fn a_last_will_alone() {
    let terms = Terms {
        history: Some(1),
        ..Terms::default()
    };
    look(&ends(data::PAYLOAD_OFFSET + LEN), |probes| {
        let publisher = Publisher::new("open/will", terms);
        let plain = Client::open();
        let (live, late) = probes.split_at(probes.len() / 2);
        for client in live.iter().chain([&plain]) {
            client.subscribe("open/will");
        }
        let mut will = publisher.message(LEN);
        will[4..6].copy_from_slice(&message::LAST_WILL.to_ne_bytes());
        publisher.send_between_secrets(&[will]);
        drop(publisher);
        for client in late {
            subscribe_blindly(client, "open/will", SUBSCRIBE_HISTORY);
        }
        let sent = messages(&plain);
        Client::open().clear("open/will").expect("clear");
        sent
    });
}

/// The seed protocol's form of a message, which has other headers.
pub fn the_seed_form_alone() {
    let publisher = Publisher::new(seed::TOPIC, Terms::default());
    look(&ends(data::PAYLOAD_OFFSET + LEN), |probes| {
        let plain = Client::open();
        for client in probes.iter().chain([&plain]) {
            client.seed(seed::REGISTER_SUBSCRIBER, &[]);
        }
        publisher.send_between_secrets(&[publisher.message(LEN)]);
        messages(&plain)
    });
}

/// A broadcast of the seed protocol, which is delivered from where it stands, in its own form and
/// in the other one.
pub fn a_seed_broadcast_alone() {
    let publisher = Publisher::new("unused", Terms::default());
    publisher.client.seed(seed::REGISTER_PUBLISHER, &[]);
    let body = [&[seed::BROADCAST][..], &payload(LEN)].concat();
    let broadcast = raw_message(seed::TYPE, 0, 0, &body);
    for register in [true, false] {
        look(&ends(data::PAYLOAD_OFFSET + LEN), |probes| {
            let plain = Client::open();
            for client in probes.iter().chain([&plain]) {
                if register {
                    client.seed(seed::REGISTER_SUBSCRIBER, &[]);
                } else {
                    client.subscribe(seed::TOPIC);
                }
            }
            publisher.send_between_secrets(std::slice::from_ref(&broadcast));
            messages(&plain)
        });
    }
}
