// SPDX-License-Identifier: GPL-2.0

//! The registry: which topics and subscriptions there are on a bus, and which belong together.
//!
//! Patterns are resolved here, when a topic or a subscription appears or goes; a publish finds its
//! audience ready in the topic.
//!
//! A request is refused for what its own user has too much of, or for want of memory. What others
//! have does not refuse it: a subscription of somebody else that cannot be served is that socket's
//! business, which its next receive tells it.

use crate::bus::access::Access;
use crate::bus::access::Right;
use crate::bus::account::Quota;
use crate::bus::account::Resource;
use crate::bus::audience::Cause;
use crate::bus::client::Client;
use crate::bus::client::ClientKey;
use crate::bus::client::Owned;
use crate::bus::index::Index;
use crate::bus::limits;
use crate::bus::offer::Offer;
use crate::bus::policy::Policy;
use crate::bus::port::Credentials as _;
use crate::bus::port::Port;
use crate::bus::port::KERNEL;
use crate::bus::publication::Parting;
use crate::bus::subscription::Subscription;
use crate::bus::text::Text;
use crate::bus::topic::Topic;
use crate::bus::Counts;
use crate::sys;
use crate::sys::Arc;
use crate::sys::Map;
use crate::sys::NoMemory;
use crate::wire::refusal::Refusal;
use core::ops::ControlFlow;

/// All topics and subscriptions of a bus.
pub(super) struct Registry<P: Port> {
    pub(super) index: Index<P>,
    /// Clients that publish or subscribe, or did.
    pub(super) clients: Map<ClientKey, Arc<Client<P>>>,
    pub(super) policy: Policy,
    last_topic_id: u32,
    /// The highest id that any topic had.
    highest_topic_id: u32,
}

/// A publisher that may no longer be one, and its topic.
pub(super) type Intruder<P> = (Arc<Topic<P>>, Arc<Client<P>>);

impl<P: Port> Registry<P> {
    /// An empty registry.
    pub(super) fn new() -> Self {
        Self {
            index: Index::new(),
            clients: Map::new(),
            policy: Policy::new(),
            last_topic_id: 0,
            highest_topic_id: 0,
        }
    }

    /// How much there is.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            topics: self.index.topic_count(),
            clients: self.clients.len(),
            subscriptions: self.index.subscription_count(),
        }
    }

    /// Carries out a request by which a client comes to own something, and counts the client with the
    /// first that succeeds.
    pub(super) fn enrol<R>(
        &mut self,
        client: &Arc<Client<P>>,
        owned: &mut Owned<P>,
        request: impl FnOnce(&mut Self, &mut Owned<P>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        if owned.quota.is_some() {
            return request(self, owned);
        }
        let quota = Quota::one(&client.user, Resource::Sockets)?;
        self.clients.try_insert(client.key(), client.clone())?;
        let result = request(self, owned);
        if result.is_ok() {
            owned.quota = Some(quota);
        } else {
            self.clients.remove(&client.key());
        }
        result
    }

    /// A client is gone; if it was counted, it no longer is.
    pub(super) fn strike_off(&mut self, client: &Client<P>, owned: &mut Owned<P>) {
        if owned.quota.take().is_some() {
            self.clients.remove(&client.key());
        }
    }

    /// The first client after this serial number with the same port id that came earlier, and is about
    /// to leave. Clients of the kernel share one.
    pub(super) fn client_before(
        &mut self,
        client: &Client<P>,
        after: u64,
    ) -> Option<Arc<Client<P>>> {
        let from = (client.port_id, after.saturating_add(1));
        let before = self
            .clients
            .visit_from(&from, |_, found| ControlFlow::Break(found.clone()))?;
        let is_older = before.port_id == client.port_id && before.serial < client.serial;
        (is_older && client.port_id != KERNEL).then_some(before)
    }

    /// The topic of this name, if it exists.
    pub(super) fn existing(&self, name: &Text) -> Option<Arc<Topic<P>>> {
        self.index.topic(name).cloned()
    }

    /// The topic of this name, which is created for this client, with its audience, unless it exists;
    /// also whether it is new.
    pub(super) fn topic(
        &mut self,
        name: &Text,
        client: &Client<P>,
        offer: Offer<'_>,
    ) -> Result<(Arc<Topic<P>>, bool), Refusal> {
        if let Some(topic) = self.index.topic(name) {
            let Access { mode, gid, .. } = topic.creators;
            if offer.mode.is_some_and(|m| m != mode) || offer.gid.is_some_and(|g| g != gid) {
                return Err(Refusal::AccessDiffers);
            }
            return Ok((topic.clone(), false));
        }
        let creator = &client.credentials;
        if let Some(gid) = offer.gid {
            if !creator.is_in_group(gid) && !creator.is_admin() {
                return Err(Refusal::NotInGroup);
            }
        }
        let creators = Access::of_creator(creator, offer.name, offer.mode, offer.gid);
        let mut prefix = Text::scratch()?;
        let access = self.policy.access(name, &mut prefix)?;
        let access = access.unwrap_or(creators);
        if !access.allows(creator, Right::Publish) {
            return Err(Refusal::PublishDenied);
        }
        let kept = if creator.is_admin() {
            0
        } else {
            limits::TOPICS_OF_ADMINISTRATORS
        };
        if self.index.topic_count() >= limits::TOPICS_PER_BUS.saturating_sub(kept) {
            return Err(Refusal::TooManyTopics);
        }
        let quota = Quota::one(&client.user, Resource::Topics)?;
        let id = self.next_topic_id();
        let topic = sys::arc(Topic::new(id, name.try_clone()?, quota, creators, access)?)?;
        self.index.add_topic(&topic)?;
        // Nobody has heard of the topic so far, and who is added to its audience is told nothing.
        let prefix = self
            .index
            .each_subscription(name, prefix, |subscription| topic.invite(subscription))?;
        self.index.each_subscription(name, prefix, |subscription| {
            topic.join(subscription);
        })?;
        self.last_topic_id = id;
        self.highest_topic_id = self.highest_topic_id.max(id);
        Ok((topic, true))
    }

    /// Tells those who named a topic that is new, and may not subscribe to it; `name` is its name.
    pub(super) fn tell_denied(&mut self, name: Text, topic: &Topic<P>) {
        self.index
            .each_that_names(name, |subscription| topic.tell_if_denied(subscription));
    }

    /// An id that no topic has. After four billion topics, ids come again; by then all who knew
    /// the old bearer have been told that it is gone.
    fn next_topic_id(&self) -> u32 {
        let mut id = self.last_topic_id;
        loop {
            id = id.wrapping_add(1);
            let taken = || self.index.topics().any(|topic| topic.id == id);
            // As long as ids only grow, none can be taken.
            if id != 0 && (id > self.highest_topic_id || !taken()) {
                return id;
            }
        }
    }

    /// Removes a topic that has neither publishers nor retained messages.
    pub(super) fn remove_if_unused(&mut self, topic: &Topic<P>) {
        // A publication can outlive its topic: if the port id of a socket that is being closed
        // came again, its publisher was dismissed before it could withdraw. There may be another
        // topic of that name by now.
        let known = self.index.topic(&topic.name);
        let is_there = known.is_some_and(|known| core::ptr::eq(&raw const **known, topic));
        if is_there && topic.retire_if_unused() {
            self.index.remove_topic(topic);
        }
    }

    /// Adds a subscription to all topics that it matches, or to none.
    pub(super) fn add_subscription(
        &mut self,
        subscription: &Arc<Subscription<P>>,
    ) -> Result<(), Refusal> {
        if !subscription.place.is_wild() {
            let topic = self.index.topic(&subscription.pattern);
            if topic.is_some_and(|topic| !topic.allows(&subscription.client, Right::Subscribe)) {
                return Err(Refusal::SubscribeDenied);
            }
        }
        // All that can fail comes first: once a topic has it, its client has been told of that.
        let placed = self
            .index
            .try_each_topic(subscription, |topic| {
                topic.take_place(subscription, subscription.id, Cause::Member)
            })
            .and_then(|()| Ok(self.index.add_subscription(subscription)?));
        if let Err(refusal) = placed {
            self.index
                .each_topic(subscription, |topic| topic.leave_place(subscription));
            return Err(refusal);
        }
        self.index.each_topic(subscription, |topic| {
            topic.add_subscription(subscription);
        });
        Ok(())
    }

    /// Replaces the rules of access, or changes nothing. The publishers that must go are left: see
    /// [`Registry::next_intruder`].
    pub(super) fn set_policy(&mut self, policy: Policy) -> Result<(), NoMemory> {
        let (mut prefix, mut name) = (Text::scratch()?, Text::scratch()?);
        // Nothing can fail any more.
        self.policy = policy;
        let mut last = None::<Arc<Topic<P>>>;
        while let Some(topic) = self.index.topic_after(last.as_ref().map(|t| &t.name)) {
            let rule = self.policy.access(&topic.name, &mut prefix)?;
            let access = rule.unwrap_or(topic.creators);
            let old = topic.access();
            if access != old {
                topic.set_access(access);
                // Who could not subscribe before.
                let comes = |subscription: &Subscription<P>| {
                    !old.allows(&subscription.client.credentials, Right::Subscribe)
                };
                for step in [
                    Topic::invite,
                    Topic::join_for_history,
                    Topic::join_without_history,
                ] {
                    name = self
                        .index
                        .each_subscription(&topic.name, name, |subscription| {
                            if comes(subscription) {
                                step(&topic, subscription);
                            }
                        })?;
                }
            }
            last = Some(topic);
        }
        Ok(())
    }

    /// A publisher that the rules do not allow: the one that follows this one.
    pub(super) fn next_intruder(&mut self, after: Option<&Intruder<P>>) -> Option<Intruder<P>> {
        let mut topic = match after {
            Some((topic, client)) => {
                if let Some(next) = topic.next_intruder(client.serial.saturating_add(1)) {
                    return Some((topic.clone(), next));
                }
                self.index.topic_after(Some(&topic.name))
            }
            None => self.index.topic_after(None),
        };
        while let Some(found) = topic {
            if let Some(client) = found.next_intruder(0) {
                return Some((found, client));
            }
            topic = self.index.topic_after(Some(&found.name));
        }
        None
    }

    /// Removes a subscription from all topics.
    pub(super) fn remove_subscription(
        &mut self,
        subscription: &Arc<Subscription<P>>,
        parting: Parting,
    ) {
        self.index.each_topic(subscription, |topic| {
            topic.remove_subscription(subscription, parting);
        });
        self.index.remove_subscription(subscription);
    }
}
