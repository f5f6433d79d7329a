// SPDX-License-Identifier: GPL-2.0

//! Dumps: what is on the bus, told in parts.
//!
//! A dump goes through a map in the order of its keys and remembers where it stopped, not how
//! many it told. So whatever exists from its beginning to its end is told exactly once, whatever
//! else comes and goes between two parts. The registry is locked within a part only.

use crate::bus::client::ClientKey;
use crate::bus::index::Place;
use crate::bus::port::Credentials as _;
use crate::bus::port::Port;
use crate::bus::registry::Registry;
use crate::bus::text::Text;
use crate::bus::Bus;
use crate::sys::Map;
use crate::sys::NoMemory;
use crate::wire::record::ClientInfo;
use crate::wire::record::Record;
use crate::wire::record::SubscriptionInfo;
use crate::wire::request::Rule;
use core::ops::ControlFlow;

/// A dump that is under way, and with what it goes on.
pub(crate) enum Dump {
    /// The topics.
    Topics(Option<Text>),
    /// What happened on the topics.
    Statistics(Option<Text>),
    /// The clients.
    Clients(Option<ClientKey>),
    /// The subscriptions.
    Subscriptions(Option<Place>),
    /// The rules of access.
    Policy(Option<Text>),
    /// All was told.
    Done,
}

/// Takes a record; false if there is no more room in this part.
pub(crate) type Sink<'s> = dyn FnMut(&Record<'_>) -> bool + 's;

impl Dump {
    /// Tells as much as the sink takes. Complete when [`Dump::is_done`].
    pub(super) fn part<P: Port>(
        &mut self,
        registry: &mut Registry<P>,
        sink: &mut Sink<'_>,
    ) -> Result<(), NoMemory> {
        let done = match self {
            Self::Topics(from) => walk(registry.index.topics_mut(), from, |_, topic| {
                topic.describe(|info| sink(&Record::TopicInfo(info)))
            }),
            Self::Statistics(from) => walk(registry.index.topics_mut(), from, |_, topic| {
                topic.count(|statistics| sink(&Record::Statistics(statistics)))
            }),
            Self::Clients(from) => walk(&mut registry.clients, from, |_, client| {
                let process = client.credentials.process();
                let queue = client.port.queue_state();
                sink(&Record::ClientInfo(ClientInfo {
                    port: client.port_id,
                    uid: client.credentials.uid(),
                    pid: process.pid,
                    comm: process.comm(),
                    start_time: process.start_time,
                    queue_bytes: queue.bytes,
                    queue_limit: queue.limit,
                    drops: queue.drops,
                }))
            }),
            Self::Subscriptions(from) => walk(
                registry.index.subscriptions_mut(),
                from,
                |_, subscription| {
                    let Some(pattern) = subscription.pattern.as_pattern() else {
                        return true;
                    };
                    sink(&Record::SubscriptionInfo(SubscriptionInfo {
                        port: subscription.client.port_id,
                        subscription_id: subscription.id,
                        pattern,
                        flags: subscription.flags,
                    }))
                },
            ),
            Self::Policy(from) => walk(registry.policy.rules(), from, |prefix, access| {
                sink(&Record::Rule(Rule::new(
                    prefix.as_name(),
                    access.uid,
                    access.gid,
                    access.mode,
                )))
            }),
            Self::Done => Ok(true),
        }?;
        if done {
            *self = Self::Done;
        }
        Ok(())
    }

    /// Whether all was told.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

/// A key of which a dump can keep a copy.
trait Key: Ord + Sized {
    fn first() -> Self;
    fn try_clone(&self) -> Result<Self, NoMemory>;
}

impl Key for Text {
    fn first() -> Self {
        Text::empty()
    }

    fn try_clone(&self) -> Result<Self, NoMemory> {
        Text::try_clone(self)
    }
}

impl Key for Place {
    fn first() -> Self {
        Place::first()
    }

    fn try_clone(&self) -> Result<Self, NoMemory> {
        Place::try_clone(self)
    }
}

impl Key for ClientKey {
    fn first() -> Self {
        (0, 0)
    }

    fn try_clone(&self) -> Result<Self, NoMemory> {
        Ok(*self)
    }
}

/// Tells the entries from `from` on; true if that was the last of them, otherwise `from` is the
/// one to go on with.
fn walk<K: Key, V>(
    map: &mut Map<K, V>,
    from: &mut Option<K>,
    mut tell: impl FnMut(&K, &V) -> bool,
) -> Result<bool, NoMemory> {
    let start = from.take().unwrap_or_else(K::first);
    let next = map.visit_from(&start, |key, value| {
        if tell(key, value) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(key.try_clone())
        }
    });
    match next {
        Some(next) => {
            *from = Some(next?);
            Ok(false)
        }
        None => Ok(true),
    }
}

impl<P: Port> Bus<P> {
    /// Tells the next part of a dump.
    pub(crate) fn dump(&self, dump: &mut Dump, sink: &mut Sink<'_>) -> Result<(), NoMemory> {
        dump.part(&mut self.registry.lock(), sink)
    }
}
