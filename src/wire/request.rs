// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! Control requests of kipc v1: parsed once, at the edge, into types that need no second check.

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
use super::topic::Pattern;

/// A control request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// Version, limits and counts.
    Info,
    /// Become a publisher of a topic.
    Advertise {
        /// The topic.
        topic: Name<'a>,
        /// Fingerprint of the payload's type; 0 = untyped.
        fingerprint: u64,
        /// How long a publish may wait for subscribers that ask for it, in milliseconds. `None`:
        /// neither waits nor fails for a subscriber.
        wait: Option<u32>,
        /// How many messages the topic retains. `None`: as many as it does.
        history: Option<u32>,
        /// `ADVERTISE_*`.
        flags: u32,
    },
    /// Let go of what a topic retains.
    Clear {
        /// The topic.
        topic: Name<'a>,
    },
    /// Stop being a publisher of a topic.
    Unadvertise {
        /// The topic's id.
        topic_id: u32,
    },
    /// Receive what is published on matching topics.
    Subscribe {
        /// Which topics.
        pattern: Pattern<'a>,
        /// `SUBSCRIBE_*`.
        flags: u32,
    },
    /// End a subscription.
    Unsubscribe {
        /// Which one, as the answer to subscribe numbered it.
        subscription_id: u32,
    },
}

impl<'a> Request<'a> {
    /// Parses the message behind `header`; `payload` is what follows the header.
    pub(crate) fn parse(header: Header, payload: &'a [u8]) -> Result<Self, Refused> {
        match header.kind {
            message::INFO => {
                Set::parse_strict(payload, &[])?;
                Ok(Self::Info)
            }
            message::ADVERTISE => {
                let set = Set::parse_strict(
                    payload,
                    &[
                        attr::TOPIC,
                        attr::FINGERPRINT,
                        attr::WAIT,
                        attr::HISTORY,
                        attr::FLAGS,
                    ],
                )?;
                let wait = up_to(&set, attr::WAIT, message::MAX_WAIT, Refusal::WaitTooLong)?;
                let history = up_to(
                    &set,
                    attr::HISTORY,
                    message::MAX_HISTORY,
                    Refusal::HistoryTooDeep,
                )?;
                Ok(Self::Advertise {
                    topic: topic_of(&set)?,
                    fingerprint: match set.get(attr::FINGERPRINT) {
                        Some(fingerprint) => fingerprint.u64()?,
                        None => 0,
                    },
                    wait,
                    history,
                    flags: flags_of(&set, message::ADVERTISE_FLAGS)?,
                })
            }
            message::CLEAR => {
                let set = Set::parse_strict(payload, &[attr::TOPIC])?;
                Ok(Self::Clear {
                    topic: topic_of(&set)?,
                })
            }
            message::UNADVERTISE => {
                let set = Set::parse_strict(payload, &[attr::TOPIC_ID])?;
                Ok(Self::Unadvertise {
                    topic_id: set.require(attr::TOPIC_ID)?.u32()?,
                })
            }
            message::SUBSCRIBE => {
                let set = Set::parse_strict(payload, &[attr::PATTERN, attr::FLAGS])?;
                let pattern = set.require(attr::PATTERN)?;
                let flags = flags_of(&set, message::SUBSCRIBE_FLAGS)?;
                if (flags & message::SUBSCRIBE_OVERFLOW).count_ones() > 1 {
                    let attribute = set.require(attr::FLAGS)?;
                    return Err(attribute.refused(Refusal::OverflowAmbiguous));
                }
                Ok(Self::Subscribe {
                    pattern: Pattern::new(pattern.string())
                        .map_err(|why| pattern.refused(why.into()))?,
                    flags,
                })
            }
            message::UNSUBSCRIBE => {
                let set = Set::parse_strict(payload, &[attr::SUBSCRIPTION_ID])?;
                Ok(Self::Unsubscribe {
                    subscription_id: set.require(attr::SUBSCRIPTION_ID)?.u32()?,
                })
            }
            message::PUBLISHED
            | message::TOPIC
            | message::LOST
            | message::JOINED
            | message::GONE
            | message::REMOVED
            | message::MATCHED => Err(Refusal::EventFromUser.into()),
            _ => Err(Refusal::UnknownType.into()),
        }
    }

    /// Writes the request, asking for an acknowledgement; returns its length, or `None` if `buf`
    /// is too small ([`MAX_LEN`] is always enough).
    pub(crate) fn write(&self, buf: &mut [u8], seq: u32) -> Option<usize> {
        let start = |buf, kind| {
            MessageWriter::new(
                buf,
                Header {
                    kind,
                    flags: header::REQUEST | header::ACK,
                    seq,
                    ..Header::default()
                },
            )
        };
        match *self {
            Self::Info => start(buf, message::INFO),
            Self::Advertise {
                topic,
                fingerprint,
                wait,
                history,
                flags,
            } => start(buf, message::ADVERTISE)
                .string(attr::TOPIC, topic.as_str())
                .u64(attr::FINGERPRINT, fingerprint)
                .optional_u32(attr::WAIT, wait)
                .optional_u32(attr::HISTORY, history)
                .u32(attr::FLAGS, flags),
            Self::Clear { topic } => start(buf, message::CLEAR).string(attr::TOPIC, topic.as_str()),
            Self::Unadvertise { topic_id } => {
                start(buf, message::UNADVERTISE).u32(attr::TOPIC_ID, topic_id)
            }
            Self::Subscribe { pattern, flags } => start(buf, message::SUBSCRIBE)
                .string(attr::PATTERN, pattern.as_str())
                .u32(attr::FLAGS, flags),
            Self::Unsubscribe { subscription_id } => {
                start(buf, message::UNSUBSCRIBE).u32(attr::SUBSCRIPTION_ID, subscription_id)
            }
        }
        .finish()
    }
}

/// The topic that a request must name.
fn topic_of<'a>(set: &Set<'a>) -> Result<Name<'a>, Refused> {
    let name = set.require(attr::TOPIC)?;
    Name::new(name.string()).map_err(|why| name.refused(why.into()))
}

/// The flags of a request, of which it knows these.
fn flags_of(set: &Set<'_>, known: u32) -> Result<u32, Refused> {
    let Some(attribute) = set.get(attr::FLAGS) else {
        return Ok(0);
    };
    match attribute.u32()? {
        flags if flags & !known == 0 => Ok(flags),
        _ => Err(attribute.refused(Refusal::UnknownFlags)),
    }
}

/// The number in an attribute that may be left out, unless it is too great.
fn up_to(set: &Set<'_>, kind: u16, max: u32, refusal: Refusal) -> Result<Option<u32>, Refused> {
    match set.get(kind) {
        Some(attribute) => match attribute.u32()? {
            number if number <= max => Ok(Some(number)),
            _ => Err(attribute.refused(refusal)),
        },
        None => Ok(None),
    }
}

/// A buffer of this size holds any request.
pub(crate) const MAX_LEN: usize = header::LEN + super::align(topic::MAX_LEN + 1) + 4 + 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(request: Request<'_>) {
        let mut buf = [0; MAX_LEN];
        let len = request.write(&mut buf, 7).unwrap();
        let (message, next) = header::message_at(&buf[..len], 0).unwrap();
        assert_eq!(next, len);
        assert_eq!(message.header.seq, 7);
        assert_eq!(Request::parse(message.header, message.payload), Ok(request));
    }

    #[test]
    fn requests_round_trip() {
        let long = "x".repeat(topic::MAX_LEN);
        round_trip(Request::Info);
        round_trip(Request::Advertise {
            topic: Name::new(long.as_bytes()).unwrap(),
            fingerprint: u64::MAX,
            wait: Some(message::MAX_WAIT),
            history: Some(message::MAX_HISTORY),
            flags: message::ADVERTISE_EVENTS,
        });
        round_trip(Request::Advertise {
            topic: Name::new(b"a").unwrap(),
            fingerprint: 0,
            wait: None,
            history: None,
            flags: 0,
        });
        round_trip(Request::Clear {
            topic: Name::new(long.as_bytes()).unwrap(),
        });
        round_trip(Request::Unadvertise { topic_id: 3 });
        round_trip(Request::Subscribe {
            pattern: Pattern::new(b"a/**").unwrap(),
            flags: message::SUBSCRIBE_EVENTS,
        });
        round_trip(Request::Unsubscribe { subscription_id: 3 });
    }

    #[test]
    fn events_unknown_types_and_unknown_flags_are_refused() {
        let parse = |kind, payload: &[u8]| {
            Request::parse(
                Header {
                    kind,
                    ..Header::default()
                },
                payload,
            )
            .map(|_| ())
            .map_err(|refused| refused.refusal)
        };
        assert_eq!(parse(message::GONE, &[]), Err(Refusal::EventFromUser));
        assert_eq!(parse(0x1f, &[]), Err(Refusal::UnknownType));
        assert_eq!(
            parse(message::ADVERTISE, &[]),
            Err(Refusal::AttributeMissing)
        );
        let mut buf = [0; 64];
        let len = MessageWriter::new(&mut buf, Header::default())
            .string(attr::PATTERN, "a")
            .u32(attr::FLAGS, 1 << 30)
            .finish()
            .unwrap();
        assert_eq!(
            parse(message::SUBSCRIBE, &buf[header::LEN..len]),
            Err(Refusal::UnknownFlags)
        );
    }
}
