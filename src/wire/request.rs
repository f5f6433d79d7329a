// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! Control requests of kipc v1: parsed once, at the edge, into types that need no second check.

use super::attr::Attribute;
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
        /// Who may do what with the topic, if it is new.
        mode: Option<u32>,
        /// Group of the topic, if it is new.
        gid: Option<u32>,
    },
    /// Replace all rules of access.
    Policy {
        /// The rules.
        rules: Rules<'a>,
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
                        attr::MODE,
                        attr::GID,
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
                    mode: match set.get(attr::MODE) {
                        Some(mode) => Some(mode_of(&mode)?),
                        None => None,
                    },
                    gid: match set.get(attr::GID) {
                        Some(gid) => Some(gid.u32()?),
                        None => None,
                    },
                })
            }
            message::POLICY => {
                let rules = Rules {
                    set: Set::parse_strict_but(payload, &[], &[attr::RULE])?,
                };
                for rule in rules.iter() {
                    rule?;
                }
                Ok(Self::Policy { rules })
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
            message::TOPICS | message::CLIENTS | message::SUBSCRIPTIONS | message::STATISTICS => {
                Err(Refusal::OnlyDump.into())
            }
            message::PUBLISHED
            | message::TOPIC
            | message::LOST
            | message::JOINED
            | message::GONE
            | message::REMOVED
            | message::DENIED
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
                mode,
                gid,
            } => start(buf, message::ADVERTISE)
                .string(attr::TOPIC, topic.as_str())
                .u64(attr::FINGERPRINT, fingerprint)
                .optional_u32(attr::WAIT, wait)
                .optional_u32(attr::HISTORY, history)
                .u32(attr::FLAGS, flags)
                .optional_u32(attr::MODE, mode)
                .optional_u32(attr::GID, gid),
            Self::Policy { rules } => rules
                .iter()
                .filter_map(Result::ok)
                .fold(start(buf, message::POLICY), |writer, rule| {
                    writer.nested(attr::RULE, |inside| rule.write(inside))
                }),
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

/// Writes a request to replace all rules of access; returns its length, or `None` if `buf` is too
/// small for them.
pub(crate) fn write_policy<'a>(
    buf: &mut [u8],
    seq: u32,
    rules: impl Iterator<Item = Rule<'a>>,
) -> Option<usize> {
    let header = Header {
        kind: message::POLICY,
        flags: header::REQUEST | header::ACK,
        seq,
        ..Header::default()
    };
    rules
        .fold(MessageWriter::new(buf, header), |writer, rule| {
            writer.nested(attr::RULE, |inside| rule.write(inside))
        })
        .finish()
}

/// The rules of a policy, each of which was found well-formed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    set: Set<'a>,
}

/// A rule of access, with ids as whoever sent it knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule<'a> {
    /// Name of a topic, or the empty path.
    pub(crate) prefix: &'a str,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Mode.
    pub(crate) mode: u32,
    /// Where the rule stands in the request.
    offset: usize,
}

impl<'a> Rule<'a> {
    /// A rule to be sent.
    pub(crate) fn new(prefix: Option<Name<'a>>, uid: u32, gid: u32, mode: u32) -> Self {
        Self {
            prefix: prefix.map_or("", |name| name.as_str()),
            uid,
            gid,
            mode,
            offset: 0,
        }
    }

    /// The rule that these attributes are; they stand at `offset`.
    pub(crate) fn read(set: &Set<'a>, offset: usize) -> Result<Self, Refused> {
        let prefix = set.require(attr::PREFIX)?;
        Ok(Self {
            prefix: match prefix.string() {
                [] => "",
                name => Name::new(name)
                    .map_err(|why| prefix.refused(why.into()))?
                    .as_str(),
            },
            uid: set.require(attr::UID)?.u32()?,
            gid: set.require(attr::GID)?.u32()?,
            mode: mode_of(&set.require(attr::MODE)?)?,
            offset,
        })
    }

    /// This rule as the place of a refusal.
    pub(crate) fn refused(&self, refusal: Refusal) -> Refused {
        Refused {
            refusal,
            offset: Some(self.offset),
        }
    }

    /// Appends the rule to a request or an answer.
    pub(crate) fn write<'b>(&self, writer: MessageWriter<'b>) -> MessageWriter<'b> {
        writer
            .string(attr::PREFIX, self.prefix)
            .u32(attr::UID, self.uid)
            .u32(attr::GID, self.gid)
            .u32(attr::MODE, self.mode)
    }
}

impl<'a> Rules<'a> {
    /// The rules in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<Rule<'a>, Refused>> + use<'a> {
        self.set.all(attr::RULE).map(|rule| {
            let inside = rule.nested(&[attr::PREFIX, attr::UID, attr::GID, attr::MODE])?;
            Rule::read(&inside, rule.offset)
        })
    }
}

impl PartialEq for Rules<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Rules<'_> {}

/// The mode in an attribute.
fn mode_of(attribute: &Attribute<'_>) -> Result<u32, Refused> {
    match attribute.u32()? {
        mode if mode & !message::MODE_BITS == 0 => Ok(mode),
        _ => Err(attribute.refused(Refusal::ModeInvalid)),
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
            mode: Some(0o640),
            gid: Some(7),
        });
        round_trip(Request::Advertise {
            topic: Name::new(b"a").unwrap(),
            fingerprint: 0,
            wait: None,
            history: None,
            flags: 0,
            mode: None,
            gid: None,
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
    fn policies_round_trip() {
        let rules = [
            Rule::new(None, 0, 1, 0o600),
            Rule::new(Name::new(b"a/b").ok(), 1000, 1001, 0o666),
        ];
        let mut buf = [0; 256];
        let len = write_policy(&mut buf, 7, rules.into_iter()).unwrap();
        for short in 0..len {
            assert_eq!(write_policy(&mut buf[..short], 7, rules.into_iter()), None);
        }
        let len = write_policy(&mut buf, 7, rules.into_iter()).unwrap();
        let (message, _) = header::message_at(&buf[..len], 0).unwrap();
        let request = Request::parse(message.header, message.payload).unwrap();
        let Request::Policy { rules: parsed } = request else {
            panic!("{request:?}");
        };
        let fields = |rule: Rule<'_>| (rule.prefix.to_string(), rule.uid, rule.gid, rule.mode);
        let parsed: Vec<_> = parsed.iter().map(|rule| fields(rule.unwrap())).collect();
        assert_eq!(parsed, rules.map(fields));
        let mut again = [0; 256];
        let len = request.write(&mut again, 7).unwrap();
        assert_eq!(buf[..len], again[..len]);
        for cut in 0..message.payload.len() {
            let _ = Request::parse(message.header, &message.payload[..cut]);
        }
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
