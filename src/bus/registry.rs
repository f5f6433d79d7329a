// SPDX-License-Identifier: GPL-2.0

//! The registry: which topics and subscriptions there are on a bus, and which belong together.
//!
//! Patterns are resolved here, when a topic or a subscription appears or goes; a publish finds its
//! audience ready in the topic.

use crate::bus::client::Owned;
use crate::bus::limits;
use crate::bus::port::Port;
use crate::bus::subscription::Parting;
use crate::bus::subscription::Subscription;
use crate::bus::text::Text;
use crate::bus::topic::Topic;
use crate::bus::Counts;
use crate::sys;
use crate::sys::Arc;
use crate::sys::Map;
use crate::sys::NoMemory;
use crate::wire::refusal::Refusal;

/// All topics and subscriptions of a bus.
pub(super) struct Registry<P: Port> {
    topics: Map<Text, Arc<Topic<P>>>,
    /// By address, which is as good a name as any for something shared that never moves.
    subscriptions: Map<usize, Arc<Subscription<P>>>,
    /// Clients that publish or subscribe, or did.
    clients: usize,
    last_topic_id: u32,
    /// The highest id that any topic had.
    highest_topic_id: u32,
}

fn key<P: Port>(subscription: &Arc<Subscription<P>>) -> usize {
    core::ptr::from_ref::<Subscription<P>>(subscription).addr()
}

impl<P: Port> Registry<P> {
    /// An empty registry.
    pub(super) fn new() -> Self {
        Self {
            topics: Map::new(),
            subscriptions: Map::new(),
            clients: 0,
            last_topic_id: 0,
            highest_topic_id: 0,
        }
    }

    /// How much there is.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            topics: self.topics.len(),
            clients: self.clients,
            subscriptions: self.subscriptions.len(),
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
        if let Some(topic) = self.topics.get(name) {
            return Ok(topic.clone());
        }
        if self.topics.len() >= limits::TOPICS_PER_BUS {
            return Err(Refusal::TooManyTopics);
        }
        let id = self.next_topic_id();
        let topic = sys::arc(Topic::new(id, name.try_clone()?)?)?;
        if let Some(name) = name.as_name() {
            for subscription in self.subscriptions.values() {
                if subscription.matches(name) {
                    topic.add_subscription(subscription)?;
                }
            }
        }
        self.topics.try_insert(name.try_clone()?, topic.clone())?;
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
            let taken = || self.topics.values().any(|topic| topic.id == id);
            // As long as ids only grow, none can be taken.
            if id != 0 && (id > self.highest_topic_id || !taken()) {
                return id;
            }
        }
    }

    /// Removes a topic that has no publisher.
    pub(super) fn remove_if_unused(&mut self, topic: &Topic<P>) {
        if topic.retire_if_unused() {
            self.topics.remove(&topic.name);
        }
    }

    /// Adds a subscription to all topics that it matches, or to none.
    pub(super) fn add_subscription(
        &mut self,
        subscription: &Arc<Subscription<P>>,
    ) -> Result<(), NoMemory> {
        // All that can fail comes first: once a topic has it, its client has been told of that.
        for topic in matching(&self.topics, subscription) {
            topic.reserve(subscription)?;
        }
        self.subscriptions
            .try_insert(key(subscription), subscription.clone())?;
        for topic in matching(&self.topics, subscription) {
            // Cannot fail: audiences change under the lock of the registry only, which is held.
            topic.add_subscription(subscription)?;
        }
        Ok(())
    }

    /// Removes a subscription from all topics.
    pub(super) fn remove_subscription(
        &mut self,
        subscription: &Arc<Subscription<P>>,
        parting: Parting,
    ) {
        for topic in matching(&self.topics, subscription) {
            topic.remove_subscription(subscription, parting);
        }
        self.subscriptions.remove(&key(subscription));
    }
}

/// The topics that a subscription matches.
fn matching<'a, P: Port>(
    topics: &'a Map<Text, Arc<Topic<P>>>,
    subscription: &'a Subscription<P>,
) -> impl Iterator<Item = &'a Arc<Topic<P>>> {
    topics.values().filter(move |topic| {
        topic
            .name
            .as_name()
            .is_some_and(|name| subscription.matches(name))
    })
}
