// SPDX-License-Identifier: GPL-2.0

//! A raw client: says exactly what a scenario wants to say, also what libkipc never would.

pub use crate::event::Event;
use crate::event::parse;
use crate::kernel;
use crate::process::Process;
use crate::wire::PROTOCOL;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::header::Messages;
use crate::wire::message;
use crate::wire::message::ADVERTISE_EVENTS;
use crate::wire::record::Record;
use crate::wire::request;
use crate::wire::request::Request;
use crate::wire::request::Rule;
use crate::wire::seed;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;
use rustix::fd::AsRawFd as _;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketFlags;
use rustix::net::SocketType;
use rustix::net::bind;
use rustix::net::getsockname;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::recvfrom;
use rustix::net::sendto;
use rustix::net::socket_with;
use rustix::net::sockopt;
use std::cell::RefCell;
use std::num::NonZeroU32;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    /// Room for any datagram. Made once: where many threads receive, making it would be most of
    /// what they do.
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; 1 << 20]);
}

/// A refusal: errno, sentence, offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub errno: i32,
    pub sentence: String,
    pub offset: Option<u32>,
}

/// What a publisher asks for beside its topic.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    pub fingerprint: u64,
    pub wait: Option<u32>,
    pub history: Option<u32>,
    pub flags: u32,
    pub mode: Option<u32>,
    pub gid: Option<u32>,
}

impl Terms {
    /// A topic for everybody, without a history.
    pub const OPEN: Self = Self {
        fingerprint: 0,
        wait: None,
        history: None,
        flags: 0,
        mode: Some(0o666),
        gid: None,
    };
}

/// One socket.
pub struct Client {
    pub fd: OwnedFd,
    seq: AtomicU32,
}

impl Client {
    /// Opens a socket; the kernel chooses its port id.
    pub fn open() -> Self {
        Self::try_open(0).expect("open a kipc socket")
    }

    /// Opens a socket and binds it to this port id (0: the kernel chooses).
    pub fn try_open(port: u32) -> Result<Self, Errno> {
        Self::try_open_in(port, 0)
    }

    /// Opens a socket that also belongs to these groups of netlink's own multicast, a bit for each.
    pub fn try_open_in(port: u32, groups: u32) -> Result<Self, Errno> {
        let protocol = NonZeroU32::new(PROTOCOL).map(Protocol::from_raw);
        let fd = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        )?;
        bind(&fd, &SocketAddrNetlink::new(port, groups))?;
        Ok(Self {
            fd,
            seq: AtomicU32::new(0),
        })
    }

    /// Port id of the socket.
    pub fn port(&self) -> u32 {
        let address = getsockname(&self.fd).expect("getsockname");
        SocketAddrNetlink::try_from(address)
            .expect("a netlink address")
            .pid()
    }

    /// Sets the size of the receive queue in bytes, as SO_RCVBUF counts.
    pub fn set_receive_buffer(&self, bytes: usize) {
        sockopt::set_socket_recv_buffer_size(&self.fd, bytes).expect("SO_RCVBUF");
    }

    /// Lets only messages pass whose tag is a multiple of `divisor`. Tags must be below 256.
    pub fn filter_tags(&self, divisor: u32) {
        // A duplicate is inherited, unlike the descriptor itself.
        let inherited = rustix::io::dup(&self.fd).expect("dup");
        let number = inherited.as_raw_fd().to_string();
        Process::start(&["attach-filter", &number, &divisor.to_string()]).succeed();
    }

    /// Sets how long a message may be that is sent, as SO_SNDBUF counts.
    pub fn set_send_buffer(&self, bytes: usize) {
        sockopt::set_socket_send_buffer_size(&self.fd, bytes).expect("SO_SNDBUF");
    }

    /// Sends bytes as they are.
    pub fn send(&self, bytes: &[u8]) {
        self.try_send(bytes)
            .unwrap_or_else(|why| panic!("send {} bytes: {why}", bytes.len()));
    }

    /// Sends bytes as they are, or learns why not.
    pub fn try_send(&self, bytes: &[u8]) -> Result<(), Errno> {
        self.try_send_to(bytes, 0)
    }

    /// Sends bytes to the kernel and to these groups, which only root can.
    pub fn try_send_to(&self, bytes: &[u8], groups: u32) -> Result<(), Errno> {
        let kernel = SocketAddrNetlink::new(0, groups);
        let sent = sendto(&self.fd, bytes, SendFlags::empty(), &kernel)?;
        assert_eq!(sent, bytes.len(), "datagrams are sent whole");
        Ok(())
    }

    /// Sends a control request and returns what answers it; what comes in between is returned as
    /// well.
    pub fn request(&self, request: Request<'_>) -> Result<Vec<Event>, Refused> {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        let mut buf = [0; request::MAX_LEN];
        let len = request.write(&mut buf, seq).expect("request fits");
        self.send(&buf[..len]);
        self.until_ack(seq)
    }

    /// Everything up to the acknowledgement with this sequence number.
    pub fn until_ack(&self, seq: u32) -> Result<Vec<Event>, Refused> {
        let mut events = Vec::new();
        loop {
            for event in self.expect() {
                match event {
                    Event::Ack {
                        seq: s, errno: 0, ..
                    } if s == seq => return Ok(events),
                    Event::Ack {
                        seq: s,
                        errno,
                        sentence,
                        offset,
                    } if s == seq => {
                        return Err(Refused {
                            errno,
                            sentence: sentence.expect("a refusal has a sentence"),
                            offset,
                        });
                    }
                    other => events.push(other),
                }
            }
        }
    }

    /// Becomes a publisher; returns the topic's id.
    pub fn advertise(&self, topic: &str) -> u32 {
        self.try_advertise(topic, 0).expect("advertise")
    }

    /// Becomes a publisher of a typed topic.
    pub fn try_advertise(&self, topic: &str, fingerprint: u64) -> Result<u32, Refused> {
        self.advertise_with(
            topic,
            Terms {
                fingerprint,
                ..Terms::default()
            },
        )
    }

    /// Becomes a publisher that waits for subscribers for so many milliseconds.
    pub fn advertise_patiently(&self, topic: &str, milliseconds: u32) -> u32 {
        let terms = Terms {
            wait: Some(milliseconds),
            ..Terms::default()
        };
        self.advertise_with(topic, terms).expect("advertise")
    }

    /// Becomes a publisher of a topic that retains so many messages.
    pub fn advertise_history(&self, topic: &str, depth: u32) -> Result<u32, Refused> {
        let terms = Terms {
            history: Some(depth),
            ..Terms::default()
        };
        self.advertise_with(topic, terms)
    }

    /// Becomes a publisher that is told how many subscribers there are.
    pub fn advertise_events(&self, topic: &str) -> u32 {
        let terms = Terms {
            flags: ADVERTISE_EVENTS,
            ..Terms::default()
        };
        self.advertise_with(topic, terms).expect("advertise")
    }

    /// Sets the message that is published at the end of this socket.
    pub fn set_last_will(&self, topic: u32, payload: &[u8]) -> Result<Vec<Event>, Refused> {
        self.last_will(topic, 0, payload)
    }

    /// Sends a last will with these flags.
    pub fn last_will(&self, topic: u32, flags: u32, payload: &[u8]) -> Result<Vec<Event>, Refused> {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        let data = DataHeader {
            topic,
            flags,
            ..DataHeader::default()
        };
        self.send(&raw_message(
            message::LAST_WILL,
            header::REQUEST | header::ACK,
            seq,
            &[&data.to_bytes()[..], payload].concat(),
        ));
        self.until_ack(seq)
    }

    /// Lets go of what a topic retains.
    pub fn clear(&self, topic: &str) -> Result<(), Refused> {
        let topic = Name::new(topic.as_bytes()).expect("a topic name");
        self.request(Request::Clear { topic }).map(|_| ())
    }

    /// Becomes a publisher on these terms; returns the topic's id.
    pub fn advertise_with(&self, topic: &str, terms: Terms) -> Result<u32, Refused> {
        let topic = Name::new(topic.as_bytes()).expect("a topic name");
        let events = self.request(Request::Advertise {
            topic,
            fingerprint: terms.fingerprint,
            wait: terms.wait,
            history: terms.history,
            flags: terms.flags,
            mode: terms.mode,
            gid: terms.gid,
        })?;
        let id = events.iter().find_map(|event| match event {
            Event::Advertised { topic } => Some(*topic),
            _ => None,
        });
        Ok(id.expect("advertise is answered"))
    }

    /// Replaces the rules of access by these: prefix, uid, gid, mode.
    pub fn set_policy(&self, rules: &[(&str, u32, u32, u32)]) -> Result<(), Refused> {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        let rules = rules.iter().map(|(prefix, uid, gid, mode)| {
            Rule::new(Name::new(prefix.as_bytes()).ok(), *uid, *gid, *mode)
        });
        let mut buf = vec![0; 1 << 17];
        let len = request::write_policy(&mut buf, seq, rules).expect("it fits");
        self.send(&buf[..len]);
        self.until_ack(seq).map(|_| ())
    }

    /// Subscribes; returns the subscription's id and what came before the acknowledgement.
    pub fn subscribe_with(&self, pattern: &str, flags: u32) -> (u32, Vec<Event>) {
        self.try_subscribe(pattern, flags).expect("subscribe")
    }

    /// Subscribes, or learns why not.
    pub fn try_subscribe(&self, pattern: &str, flags: u32) -> Result<(u32, Vec<Event>), Refused> {
        let pattern = Pattern::new(pattern.as_bytes()).expect("a pattern");
        let mut events = self.request(Request::Subscribe { pattern, flags })?;
        let at = events
            .iter()
            .position(|e| matches!(e, Event::Subscribed { .. }));
        let Event::Subscribed { subscription } = events.remove(at.expect("subscribe is answered"))
        else {
            unreachable!("just found");
        };
        Ok((subscription, events))
    }

    /// Subscribes; returns the subscription's id.
    pub fn subscribe(&self, pattern: &str) -> u32 {
        self.subscribe_with(pattern, 0).0
    }

    /// Publishes without asking for an answer.
    pub fn publish(&self, topic: u32, payload: &[u8]) {
        self.send(&publish_message(topic, 0, header::REQUEST, 0, payload));
    }

    /// Publishes and returns (seq, delivered, dropped).
    pub fn publish_acked(&self, topic: u32, payload: &[u8]) -> Result<(u64, u32, u32), Refused> {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        self.send(&publish_message(
            topic,
            0,
            header::REQUEST | header::ACK,
            seq,
            payload,
        ));
        let events = self.until_ack(seq)?;
        let receipt = events.iter().find_map(|event| match event {
            Event::Published {
                seq,
                delivered,
                dropped,
            } => Some((*seq, *delivered, *dropped)),
            _ => None,
        });
        Ok(receipt.expect("an acknowledged publish is answered"))
    }

    /// What the module says of the bus: (topics, clients, subscriptions).
    pub fn counts(&self) -> (u32, u32, u32) {
        let events = self.request(Request::Info).expect("info");
        let counts = events.iter().find_map(|event| match event {
            Event::Info {
                topics,
                clients,
                subscriptions,
                ..
            } => Some((*topics, *clients, *subscriptions)),
            _ => None,
        });
        counts.expect("info is answered")
    }

    /// The messages of the next datagram, within `timeout`; empty if none came.
    pub fn receive(&self, timeout: Duration) -> Vec<Event> {
        self.try_receive(timeout).expect("receive")
    }

    /// Asks for a dump.
    pub fn start_dump(&self, kind: u16, seq: u32) {
        self.send(&raw_message(kind, header::REQUEST | header::DUMP, seq, &[]));
    }

    /// Hands each record of a dump to `each`.
    pub fn dump(&self, kind: u16, mut each: impl FnMut(Record<'_>)) {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        self.start_dump(kind, seq);
        let mut done = false;
        while !done {
            self.for_each_message(|header, payload| {
                assert_eq!((header.seq, header.flags), (seq, header::MULTI));
                if header.kind == header::TYPE_DONE {
                    assert_eq!(payload, [0; 4], "no error");
                    done = true;
                } else {
                    assert_eq!((header.kind, done), (kind, false));
                    each(Record::parse(header, payload).expect("a record"));
                }
            });
        }
    }

    /// Hands each message of the next datagram, which must come, to `each`.
    pub fn for_each_message(&self, mut each: impl FnMut(Header, &[u8])) {
        let patience = kernel::within(PATIENCE);
        let datagram = self.try_datagram(patience).expect("receive");
        assert!(!datagram.is_empty(), "nothing came within {patience:?}");
        for message in Messages::new(&datagram) {
            let message = message.expect("the kernel sends whole messages");
            each(message.header, message.payload);
        }
    }

    /// Like [`Client::receive`], for scenarios in which receiving fails.
    pub fn try_receive(&self, timeout: Duration) -> Result<Vec<Event>, Errno> {
        Ok(parse(&self.try_datagram(timeout)?))
    }

    /// The next datagram, within `timeout`; empty if none came.
    pub fn try_datagram(&self, timeout: Duration) -> Result<Vec<u8>, Errno> {
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as _,
            tv_nsec: timeout.subsec_nanos() as _,
        };
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        if poll(&mut fds, Some(&timeout))? == 0 {
            return Ok(Vec::new());
        }
        ROOM.with_borrow_mut(|room| {
            let (_, len, from) = recvfrom(&self.fd, &mut room[..], RecvFlags::empty())?;
            let from = SocketAddrNetlink::try_from(from.expect("an address")).expect("netlink");
            assert_eq!(
                from.pid(),
                0,
                "what comes through the bus comes from the kernel"
            );
            Ok(room[..len].to_vec())
        })
    }

    /// The messages of the next datagram, which must come.
    pub fn expect(&self) -> Vec<Event> {
        let patience = kernel::within(PATIENCE);
        let events = self.receive(patience);
        assert!(!events.is_empty(), "nothing came within {patience:?}");
        events
    }

    /// Everything that is queued now.
    pub fn drain(&self) -> Vec<Event> {
        let mut all = Vec::new();
        loop {
            let events = self.receive(Duration::ZERO);
            if events.is_empty() {
                return all;
            }
            all.extend(events);
        }
    }

    /// Registers in the seed protocol, or broadcasts.
    pub fn seed(&self, kind: u8, data: &[u8]) {
        let body = [&[kind], data].concat();
        self.send(&raw_message(seed::TYPE, 0, 0, &body));
    }
}

/// A netlink message as scenarios make it by hand.
pub fn raw_message(kind: u16, flags: u16, seq: u32, body: &[u8]) -> Vec<u8> {
    let header = Header {
        len: (header::LEN + body.len()) as u32,
        kind,
        flags,
        seq,
        port: 0,
    };
    [&header.to_bytes()[..], body].concat()
}

/// A publish message.
pub fn publish_message(topic: u32, tag: u32, flags: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
    let data = DataHeader {
        topic,
        tag,
        ..DataHeader::default()
    };
    raw_message(
        message::PUBLISH,
        flags,
        seq,
        &[&data.to_bytes()[..], payload].concat(),
    )
}
