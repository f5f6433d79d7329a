// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! What the kernel sends besides published messages and acknowledgements: answers and events.

use super::align;
use super::attr::MessageWriter;
use super::attr::Set;
use super::header;
use super::header::Header;
use super::message;
use super::message::attr;
use super::refusal::Refusal;
use super::refusal::Refused;
use super::topic;
use super::topic::Name;

/// An answer or an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// Answer to info.
    Info(Info<'a>),
    /// Answer to advertise.
    Advertised {
        /// Id of the topic, for publish and unadvertise.
        topic_id: u32,
    },
    /// Answer to subscribe.
    Subscribed {
        /// Id of the subscription, for unsubscribe.
        subscription_id: u32,
    },
    /// Answer to a publish that asked for an acknowledgement.
    Published {
        /// Number of the message in its topic.
        seq: u64,
        /// Subscribers whose queue took it.
        delivered: u32,
        /// Subscribers that lost it.
        dropped: u32,
    },
    /// Event: what a topic id stands for.
    Topic {
        /// The id.
        topic_id: u32,
        /// The topic's name.
        name: Name<'a>,
        /// Fingerprint of its payload type; 0 = untyped.
        fingerprint: u64,
    },
    /// Event: `count` messages of a topic were lost here, numbers `first` and on.
    Lost {
        /// The topic.
        topic_id: u32,
        /// Number of the first lost message.
        first: u64,
        /// How many were lost, in a row.
        count: u64,
    },
    /// Event: a publisher of a topic appeared.
    Joined {
        /// The topic.
        topic_id: u32,
        /// The publisher's port id.
        port: u32,
    },
    /// Event: a publisher of a topic is gone.
    Gone {
        /// The topic.
        topic_id: u32,
        /// The publisher's port id.
        port: u32,
    },
    /// Event: a topic is gone with its last publisher.
    Removed {
        /// The topic.
        topic_id: u32,
    },
    /// Event: a topic that a subscription names appeared, and is forbidden to this socket.
    Denied {
        /// The topic's name.
        name: Name<'a>,
    },
    /// Event: so many subscribers there are beside the publisher that is told.
    Matched {
        /// The topic.
        topic_id: u32,
        /// How many.
        count: u64,
    },
}

/// What the module says of itself and of the bus of the caller's network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Info<'a> {
    /// Version of the module.
    pub(crate) version: &'a str,
    /// Version of the wire format.
    pub(crate) abi: u32,
    /// Topics on this bus.
    pub(crate) topics: u32,
    /// Sockets on this bus that publish or subscribe.
    pub(crate) clients: u32,
    /// Subscriptions on this bus.
    pub(crate) subscriptions: u32,
    /// Most advertisements of one socket.
    pub(crate) max_advertisements: u32,
    /// Most subscriptions of one socket.
    pub(crate) max_subscriptions: u32,
    /// Most topics of one bus.
    pub(crate) max_topics: u32,
}

/// Where a [`Record::Lost`] that stands in a queue has its fields, for whoever extends it there.
pub(crate) mod lost_at {
    use super::super::attr;
    use super::super::header;

    /// Topic id, u32.
    pub(crate) const TOPIC: usize = header::LEN + attr::HEADER_LEN;
    /// Number of the first lost message, u64.
    pub(crate) const FIRST: usize = TOPIC + 4 + attr::HEADER_LEN;
    /// How many were lost, u64.
    pub(crate) const COUNT: usize = FIRST + 8 + attr::HEADER_LEN;
}

/// A buffer of this size holds any record (with a version of up to 64 bytes).
pub(crate) const MAX_LEN: usize = header::LEN + align(topic::MAX_LEN + 1) + 128;

impl<'a> Record<'a> {
    /// The record's message type.
    pub(crate) fn kind(&self) -> u16 {
        match self {
            Self::Info(_) => message::INFO,
            Self::Advertised { .. } => message::ADVERTISE,
            Self::Subscribed { .. } => message::SUBSCRIBE,
            Self::Published { .. } => message::PUBLISHED,
            Self::Topic { .. } => message::TOPIC,
            Self::Lost { .. } => message::LOST,
            Self::Joined { .. } => message::JOINED,
            Self::Gone { .. } => message::GONE,
            Self::Removed { .. } => message::REMOVED,
            Self::Denied { .. } => message::DENIED,
            Self::Matched { .. } => message::MATCHED,
        }
    }

    /// Writes the record. `seq` and `port` are those of the request that it answers, 0 in an
    /// event. Returns the length, or `None` if `buf` is too small.
    pub(crate) fn write(&self, buf: &mut [u8], seq: u32, port: u32) -> Option<usize> {
        let writer = MessageWriter::new(
            buf,
            Header {
                kind: self.kind(),
                seq,
                port,
                ..Header::default()
            },
        );
        match *self {
            Self::Info(info) => writer
                .string(attr::VERSION, info.version)
                .u32(attr::ABI, info.abi)
                .u32(attr::TOPICS, info.topics)
                .u32(attr::CLIENTS, info.clients)
                .u32(attr::SUBSCRIPTIONS, info.subscriptions)
                .u32(attr::MAX_ADVERTISEMENTS, info.max_advertisements)
                .u32(attr::MAX_SUBSCRIPTIONS, info.max_subscriptions)
                .u32(attr::MAX_TOPICS, info.max_topics),
            Self::Advertised { topic_id } | Self::Removed { topic_id } => {
                writer.u32(attr::TOPIC_ID, topic_id)
            }
            Self::Subscribed { subscription_id } => {
                writer.u32(attr::SUBSCRIPTION_ID, subscription_id)
            }
            Self::Published {
                seq,
                delivered,
                dropped,
            } => writer
                .u64(attr::SEQ, seq)
                .u32(attr::DELIVERED, delivered)
                .u32(attr::DROPPED, dropped),
            Self::Topic {
                topic_id,
                name,
                fingerprint,
            } => writer
                .u32(attr::TOPIC_ID, topic_id)
                .string(attr::TOPIC, name.as_str())
                .u64(attr::FINGERPRINT, fingerprint),
            Self::Lost {
                topic_id,
                first,
                count,
            } => writer
                .u32(attr::TOPIC_ID, topic_id)
                .u64(attr::SEQ, first)
                .u64(attr::COUNT, count),
            Self::Denied { name } => writer.string(attr::TOPIC, name.as_str()),
            Self::Matched { topic_id, count } => {
                writer.u32(attr::TOPIC_ID, topic_id).u64(attr::COUNT, count)
            }
            Self::Joined { topic_id, port } | Self::Gone { topic_id, port } => {
                writer.u32(attr::TOPIC_ID, topic_id).u32(attr::PORT, port)
            }
        }
        .finish()
    }

    /// Parses an answer or event; `payload` is what follows the netlink header.
    pub(crate) fn parse(header: Header, payload: &'a [u8]) -> Result<Self, Refused> {
        let set = Set::parse_lenient(payload)?;
        let u32_of = |kind| set.require(kind)?.u32();
        let u64_of = |kind| set.require(kind)?.u64();
        Ok(match header.kind {
            message::INFO => {
                let version = set.require(attr::VERSION)?;
                Self::Info(Info {
                    version: core::str::from_utf8(version.string())
                        .map_err(|_| version.refused(Refusal::TopicNotUtf8))?,
                    abi: u32_of(attr::ABI)?,
                    topics: u32_of(attr::TOPICS)?,
                    clients: u32_of(attr::CLIENTS)?,
                    subscriptions: u32_of(attr::SUBSCRIPTIONS)?,
                    max_advertisements: u32_of(attr::MAX_ADVERTISEMENTS)?,
                    max_subscriptions: u32_of(attr::MAX_SUBSCRIPTIONS)?,
                    max_topics: u32_of(attr::MAX_TOPICS)?,
                })
            }
            message::ADVERTISE => Self::Advertised {
                topic_id: u32_of(attr::TOPIC_ID)?,
            },
            message::SUBSCRIBE => Self::Subscribed {
                subscription_id: u32_of(attr::SUBSCRIPTION_ID)?,
            },
            message::PUBLISHED => Self::Published {
                seq: u64_of(attr::SEQ)?,
                delivered: u32_of(attr::DELIVERED)?,
                dropped: u32_of(attr::DROPPED)?,
            },
            message::TOPIC => {
                let name = set.require(attr::TOPIC)?;
                Self::Topic {
                    topic_id: u32_of(attr::TOPIC_ID)?,
                    name: Name::new(name.string()).map_err(|why| name.refused(why.into()))?,
                    fingerprint: u64_of(attr::FINGERPRINT)?,
                }
            }
            message::LOST => Self::Lost {
                topic_id: u32_of(attr::TOPIC_ID)?,
                first: u64_of(attr::SEQ)?,
                count: u64_of(attr::COUNT)?,
            },
            message::JOINED => Self::Joined {
                topic_id: u32_of(attr::TOPIC_ID)?,
                port: u32_of(attr::PORT)?,
            },
            message::GONE => Self::Gone {
                topic_id: u32_of(attr::TOPIC_ID)?,
                port: u32_of(attr::PORT)?,
            },
            message::DENIED => {
                let name = set.require(attr::TOPIC)?;
                Self::Denied {
                    name: Name::new(name.string()).map_err(|why| name.refused(why.into()))?,
                }
            }
            message::MATCHED => Self::Matched {
                topic_id: u32_of(attr::TOPIC_ID)?,
                count: u64_of(attr::COUNT)?,
            },
            message::REMOVED => Self::Removed {
                topic_id: u32_of(attr::TOPIC_ID)?,
            },
            _ => return Err(Refusal::UnknownType.into()),
        })
    }
}

#[cfg(test)]
mod tests {
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
            }),
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
}
