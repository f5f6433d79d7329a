// SPDX-License-Identifier: GPL-2.0

//! What the reference knows of a bus, and what follows from it.
//!
//! Who receives a topic is not kept anywhere: it follows from the subscriptions and the access
//! that there are.

use super::item::Draft;
use super::item::Form;
use super::item::Item;
use super::item::Items;
use super::item::Member;
use super::item::Message;
use super::item::Overflow;
use super::operation::Limits;
use super::user::Access;
use super::user::Rule;
use super::user::User;
use super::user::matches;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_FAIL;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Who decided on what a topic retains; a later one overrules an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decider {
    Nobody,
    Creator,
    Owner,
}

pub struct History {
    pub depth: u32,
    pub messages: VecDeque<Rc<Message>>,
}

pub struct Topic {
    pub id: u32,
    pub fingerprint: u64,
    /// As its creator wants it, and as it is.
    pub creators: Access,
    pub access: Access,
    pub seq: u64,
    /// Queues that its messages were meant for, a batch counting as one.
    pub offered: u64,
    /// These are clients.
    pub publishers: Vec<usize>,
    pub history: Option<History>,
    pub decider: Decider,
}

impl Topic {
    /// What a user is to the topic where its history is decided on.
    pub fn decider(&self, user: &User) -> Decider {
        match () {
            () if user.uid == self.access.uid || user.is_admin() => Decider::Owner,
            () if user.uid == self.creators.uid => Decider::Creator,
            () => Decider::Nobody,
        }
    }

    pub fn may_decide(&self, user: &User) -> bool {
        let decider = self.decider(user);
        decider != Decider::Nobody && decider >= self.decider
    }

    pub fn depth(&self) -> u32 {
        self.history.as_ref().map_or(0, |history| history.depth)
    }
}

pub struct Publication {
    pub wait: Option<u32>,
    pub events: bool,
    pub fingerprint: u64,
    pub will: Option<Draft>,
}

pub struct Subscription {
    pub id: u32,
    pub pattern: &'static str,
    pub flags: u32,
    pub form: Form,
}

impl Subscription {
    pub fn is_wild(&self) -> bool {
        self.pattern.contains('*')
    }
}

pub struct Client {
    /// No other client has it, though port ids come again.
    pub serial: u64,
    pub user: &'static User,
    pub port: u32,
    /// Only tags that are a multiple of this pass.
    pub divisor: u32,
    /// Whether it counts as a client of the bus: it publishes or subscribes, or did.
    pub counted: bool,
    pub publications: BTreeMap<&'static str, Publication>,
    pub subscriptions: Vec<Subscription>,
}

impl Client {
    pub fn new(user: &'static User, port: u32, divisor: u32) -> Self {
        static SERIALS: AtomicU64 = AtomicU64::new(0);
        Self {
            serial: SERIALS.fetch_add(1, Ordering::Relaxed),
            user,
            port,
            divisor,
            counted: false,
            publications: BTreeMap::new(),
            subscriptions: Vec::new(),
        }
    }

    pub fn passes(&self, tag: u32) -> bool {
        tag.is_multiple_of(self.divisor)
    }

    /// Whether it gets the messages of a batch as one: the filter, or the other protocol, sees each
    /// on its own.
    pub fn gets_batches(&self, form: Form) -> bool {
        form == Form::V1 && self.divisor == 1
    }
}

#[derive(Default)]
pub struct Reference {
    pub limits: Limits,
    pub topics: BTreeMap<&'static str, Topic>,
    pub clients: Vec<Client>,
    pub rules: Vec<Rule>,
    /// How many times something was published.
    pub batches: u64,
}

impl Reference {
    /// Topics, clients, subscriptions.
    pub fn counts(&self) -> (u32, u32, u32) {
        let clients = self.clients.iter().filter(|client| client.counted);
        let subscriptions = self.clients.iter().map(|c| c.subscriptions.len());
        (
            self.topics.len() as u32,
            clients.count() as u32,
            subscriptions.sum::<usize>() as u32,
        )
    }

    /// How a client receives a topic in this form, if access were this.
    fn member_if(&self, access: Access, client: usize, name: &str, form: Form) -> Option<Member> {
        let subscriptions = &self.clients[client].subscriptions;
        let matching = subscriptions
            .iter()
            .filter(|s| s.form == form && matches(s.pattern, name));
        let flags: Vec<u32> = matching.map(|s| s.flags).collect();
        let any = |flag| flags.iter().any(|flags| flags & flag != 0);
        if flags.is_empty() || !access.allows_subscribe(self.clients[client].user) {
            return None;
        }
        Some(Member {
            client,
            form,
            overflow: match () {
                () if any(SUBSCRIBE_FAIL) => Overflow::Fail,
                () if any(SUBSCRIBE_BLOCK) => Overflow::Block,
                () if any(SUBSCRIBE_DROP_OLDEST) => Overflow::DropOldest,
                () => Overflow::DropNewest,
            },
            events: any(SUBSCRIBE_EVENTS),
        })
    }

    fn members_if(&self, access: Access, name: &str) -> Vec<Member> {
        (0..self.clients.len())
            .flat_map(|client| [(client, Form::V1), (client, Form::Seed)])
            .filter_map(|(client, form)| self.member_if(access, client, name, form))
            .collect()
    }

    /// Who receives a topic.
    pub fn members(&self, name: &str) -> Vec<Member> {
        let topic = self.topics.get(name);
        topic.map_or(Vec::new(), |topic| self.members_if(topic.access, name))
    }

    /// How many there are beside this client, as MATCHED counts.
    pub fn others(&self, client: usize, name: &str) -> u64 {
        let members = self.members(name);
        members.iter().filter(|m| m.client != client).count() as u64
    }

    pub fn member(&self, client: usize, name: &str) -> Option<Member> {
        self.member_if(self.topics[name].access, client, name, Form::V1)
    }

    /// What is retained, for somebody who begins to receive the topic.
    pub fn replay(&self, member: Member, name: &str, optional: bool) -> Items {
        let history = self.topics[name].history.as_ref();
        let messages = history.into_iter().flat_map(|history| &history.messages);
        let client = &self.clients[member.client];
        let passing = messages.filter(|m| client.passes(m.tag) && m.from != client.serial);
        let item = |message: &Rc<Message>| Item::Message {
            message: message.clone(),
            form: Form::V1,
            overflow: member.overflow,
            batch: (0, 1),
            optional,
        };
        passing.map(|m| (member.client, item(m))).collect()
    }

    /// All publishers, for somebody who begins to want events.
    pub fn present(&self, client: usize, name: &str) -> Items {
        let topic = &self.topics[name];
        let others = topic.publishers.iter().filter(|other| **other != client);
        let joined = |other: &usize| Item::Joined {
            topic: topic.id,
            port: self.clients[*other].port,
        };
        others.map(|other| (client, joined(other))).collect()
    }

    /// An event about `subject` goes to all others who want events.
    pub fn tell(&self, subject: usize, name: &str, event: Item) -> Items {
        let members = self.members(name).into_iter();
        members
            .filter(|member| member.events && member.client != subject)
            .map(|member| (member.client, event.clone()))
            .collect()
    }
}

impl History {
    pub fn trim(&mut self) {
        while self.messages.len() > self.depth as usize {
            self.messages.pop_front();
        }
    }
}
