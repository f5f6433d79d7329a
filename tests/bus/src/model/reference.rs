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

struct Topic {
    id: u32,
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

struct Client {
    port: u32,
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
    pub(super) fn connect(&mut self, index: usize, port: u32, filter: fn(u32) -> bool) {
        let client = Client {
            port,
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
        id: u32,
    ) -> Result<Ideals, Refusal> {
        if self.publishes(index, topic) {
            return Err(Refusal::AlreadyAdvertised);
        }
        let port = self.clients[index].port;
        let entry = self.topics.entry(topic).or_insert(Topic {
            id,
            fingerprint,
            seq: 0,
            publishers: Vec::new(),
        });
        match (entry.fingerprint, fingerprint) {
            (_, 0) => {}
            (0, new) => entry.fingerprint = new,
            (old, new) if old == new => {}
            _ => return Err(Refusal::FingerprintMismatch),
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
        let (id, unused) = (entry.id, entry.publishers.is_empty());
        self.tell(&mut ideals, index, topic, &Ideal::Gone { topic: id, port });
        if unused {
            self.topics.remove(topic);
            for (client, ideals) in self.clients.iter().zip(&mut ideals) {
                if client.subscribes(topic, Form::V1) {
                    ideals.push(Ideal::Removed { topic: id });
                }
            }
        }
        Ok(ideals)
    }

    pub(super) fn subscribe(
        &mut self,
        index: usize,
        pattern: &'static str,
        events: bool,
        form: Form,
        id: u32,
    ) -> Ideals {
        let mut ideals = self.nothing();
        let client = &mut self.clients[index];
        for (name, topic) in &self.topics {
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
        Ok((entry.seq, ideals))
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
