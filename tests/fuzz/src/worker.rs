// SPDX-License-Identifier: GPL-2.0

//! One process of the fuzzer: some sockets, on which it sends, receives, or which it closes.

use crate::generate;
use crate::generate::Known;
use crate::oracle::Oracle;
use crate::socket::Socket;
use crate::wire::ack::Ack;
use crate::wire::attr::MessageWriter;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::header::Messages;
use crate::wire::message;
use crate::wire::message::attr;
use crate::wire::record::Record;
use fastrand::Rng;
use rustix::io::Errno;
use std::fmt;
use std::str::FromStr;

const SOCKETS: usize = 12;
/// Larger than any datagram of the bus.
const BUFFER: usize = 1 << 20;

/// What happened in all.
#[derive(Default)]
pub struct Totals([u64; 5]);

const NAMES: [&str; 5] = ["sent", "received", "lost", "refused", "sockets"];

impl Totals {
    /// Adds another worker's.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, number) in NAMES.iter().zip(self.0) {
            write!(f, "{name} {number} ")?;
        }
        Ok(())
    }
}

impl FromStr for Totals {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut totals = Self::default();
        let mut words = line.split_whitespace();
        for (name, number) in NAMES.iter().zip(&mut totals.0) {
            if words.next() != Some(name) {
                return Err(line.to_owned());
            }
            let word = words.next().unwrap_or_default();
            *number = word.parse().map_err(|why| format!("{why}: {line}"))?;
        }
        Ok(totals)
    }
}

struct Peer {
    socket: Socket,
    known: Known,
    oracle: Oracle,
}

impl Peer {
    fn open(rng: &mut Rng) -> Self {
        let room = [2048, 8192, 1 << 16, 1 << 18];
        Self {
            socket: Socket::open(room[rng.usize(..room.len())]),
            known: Known::default(),
            oracle: Oracle::default(),
        }
    }

    fn send(&mut self, rng: &mut Rng) -> u64 {
        let datagram = generate::datagram(rng, &self.known);
        // What may end a subscription, or be one that was not meant.
        let kinds = Messages::new(&datagram.bytes).filter_map(Result::ok);
        let mut gaps = datagram.damaged;
        for message in kinds {
            gaps |= matches!(
                message.header.kind,
                message::UNSUBSCRIBE | message::UNADVERTISE
            );
        }
        if gaps {
            self.oracle.expect_gaps();
        }
        match self.socket.send(&datagram.bytes) {
            Ok(()) => datagram.messages,
            // Too large, or empty.
            Err(Errno::MSGSIZE | Errno::NODATA) => 0,
            Err(errno) => panic!("send: {errno}"),
        }
    }

    fn receive(&mut self, buf: &mut [u8], most: u32) {
        for _ in 0..most {
            match self.socket.receive(buf) {
                Ok(bytes) => {
                    let news = self.oracle.check(bytes);
                    self.known.topics.extend(news.topics);
                    self.known.subscriptions.extend(news.subscriptions);
                }
                Err(Errno::AGAIN) => return self.oracle.queue_is_empty(),
                // Answers or events did not fit.
                Err(Errno::NOBUFS) => self.oracle.missed_something(),
                Err(errno) => panic!("receive: {errno}"),
            }
        }
    }
}

/// Sends so many messages.
pub fn run(seed: u64, messages: u64) -> Totals {
    let mut rng = Rng::with_seed(seed);
    let mut buf = vec![0; BUFFER];
    let mut peers: Vec<Peer> = (0..SOCKETS).map(|_| Peer::open(&mut rng)).collect();
    let mut totals = Totals([0, 0, 0, 0, SOCKETS as u64]);
    while totals.0[0] < messages {
        let index = rng.usize(..SOCKETS);
        let peer = &mut peers[index];
        match rng.u8(..) {
            0 => {
                let old = std::mem::replace(peer, Peer::open(&mut rng));
                totals.0[4] += 1;
                totals.count(&old.oracle);
            }
            1..100 => {
                let most = rng.u32(1..64);
                peer.receive(&mut buf, most);
            }
            _ => totals.0[0] += peer.send(&mut rng),
        }
    }
    for peer in &peers {
        totals.count(&peer.oracle);
    }
    totals
}

impl Totals {
    fn count(&mut self, oracle: &Oracle) {
        self.0[1] += oracle.received;
        self.0[2] += oracle.lost;
        self.0[3] += oracle.refused;
    }
}

/// Clears what the topics retain, when all workers are gone; says what is left.
pub fn clear_all() -> String {
    let socket = Socket::open(1 << 18);
    let mut buf = vec![0; BUFFER];
    for topic in topics(&socket, &mut buf) {
        send(&socket, message::CLEAR, header::ACK, |writer| {
            writer.string(attr::TOPIC, &topic)
        });
        let answer = socket.receive(&mut buf).expect("an answer");
        let first = Messages::new(answer).next().expect("a message");
        let first = first.expect("a whole message");
        let ack = Ack::read(first.header, first.payload).expect("an acknowledgement");
        assert_eq!(ack.errno, 0, "clear {topic:?}: {ack:?}");
    }
    send(&socket, message::INFO, header::ACK, |writer| writer);
    let answer = socket.receive(&mut buf).expect("an answer");
    let first = Messages::new(answer).next().expect("a message");
    let first = first.expect("a whole message");
    match Record::parse(first.header, first.payload) {
        Ok(Record::Info(info)) if (info.topics, info.clients, info.subscriptions) == (0, 0, 0) => {
            "nothing".to_owned()
        }
        other => {
            let counts = format!("{other:?}");
            format!("{counts}: {:?}", topics(&Socket::open(1 << 18), &mut buf))
        }
    }
}

/// Names of the topics that there are: damaged messages make topics that nobody thought of.
fn topics(socket: &Socket, buf: &mut [u8]) -> Vec<String> {
    send(socket, message::TOPICS, header::DUMP, |writer| writer);
    let mut names = Vec::new();
    loop {
        let datagram = socket.receive(buf).expect("a part of a dump");
        for message in Messages::new(datagram) {
            let message = message.expect("a whole message");
            if message.header.kind == header::TYPE_DONE {
                return names;
            }
            match Record::parse(message.header, message.payload) {
                Ok(Record::TopicInfo(topic)) => names.push(topic.name.as_str().to_owned()),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn send(
    socket: &Socket,
    kind: u16,
    flags: u16,
    fill: impl for<'b> Fn(MessageWriter<'b>) -> MessageWriter<'b>,
) {
    let mut buf = [0; 512];
    let header = Header {
        kind,
        flags: header::REQUEST | flags,
        ..Header::default()
    };
    let len = fill(MessageWriter::new(&mut buf, header)).finish();
    let len = len.expect("it fits");
    socket.send(&buf[..len]).expect("send");
}
