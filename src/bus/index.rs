// SPDX-License-Identifier: GPL-2.0

//! The index: finds the subscriptions of a topic, and the topics of a subscription, without
//! looking at all of them.
//!
//! Topics lie in an order in which a path is followed at once by all paths below it. A
//! subscription lies under its prefix: the segments of its pattern before the first wildcard.
//! So a topic's subscriptions lie under its own name and those of the paths above it, and a
//! subscription's topics in the row that begins with its prefix.

use crate::bus::port::Port;
use crate::bus::subscription::Subscription;
use crate::bus::text::Text;
use crate::bus::topic::Topic;
use crate::sys::Arc;
use crate::sys::Map;
use crate::sys::NoMemory;
use core::convert::Infallible;
use core::ops::ControlFlow;

/// Where a subscription lies. All that lie under one prefix lie in a row.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    prefix: Text,
    /// Literal patterns match one topic only; they lie apart, so that topics below need not pass
    /// them.
    wild: bool,
    /// Number of the client on the bus, and the subscription's id among the client's.
    owner: (u64, u32),
}

impl Place {
    /// The place of a subscription with this pattern.
    pub(super) fn new(pattern: &Text, client: u64, id: u32) -> Result<Self, NoMemory> {
        Ok(Self {
            prefix: pattern.literal_prefix()?,
            wild: pattern.has_wildcard(),
            owner: (client, id),
        })
    }

    /// Before all places.
    pub(super) fn first() -> Self {
        Self {
            prefix: Text::empty(),
            wild: false,
            owner: (0, 0),
        }
    }

    /// Whether the pattern has a wildcard.
    pub(super) fn is_wild(&self) -> bool {
        self.wild
    }

    /// Another copy.
    pub(super) fn try_clone(&self) -> Result<Self, NoMemory> {
        Ok(Self {
            prefix: self.prefix.try_clone()?,
            ..*self
        })
    }
}

/// All topics and subscriptions of a bus, in order.
pub(super) struct Index<P: Port> {
    topics: Map<Text, Arc<Topic<P>>>,
    subscriptions: Map<Place, Arc<Subscription<P>>>,
}

impl<P: Port> Index<P> {
    /// An empty index.
    pub(super) fn new() -> Self {
        Self {
            topics: Map::new(),
            subscriptions: Map::new(),
        }
    }

    /// The topic of this name.
    pub(super) fn topic(&self, name: &Text) -> Option<&Arc<Topic<P>>> {
        self.topics.get(name)
    }

    /// All topics.
    pub(super) fn topics(&self) -> impl Iterator<Item = &Arc<Topic<P>>> {
        self.topics.values()
    }

    /// The topic that follows the one of this name, which may be gone; `None`: the first.
    pub(super) fn topic_after(&mut self, name: Option<&Text>) -> Option<Arc<Topic<P>>> {
        let Some(name) = name else {
            return self.topics.first().map(|(_, topic)| topic.clone());
        };
        self.topics.visit_from(name, |found, topic| {
            if found == name {
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(topic.clone())
        })
    }

    /// The topics by name.
    pub(super) fn topics_mut(&mut self) -> &mut Map<Text, Arc<Topic<P>>> {
        &mut self.topics
    }

    /// The subscriptions by place.
    pub(super) fn subscriptions_mut(&mut self) -> &mut Map<Place, Arc<Subscription<P>>> {
        &mut self.subscriptions
    }

    /// Number of topics.
    pub(super) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Number of subscriptions.
    pub(super) fn subscription_count(&self) -> usize {
        self.subscriptions.len()
    }

    /// Adds a topic.
    pub(super) fn add_topic(&mut self, topic: &Arc<Topic<P>>) -> Result<(), NoMemory> {
        self.topics
            .try_insert(topic.name.try_clone()?, topic.clone())
    }

    /// Removes a topic.
    pub(super) fn remove_topic(&mut self, topic: &Topic<P>) {
        self.topics.remove(&topic.name);
    }

    /// Adds a subscription.
    pub(super) fn add_subscription(
        &mut self,
        subscription: &Arc<Subscription<P>>,
    ) -> Result<(), NoMemory> {
        self.subscriptions
            .try_insert(subscription.place.try_clone()?, subscription.clone())
    }

    /// Removes a subscription.
    pub(super) fn remove_subscription(&mut self, subscription: &Subscription<P>) {
        self.subscriptions.remove(&subscription.place);
    }

    /// Hands each subscription that a topic of this name matches to `each`. `prefix` is
    /// [`Text::scratch`]: with it this cannot fail.
    pub(super) fn each_subscription(
        &mut self,
        name: &Text,
        mut prefix: Text,
        mut each: impl FnMut(&Arc<Subscription<P>>),
    ) -> Result<Text, NoMemory> {
        prefix.copy_from(name)?;
        let mut at = Place {
            prefix,
            wild: false,
            // Before every owner: clients count from 1.
            owner: (0, 0),
        };
        loop {
            self.subscriptions.visit_from(&at, |place, subscription| {
                if place.prefix != at.prefix || place.wild != at.wild {
                    return ControlFlow::Break(());
                }
                if subscription.pattern.matches(name) {
                    each(subscription);
                }
                ControlFlow::Continue(())
            });
            if !at.wild {
                at.wild = true;
            } else if !at.prefix.shorten() {
                return Ok(at.prefix);
            }
        }
    }

    /// Hands each subscription without a wildcard that names this topic to `each`.
    pub(super) fn each_that_names(&mut self, name: Text, mut each: impl FnMut(&Subscription<P>)) {
        let at = Place {
            prefix: name,
            wild: false,
            owner: (0, 0),
        };
        self.subscriptions.visit_from(&at, |place, subscription| {
            if place.prefix != at.prefix || place.wild {
                return ControlFlow::Break(());
            }
            each(subscription);
            ControlFlow::Continue(())
        });
    }

    /// Hands each topic that the subscription matches to `each`, until that fails.
    pub(super) fn try_each_topic<E>(
        &mut self,
        subscription: &Subscription<P>,
        mut each: impl FnMut(&Arc<Topic<P>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Place { prefix, wild, .. } = &subscription.place;
        if !wild {
            return self.topics.get(prefix).map_or(Ok(()), each);
        }
        let failed = self.topics.visit_from(prefix, |name, topic| {
            if !name.is_within(prefix) {
                return ControlFlow::Break(None);
            }
            if !subscription.pattern.matches(name) {
                return ControlFlow::Continue(());
            }
            each(topic).map_or_else(|why| ControlFlow::Break(Some(why)), ControlFlow::Continue)
        });
        failed.flatten().map_or(Ok(()), Err)
    }

    /// Hands each topic that the subscription matches to `each`.
    pub(super) fn each_topic(
        &mut self,
        subscription: &Subscription<P>,
        mut each: impl FnMut(&Arc<Topic<P>>),
    ) {
        let _: Result<(), Infallible> = self.try_each_topic(subscription, |topic| {
            each(topic);
            Ok(())
        });
    }
}
