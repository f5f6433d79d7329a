// SPDX-License-Identifier: GPL-2.0

//! What comes from the kernel, in owned form.

use crate::wire::ack::Ack;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::header::Messages;
use crate::wire::message;
use crate::wire::record::Record;

/// One message that came from the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A published message, v1.
    Message {
        topic: u32,
        seq: u64,
        port: u32,
        tag: u32,
        fingerprint: u64,
        payload: Vec<u8>,
    },
    /// A broadcast, seed protocol.
    Seed(Vec<u8>),
    /// What a topic id stands for.
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
    Matched {
        topic: u32,
        count: u64,
    },
    /// A topic that a subscription names is forbidden.
    Denied {
        name: String,
    },
    Advertised {
        topic: u32,
    },
    Subscribed {
        subscription: u32,
    },
    Published {
        seq: u64,
        delivered: u32,
        dropped: u32,
    },
    Info {
        version: String,
        topics: u32,
        clients: u32,
        subscriptions: u32,
    },
    /// An acknowledgement, or a refusal with its sentence and the offending attribute's offset.
    Ack {
        seq: u32,
        errno: i32,
        sentence: Option<String>,
        offset: Option<u32>,
    },
}

/// The messages of a datagram.
pub fn parse(datagram: &[u8]) -> Vec<Event> {
    Messages::new(datagram)
        .map(|message| {
            let message = message.expect("the kernel sends whole messages");
            event(message.header, message.payload)
        })
        .collect()
}

fn event(header: Header, payload: &[u8]) -> Event {
    match header.kind {
        header::TYPE_ERROR => {
            let ack = Ack::read(header, payload).expect("an acknowledgement");
            return Event::Ack {
                seq: header.seq,
                errno: ack.errno,
                sentence: ack.sentence.map(str::to_owned),
                offset: ack.offset,
            };
        }
        header::TYPE_DONE => {
            assert_eq!((header.port, header.seq, header.flags), (0, 0, 0));
            return Event::Seed(payload.to_vec());
        }
        message::PUBLISH => {
            assert_eq!((header.port, header.seq, header.flags), (0, 0, 0));
            let (data, payload) = DataHeader::read(payload).expect("a data header");
            assert!(data.time > 0);
            return Event::Message {
                topic: data.topic,
                seq: data.seq,
                port: data.port,
                tag: data.tag,
                fingerprint: data.fingerprint,
                payload: payload.to_vec(),
            };
        }
        _ => {}
    }
    match Record::parse(header, payload).expect("a record") {
        Record::Info(info) => Event::Info {
            version: info.version.to_owned(),
            topics: info.topics,
            clients: info.clients,
            subscriptions: info.subscriptions,
        },
        Record::Advertised { topic_id } => Event::Advertised { topic: topic_id },
        Record::Subscribed { subscription_id } => Event::Subscribed {
            subscription: subscription_id,
        },
        Record::Published {
            seq,
            delivered,
            dropped,
        } => Event::Published {
            seq,
            delivered,
            dropped,
        },
        Record::Topic {
            topic_id,
            name,
            fingerprint,
        } => Event::Topic {
            topic: topic_id,
            name: name.as_str().to_owned(),
            fingerprint,
        },
        Record::Lost {
            topic_id,
            first,
            count,
        } => Event::Lost {
            topic: topic_id,
            first,
            count,
        },
        Record::Joined { topic_id, port } => Event::Joined {
            topic: topic_id,
            port,
        },
        Record::Gone { topic_id, port } => Event::Gone {
            topic: topic_id,
            port,
        },
        Record::Removed { topic_id } => Event::Removed { topic: topic_id },
        Record::TopicInfo(_)
        | Record::ClientInfo(_)
        | Record::SubscriptionInfo(_)
        | Record::Statistics(_)
        | Record::Rule(_) => panic!("a dump that nobody asked for"),
        Record::Denied { name } => Event::Denied {
            name: name.as_str().to_owned(),
        },
        Record::Matched { topic_id, count } => Event::Matched {
            topic: topic_id,
            count,
        },
    }
}
