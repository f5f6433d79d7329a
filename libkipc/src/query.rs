// SPDX-License-Identifier: MIT OR Apache-2.0

//! What there is on the bus: topics, clients, subscriptions, statistics.

use crate::bus::Bus;
use crate::control;
use crate::error::Error;
use crate::error::Refused;
use crate::error::Result;
use crate::inbox::ANSWER_ROOM;
use crate::inbox::Inbox;
use crate::inbox::protocol;
use crate::item::PortId;
use crate::socket::Wait;
use crate::topic::Topic;
use crate::wire::ack::Ack;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;
use crate::wire::record::Record;
use crate::wire::request;

/// Room for a part of a dump: as much as the kernel makes at most.
const PART_ROOM: usize = 32 << 10;
/// More than a rule takes on the wire.
const RULE_ROOM: usize = 320;
/// The only request of its socket.
const SEQ: u32 = 1;

/// A topic.
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// for topic in libkipc::Bus::connect()?.topics()? {
///     println!("{:o} {}", topic.mode, topic.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicEntry {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Fingerprint of its payload type; 0 if untyped.
    pub fingerprint: u64,
    /// The user that owns it.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Who may do what with it, as the mode of a file: `r` to subscribe, `w` to publish.
    pub mode: u32,
    /// How many publishers it has.
    pub publishers: u32,
    /// How many subscribers it has.
    pub subscribers: u32,
    /// How many messages it retains at most.
    pub history: u32,
    /// How many messages it retains now.
    pub retained: u32,
}

/// A socket that publishes or subscribes, or did.
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// for client in libkipc::Bus::connect()?.clients()? {
///     println!("{} {}", client.pid, client.comm);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientEntry {
    /// Its port id.
    pub port: PortId,
    /// The user that opened it.
    pub uid: u32,
    /// The process that first registered; 0: the kernel, or one that cannot be seen from here.
    pub pid: u32,
    /// That process's name.
    pub comm: String,
    /// When that process started, in nanoseconds since boot.
    pub start_time: u64,
    /// Memory in its queue, in bytes.
    pub queue_bytes: u32,
    /// How much messages in it may take, in bytes.
    pub queue_limit: u32,
    /// How often its queue did not take something.
    pub drops: u32,
}

/// A subscription.
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// for subscription in libkipc::Bus::connect()?.subscriptions()? {
///     println!("{} {}", subscription.port, subscription.pattern);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionEntry {
    /// Port id of its socket.
    pub port: PortId,
    /// Its id, unique on its socket.
    pub id: u32,
    /// Which topics.
    pub pattern: String,
    /// Its flags, as on the wire.
    pub flags: u32,
}

/// What was published on a topic, and what became of it.
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// for topic in libkipc::Bus::connect()?.statistics()? {
///     println!("{} {}", topic.published, topic.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatisticsEntry {
    /// The topic's id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// How many messages were published.
    pub published: u64,
    /// Sum of the subscribers that took each publish; a batch is one.
    pub delivered: u64,
    /// Sum of the subscribers that lost each publish.
    pub dropped: u64,
}

/// A rule of access: for a path and all topics below it, it says what their creators say
/// otherwise.
///
/// ```
/// // Only user 1000 publishes below `sensors`; the members of group 100 may subscribe.
/// let rule = libkipc::Rule::new("sensors".parse()?, 1000, 100, 0o640);
/// assert_eq!(rule.prefix.as_ref().map(|topic| topic.as_str()), Some("sensors"));
/// # Ok::<(), libkipc::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The path; `None`: all topics.
    pub prefix: Option<Topic>,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Who may do what, as the mode of a file: `r` to subscribe, `w` to publish and create.
    pub mode: u32,
}

impl Rule {
    /// A rule for a path and all topics below it.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let rule = libkipc::Rule::new(libkipc::Topic::new("sensors")?, 1000, 100, 0o640);
    /// libkipc::Bus::connect()?.set_policy(&[rule])?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(prefix: Topic, uid: u32, gid: u32, mode: u32) -> Self {
        Self {
            prefix: Some(prefix),
            uid,
            gid,
            mode,
        }
    }

    /// A rule for all topics that no other rule is for.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// libkipc::Bus::connect()?.set_policy(&[libkipc::Rule::for_all(0, 0, 0o600)])?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn for_all(uid: u32, gid: u32, mode: u32) -> Self {
        Self {
            prefix: None,
            uid,
            gid,
            mode,
        }
    }
}

impl Bus {
    /// All topics, in the order of their names.
    ///
    /// What comes or goes meanwhile may be in it or not; the rest is in it once. This holds for
    /// the other queries as well.
    ///
    /// ```no_run
    /// for topic in libkipc::Bus::connect()?.topics()? {
    ///     println!("{}: {} publishers", topic.name, topic.publishers);
    /// }
    /// # Ok::<(), libkipc::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ModuleMissing`] if the module was unloaded meanwhile; [`Error::Io`].
    pub fn topics(&self) -> Result<Vec<TopicEntry>> {
        self.query(message::TOPICS, |record| match record {
            Record::TopicInfo(topic) => Some(TopicEntry {
                id: topic.topic_id,
                name: topic.name.as_str().into(),
                fingerprint: topic.fingerprint,
                uid: topic.uid,
                gid: topic.gid,
                mode: topic.mode,
                publishers: topic.publishers,
                subscribers: topic.subscribers,
                history: topic.history,
                retained: topic.retained,
            }),
            _ => None,
        })
    }

    /// All sockets that publish or subscribe, or did.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// println!("{:?}", libkipc::Bus::connect()?.clients()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Bus::topics`].
    pub fn clients(&self) -> Result<Vec<ClientEntry>> {
        self.query(message::CLIENTS, |record| match record {
            Record::ClientInfo(client) => Some(ClientEntry {
                port: PortId(client.port),
                uid: client.uid,
                pid: client.pid,
                comm: client.comm.into(),
                start_time: client.start_time,
                queue_bytes: client.queue_bytes,
                queue_limit: client.queue_limit,
                drops: client.drops,
            }),
            _ => None,
        })
    }

    /// All subscriptions.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// println!("{:?}", libkipc::Bus::connect()?.subscriptions()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Bus::topics`].
    pub fn subscriptions(&self) -> Result<Vec<SubscriptionEntry>> {
        self.query(message::SUBSCRIPTIONS, |record| match record {
            Record::SubscriptionInfo(subscription) => Some(SubscriptionEntry {
                port: PortId(subscription.port),
                id: subscription.subscription_id,
                pattern: subscription.pattern.as_str().into(),
                flags: subscription.flags,
            }),
            _ => None,
        })
    }

    /// What was published on each topic, in the order of their names.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// println!("{:?}", libkipc::Bus::connect()?.statistics()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Bus::topics`].
    pub fn statistics(&self) -> Result<Vec<StatisticsEntry>> {
        self.query(message::STATISTICS, |record| match record {
            Record::Statistics(statistics) => Some(StatisticsEntry {
                id: statistics.topic_id,
                name: statistics.name.as_str().into(),
                published: statistics.seq,
                delivered: statistics.delivered,
                dropped: statistics.dropped,
            }),
            _ => None,
        })
    }

    /// The rules of access.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// println!("{:?}", libkipc::Bus::connect()?.policy()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Bus::topics`].
    pub fn policy(&self) -> Result<Vec<Rule>> {
        self.query(message::POLICY, |record| match record {
            Record::Rule(rule) => Some(Rule {
                prefix: rule.prefix.parse().ok(),
                uid: rule.uid,
                gid: rule.gid,
                mode: rule.mode,
            }),
            _ => None,
        })
    }

    /// Replaces all rules of access at once. When this returns, nobody publishes or receives any
    /// more whom the new rules do not allow it.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// // No rules: creators of topics decide.
    /// libkipc::Bus::connect()?.set_policy(&[])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with [`Errno::PERM`](crate::Errno::PERM) for whoever does not administer
    /// the network namespace (`CAP_NET_ADMIN`), or if the rules contradict each other;
    /// [`Error::Io`].
    pub fn set_policy(&self, rules: &[Rule]) -> Result<()> {
        let wire = rules
            .iter()
            .map(|rule| {
                let prefix = rule.prefix.as_ref().map(Topic::to_wire).transpose()?;
                Ok(request::Rule::new(prefix, rule.uid, rule.gid, rule.mode))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut buf = vec![0; rules.len() * RULE_ROOM + request::MAX_LEN];
        let len = request::write_policy(&mut buf, SEQ, wire.into_iter());
        let bytes = len.and_then(|len| buf.get(..len));
        let socket = self.open()?;
        socket.send(bytes.ok_or_else(|| protocol("request too long"))?)?;
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        control::acknowledgement(&socket, &mut inbox, SEQ, "replace the policy")?;
        Ok(())
    }

    fn query<T>(&self, kind: u16, take: impl Fn(Record<'_>) -> Option<T>) -> Result<Vec<T>> {
        let socket = self.open()?;
        let request = Header {
            len: 16,
            kind,
            flags: header::REQUEST | header::DUMP,
            seq: SEQ,
            port: 0,
        };
        socket.send(&request.to_bytes())?;
        let mut inbox = Inbox::new(PART_ROOM, false);
        let mut entries = Vec::new();
        // Each receive makes the next part, so that nothing here waits.
        while inbox.receive(&socket, Wait::No)? {
            for message in inbox.messages() {
                let message = message.map_err(|_| protocol("malformed part of a dump"))?;
                match message.header.kind {
                    header::TYPE_DONE => {
                        return match message.payload.first_chunk() {
                            Some([0, 0, 0, 0]) => Ok(entries),
                            Some(errno) => Err(Error::Io {
                                operation: "tell what there is",
                                source: std::io::Error::from_raw_os_error(
                                    i32::from_ne_bytes(*errno).saturating_neg(),
                                ),
                            }),
                            None => Err(protocol("malformed end of a dump")),
                        };
                    }
                    // The kernel had no memory for the first part, and tries again.
                    header::TYPE_NOOP => {}
                    header::TYPE_ERROR => {
                        let ack = Ack::read(message.header, message.payload)
                            .ok_or_else(|| protocol("malformed acknowledgement"))?;
                        return Err(Error::Refused(Refused::new("tell what there is", &ack)));
                    }
                    _ => {
                        let record = Record::parse(message.header, message.payload)
                            .map_err(|_| protocol("malformed record"))?;
                        entries.extend(take(record));
                    }
                }
            }
        }
        Err(protocol("a dump without an end"))
    }
}
