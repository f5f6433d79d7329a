// SPDX-License-Identifier: GPL-2.0

//! One message of each kind.

use crate::wire::ack;
use crate::wire::align;
use crate::wire::data::DataHeader;
use crate::wire::data::PAYLOAD_OFFSET;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;
use crate::wire::record;
use crate::wire::record::Record;
use crate::wire::refusal::Refusal;
use crate::wire::refusal::Refused;
use crate::wire::request;
use crate::wire::request::Request;
use crate::wire::request::Rule;
use crate::wire::seed;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;
use crate::Seed;

pub(crate) fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).expect("a name")
}

fn pattern(text: &str) -> Pattern<'_> {
    Pattern::new(text.as_bytes()).expect("a pattern")
}

/// What `write` wrote into a buffer.
fn written(write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Vec<u8> {
    let mut buf = vec![0; 1024];
    let len = write(&mut buf).expect("there is room");
    buf.truncate(len);
    buf
}

pub(crate) fn record(record: Record<'_>, seq: u32) -> Vec<u8> {
    written(|buf| record.write(buf, seq, 0))
}

pub(crate) fn ack(seq: u32, result: Result<(), Refused>) -> Vec<u8> {
    let request = Header {
        len: 16,
        kind: message::SUBSCRIBE,
        seq,
        ..Header::default()
    };
    written(|buf| ack::write(buf, request, 0, result))
}

/// A message in front of whose payload stands this header, with padding.
pub(crate) fn data(kind: u16, header: DataHeader, payload: &[u8]) -> Vec<u8> {
    let len = PAYLOAD_OFFSET + payload.len();
    let netlink = Header {
        len: len as u32,
        kind,
        ..Header::default()
    };
    let mut out = [&netlink.to_bytes()[..], &header.to_bytes(), payload].concat();
    out.resize(align(len), 0);
    out
}

pub(crate) fn all() -> Vec<Seed> {
    let mut seeds = requests();
    seeds.extend(records());
    let refused = Refused {
        refusal: Refusal::TopicEmpty,
        offset: Some(20),
    };
    let sent = DataHeader {
        topic: 1,
        tag: 2,
        ..DataHeader::default()
    };
    let seed = |kind| {
        let netlink = Header {
            len: 18,
            kind: seed::TYPE,
            ..Header::default()
        };
        [&netlink.to_bytes()[..], &[kind, 7]].concat()
    };
    let batch = [
        data(message::PUBLISH, sent, b"1"),
        data(message::PUBLISH, sent, b"22"),
    ];
    let others = [
        ("ack", ack(1, Ok(()))),
        ("ack-refused", ack(1, Err(refused))),
        ("publish", data(message::PUBLISH, sent, b"payload")),
        ("publish-batch", batch.concat()),
        ("last-will", data(message::LAST_WILL, sent, b"will")),
        ("seed-subscribe", seed(seed::REGISTER_SUBSCRIBER)),
        ("seed-broadcast", seed(seed::BROADCAST)),
    ];
    seeds.extend(others.map(|(name, bytes)| (name.to_string(), bytes)));
    seeds
}

fn requests() -> Vec<Seed> {
    let rules = [
        Rule::new(None, 0, 0, 0o600),
        Rule::new(Some(name("a/b")), 1, 2, 0o666),
    ];
    let policy = written(|buf| request::write_policy(buf, 1, rules.into_iter()));
    let dump = Header {
        len: header::LEN as u32,
        kind: message::TOPICS,
        flags: header::REQUEST | header::DUMP,
        ..Header::default()
    };
    let requests = [
        ("info", Request::Info),
        (
            "advertise",
            Request::Advertise {
                topic: name("sensors/room1"),
                fingerprint: 5,
                wait: Some(100),
                history: Some(7),
                flags: message::ADVERTISE_EVENTS,
                mode: Some(0o640),
                gid: Some(3),
            },
        ),
        ("unadvertise", Request::Unadvertise { topic_id: 1 }),
        (
            "subscribe",
            Request::Subscribe {
                pattern: pattern("sensors/**"),
                flags: message::SUBSCRIBE_EVENTS | message::SUBSCRIBE_DROP_OLDEST,
            },
        ),
        ("unsubscribe", Request::Unsubscribe { subscription_id: 1 }),
        ("clear", Request::Clear { topic: name("a") }),
    ];
    let written = |(name, request): (&str, Request<'_>)| {
        let bytes = written(|buf| request.write(buf, 1));
        (format!("request-{name}"), bytes)
    };
    let mut seeds: Vec<Seed> = requests.into_iter().map(written).collect();
    seeds.push(("request-policy".into(), policy));
    seeds.push(("request-dump".into(), dump.to_bytes().to_vec()));
    seeds
}

fn records() -> Vec<Seed> {
    let (topic_id, port) = (1, 7);
    let name = name("sensors/room1");
    let records = [
        Record::Info(INFO),
        Record::Advertised { topic_id },
        Record::Subscribed { subscription_id: 1 },
        Record::Published {
            seq: 1,
            delivered: 2,
            dropped: 3,
        },
        Record::TopicInfo(record::TopicInfo {
            topic_id,
            name,
            fingerprint: 5,
            uid: 1000,
            gid: 1000,
            mode: 0o600,
            publishers: 1,
            subscribers: 2,
            history: 3,
            retained: 1,
        }),
        Record::ClientInfo(record::ClientInfo {
            port,
            uid: 1000,
            pid: 99,
            comm: "kipc",
            start_time: 1 << 40,
            queue_bytes: 1 << 10,
            queue_limit: 1 << 16,
            drops: 3,
        }),
        Record::SubscriptionInfo(record::SubscriptionInfo {
            port,
            subscription_id: 1,
            pattern: pattern("sensors/*/**"),
            flags: 1,
        }),
        Record::Statistics(record::Statistics {
            topic_id,
            name,
            seq: 9,
            delivered: 18,
            dropped: 1,
        }),
        Record::Rule(Rule::new(Some(name), 1, 2, 0o644)),
        Record::Topic {
            topic_id,
            name,
            fingerprint: 5,
        },
        Record::Lost {
            topic_id,
            first: 3,
            count: 4,
        },
        Record::Joined { topic_id, port },
        Record::Gone { topic_id, port },
        Record::Removed { topic_id },
        Record::Denied { name },
        Record::Matched { topic_id, count: 2 },
    ];
    records
        .iter()
        .map(|written| (format!("record-{:#x}", written.kind()), record(*written, 1)))
        .collect()
}

/// What an honest kernel says of itself.
pub(crate) const INFO: record::Info<'static> = record::Info {
    version: "0.1.0",
    abi: crate::wire::ABI_VERSION,
    topics: 1,
    clients: 2,
    subscriptions: 3,
    max_advertisements: 4,
    max_subscriptions: 5,
    max_topics: 6,
    max_topics_per_user: 7,
    max_subscriptions_per_user: 8,
    max_patterns_per_user: 9,
    max_retained_bytes: 10,
    max_message_bytes: 11,
};
