// SPDX-License-Identifier: GPL-2.0

//! Runs the bus next to the reference and compares, step by step.

use super::bus;
use super::bus::Queue;
use super::item::Items;
use super::item::Reasons;
use super::operation::CLIENTS;
use super::operation::Kind;
use super::operation::Limits;
use super::operation::Operation;
use super::operation::Part;
use super::operation::TOPICS;
use super::operation::Who;
use super::reader::Answer;
use super::reader::Due;
use super::reader::Fate;
use super::reader::Names;
use super::reader::Reader;
use super::state;
use super::state::Reference;
use super::user::USERS;
use crate::client::Client;
use crate::client::Event;
use crate::wire::request;
use crate::wire::request::Request;
use std::collections::BTreeMap;
use std::time::Duration;

/// So large that a queue which is read after every step never overflows.
const ROOMY: usize = 8 << 20;

/// An id that no topic and no subscription has.
pub(super) const NONE: u32 = u32::MAX;

/// A socket, and what is due on it.
pub(super) struct Socket {
    pub(super) client: Client,
    pub(super) kind: Kind,
    reader: Reader,
    /// What was read and not compared yet.
    inbox: Vec<Vec<Event>>,
}

/// What was done and compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub operations: u64,
    pub received: u64,
    pub lost: u64,
    pub refused: u64,
    pub comparisons: u64,
}

impl Totals {
    pub fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.received += other.received;
        self.lost += other.lost;
        self.refused += other.refused;
        self.comparisons += other.comparisons;
    }
}

pub struct Checker {
    /// Asks questions only; no client of the bus.
    pub(super) observer: Client,
    pub(super) reference: Reference,
    pub(super) sockets: Vec<Socket>,
    /// The queues as they are now, by port id.
    pub(super) queues: BTreeMap<u32, Queue>,
    /// The last id that each topic had: a stale one, if there is no such topic now.
    pub(super) ids: BTreeMap<&'static str, u32>,
    pub(super) names: Names,
    step: usize,
    /// The last number of a payload, and of a request.
    payload: u64,
    seq: u32,
    pub totals: Totals,
}

impl Checker {
    pub fn new(limits: Limits) -> Self {
        Self {
            observer: Client::open(),
            reference: Reference {
                limits,
                ..Reference::default()
            },
            sockets: Vec::new(),
            queues: BTreeMap::new(),
            ids: BTreeMap::new(),
            names: Names::new(),
            step: 0,
            payload: 0,
            seq: 0,
            totals: Totals::default(),
        }
    }

    pub fn step(&mut self, operation: &Operation) {
        self.step += 1;
        self.totals.operations += 1;
        match *operation {
            Operation::Open { client, kind } => self.open(client, kind),
            Operation::Advertise {
                client,
                topic,
                terms,
            } => self.advertise(client, topic, terms),
            Operation::Unadvertise { who, topic } => self.unadvertise(self.who(who, topic), topic),
            Operation::Subscribe {
                client,
                pattern,
                flags,
            } => self.subscribe(client, pattern, flags),
            Operation::Unsubscribe { client, nth } => self.unsubscribe(client, nth),
            Operation::Send { who, ref parts } => {
                let (from, to) = (parts[0].topic(), self.somewhere(who, parts[0].topic()));
                let parts: Vec<Part> = parts.iter().map(|part| part.moved(from, to)).collect();
                self.send(self.who(who, to), &parts);
            }
            Operation::LastWill {
                who,
                topic,
                tag,
                size,
                cancel,
            } => self.last_will(self.who(who, topic), topic, tag, size, cancel),
            Operation::Clear { client, topic } => self.clear(client, topic),
            Operation::Policy { client, ref rules } => self.set_policy(client, rules),
            Operation::Seed { client, kind, size } => self.seed(client, kind, size),
            Operation::Receive { client, datagrams } => self.receive(client, datagrams),
            Operation::Dump => {
                self.totals.comparisons += bus::compare(&self.observer, &self.reference);
            }
        }
        self.compare();
    }

    fn who(&self, who: Who, topic: &str) -> usize {
        let (Who::Client(nth) | Who::Publisher(nth)) = who;
        let topic = self.reference.topics.get(topic);
        let publishers = topic.map_or(&[][..], |topic| &topic.publishers);
        match who {
            Who::Publisher(_) if !publishers.is_empty() => publishers[nth % publishers.len()],
            _ => nth,
        }
    }

    /// This topic, or one that has publishers.
    fn somewhere(&self, who: Who, topic: &'static str) -> &'static str {
        let Who::Publisher(nth) = who else {
            return topic;
        };
        let topics = self.reference.topics.iter();
        let alive: Vec<_> = topics.filter(|t| !t.1.publishers.is_empty()).collect();
        match alive.iter().any(|(name, _)| **name == topic) || alive.is_empty() {
            true => topic,
            false => alive[nth % alive.len()].0,
        }
    }

    pub(super) fn id(&self, topic: &str) -> u32 {
        self.ids.get(topic).copied().unwrap_or(NONE)
    }

    pub(super) fn next_seq(&mut self) -> u32 {
        self.seq += 1;
        self.seq
    }

    /// A payload like no other.
    pub(super) fn payload(&mut self, size: usize) -> Vec<u8> {
        self.payload += 1;
        let mut payload = self.payload.to_ne_bytes().to_vec();
        payload.resize(size.max(payload.len()), self.payload as u8);
        payload
    }

    pub(super) fn request(&mut self, client: usize, request: Request<'_>) -> u32 {
        let seq = self.next_seq();
        let mut buf = [0; request::MAX_LEN];
        let len = request.write(&mut buf, seq).expect("request fits");
        self.sockets[client].client.send(&buf[..len]);
        seq
    }

    /// What everybody gets of a step, unless it was a publish.
    pub(super) fn distribute(&mut self, items: Items) {
        for (client, item) in items {
            self.due(client, Due::Item(item, Fate::Open));
        }
    }

    pub(super) fn due(&mut self, client: usize, due: Due) {
        let socket = &mut self.sockets[client];
        let due = match due {
            Due::Item(item, _) if socket.kind.room.is_none() => Due::Item(item, Fate::Received),
            due => due,
        };
        socket.reader.due(self.step, due);
    }

    pub(super) fn refuse(&mut self, client: usize, seq: u32, reasons: Reasons) {
        self.totals.refused += 1;
        self.due(client, Due::Answer(Answer::Refused { seq, reasons }));
    }

    /// What a request must result in.
    pub(super) fn answer(
        &mut self,
        client: usize,
        seq: u32,
        record: Option<Event>,
        result: Result<Items, Reasons>,
    ) {
        match result {
            Ok(items) => {
                self.distribute(items);
                let record = record.map(|record| Due::Answer(Answer::Event(record)));
                record
                    .into_iter()
                    .for_each(|record| self.due(client, record));
                self.due(client, Due::Answer(Answer::Done { seq }));
            }
            Err(reasons) => self.refuse(client, seq, reasons),
        }
    }

    fn open(&mut self, client: usize, kind: Kind) {
        if client < self.sockets.len() {
            let items = self.reference.close(client);
            let closed = self.sockets.remove(client);
            self.tally(&closed.reader);
            drop(closed);
            // The others, whose places have changed meanwhile.
            self.insert(client, kind);
            self.distribute(items);
        } else {
            self.insert(client, kind);
        }
    }

    fn insert(&mut self, client: usize, kind: Kind) {
        let user = &USERS[kind.user];
        let socket = user.open();
        socket.set_receive_buffer(kind.room.unwrap_or(ROOMY));
        if let Some(divisor) = kind.filter {
            socket.filter_tags(divisor);
        }
        let entry = state::Client::new(user, socket.port(), kind.filter.unwrap_or(1));
        if client < self.reference.clients.len() {
            self.reference.clients[client] = entry;
        } else {
            self.reference.clients.push(entry);
        }
        let socket = Socket {
            client: socket,
            kind,
            reader: Reader::new(client, kind.evicts),
            inbox: Vec::new(),
        };
        self.sockets.insert(client, socket);
    }

    fn tally(&mut self, reader: &Reader) {
        self.totals.received += reader.received;
        self.totals.lost += reader.lost;
        self.totals.comparisons += reader.comparisons;
    }

    /// The longest payload that there may be.
    pub(super) fn longest(&self) -> usize {
        let limit = self.reference.limits.message_bytes;
        limit.map_or(1 << 20, |limit| limit as usize)
    }

    /// Reads what is in a queue, to be compared when it is known what is due.
    pub(super) fn fetch(&mut self, client: usize) -> &[Vec<Event>] {
        let socket = &mut self.sockets[client];
        loop {
            let datagram = socket.client.receive(Duration::ZERO);
            if datagram.is_empty() {
                return &socket.inbox;
            }
            socket.inbox.push(datagram);
        }
    }

    fn receive(&mut self, client: usize, datagrams: usize) {
        let socket = &mut self.sockets[client];
        for datagram in socket.inbox.drain(..) {
            socket.reader.read(&datagram, &self.names);
        }
        for _ in 0..datagrams {
            let datagram = socket.client.receive(Duration::ZERO);
            if datagram.is_empty() {
                socket.reader.emptied();
                return self.compare_matched(client);
            }
            socket.reader.read(&datagram, &self.names);
        }
    }

    /// A publisher that wants to know it knows how many subscribers there are.
    fn compare_matched(&mut self, client: usize) {
        let reader = &self.sockets[client].reader;
        for (topic, publication) in &self.reference.clients[client].publications {
            if publication.events {
                let told = reader.matched.get(&self.reference.topics[topic].id);
                let due = self.reference.others(client, topic);
                assert_eq!(
                    told,
                    Some(&due),
                    "subscribers of {topic}, as client {client} knows"
                );
                self.totals.comparisons += 1;
            }
        }
    }

    /// Compares what there is behind every step, and reads the queues that must not overflow.
    fn compare(&mut self) {
        for (name, topic) in &self.reference.topics {
            self.names.insert(topic.id, (name, topic.fingerprint));
        }
        for client in 0..self.sockets.len() {
            let socket = &self.sockets[client];
            if socket.kind.room.is_none() || !socket.inbox.is_empty() {
                self.receive(client, usize::MAX);
            }
        }
        self.queues = bus::queues(&self.observer, &self.reference);
        let full: Vec<usize> = (0..self.sockets.len())
            .filter(|client| {
                let queue = self.queues.get(&self.reference.clients[*client].port);
                // Records have as much again, and none of them is to be lost.
                queue.is_some_and(|queue| queue.bytes > queue.limit)
            })
            .collect();
        for client in &full {
            self.receive(*client, usize::MAX);
        }
        if !full.is_empty() {
            self.queues = bus::queues(&self.observer, &self.reference);
        }
        assert_eq!(
            self.observer.counts(),
            self.reference.counts(),
            "topics, clients, subscriptions"
        );
        self.totals.comparisons += 2;
    }

    /// Ends everything but the sockets: what is owed by then was never paid.
    pub fn end(&mut self) {
        self.step(&Operation::Dump);
        self.step(&Operation::Policy {
            client: 0,
            rules: Vec::new(),
        });
        for client in 0..CLIENTS {
            self.step(&Operation::Receive {
                client,
                datagrams: usize::MAX,
            });
        }
        for topic in TOPICS {
            while self
                .reference
                .topics
                .get(topic)
                .is_some_and(|t| !t.publishers.is_empty())
            {
                let who = Who::Publisher(0);
                self.step(&Operation::Unadvertise { who, topic });
            }
            self.step(&Operation::Clear { client: 0, topic });
        }
        for client in 0..CLIENTS {
            self.receive(client, usize::MAX);
            self.sockets[client].reader.finish();
        }
        self.step(&Operation::Dump);
        for socket in std::mem::take(&mut self.sockets) {
            self.tally(&socket.reader);
        }
        assert_eq!(self.observer.counts(), (0, 0, 0), "what is left");
    }
}
