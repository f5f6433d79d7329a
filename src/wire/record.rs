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
use super::request::Rule;
use super::topic;
use super::topic::Name;
use super::topic::Pattern;

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
    /// Dumped: a topic.
    TopicInfo(TopicInfo<'a>),
    /// Dumped: a client.
    ClientInfo(ClientInfo<'a>),
    /// Dumped: a subscription.
    SubscriptionInfo(SubscriptionInfo<'a>),
    /// Dumped: what happened on a topic.
    Statistics(Statistics<'a>),
    /// Dumped: a rule of access.
    Rule(Rule<'a>),
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
    /// Most topics of one user.
    pub(crate) max_topics_per_user: u32,
    /// Most subscriptions of one user.
    pub(crate) max_subscriptions_per_user: u32,
    /// Most subscriptions of one user that have a wildcard.
    pub(crate) max_patterns_per_user: u32,
    /// Most memory in retained messages and last wills of one user, in bytes.
    pub(crate) max_retained_bytes: u32,
    /// Longest payload of a message, in bytes.
    pub(crate) max_message_bytes: u32,
}

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicInfo<'a> {
    /// Its id.
    pub(crate) topic_id: u32,
    /// Its name.
    pub(crate) name: Name<'a>,
    /// Fingerprint of its payload type; 0 = untyped.
    pub(crate) fingerprint: u64,
    /// Owner, group and mode as they are now.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
    /// The mode.
    pub(crate) mode: u32,
    /// How many publishers it has.
    pub(crate) publishers: u32,
    /// How many subscribers.
    pub(crate) subscribers: u32,
    /// How many messages it retains at most.
    pub(crate) history: u32,
    /// How many it retains now.
    pub(crate) retained: u32,
}

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientInfo<'a> {
    /// Port id of its socket.
    pub(crate) port: u32,
    /// The user that opened it.
    pub(crate) uid: u32,
    /// The process that made it a client.
    pub(crate) pid: u32,
    /// The process's name.
    pub(crate) comm: &'a str,
    /// When the process started, in nanoseconds since the machine did.
    pub(crate) start_time: u64,
    /// Memory that its queue takes, in bytes.
    pub(crate) queue_bytes: u32,
    /// Memory that messages in its queue may take.
    pub(crate) queue_limit: u32,
    /// What did not fit into its queue so far.
    pub(crate) drops: u32,
}

/// A subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionInfo<'a> {
    /// Port id of its socket.
    pub(crate) port: u32,
    /// Its id on that socket.
    pub(crate) subscription_id: u32,
    /// Its pattern.
    pub(crate) pattern: Pattern<'a>,
    /// `SUBSCRIBE_*`.
    pub(crate) flags: u32,
}

/// What happened on a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statistics<'a> {
    /// The topic's id.
    pub(crate) topic_id: u32,
    /// Its name.
    pub(crate) name: Name<'a>,
    /// Number of its last message.
    pub(crate) seq: u64,
    /// How many messages, or batches, got into queues, over all subscribers.
    pub(crate) delivered: u64,
    /// How many did not fit.
    pub(crate) dropped: u64,
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
            Self::TopicInfo(_) => message::TOPICS,
            Self::ClientInfo(_) => message::CLIENTS,
            Self::SubscriptionInfo(_) => message::SUBSCRIPTIONS,
            Self::Statistics(_) => message::STATISTICS,
            Self::Rule(_) => message::POLICY,
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
        self.write_flagged(buf, 0, seq, port)
    }

    /// Writes the record as one part of a dump.
    pub(crate) fn write_part(&self, buf: &mut [u8], seq: u32, port: u32) -> Option<usize> {
        self.write_flagged(buf, header::MULTI, seq, port)
    }

    fn write_flagged(&self, buf: &mut [u8], flags: u16, seq: u32, port: u32) -> Option<usize> {
        let writer = MessageWriter::new(
            buf,
            Header {
                kind: self.kind(),
                flags,
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
                .u32(attr::MAX_TOPICS, info.max_topics)
                .u32(attr::MAX_TOPICS_PER_USER, info.max_topics_per_user)
                .u32(
                    attr::MAX_SUBSCRIPTIONS_PER_USER,
                    info.max_subscriptions_per_user,
                )
                .u32(attr::MAX_PATTERNS_PER_USER, info.max_patterns_per_user)
                .u32(attr::MAX_RETAINED_BYTES, info.max_retained_bytes)
                .u32(attr::MAX_MESSAGE_BYTES, info.max_message_bytes),
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
            Self::TopicInfo(topic) => writer
                .u32(attr::TOPIC_ID, topic.topic_id)
                .string(attr::TOPIC, topic.name.as_str())
                .u64(attr::FINGERPRINT, topic.fingerprint)
                .u32(attr::UID, topic.uid)
                .u32(attr::GID, topic.gid)
                .u32(attr::MODE, topic.mode)
                .u32(attr::PUBLISHERS, topic.publishers)
                .u32(attr::SUBSCRIBERS, topic.subscribers)
                .u32(attr::HISTORY, topic.history)
                .u32(attr::RETAINED, topic.retained),
            Self::ClientInfo(client) => writer
                .u32(attr::PORT, client.port)
                .u32(attr::UID, client.uid)
                .u32(attr::PID, client.pid)
                .string(attr::COMM, client.comm)
                .u64(attr::START_TIME, client.start_time)
                .u32(attr::QUEUE_BYTES, client.queue_bytes)
                .u32(attr::QUEUE_LIMIT, client.queue_limit)
                .u32(attr::DROPS, client.drops),
            Self::SubscriptionInfo(subscription) => writer
                .u32(attr::PORT, subscription.port)
                .u32(attr::SUBSCRIPTION_ID, subscription.subscription_id)
                .string(attr::PATTERN, subscription.pattern.as_str())
                .u32(attr::FLAGS, subscription.flags),
            Self::Statistics(statistics) => writer
                .u32(attr::TOPIC_ID, statistics.topic_id)
                .string(attr::TOPIC, statistics.name.as_str())
                .u64(attr::SEQ, statistics.seq)
                .u64(attr::DELIVERED_TOTAL, statistics.delivered)
                .u64(attr::DROPPED_TOTAL, statistics.dropped),
            Self::Rule(rule) => rule.write(writer),
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
                    max_topics_per_user: u32_of(attr::MAX_TOPICS_PER_USER)?,
                    max_subscriptions_per_user: u32_of(attr::MAX_SUBSCRIPTIONS_PER_USER)?,
                    max_patterns_per_user: u32_of(attr::MAX_PATTERNS_PER_USER)?,
                    max_retained_bytes: u32_of(attr::MAX_RETAINED_BYTES)?,
                    max_message_bytes: u32_of(attr::MAX_MESSAGE_BYTES)?,
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
            message::TOPICS => Self::TopicInfo(TopicInfo {
                topic_id: u32_of(attr::TOPIC_ID)?,
                name: name_of(&set)?,
                fingerprint: u64_of(attr::FINGERPRINT)?,
                uid: u32_of(attr::UID)?,
                gid: u32_of(attr::GID)?,
                mode: u32_of(attr::MODE)?,
                publishers: u32_of(attr::PUBLISHERS)?,
                subscribers: u32_of(attr::SUBSCRIBERS)?,
                history: u32_of(attr::HISTORY)?,
                retained: u32_of(attr::RETAINED)?,
            }),
            message::CLIENTS => {
                let comm = set.require(attr::COMM)?;
                Self::ClientInfo(ClientInfo {
                    port: u32_of(attr::PORT)?,
                    uid: u32_of(attr::UID)?,
                    pid: u32_of(attr::PID)?,
                    comm: core::str::from_utf8(comm.string())
                        .map_err(|_| comm.refused(Refusal::TopicNotUtf8))?,
                    start_time: u64_of(attr::START_TIME)?,
                    queue_bytes: u32_of(attr::QUEUE_BYTES)?,
                    queue_limit: u32_of(attr::QUEUE_LIMIT)?,
                    drops: u32_of(attr::DROPS)?,
                })
            }
            message::SUBSCRIPTIONS => {
                let pattern = set.require(attr::PATTERN)?;
                Self::SubscriptionInfo(SubscriptionInfo {
                    port: u32_of(attr::PORT)?,
                    subscription_id: u32_of(attr::SUBSCRIPTION_ID)?,
                    pattern: Pattern::new(pattern.string())
                        .map_err(|why| pattern.refused(why.into()))?,
                    flags: u32_of(attr::FLAGS)?,
                })
            }
            message::STATISTICS => Self::Statistics(Statistics {
                topic_id: u32_of(attr::TOPIC_ID)?,
                name: name_of(&set)?,
                seq: u64_of(attr::SEQ)?,
                delivered: u64_of(attr::DELIVERED_TOTAL)?,
                dropped: u64_of(attr::DROPPED_TOTAL)?,
            }),
            message::POLICY => Self::Rule(Rule::read(&set, 0)?),
            message::TOPIC => Self::Topic {
                topic_id: u32_of(attr::TOPIC_ID)?,
                name: name_of(&set)?,
                fingerprint: u64_of(attr::FINGERPRINT)?,
            },
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
            message::DENIED => Self::Denied {
                name: name_of(&set)?,
            },
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

/// The topic that a record names.
fn name_of<'a>(set: &Set<'a>) -> Result<Name<'a>, Refused> {
    let name = set.require(attr::TOPIC)?;
    Name::new(name.string()).map_err(|why| name.refused(why.into()))
}

#[cfg(test)]
mod tests;
