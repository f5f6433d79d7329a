// SPDX-License-Identifier: GPL-2.0

//! The reference: a bus with one thread, no queues and no cleverness. It says what an operation
//! must result in, and what every client would get if its queue had no end.

use crate::bus::port::Form;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::pattern;
use std::collections::BTreeMap;

/// What a client should get, in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ideal {
    Message {
        form: Form,
        topic: u32,
        seq: u64,
        port: u32,
        fingerprint: u64,
        tag: u32,
    },
    /// So many messages from this one on, which could not be retained.
    Gap {
        topic: u32,
        first: u64,
        count: u64,
    },
    Joined {
        topic: u32,
        port: u32,
    },
    Gone {
        topic: u32,
        port: u32,
    },
    /// The topic is gone; those who were told of it are told of this.
    Removed {
        topic: u32,
    },
    /// The client's last v1 subscription of a topic is gone: it is told no more, whatever is
    /// still owed to it must come now.
    Left {
        topic: u32,
    },
}

/// A retained message.
#[derive(Clone)]
struct Retained {
    seq: u64,
    /// User, and port id: no other client ever has it here.
    uid: u32,
    port: u32,
    fingerprint: u64,
    tag: u32,
}

/// How many messages a user may have retained, over all topics.
pub(super) const RETAINED: usize = 4;

struct Topic {
    id: u32,
    /// User who created it: there are no rules.
    owner: u32,
    /// How many messages it retains.
    depth: u32,
    retained: Vec<Retained>,
    /// What came before was let go on purpose.
    since: u64,
    fingerprint: u64,
    seq: u64,
    /// Port ids.
    publishers: Vec<u32>,
}

struct Subscription {
    id: u32,
    pattern: &'static str,
    events: bool,
    form: Form,
}

impl Topic {
    /// Lets go of what came before this number.
    fn begin(&mut self, since: u64) {
        self.since = self.since.max(since);
        self.retained.retain(|message| message.seq >= self.since);
    }

    /// Keeps to the depth.
    fn trim(&mut self) {
        self.begin((self.seq + 1).saturating_sub(self.depth.into()));
    }

    /// What a late subscriber is told.
    fn past(&self, client: &Client) -> Vec<Ideal> {
        let mut past = Vec::new();
        let mut next = self.since;
        let gap = |first: u64, end: u64| Ideal::Gap {
            topic: self.id,
            first,
            count: end - first,
        };
        for message in &self.retained {
            if message.seq > next {
                past.push(gap(next, message.seq));
            }
            next = message.seq + 1;
            if message.port != client.port && (client.filter)(message.tag) {
                past.push(Ideal::Message {
                    form: Form::V1,
                    topic: self.id,
                    seq: message.seq,
                    port: message.port,
                    fingerprint: message.fingerprint,
                    tag: message.tag,
                });
            }
        }
        if self.depth > 0 && self.seq + 1 > next {
            past.push(gap(next, self.seq + 1));
        }
        past
    }
}

struct Client {
    port: u32,
    uid: u32,
    filter: fn(u32) -> bool,
    counted: bool,
    /// Fingerprints by topic.
    publications: BTreeMap<&'static str, u64>,
    subscriptions: Vec<Subscription>,
}

impl Client {
    fn subscribes(&self, topic: &str, form: Form) -> bool {
        let wanted = |s: &Subscription| s.form == form && matches(s.pattern, topic);
        self.subscriptions.iter().any(wanted)
    }

    fn wants_events(&self, topic: &str) -> bool {
        let wanted = |s: &Subscription| s.form == Form::V1 && s.events && matches(s.pattern, topic);
        self.subscriptions.iter().any(wanted)
    }
}

fn matches(text: &str, topic: &str) -> bool {
    pattern(text).matches(name(topic))
}

/// By client, what each should get.
pub(super) type Ideals = Vec<Vec<Ideal>>;

#[derive(Default)]
pub(super) struct Reference {
    topics: BTreeMap<&'static str, Topic>,
    clients: Vec<Client>,
}

impl Reference {
    /// Puts a new client at `index`, which is the next or that of a client that disconnected.
    pub(super) fn connect(&mut self, index: usize, port: u32, uid: u32, filter: fn(u32) -> bool) {
        let client = Client {
            port,
            uid,
            filter,
            counted: false,
            publications: BTreeMap::new(),
            subscriptions: Vec::new(),
        };
        match self.clients.get_mut(index) {
            Some(place) => *place = client,
            None => self.clients.push(client),
        }
    }

    pub(super) fn counts(&self) -> [usize; 3] {
        let clients = self.clients.iter();
        [
            self.topics.len(),
            clients.clone().filter(|client| client.counted).count(),
            clients.map(|client| client.subscriptions.len()).sum(),
        ]
    }

    pub(super) fn id(&self, topic: &str) -> Option<u32> {
        self.topics.get(topic).map(|topic| topic.id)
    }

    pub(super) fn topic(&self, id: u32) -> Option<(&'static str, u64)> {
        let mut topics = self.topics.iter();
        let (name, topic) = topics.find(|(_, topic)| topic.id == id)?;
        Some((name, topic.fingerprint))
    }

    pub(super) fn publishes(&self, index: usize, topic: &str) -> bool {
        self.clients[index].publications.contains_key(topic)
    }

    pub(super) fn subscribes(&self, index: usize, form: Form) -> bool {
        let mut subscriptions = self.clients[index].subscriptions.iter();
        subscriptions.any(|s| s.form == form)
    }

    /// Id of the n-th subscription.
    pub(super) fn subscription(&self, index: usize, n: usize) -> Option<u32> {
        let subscriptions = &self.clients[index].subscriptions;
        subscriptions.get(n).map(|subscription| subscription.id)
    }

    fn nothing(&self) -> Ideals {
        vec![Vec::new(); self.clients.len()]
    }

    /// An event about `subject` goes to all others who want events.
    fn tell(&self, ideals: &mut Ideals, subject: usize, topic: &str, event: &Ideal) {
        for (index, client) in self.clients.iter().enumerate() {
            if index != subject && client.wants_events(topic) {
                ideals[index].push(event.clone());
            }
        }
    }

    /// `id` is the one that the bus gave the topic, should it be new.
    pub(super) fn advertise(
        &mut self,
        index: usize,
        topic: &'static str,
        fingerprint: u64,
        history: Option<u32>,
        id: u32,
    ) -> Result<Ideals, Refusal> {
        if self.publishes(index, topic) {
            return Err(Refusal::AlreadyAdvertised);
        }
        let Client { port, uid, .. } = self.clients[index];
        let entry = self.topics.entry(topic).or_insert(Topic {
            id,
            owner: uid,
            depth: 0,
            retained: Vec::new(),
            since: 0,
            fingerprint,
            seq: 0,
            publishers: Vec::new(),
        });
        let both_typed = entry.fingerprint != 0 && fingerprint != 0;
        if both_typed && entry.fingerprint != fingerprint {
            return Err(Refusal::FingerprintMismatch);
        }
        if let Some(depth) = history.filter(|depth| *depth != entry.depth) {
            if entry.owner != uid {
                return Err(Refusal::HistoryOfOther);
            }
            if entry.depth == 0 {
                entry.since = entry.seq + 1;
            }
            entry.depth = depth;
            entry.trim();
        }
        if entry.fingerprint == 0 {
            entry.fingerprint = fingerprint;
        }
        entry.publishers.push(port);
        let topic_id = entry.id;
        let client = &mut self.clients[index];
        client.publications.insert(topic, fingerprint);
        client.counted = true;
        let mut ideals = self.nothing();
        let joined = Ideal::Joined {
            topic: topic_id,
            port,
        };
        self.tell(&mut ideals, index, topic, &joined);
        Ok(ideals)
    }

    pub(super) fn unadvertise(&mut self, index: usize, topic: &str) -> Result<Ideals, Refusal> {
        let removed = self.clients[index].publications.remove(topic);
        removed.ok_or(Refusal::NotAdvertised)?;
        let mut ideals = self.nothing();
        let port = self.clients[index].port;
        let entry = self.topics.get_mut(topic).unwrap();
        entry.publishers.retain(|publisher| *publisher != port);
        let id = entry.id;
        self.tell(&mut ideals, index, topic, &Ideal::Gone { topic: id, port });
        self.remove_if_unused(topic, &mut ideals);
        Ok(ideals)
    }

    fn remove_if_unused(&mut self, topic: &str, ideals: &mut Ideals) {
        let entry = &self.topics[topic];
        if !entry.publishers.is_empty() || !entry.retained.is_empty() {
            return;
        }
        let id = entry.id;
        self.topics.remove(topic);
        for (client, ideals) in self.clients.iter().zip(ideals) {
            if client.subscribes(topic, Form::V1) {
                ideals.push(Ideal::Removed { topic: id });
            }
        }
    }

    pub(super) fn clear(&mut self, index: usize, topic: &str) -> Result<Ideals, Refusal> {
        let entry = self.topics.get_mut(topic).ok_or(Refusal::NoSuchTopic)?;
        if entry.owner != self.clients[index].uid {
            return Err(Refusal::HistoryOfOther);
        }
        entry.begin(entry.seq + 1);
        let mut ideals = self.nothing();
        self.remove_if_unused(topic, &mut ideals);
        Ok(ideals)
    }

    /// Retains the topic's last message, if its user has room for it, or for that makes room of its
    /// own at the topic's old end.
    fn retain(&mut self, topic: &str, message: Retained) {
        loop {
            let of_user = |topic: &Topic| {
                let retained = topic.retained.iter();
                retained.filter(|other| other.uid == message.uid).count()
            };
            let count: usize = self.topics.values().map(of_user).sum();
            let entry = self.topics.get_mut(topic).unwrap();
            if count < RETAINED {
                return entry.retained.push(message);
            }
            match entry.retained.first() {
                Some(oldest) if oldest.uid == message.uid => entry.begin(oldest.seq + 1),
                _ => return,
            }
        }
    }

    pub(super) fn subscribe(
        &mut self,
        index: usize,
        pattern: &'static str,
        events: bool,
        history: bool,
        form: Form,
        id: u32,
    ) -> Ideals {
        let mut ideals = self.nothing();
        let client = &mut self.clients[index];
        for (name, topic) in &self.topics {
            let joins = form == Form::V1 && !client.subscribes(name, form);
            if joins && history && matches(pattern, name) {
                ideals[index].extend(topic.past(client));
            }
            let new = events && form == Form::V1 && !client.wants_events(name);
            if new && matches(pattern, name) {
                let others = topic.publishers.iter().filter(|port| **port != client.port);
                ideals[index].extend(others.map(|port| Ideal::Joined {
                    topic: topic.id,
                    port: *port,
                }));
            }
        }
        client.counted = true;
        client.subscriptions.push(Subscription {
            id,
            pattern,
            events,
            form,
        });
        ideals
    }

    pub(super) fn unsubscribe(&mut self, index: usize, id: u32) -> Result<Ideals, Refusal> {
        let mut ideals = self.nothing();
        let client = &mut self.clients[index];
        let before = self.topics.keys();
        let before: Vec<_> = before.filter(|t| client.subscribes(t, Form::V1)).collect();
        let subscription = client.subscriptions.iter().position(|s| s.id == id);
        client
            .subscriptions
            .remove(subscription.ok_or(Refusal::NoSuchSubscription)?);
        for topic in before {
            if !client.subscribes(topic, Form::V1) {
                ideals[index].push(Ideal::Left {
                    topic: self.topics[topic].id,
                });
            }
        }
        Ok(ideals)
    }

    /// Also returns the message's number.
    pub(super) fn publish(
        &mut self,
        index: usize,
        topic: &str,
        tag: u32,
    ) -> Result<(u64, Ideals), Refusal> {
        let sender = &self.clients[index];
        let fingerprint = sender.publications.get(topic);
        let fingerprint = *fingerprint.ok_or(Refusal::NotAdvertised)?;
        let entry = self.topics.get_mut(topic).unwrap();
        entry.seq += 1;
        let mut ideals = vec![Vec::new(); self.clients.len()];
        for (other, client) in self.clients.iter().enumerate() {
            for form in [Form::V1, Form::Seed] {
                if other != index && client.subscribes(topic, form) && (client.filter)(tag) {
                    ideals[other].push(Ideal::Message {
                        form,
                        topic: entry.id,
                        seq: entry.seq,
                        port: sender.port,
                        fingerprint,
                        tag,
                    });
                }
            }
        }
        let seq = entry.seq;
        if entry.depth > 0 {
            entry.trim();
            let message = Retained {
                seq,
                uid: sender.uid,
                port: sender.port,
                fingerprint,
                tag,
            };
            self.retain(topic, message);
        }
        Ok((seq, ideals))
    }

    /// The client gets nothing, whatever others do because of it.
    pub(super) fn disconnect(&mut self, index: usize) -> Ideals {
        self.clients[index].subscriptions.clear();
        let topics: Vec<_> = self.clients[index].publications.keys().copied().collect();
        let mut ideals = self.nothing();
        for topic in topics {
            let told = self.unadvertise(index, topic).unwrap();
            for (all, more) in ideals.iter_mut().zip(told) {
                all.extend(more);
            }
        }
        self.clients[index].counted = false;
        ideals
    }
}
