// SPDX-License-Identifier: MIT OR Apache-2.0

//! kipc v1, without a library.

use super::Link;
use super::netlink;
use super::netlink::Socket;
use super::number;
use crate::case::Case;
use crate::case::Overflow;
use crate::case::Variant;
use crate::wire;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::message;
use crate::wire::record::Record;
use crate::wire::request::Request;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;
use rustix::io::Errno;
use socket2::SockFilter;
use socket2::SockRef;

/// How long publishers wait for subscribers that block, in milliseconds. None has to.
const PATIENCE: u32 = 60_000;

/// Opens a socket of kipc.
pub(crate) fn open() -> Result<Socket, String> {
    Socket::open(wire::PROTOCOL, 0).map_err(no_socket)
}

/// What to say where there is none.
pub(crate) fn no_socket(errno: Errno) -> String {
    format!("no socket of kipc.ko: {errno}")
}

/// Becomes a publisher; returns the topic's id.
pub(crate) fn advertise(
    socket: &Socket,
    topic: &str,
    wait: Option<u32>,
    history: Option<u32>,
) -> Result<u32, String> {
    let request = Request::Advertise {
        topic: Name::new(topic.as_bytes()).map_err(|why| format!("{why:?}"))?,
        fingerprint: 1,
        wait,
        history,
        flags: 0,
        mode: None,
        gid: None,
    };
    socket.request(request, |record| match record {
        Record::Advertised { topic_id } => Some(topic_id),
        _ => None,
    })
}

/// Subscribes.
pub(crate) fn subscribe(socket: &Socket, pattern: &str, flags: u32) -> Result<(), String> {
    let pattern = Pattern::new(pattern.as_bytes()).map_err(|why| format!("{why:?}"))?;
    let request = Request::Subscribe { pattern, flags };
    socket.request(request, |record| match record {
        Record::Subscribed { .. } => Some(()),
        _ => None,
    })
}

/// A message for this topic.
pub(crate) fn publish(topic: u32, payload: usize) -> Vec<u8> {
    let data = DataHeader {
        topic,
        ..DataHeader::default()
    };
    netlink::message(message::PUBLISH, &data.to_bytes(), payload)
}

/// The flags of SUBSCRIBE.
pub(crate) fn flags(overflow: Overflow) -> u32 {
    match overflow {
        Overflow::DropNewest => 0,
        Overflow::DropOldest => message::SUBSCRIBE_DROP_OLDEST,
        Overflow::Block => message::SUBSCRIBE_BLOCK,
        Overflow::Fail => message::SUBSCRIBE_FAIL,
    }
}

/// How publishers must advertise for this policy to bind them.
pub(crate) fn wait(overflow: Overflow) -> Option<u32> {
    matches!(overflow, Overflow::Block | Overflow::Fail).then_some(PATIENCE)
}

/// Lets a message through if its tag is 0.
fn filter() -> [SockFilter; 4] {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let tag = header::LEN.saturating_add(wire::data::TAG_OFFSET);
    [
        SockFilter::new(LOAD_WORD, 0, 0, u32::try_from(tag).unwrap_or(u32::MAX)),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

pub(crate) struct Kipc {
    publisher: Socket,
    subscribers: Vec<Socket>,
    /// What is sent: one message, or as many equal ones as `count`.
    datagram: Vec<u8>,
    count: usize,
    message: Vec<u8>,
}

impl Kipc {
    pub(crate) fn open(case: Case) -> Result<Self, String> {
        // The subscribers of one link must not hear another.
        let topic = format!("bench/{}", case.variant);
        let overflow = match case.variant {
            Variant::Policy(overflow) | Variant::Full(overflow) => overflow,
            _ => Overflow::DropNewest,
        };
        let history = match case.variant {
            Variant::History(depth) => Some(depth),
            _ => None,
        };
        let publisher = open()?;
        let id = advertise(&publisher, &topic, wait(overflow), history)?;
        let mut subscribers = Vec::new();
        for _ in 0..case.subscribers {
            let subscriber = open()?;
            if case.variant == Variant::Filter {
                SockRef::from(&subscriber)
                    .attach_filter(&filter())
                    .map_err(|error| format!("no filter: {error}"))?;
            }
            subscribe(&subscriber, &topic, flags(overflow))?;
            subscribers.push(subscriber);
        }
        Ok(Self {
            publisher,
            subscribers,
            datagram: Vec::new(),
            count: case.variant.messages(),
            message: publish(id, case.payload),
        })
    }

    /// Its publisher and its subscribers, and a message.
    pub(crate) fn into_parts(self) -> (Socket, Vec<Socket>, Vec<u8>) {
        (self.publisher, self.subscribers, self.message)
    }
}

impl Link for Kipc {
    fn prepare(&mut self, round: usize) {
        let payload = self.message.get_mut(wire::data::PAYLOAD_OFFSET..);
        number(payload.unwrap_or_default(), round);
        self.datagram.clear();
        for _ in 0..self.count {
            self.datagram.resize(wire::align(self.datagram.len()), 0);
            self.datagram.extend_from_slice(&self.message);
        }
    }

    fn send(&mut self) -> Result<(), Errno> {
        self.publisher.send(&self.datagram)
    }

    fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    fn receive(&mut self, subscriber: usize, room: &mut [u8]) -> Result<usize, Errno> {
        let socket = self.subscribers.get(subscriber).ok_or(Errno::BADF)?;
        socket.receive(room)
    }

    fn count(&self, datagram: &[u8], warm_up: bool) -> Result<usize, String> {
        let due = self.message.get(wire::data::PAYLOAD_OFFSET..);
        let mut count = 0_usize;
        netlink::for_each(datagram, |header, body| match header.kind {
            message::TOPIC if warm_up => Ok(()),
            message::PUBLISH if body.get(wire::data::LEN..) == due => {
                count = count.saturating_add(1);
                Ok(())
            }
            found => Err(format!("type {found} came, or another payload")),
        })?;
        Ok(count)
    }

    fn messages(&self) -> usize {
        self.count
    }

    fn check_publisher(&mut self) -> Result<(), String> {
        let mut room = [0; 512];
        match self.publisher.receive(&mut room) {
            Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(format!("the publisher cannot receive: {errno}")),
            Ok(len) => netlink::for_each(room.get(..len).unwrap_or_default(), |header, body| {
                if header.kind == header::TYPE_ERROR {
                    netlink::refused(header, body)?;
                }
                Err(format!("the publisher got type {}", header.kind))
            }),
        }
    }
}
