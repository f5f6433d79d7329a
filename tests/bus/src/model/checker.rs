// SPDX-License-Identifier: GPL-2.0

//! Runs the bus next to the reference and compares, step by step.
//!
//! What a client gets in a step must be what the reference says, less what its queue refused; and
//! each message that was refused must be in a `Lost` record before anything else of its topic.

use crate::bus::limits::Limits;
use crate::bus::offer::Offer;
use crate::bus::port::Form;
use crate::model::operation::Operation;
use crate::model::operation::CLIENTS;
use crate::model::operation::TOPICS;
use crate::model::reference::Ideal;
use crate::model::reference::Ideals;
use crate::model::reference::Reference;
use crate::model::reference::RETAINED;
use crate::person::Person;
use crate::queue::Item;
use crate::queue::News;
use crate::queue::Note;
use crate::queue::NOTE_BYTES;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::pattern;
use crate::world::Client;
use crate::world::World;
use crate::world::LIMITS;
use crate::world::ROOMY;
use std::collections::BTreeMap;

/// User, room, and which tags are wanted.
type Kind = (u32, usize, fn(u32) -> bool);

/// User, room and filter of each client.
const KINDS: [Kind; CLIENTS] = [
    (1, ROOMY, |_| true),
    (2, ROOMY, |_| true),
    (1, ROOMY, |tag| tag % 2 == 0),
    (2, 1, |_| true),
    (1, 2, |_| true),
    (1, 3, |tag| tag % 3 != 0),
    (2, 6, |_| true),
];

/// What a client was told of a topic.
#[derive(Default)]
struct Told {
    announced: bool,
    /// First and number of the messages that were refused and not reported yet.
    missing: Option<(u64, u64)>,
}

pub(super) struct Checker {
    world: World,
    reference: Reference,
    clients: Vec<Client>,
    told: Vec<BTreeMap<u32, Told>>,
    last_topic: u32,
    /// The last id that each topic had: a stale one, if there is no such topic now.
    ids: BTreeMap<&'static str, u32>,
}

impl Checker {
    pub(super) fn new() -> Self {
        let mut checker = Self {
            world: World::with(Limits {
                retained_bytes_per_user: RETAINED as u32 * NOTE_BYTES as u32,
                ..LIMITS
            }),
            reference: Reference::default(),
            clients: Vec::new(),
            told: Vec::new(),
            last_topic: 0,
            ids: BTreeMap::new(),
        };
        for index in 0..CLIENTS {
            let client = checker.connect(index);
            checker.clients.push(client);
            checker.told.push(BTreeMap::new());
        }
        checker
    }

    /// A new client at this place.
    fn connect(&mut self, index: usize) -> Client {
        let (uid, capacity, filter) = KINDS[index];
        let person = Person::numbered(uid);
        let client = self.world.client_of_with(person, capacity, filter);
        self.reference.connect(index, client.port_id, uid, filter);
        client
    }

    pub(super) fn step(&mut self, operation: &Operation) {
        match *operation {
            Operation::Advertise(index, topic, fingerprint, history) => {
                let offer = Offer {
                    fingerprint,
                    history,
                    // Anybody may do anything, but decide on the history.
                    mode: Some(0o666),
                    ..Offer::new(name(topic))
                };
                let got = self.world.bus.advertise(&self.clients[index], offer);
                let known = self.reference.id(topic);
                let id = known.unwrap_or(got.unwrap_or(0));
                let want = self
                    .reference
                    .advertise(index, topic, fingerprint, history, id);
                if let (None, Ok(id)) = (known, got) {
                    assert!(id > self.last_topic, "{id} was used already");
                    self.last_topic = id;
                    self.ids.insert(topic, id);
                }
                self.compare(got, want.map(|ideals| (id, ideals)));
            }
            Operation::Unadvertise(index, topic) => {
                let id = self.ids.get(topic).copied().unwrap_or(0);
                let got = self.world.bus.unadvertise(&self.clients[index], id);
                let want = self.reference.unadvertise(index, topic);
                self.compare(got, want.map(|ideals| ((), ideals)));
            }
            Operation::Subscribe(index, text, events, history, form) => {
                let flags = if events { SUBSCRIBE_EVENTS } else { 0 }
                    | if history { SUBSCRIBE_HISTORY } else { 0 };
                let client = &self.clients[index];
                let subscribed = self.world.bus.subscribe(client, pattern(text), flags, form);
                let id = subscribed.unwrap();
                let ideals = self
                    .reference
                    .subscribe(index, text, events, history, form, id);
                self.receive(ideals);
            }
            Operation::Unsubscribe(index, n) => {
                let id = self.reference.subscription(index, n).unwrap_or(u32::MAX);
                let got = self.world.bus.unsubscribe(&self.clients[index], id);
                let want = self.reference.unsubscribe(index, id);
                self.compare(got, want.map(|ideals| ((), ideals)));
            }
            Operation::Publish(index, topic, tag) => self.publish(index, topic, tag),
            Operation::Clear(index, topic) => {
                let person = Person::numbered(KINDS[index].0);
                let got = self.world.bus.clear(&person, name(topic));
                let want = self.reference.clear(index, topic);
                self.compare(got, want.map(|ideals| ((), ideals)));
            }
            Operation::Receive(index, count) => {
                self.clients[index].port.receive(count);
            }
            Operation::Disconnect(index) => self.disconnect(index),
        }
        self.compare_state();
    }

    fn publish(&mut self, index: usize, topic: &'static str, tag: u32) {
        let id = self.ids.get(topic).copied().unwrap_or(0);
        let mut note = Note::new(tag);
        let got = self.world.bus.publish(&self.clients[index], id, &mut note);
        match (got, self.reference.publish(index, topic, tag)) {
            (Ok(receipt), Ok((seq, ideals))) => {
                let audience: usize = ideals.iter().map(Vec::len).sum();
                let delivered = self.receive(ideals);
                assert_eq!(receipt.seq, seq);
                assert_eq!(receipt.delivered as usize, delivered);
                assert_eq!(receipt.dropped as usize, audience - delivered);
            }
            (got, want) => self.compare(got.map(|_| ()), want.map(|(_, ideals)| ((), ideals))),
        }
    }

    fn disconnect(&mut self, index: usize) {
        self.world.bus.disconnect(&self.clients[index]);
        let ideals = self.reference.disconnect(index);
        self.receive(ideals);
        self.told[index].clear();
        self.clients[index] = self.connect(index);
    }

    fn compare<T: PartialEq + std::fmt::Debug>(
        &mut self,
        got: Result<T, Refusal>,
        want: Result<(T, Ideals), Refusal>,
    ) {
        match (got, want) {
            (Ok(got), Ok((want, ideals))) => {
                assert_eq!(got, want);
                self.receive(ideals);
            }
            (got, want) => {
                assert_eq!(got.err(), want.err());
                self.receive(vec![Vec::new(); CLIENTS]);
            }
        }
    }

    fn compare_state(&self) {
        assert_eq!(self.world.counts(), self.reference.counts());
        for (index, client) in self.clients.iter().enumerate() {
            for topic in TOPICS {
                let advertised = self.world.bus.advertised(client, name(topic));
                let publishes = self.reference.publishes(index, topic);
                let want = publishes.then(|| self.reference.id(topic).unwrap());
                assert_eq!(advertised, want);
            }
            for form in [Form::V1, Form::Seed] {
                let subscribes = self.reference.subscribes(index, form);
                assert_eq!(self.world.bus.subscribed(client, form), subscribes);
            }
        }
    }

    /// Compares what all clients got in this step; returns the number of messages among it.
    fn receive(&mut self, ideals: Ideals) -> usize {
        let mut messages = 0;
        for (index, ideals) in ideals.into_iter().enumerate() {
            let news = self.clients[index].port.news();
            let told = &mut self.told[index];
            messages += receive(&self.reference, told, news, ideals);
        }
        messages
    }

    /// Ends everything, reading all queues on the way: what is owed by then was never paid.
    pub(super) fn end(mut self) {
        for index in 0..CLIENTS {
            for topic in TOPICS {
                for operation in [
                    Operation::Unadvertise(index, topic),
                    Operation::Clear(index, topic),
                ] {
                    self.clients.iter().for_each(|client| {
                        client.port.drain();
                    });
                    self.step(&operation);
                }
            }
        }
        assert!(self.told.iter().all(BTreeMap::is_empty));
        self.world.end(self.clients);
    }
}

/// The item as the reference would say it; `None` for what it does not speak of.
fn ideal(item: &Item) -> Option<Ideal> {
    Some(match *item {
        Item::Message {
            form,
            topic,
            seq,
            port,
            fingerprint,
            tag,
        } => Ideal::Message {
            form,
            topic,
            seq,
            port,
            fingerprint,
            tag,
        },
        Item::Joined { topic, port } => Ideal::Joined { topic, port },
        Item::Gone { topic, port } => Ideal::Gone { topic, port },
        Item::Removed { topic } => Ideal::Removed { topic },
        Item::Topic { .. } | Item::Lost { .. } | Item::Matched { .. } | Item::Denied { .. } => {
            return None
        }
    })
}

/// Compares what one client got with what it should have got; returns the number of messages.
fn receive(
    reference: &Reference,
    told: &mut BTreeMap<u32, Told>,
    news: News,
    mut ideals: Vec<Ideal>,
) -> usize {
    let mut messages = 0;
    for (at, item) in news.items.iter().enumerate() {
        if let Item::Lost { topic, .. } = item {
            // Of a history: what should have come before the next message of it that did come.
            let rest = &news.items[at + 1..];
            let next = rest.iter().filter_map(ideal).find(|i| is_row(i, *topic));
            lost(told, &news, &mut ideals, *topic, next);
        }
        let known = told.entry(item.topic()).or_default();
        let Some(got) = ideal(item) else {
            match item {
                Item::Topic {
                    topic,
                    name,
                    fingerprint,
                } => {
                    assert!(!known.announced, "told twice: {item:?}");
                    known.announced = true;
                    // A topic that ends in this step is announced, too, if messages were lost.
                    if let Some(right) = reference.topic(*topic) {
                        assert_eq!((&**name, *fingerprint), right);
                    }
                }
                Item::Lost { first, count, .. } => {
                    assert!(known.announced, "of an unknown topic: {item:?}");
                    assert_eq!(known.missing.take(), Some((*first, *count)));
                }
                _ => unreachable!(),
            }
            continue;
        };
        let place = ideals.iter().position(|ideal| *ideal == got);
        let place = place.unwrap_or_else(|| panic!("nobody sent {item:?}; due: {ideals:?}"));
        if is_row(&got, item.topic()) {
            let skipped = ideals[..place].iter().find(|i| is_row(i, item.topic()));
            assert_eq!(skipped, None, "not told before {item:?}");
        }
        ideals.remove(place);
        messages += usize::from(matches!(got, Ideal::Message { .. }));
        if let Item::Message {
            form: Form::Seed, ..
        } = item
        {
            if !known.announced && known.missing.is_none() {
                told.remove(&item.topic());
            }
            continue;
        }
        assert!(known.announced, "of an unknown topic: {item:?}");
        assert_eq!(known.missing, None, "not told before {item:?}");
        if let Item::Removed { topic } = item {
            let gone = |ideal: &Ideal| matches!(ideal, Ideal::Gone { topic: t, .. } if t == topic);
            assert!(news.overrun > 0 || !ideals.iter().any(gone));
            told.remove(topic);
        }
    }
    for ideal in ideals {
        // What is missing of a history is told at once, if there is room.
        let is_gap = matches!(ideal, Ideal::Gap { .. });
        assert!(!is_gap || news.overrun > 0, "there was room for {ideal:?}");
        absent(told, &news, &ideal);
    }
    messages
}

/// Whether this is one of a topic's row of messages, of which each is told, or is told to be lost.
fn is_row(ideal: &Ideal, topic: u32) -> bool {
    match ideal {
        Ideal::Message {
            form: Form::V1,
            topic: of,
            ..
        }
        | Ideal::Gap { topic: of, .. } => *of == topic,
        _ => false,
    }
}

/// Takes out of `ideals`, and notes as missing, what of a topic's row comes before `next`; all of
/// it if there is none.
fn lost(
    told: &mut BTreeMap<u32, Told>,
    news: &News,
    ideals: &mut Vec<Ideal>,
    topic: u32,
    next: Option<Ideal>,
) {
    while let Some(at) = ideals.iter().position(|ideal| is_row(ideal, topic)) {
        if Some(&ideals[at]) == next.as_ref() {
            return;
        }
        let ideal = ideals.remove(at);
        absent(told, news, &ideal);
    }
}

/// Judges the absence of something that should have come.
fn absent(told: &mut BTreeMap<u32, Told>, news: &News, ideal: &Ideal) {
    match *ideal {
        Ideal::Message {
            form, topic, seq, ..
        } => {
            assert!(news.refused > 0, "there was room for {ideal:?}");
            if form == Form::V1 {
                let missing = &mut told.entry(topic).or_default().missing;
                let (_, count) = missing.get_or_insert((seq, 0));
                *count += 1;
            }
        }
        Ideal::Gap {
            topic,
            first,
            count,
        } => {
            let missing = &mut told.entry(topic).or_default().missing;
            missing.get_or_insert((first, 0)).1 += count;
        }
        Ideal::Joined { .. } | Ideal::Gone { .. } => {
            assert!(news.overrun > 0, "there was room for {ideal:?}");
        }
        Ideal::Removed { topic } => {
            let known = told.remove(&topic).unwrap_or_default();
            let knew = known.announced || known.missing.is_some();
            assert!(!knew || news.overrun > 0, "not told: {ideal:?}");
        }
        Ideal::Left { topic } => {
            let known = told.remove(&topic).unwrap_or_default();
            let told = known.missing.is_none() || news.overrun > 0;
            assert!(told, "never told: {:?}", known.missing);
        }
    }
}
