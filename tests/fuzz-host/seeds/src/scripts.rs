// SPDX-License-Identifier: GPL-2.0

//! Inputs of the targets that read scripts.

use crate::messages::ack;
use crate::messages::data;
use crate::messages::name;
use crate::messages::record;
use crate::messages::INFO;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;
use crate::wire::record::Record;
use crate::wire::refusal::Refusal;
use crate::Seed;

/// A pattern and a name, as text or as numbers of segments.
pub(crate) fn topics() -> Vec<Seed> {
    let long = ["x".repeat(255), "x/".repeat(128)].concat();
    let pair = |kind: u8, pattern: &[u8], name: &[u8]| {
        [&[kind, pattern.len() as u8], pattern, name].concat()
    };
    [
        ("literal", pair(0, b"sensors/room1", b"sensors/room1")),
        ("one", pair(0, b"sensors/*/x", b"sensors/room1/x")),
        ("any", pair(0, b"**/a/**/b", b"x/a/y/a/z/b")),
        ("utf8", pair(0, "ä/**".as_bytes(), "ä/ö".as_bytes())),
        ("malformed", pair(0, b"a//b*", b"/a\x7f\xff")),
        ("long", pair(0, b"*", long.as_bytes())),
        ("segments", pair(1, &[2, 0, 2, 3, 1], &[1, 0, 0, 2, 1])),
        ("many", pair(1, &[2; 100], &[0; 120])),
    ]
    .map(|(name, bytes)| (name.to_string(), bytes))
    .into()
}

/// Rows of steps: what, who, a path's length less one and its segments.
pub(crate) fn index() -> Vec<Seed> {
    let subscribe = |client, path: &[u8]| step(2, client, path);
    let advertise = |client, path: &[u8]| step(0, client, path);
    let everything = [7, 0].to_vec();
    [
        (
            "topics-first",
            [
                advertise(0, &[0, 1]),
                advertise(1, &[0, 1]),
                subscribe(2, &[0, 5]),
                subscribe(3, &[6]),
                everything.clone(),
                vec![5, 2, 0, 4, 0, 0],
            ],
        ),
        (
            "subscriptions-first",
            [
                subscribe(0, &[6, 1]),
                subscribe(0, &[0, 6, 1]),
                subscribe(1, &[0, 1]),
                advertise(1, &[0, 2, 1]),
                advertise(2, &[0, 1]),
                vec![6, 0],
            ],
        ),
        (
            "no-memory",
            [
                step(0xc3, 0, &[2, 3]),
                step(0xc5, 1, &[2, 3]),
                step(0xca, 2, &[6]),
                step(0xcb, 3, &[2, 5]),
                step(0xc0, 2, &[4]),
                everything,
            ],
        ),
    ]
    .map(|(name, steps)| (name.to_string(), steps.concat()))
    .into()
}

fn step(what: u8, client: u8, path: &[u8]) -> Vec<u8> {
    [&[what, client, path.len() as u8 - 1], path].concat()
}

/// For the targets client and abi: how many requests are answered honestly, what is done, options;
/// then records, each behind its length.
pub(crate) fn client() -> Vec<Seed> {
    let stream = stream();
    let mut seeds = Vec::new();
    for options in [0_u8, 1, 2, 3, 4, 8, 0x15, 0x32] {
        seeds.push((
            format!("receive-{options:#x}"),
            script([2, 2, options], &stream),
        ));
    }
    seeds.push(("compare".into(), script([2, 3, 0], &stream)));
    let answers = [
        record(Record::Info(INFO), 1),
        record(Record::Subscribed { subscription_id: 1 }, 1),
        ack(1, Ok(())),
    ];
    seeds.push(("connect".into(), script([0, 2, 0], &answers)));
    let large = data(message::PUBLISH, published(1), &[9; 5000]);
    seeds.push(("cut".into(), script([2, 3, 0], &[large, stream.concat()])));
    let refusal = ack(3, Err(Refusal::PublishDenied.into()));
    let matched = record(
        Record::Matched {
            topic_id: 1,
            count: 3,
        },
        0,
    );
    seeds.push(("publish".into(), script([2, 1, 3], &[matched, refusal])));
    seeds.push(("query".into(), script([2, 0, 0], &dump())));
    // The errors that a receive may have.
    let mut errors = script([2, 2, 5], &stream);
    errors.extend(
        [0x8004_u16, 0x8001, 0x8002, 0x8003]
            .map(u16::to_le_bytes)
            .concat(),
    );
    seeds.push(("errors".into(), errors));
    seeds
}

fn script(head: [u8; 3], datagrams: &[Vec<u8>]) -> Vec<u8> {
    let mut out = head.to_vec();
    for datagram in datagrams {
        out.extend((datagram.len() as u16).to_le_bytes());
        out.extend(datagram);
    }
    out
}

fn published(seq: u64) -> DataHeader {
    DataHeader {
        topic: 1,
        tag: 2,
        seq,
        time: 1 << 33,
        fingerprint: 5,
        port: 7,
        flags: 0,
    }
}

/// What a subscriber may get.
fn stream() -> Vec<Vec<u8>> {
    let topic = Record::Topic {
        topic_id: 1,
        name: name("a/b"),
        fingerprint: 5,
    };
    let message = |seq, payload: &[u8]| data(message::PUBLISH, published(seq), payload);
    let (topic_id, port) = (1, 7);
    let lost = Record::Lost {
        topic_id,
        first: 3,
        count: 4,
    };
    let json = br#"{"number":1,"signed":-2,"text":"t","list":[[1,2.5]],"choice":"Nothing"}"#;
    // The same by bincode, with a choice that holds bytes.
    let bincode = [1, 1, 3, 1, b't', 1, 1, 0, 0, 0x20, 0x40, 2, 2, 8, 9];
    vec![
        [record(topic, 0), message(1, json)].concat(),
        [
            message(2, &bincode),
            message(3, b"\x03abc"),
            message(4, b"\x07"),
        ]
        .concat(),
        [
            record(lost, 0),
            record(Record::Joined { topic_id, port }, 0),
            record(Record::Gone { topic_id, port }, 0),
        ]
        .concat(),
        record(Record::Denied { name: name("a/c") }, 0),
        [ack(9, Err(Refusal::NoMemory.into())), ack(8, Ok(()))].concat(),
        record(Record::Removed { topic_id }, 0),
    ]
}

/// The end of a dump of one topic.
fn dump() -> Vec<Vec<u8>> {
    let done = Header {
        len: header::LEN as u32 + 4,
        kind: header::TYPE_DONE,
        ..Header::default()
    };
    let topic = Record::Statistics(crate::wire::record::Statistics {
        topic_id: 1,
        name: name("a"),
        seq: 9,
        delivered: 1,
        dropped: 0,
    });
    vec![record(topic, 1), [&done.to_bytes()[..], &[0; 4]].concat()]
}
