// SPDX-License-Identifier: GPL-2.0

//! The reference: a bus with one thread, no queues and no cleverness. It says what an operation
//! must result in, and what every client would get if its queue had no end.

use super::item::Draft;
use super::item::Form;
use super::item::Item;
use super::item::Items;
use super::item::Member;
use super::item::Message;
use super::item::Reasons;
use super::state::Decider;
use super::state::History;
use super::state::Publication;
use super::state::Reference;
use super::state::Subscription;
use super::state::Topic;
use super::user::Access;
use super::user::Rule;
use super::user::matches;
use super::user::ruled;
use crate::client::Terms;
use crate::wire::message::ADVERTISE_EVENTS;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::refusal::Refusal;
use std::collections::VecDeque;
use std::rc::Rc;

impl Reference {
    /// `id` is asked for that of the topic if it is new.
    pub fn advertise(
        &mut self,
        client: usize,
        name: &'static str,
        terms: Terms,
        id: impl FnOnce() -> u32,
    ) -> Result<Items, Reasons> {
        let user = self.clients[client].user;
        let usual = if name == "default" { 0o666 } else { 0o600 };
        let mut creators = Access {
            uid: user.uid,
            gid: terms.gid.unwrap_or(user.gid),
            mode: terms.mode.unwrap_or(usual),
        };
        let mut access = ruled(&self.rules, name).unwrap_or(creators);
        let mut reasons = Vec::new();
        if self.clients[client].publications.contains_key(name) {
            reasons.push(Refusal::AlreadyAdvertised);
        }
        if let Some(topic) = self.topics.get(name) {
            (creators, access) = (topic.creators, topic.access);
            if terms.mode.is_some_and(|mode| mode != creators.mode)
                || terms.gid.is_some_and(|gid| gid != creators.gid)
            {
                reasons.push(Refusal::AccessDiffers);
            }
            let fingerprints = [topic.fingerprint, terms.fingerprint];
            if !fingerprints.contains(&0) && fingerprints[0] != fingerprints[1] {
                reasons.push(Refusal::FingerprintMismatch);
            }
            if terms.history.is_some_and(|depth| depth != topic.depth()) && !topic.may_decide(user)
            {
                reasons.push(Refusal::HistoryOfOther);
            }
        } else {
            let may = |gid| user.is_in_group(gid) || user.is_admin();
            if terms.gid.is_some_and(|gid| !may(gid)) {
                reasons.push(Refusal::NotInGroup);
            }
            let owned = self.topics.values().filter(|t| t.creators.uid == user.uid);
            if owned.count() >= at_most(self.limits.topics) {
                reasons.push(Refusal::TooManyTopicsOfUser);
            }
        }
        if !access.allows_publish(user) {
            reasons.push(Refusal::PublishDenied);
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let mut items = Vec::new();
        if !self.topics.contains_key(name) {
            items.extend(self.deny(name, access));
            let topic = Topic {
                id: id(),
                fingerprint: 0,
                creators,
                access,
                seq: 0,
                offered: 0,
                publishers: Vec::new(),
                history: None,
                decider: Decider::Nobody,
            };
            // A rule may have made another user the owner, but the creator decides until that does.
            self.topics.insert(name, topic);
        }
        let topic = self.topics.get_mut(name).expect("it exists");
        if topic.fingerprint == 0 {
            topic.fingerprint = terms.fingerprint;
        }
        if topic.may_decide(user) {
            topic.decider = match terms.history {
                Some(_) => topic.decider(user),
                None => topic.decider,
            };
            match (&mut topic.history, terms.history) {
                (_, None) => {}
                (history, Some(0)) => *history = None,
                (Some(history), Some(depth)) => {
                    history.depth = depth;
                    history.trim();
                }
                (history, Some(depth)) => {
                    *history = Some(History {
                        depth,
                        messages: VecDeque::new(),
                    });
                }
            }
        }
        topic.publishers.push(client);
        let joined = Item::Joined {
            topic: topic.id,
            port: self.clients[client].port,
        };
        items.extend(self.tell(client, name, joined));
        let publication = Publication {
            wait: terms.wait,
            events: terms.flags & ADVERTISE_EVENTS != 0,
            fingerprint: terms.fingerprint,
            will: None,
        };
        self.clients[client].publications.insert(name, publication);
        self.clients[client].counted = true;
        Ok(items)
    }

    /// Those who named a topic that appears, and may not subscribe to it, learn so.
    fn deny(&self, name: &'static str, access: Access) -> Items {
        let mut items = Vec::new();
        for (index, client) in self.clients.iter().enumerate() {
            let named = |s: &&Subscription| s.form == Form::V1 && s.pattern == name;
            let count = client.subscriptions.iter().filter(named).count();
            if !access.allows_subscribe(client.user) {
                items.extend(vec![(index, Item::Denied { name }); count]);
            }
        }
        items
    }

    pub fn unadvertise(&mut self, client: usize, name: &str) -> Result<Items, Reasons> {
        let gone = self.clients[client].publications.remove(name);
        gone.ok_or_else(|| vec![Refusal::NotAdvertised])?;
        let topic = self.topics.get_mut(name).expect("it has a publisher");
        topic.publishers.retain(|publisher| *publisher != client);
        let gone = Item::Gone {
            topic: topic.id,
            port: self.clients[client].port,
        };
        let mut items = self.tell(client, name, gone);
        items.extend(self.remove_if_unused(name));
        Ok(items)
    }

    fn remove_if_unused(&mut self, name: &str) -> Items {
        let topic = &self.topics[name];
        let retains = topic
            .history
            .as_ref()
            .is_some_and(|h| !h.messages.is_empty());
        if retains || !topic.publishers.is_empty() {
            return Vec::new();
        }
        let removed = Item::Removed { topic: topic.id };
        let members = self.members(name).into_iter();
        let v1 = members.filter(|member| member.form == Form::V1);
        let items = v1.map(|m| (m.client, removed.clone())).collect();
        self.topics.remove(name);
        items
    }

    /// `id` is asked for that of the subscription.
    pub fn subscribe(
        &mut self,
        client: usize,
        pattern: &'static str,
        flags: u32,
        form: Form,
        id: impl FnOnce() -> u32,
    ) -> Result<Items, Reasons> {
        let user = self.clients[client].user;
        let subscription = Subscription {
            id: 0,
            pattern,
            flags,
            form,
        };
        let mut reasons = Vec::new();
        let named = self.topics.get(pattern);
        if named.is_some_and(|topic| !topic.access.allows_subscribe(user)) {
            reasons.push(Refusal::SubscribeDenied);
        }
        let of_user = self.clients.iter().filter(|c| c.user.uid == user.uid);
        let of_user = of_user.flat_map(|client| &client.subscriptions);
        let wild = of_user.clone().filter(|s| s.is_wild()).count();
        if of_user.count() >= at_most(self.limits.subscriptions) {
            reasons.push(Refusal::TooManySubscriptionsOfUser);
        }
        if subscription.is_wild() && wild >= at_most(self.limits.patterns) {
            reasons.push(Refusal::TooManyPatternsOfUser);
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let names: Vec<&'static str> = self.topics.keys().copied().collect();
        let before: Vec<_> = names.iter().map(|name| self.member(client, name)).collect();
        let subscription = Subscription {
            id: id(),
            ..subscription
        };
        self.clients[client].subscriptions.push(subscription);
        self.clients[client].counted = true;
        let mut items = Vec::new();
        for (name, before) in names.into_iter().zip(before) {
            let Some(now) = self.member(client, name) else {
                continue;
            };
            if before.is_none() && flags & SUBSCRIBE_HISTORY != 0 {
                items.extend(self.replay(now, name, false));
            }
            if now.events && !before.is_some_and(|before| before.events) {
                items.extend(self.present(client, name));
            }
        }
        Ok(items)
    }

    pub fn unsubscribe(&mut self, client: usize, id: u32) -> Result<Items, Reasons> {
        let subscriptions = &self.clients[client].subscriptions;
        let index = subscriptions.iter().position(|s| s.id == id);
        let index = index.ok_or_else(|| vec![Refusal::NoSuchSubscription])?;
        let names: Vec<&'static str> = self.topics.keys().copied().collect();
        let before: Vec<_> = names.iter().map(|name| self.member(client, name)).collect();
        self.clients[client].subscriptions.remove(index);
        let mut items = Vec::new();
        for (name, before) in names.into_iter().zip(before) {
            if before.is_some() && self.member(client, name).is_none() {
                let topic = self.topics[name].id;
                items.push((client, Item::Left { topic }));
            }
        }
        Ok(items)
    }

    /// Messages that are published one after the other, as one.
    pub fn publish(&mut self, client: usize, name: &str, drafts: &[Draft]) -> Items {
        let fingerprint = self.clients[client].publications[name].fingerprint;
        self.batches += 1;
        let members = self.members(name);
        let topic = self.topics.get_mut(name).expect("it has a publisher");
        let mut items = Vec::new();
        let mut messages = Vec::new();
        for draft in drafts {
            topic.seq += 1;
            messages.push(Rc::new(Message {
                from: self.clients[client].serial,
                topic: topic.id,
                seq: topic.seq,
                port: self.clients[client].port,
                tag: draft.tag,
                fingerprint,
                payload: draft.payload.clone(),
            }));
        }
        for member in members.iter().filter(|member| member.client != client) {
            let receiver = &self.clients[member.client];
            let whole = receiver.gets_batches(member.form);
            let passing: Vec<_> = messages.iter().filter(|m| receiver.passes(m.tag)).collect();
            topic.offered += u64::from(!passing.is_empty());
            items.extend(passing.into_iter().map(|message| {
                let item = Item::Message {
                    message: message.clone(),
                    form: member.form,
                    overflow: member.overflow,
                    batch: match whole {
                        true => (self.batches, messages.len()),
                        false => (0, 1),
                    },
                    optional: false,
                };
                (member.client, item)
            }));
        }
        if let Some(history) = &mut topic.history {
            history.messages.extend(messages);
            history.trim();
        }
        items
    }

    pub fn set_last_will(
        &mut self,
        client: usize,
        name: &str,
        will: Option<Draft>,
    ) -> Result<(), Reasons> {
        let publication = self.clients[client].publications.get_mut(name);
        publication
            .ok_or_else(|| vec![Refusal::NotAdvertised])?
            .will = will;
        Ok(())
    }

    pub fn clear(&mut self, client: usize, name: &str) -> Result<Items, Reasons> {
        let user = self.clients[client].user;
        let topic = self.topics.get_mut(name);
        let topic = topic.ok_or_else(|| vec![Refusal::NoSuchTopic])?;
        if !topic.may_decide(user) {
            return Err(vec![Refusal::HistoryOfOther]);
        }
        if let Some(history) = &mut topic.history {
            history.messages.clear();
        }
        Ok(self.remove_if_unused(name))
    }

    pub fn set_policy(&mut self, client: usize, rules: &[Rule]) -> Result<Items, Reasons> {
        if !self.clients[client].user.is_admin() {
            return Err(vec![Refusal::NotAdmin]);
        }
        self.rules = rules.to_vec();
        let mut items = Vec::new();
        for name in self.topics.keys().copied().collect::<Vec<_>>() {
            let topic = &self.topics[name];
            let (id, before) = (topic.id, self.members(name));
            let access = ruled(rules, name).unwrap_or(topic.creators);
            self.topics.get_mut(name).expect("it exists").access = access;
            let after = self.members(name);
            let v1 = |member: &&Member| member.form == Form::V1;
            let among = |all: &[Member], one: &Member| {
                all.iter()
                    .any(|m| (m.client, m.form) == (one.client, one.form))
            };
            for member in before.iter().filter(v1).filter(|m| !among(&after, m)) {
                items.push((member.client, Item::Removed { topic: id }));
            }
            for member in after.iter().filter(v1).filter(|m| !among(&before, m)) {
                let subscriptions = self.clients[member.client].subscriptions.iter();
                let flags = subscriptions
                    .filter(|s| s.form == Form::V1 && matches(s.pattern, name))
                    .map(|s| s.flags & SUBSCRIBE_HISTORY != 0);
                let wanted: Vec<bool> = flags.collect();
                if wanted.contains(&true) {
                    items.extend(self.replay(*member, name, wanted.contains(&false)));
                }
                if member.events {
                    items.extend(self.present(member.client, name));
                }
            }
            for publisher in self.topics[name].publishers.clone() {
                if !access.allows_publish(self.clients[publisher].user) {
                    let gone = self.unadvertise(publisher, name);
                    items.extend(gone.expect("it is a publisher"));
                }
            }
        }
        Ok(items)
    }

    /// The client gets nothing any more, whatever others get because of it.
    pub fn close(&mut self, client: usize) -> Items {
        self.clients[client].subscriptions.clear();
        let mut items = Vec::new();
        for name in self.clients[client]
            .publications
            .keys()
            .copied()
            .collect::<Vec<_>>()
        {
            let publication = self.clients[client].publications.get_mut(name);
            if let Some(will) = publication.expect("it is one").will.take() {
                items.extend(self.publish(client, name, &[will]));
            }
            items.extend(self.unadvertise(client, name).expect("it is a publisher"));
        }
        self.clients[client].counted = false;
        items
    }
}

fn at_most(limit: Option<u32>) -> usize {
    limit.map_or(usize::MAX, |limit| limit as usize)
}
