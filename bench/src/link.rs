// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is compared: each mechanism with a publisher, its subscribers and a message.

use crate::socket;
use crate::socket::Socket;
use crate::wire;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;
use crate::wire::record::Record;
use crate::wire::request::Request;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;
use rustix::io::Errno;

/// A way from one process to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// A message that the kernel throws away: what every other one costs at least.
    Discard,
    /// `nlmsg_multicast()` and nothing else.
    Multicast,
    /// kipc v1.
    Kipc,
    /// kipc v1, [`BATCH`] messages in one call.
    Batch,
}

/// Messages in a batch.
pub(crate) const BATCH: usize = 16;

/// What is compared with each other, in the order of the report.
pub(crate) const MECHANISMS: [Mechanism; 3] =
    [Mechanism::Discard, Mechanism::Multicast, Mechanism::Kipc];

/// bench/baseline/kipc_baseline.c says the same of these.
const BASELINE_PROTOCOL: u32 = 30;
const BASELINE_DISCARD: u16 = 0x10;
const BASELINE_MULTICAST: u16 = 0x11;
/// As a bit for bind(): group 1.
const BASELINE_GROUP: u32 = 1;

impl Mechanism {
    /// What it is called in the CSV output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Discard => "discard",
            Self::Multicast => "multicast",
            Self::Kipc => "kipc",
            Self::Batch => "batch",
        }
    }
}

/// One mechanism, ready to send.
pub(crate) struct Link {
    mechanism: Mechanism,
    publisher: Socket,
    subscribers: Vec<Socket>,
    /// What is sent: one message, or as many equal ones as `count`.
    datagram: Vec<u8>,
    count: usize,
    message: Vec<u8>,
    /// Where the payload starts in `message`.
    headers: usize,
}

impl Link {
    /// Opens all sockets.
    pub(crate) fn open(
        mechanism: Mechanism,
        subscribers: usize,
        payload: usize,
    ) -> Result<Self, String> {
        match mechanism {
            Mechanism::Discard => Self::baseline(mechanism, BASELINE_DISCARD, subscribers, payload),
            Mechanism::Multicast => {
                Self::baseline(mechanism, BASELINE_MULTICAST, subscribers, payload)
            }
            Mechanism::Kipc => Self::kipc(mechanism, subscribers, payload, 1),
            Mechanism::Batch => Self::kipc(mechanism, subscribers, payload, BATCH),
        }
    }

    fn baseline(
        mechanism: Mechanism,
        kind: u16,
        subscribers: usize,
        payload: usize,
    ) -> Result<Self, String> {
        let open = |groups| {
            Socket::open(BASELINE_PROTOCOL, groups)
                .map_err(|errno| format!("no socket of kipc_baseline.ko: {errno}"))
        };
        // Who is not in the group would be visited by every multicast of the other mechanism.
        let subscribers = match mechanism {
            Mechanism::Discard => 0,
            _ => subscribers,
        };
        Ok(Self {
            mechanism,
            publisher: open(0)?,
            subscribers: (0..subscribers)
                .map(|_| open(BASELINE_GROUP))
                .collect::<Result<_, _>>()?,
            datagram: Vec::new(),
            count: 1,
            message: message(kind, &[], payload),
            headers: header::LEN,
        })
    }

    fn kipc(
        mechanism: Mechanism,
        subscribers: usize,
        payload: usize,
        count: usize,
    ) -> Result<Self, String> {
        let open = || {
            Socket::open(wire::PROTOCOL, 0)
                .map_err(|errno| format!("no socket of kipc.ko: {errno}"))
        };
        // The subscribers of one link must not hear another.
        let topic = mechanism.name().as_bytes();
        let pattern = Pattern::new(topic).map_err(|why| format!("{why:?}"))?;
        let topic = Name::new(topic).map_err(|why| format!("{why:?}"))?;
        let publisher = open()?;
        let advertise = Request::Advertise {
            wait: None,
            history: None,
            flags: 0,
            mode: None,
            gid: None,
            topic,
            fingerprint: 1,
        };
        let topic = publisher.request(advertise, |record| match record {
            Record::Advertised { topic_id } => Some(topic_id),
            _ => None,
        })?;
        let subscribe = Request::Subscribe { pattern, flags: 0 };
        let subscribed = |_| {
            let subscriber = open()?;
            subscriber.request(subscribe, |record| match record {
                Record::Subscribed { .. } => Some(()),
                _ => None,
            })?;
            Ok(subscriber)
        };
        let data = DataHeader {
            topic,
            ..DataHeader::default()
        };
        let message = message(message::PUBLISH, &data.to_bytes(), payload);
        Ok(Self {
            mechanism,
            publisher,
            subscribers: (0..subscribers)
                .map(subscribed)
                .collect::<Result<_, String>>()?,
            datagram: Vec::new(),
            count,
            message,
            headers: wire::data::PAYLOAD_OFFSET,
        })
    }

    /// Name of the mechanism.
    pub(crate) fn name(&self) -> &'static str {
        self.mechanism.name()
    }

    /// Makes the next message differ from the one before.
    pub(crate) fn prepare(&mut self, round: usize) {
        let payload = self.message.get_mut(self.headers..).unwrap_or_default();
        for (to, from) in payload.iter_mut().zip(round.to_ne_bytes()) {
            *to = from;
        }
        self.datagram.clear();
        for _ in 0..self.count {
            self.datagram.resize(wire::align(self.datagram.len()), 0);
            self.datagram.extend_from_slice(&self.message);
        }
    }

    /// Sends what was prepared.
    #[inline(always)]
    pub(crate) fn send(&self) -> Result<(), Errno> {
        self.publisher.send(&self.datagram)
    }

    /// Empties all queues. Every subscriber must have each message, once; but for the topic's name
    /// during the `warm_up`, nobody may have anything else.
    pub(crate) fn drain(&self, warm_up: bool) -> Result<(), String> {
        let sent = Header::read(&self.message).unwrap_or_default();
        let payload = self.message.get(self.headers..);
        for (index, subscriber) in self.subscribers.iter().enumerate() {
            let mut count = 0_usize;
            while subscriber.receive(|header, body| match header.kind {
                message::TOPIC if warm_up => Ok(()),
                found
                    if found == sent.kind
                        && body.get(self.headers.saturating_sub(header::LEN)..) == payload =>
                {
                    count = count.saturating_add(1);
                    Ok(())
                }
                found => Err(format!(
                    "subscriber {index} got type {found}, or another payload"
                )),
            })? {}
            if count != self.count {
                return Err(format!("subscriber {index} got {count} messages"));
            }
        }
        while self.publisher.receive(|header, body| {
            if header.kind == header::TYPE_ERROR {
                socket::refused(header, body)?;
            }
            Err(format!("the publisher got type {}", header.kind))
        })? {}
        Ok(())
    }
}

/// A netlink message whose payload is preceded by `head`.
fn message(kind: u16, head: &[u8], payload: usize) -> Vec<u8> {
    let len = header::LEN
        .saturating_add(head.len())
        .saturating_add(payload);
    let header = Header {
        len: u32::try_from(len).unwrap_or(u32::MAX),
        kind,
        flags: header::REQUEST,
        ..Header::default()
    };
    let mut message = header.to_bytes().to_vec();
    message.extend_from_slice(head);
    message.resize(len, 0xa5);
    message
}
