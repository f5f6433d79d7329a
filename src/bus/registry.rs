// SPDX-License-Identifier: GPL-2.0

//! The registry: which topics and subscriptions there are on a bus, and which belong together.
//!
//! Patterns are resolved here, when a topic or a subscription appears or goes; a publish finds its
//! audience ready in the topic.

use crate::bus::client::Owned;
use crate::bus::index::Index;
use crate::bus::limits;
use crate::bus::port::Port;
use crate::bus::subscription::Parting;
use crate::bus::subscription::Subscription;
use crate::bus::text::Text;
use crate::bus::topic::Topic;
use crate::bus::Counts;
use crate::sys;
use crate::sys::Arc;
use crate::sys::NoMemory;
use crate::wire::refusal::Refusal;

/// All topics and subscriptions of a bus.
pub(super) struct Registry<P: Port> {
    index: Index<P>,
    /// Clients that publish or subscribe, or did.
    clients: usize,
    last_topic_id: u32,
    /// The highest id that any topic had.
    highest_topic_id: u32,
}

impl<P: Port> Registry<P> {
    /// An empty registry.
    pub(super) fn new() -> Self {
        Self {
            index: Index::new(),
            clients: 0,
            last_topic_id: 0,
            highest_topic_id: 0,
        }
    }

    /// How much there is.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            topics: self.index.topic_count(),
            clients: self.clients,
            subscriptions: self.index.subscription_count(),
        }
    }

    /// Counts the owner of `owned` as a client, once.
    pub(super) fn count(&mut self, owned: &mut Owned<P>) {
        if !owned.counted {
            owned.counted = true;
            self.clients = self.clients.saturating_add(1);
        }
    }

    /// A client that was counted is gone.
    pub(super) fn uncount(&mut self) {
        self.clients = self.clients.saturating_sub(1);
    }

    /// The topic of this name, which is created, with its audience, unless it exists.
    pub(super) fn topic(&mut self, name: &Text) -> Result<Arc<Topic<P>>, Refusal> {
        if let Some(topic) = self.index.topic(name) {
            return Ok(topic.clone());
        }
        if self.index.topic_count() >= limits::TOPICS_PER_BUS {
            return Err(Refusal::TooManyTopics);
        }
        let id = self.next_topic_id();
        let topic = sys::arc(Topic::new(id, name.try_clone()?)?)?;
        self.index
            .try_each_subscription(name, |subscription| topic.add_subscription(subscription))?;
        self.index.add_topic(&topic)?;
        self.last_topic_id = id;
        self.highest_topic_id = self.highest_topic_id.max(id);
        Ok(topic)
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

    /// Removes a topic that has no publisher.
    pub(super) fn remove_if_unused(&mut self, topic: &Topic<P>) {
        if topic.retire_if_unused() {
            self.index.remove_topic(topic);
        }
    }

    /// Adds a subscription to all topics that it matches, or to none.
    pub(super) fn add_subscription(
        &mut self,
        subscription: &Arc<Subscription<P>>,
    ) -> Result<(), NoMemory> {
        // All that can fail comes first: once a topic has it, its client has been told of that.
        self.index
            .try_each_topic(subscription, |topic| topic.reserve(subscription))?;
        self.index.add_subscription(subscription)?;
        // Cannot fail: audiences change under the lock of the registry only, which is held.
        self.index
            .try_each_topic(subscription, |topic| topic.add_subscription(subscription))
    }

    /// Removes a subscription from all topics.
    pub(super) fn remove_subscription(
        &mut self,
        subscription: &Arc<Subscription<P>>,
        parting: Parting,
    ) {
        let _: Result<(), NoMemory> = self.index.try_each_topic(subscription, |topic| {
            topic.remove_subscription(subscription, parting);
            Ok(())
        });
        self.index.remove_subscription(subscription);
    }
}
