// SPDX-License-Identifier: GPL-2.0

//! What is on the bus, and who has to hear of it.

use crate::bus::offer::Offer;
use crate::bus::port::Form;
use crate::queue::Item;
use crate::sys;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::pattern;
use crate::world::Client;
use crate::world::World;
use kipc_fuzz_host::reference;
use std::collections::BTreeMap;

/// Few, so that they get in each other's way.
const CLIENTS: usize = 4;

/// A client, and what it asked for.
struct Member {
    client: Client,
    /// Names and ids of its topics.
    topics: Vec<(String, u32)>,
    /// Patterns and ids of its subscriptions.
    subscriptions: Vec<(String, u32)>,
    /// By topic of which it was told that it misses something: the last id of a subscription that
    /// it had then.
    missed: BTreeMap<u32, u32>,
}

impl Member {
    fn new(client: Client) -> Self {
        Self {
            client,
            topics: Vec::new(),
            subscriptions: Vec::new(),
            missed: BTreeMap::new(),
        }
    }

    /// Whether it is to hear of this topic.
    fn wants(&self, topic: &str, id: u32) -> bool {
        let missed = self.missed.get(&id).copied().unwrap_or(0);
        let mut subscriptions = self.subscriptions.iter();
        subscriptions.any(|(pattern, id)| *id > missed && reference::matches(pattern, topic))
    }

    /// This topic has just appeared, and not everybody may have found a place.
    fn meets(&mut self, topic: u32) {
        if self.client.port.news().overrun > 0 {
            let last = self.subscriptions.iter().map(|(_, id)| *id).max();
            self.missed.insert(topic, last.unwrap_or(0));
        }
    }

    /// Tags of the messages of this topic in its queue, which is then empty.
    fn heard(&self, topic: u32) -> Vec<u32> {
        let items = self.client.port.drain();
        let tag = |item: &Item| match item {
            Item::Message { topic: of, tag, .. } => {
                assert_eq!(*of, topic);
                Some(*tag)
            }
            _ => None,
        };
        items.iter().filter_map(tag).collect()
    }
}

/// A bus with clients, and what is known of them.
pub(crate) struct Model {
    world: World,
    members: Vec<Member>,
    /// Who left the bus, until its end.
    gone: Vec<Client>,
    /// Of the last message.
    tag: u32,
}

impl Model {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let members = (0..CLIENTS).map(|_| Member::new(world.client())).collect();
        Self {
            world,
            members,
            gone: Vec::new(),
            tag: 0,
        }
    }

    pub(crate) fn advertise(&mut self, client: usize, topic: &str, failing: Option<usize>) {
        let member = &mut self.members[client % CLIENTS];
        let there = member.topics.iter().any(|(name, _)| name == topic);
        let offer = Offer::new(name(topic));
        let bus = &self.world.bus;
        match attempt(failing, || bus.advertise(&member.client, offer)) {
            Ok(id) => {
                assert!(!there, "{topic} was advertised twice");
                member.topics.push((topic.to_string(), id));
                self.members.iter_mut().for_each(|member| member.meets(id));
            }
            Err(Refusal::AlreadyAdvertised) => assert!(there, "{topic} was not there"),
            Err(refusal) => {
                assert_eq!(refusal, Refusal::NoMemory);
                // Of a topic that did not come to be.
                self.members.iter().for_each(|member| {
                    member.client.port.news();
                });
            }
        }
    }

    pub(crate) fn subscribe(&mut self, client: usize, text: &str, failing: Option<usize>) {
        let member = &mut self.members[client % CLIENTS];
        let bus = &self.world.bus;
        match attempt(failing, || {
            bus.subscribe(&member.client, pattern(text), 0, Form::V1)
        }) {
            Ok(id) => member.subscriptions.push((text.to_string(), id)),
            Err(refusal) => assert_eq!(refusal, Refusal::NoMemory),
        }
    }

    pub(crate) fn unadvertise(&mut self, client: usize, which: usize) {
        let member = &mut self.members[client % CLIENTS];
        if let Some(which) = which.checked_rem(member.topics.len()) {
            let (_, id) = member.topics.remove(which);
            let result = self.world.bus.unadvertise(&member.client, id);
            assert_eq!(result, Ok(()));
        }
    }

    pub(crate) fn unsubscribe(&mut self, client: usize, which: usize) {
        let member = &mut self.members[client % CLIENTS];
        if let Some(which) = which.checked_rem(member.subscriptions.len()) {
            let (_, id) = member.subscriptions.remove(which);
            let result = self.world.bus.unsubscribe(&member.client, id);
            assert_eq!(result, Ok(()));
        }
    }

    /// Ends a client; another takes its place.
    pub(crate) fn disconnect(&mut self, client: usize) {
        let new = Member::new(self.world.client());
        let old = std::mem::replace(&mut self.members[client % CLIENTS], new);
        self.world.bus.disconnect(&old.client);
        self.gone.push(old.client);
    }

    /// Each publisher publishes on each of its topics: once to everybody who wants it.
    pub(crate) fn publish_everything(&mut self) {
        for member in &self.members {
            // What is there of events is of no interest.
            member.client.port.drain();
        }
        for publisher in 0..CLIENTS {
            for (topic, id) in &self.members[publisher].topics {
                self.tag += 1;
                let receipt = self
                    .world
                    .publish(&self.members[publisher].client, *id, self.tag);
                let mut count = 0;
                for (index, member) in self.members.iter().enumerate() {
                    let wants = index != publisher && member.wants(topic, *id);
                    let want = if wants { vec![self.tag] } else { vec![] };
                    assert_eq!(member.heard(*id), want, "{topic} at client {index}");
                    count += u32::from(wants);
                }
                assert_eq!(receipt.delivered, count, "{topic}");
            }
        }
    }

    /// Ends all clients; nothing is left.
    pub(crate) fn end(self) {
        let members = self.members.into_iter().map(|member| member.client);
        self.world.end(members.chain(self.gone).collect());
    }
}

/// Does it with an allocation that fails, if one is to.
fn attempt<R>(failing: Option<usize>, action: impl FnOnce() -> R) -> R {
    match failing {
        Some(n) => sys::failing(n, action).0,
        None => action(),
    }
}
