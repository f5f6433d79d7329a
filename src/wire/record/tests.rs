// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! What is written is read back.

use super::*;

#[test]
fn fields_of_lost_are_where_they_are_said_to_be() {
    let mut buf = [0; MAX_LEN];
    let template = Record::Lost {
        topic_id: 0,
        first: 0,
        count: 0,
    };
    let len = template.write(&mut buf, 0, 0).unwrap();
    buf[lost_at::TOPIC..][..4].copy_from_slice(&1_u32.to_ne_bytes());
    buf[lost_at::FIRST..][..8].copy_from_slice(&2_u64.to_ne_bytes());
    buf[lost_at::COUNT..][..8].copy_from_slice(&3_u64.to_ne_bytes());
    let (message, _) = header::message_at(&buf[..len], 0).unwrap();
    let patched = Record::Lost {
        topic_id: 1,
        first: 2,
        count: 3,
    };
    assert_eq!(Record::parse(message.header, message.payload), Ok(patched));
}

#[test]
fn records_round_trip() {
    let long = "x".repeat(topic::MAX_LEN);
    let version = "v".repeat(64);
    for record in [
        Record::Info(Info {
            version: &version,
            abi: 1,
            topics: 2,
            clients: 3,
            subscriptions: 4,
            max_advertisements: 5,
            max_subscriptions: 6,
            max_topics: 7,
            max_topics_per_user: 8,
            max_subscriptions_per_user: 9,
            max_retained_bytes: 10,
            max_message_bytes: 11,
            max_patterns_per_user: 12,
        }),
        Record::TopicInfo(TopicInfo {
            topic_id: 1,
            name: Name::new(long.as_bytes()).unwrap(),
            fingerprint: 2,
            uid: 3,
            gid: 4,
            mode: 0o600,
            publishers: 5,
            subscribers: 6,
            history: 7,
            retained: 8,
        }),
        Record::ClientInfo(ClientInfo {
            port: 1,
            uid: 2,
            pid: 3,
            comm: "fifteen letters",
            start_time: 4,
            queue_bytes: 5,
            queue_limit: 6,
            drops: 7,
        }),
        Record::SubscriptionInfo(SubscriptionInfo {
            port: 1,
            subscription_id: 2,
            pattern: Pattern::new(b"a/**").unwrap(),
            flags: 3,
        }),
        Record::Statistics(Statistics {
            topic_id: 1,
            name: Name::new(long.as_bytes()).unwrap(),
            seq: 2,
            delivered: 3,
            dropped: 4,
        }),
        Record::Rule(Rule::new(Name::new(long.as_bytes()).ok(), 1, 2, 0o666)),
        Record::Advertised { topic_id: 1 },
        Record::Subscribed { subscription_id: 2 },
        Record::Published {
            seq: 1,
            delivered: 2,
            dropped: 3,
        },
        Record::Topic {
            topic_id: 1,
            name: Name::new(long.as_bytes()).unwrap(),
            fingerprint: 2,
        },
        Record::Lost {
            topic_id: 1,
            first: 2,
            count: 3,
        },
        Record::Joined {
            topic_id: 1,
            port: 2,
        },
        Record::Gone {
            topic_id: 1,
            port: 2,
        },
        Record::Removed { topic_id: 1 },
        Record::Denied {
            name: Name::new(long.as_bytes()).unwrap(),
        },
        Record::Matched {
            topic_id: 1,
            count: 2,
        },
    ] {
        let mut buf = [0; MAX_LEN];
        let len = record.write(&mut buf, 5, 6).unwrap();
        let (message, _) = header::message_at(&buf[..len], 0).unwrap();
        assert_eq!((message.header.seq, message.header.port), (5, 6));
        assert_eq!(Record::parse(message.header, message.payload), Ok(record));
        for cut in 0..message.payload.len() {
            let _ = Record::parse(message.header, &message.payload[..cut]);
        }
    }
}
