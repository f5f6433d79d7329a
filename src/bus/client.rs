// SPDX-License-Identifier: GPL-2.0

//! A client: one socket that publishes or subscribes, and what it owns.

use crate::bus::account::Quota;
use crate::bus::account::User;
use crate::bus::port::Outcome;
use crate::bus::port::Port;
use crate::bus::port::Room;
use crate::bus::publication::Publication;
use crate::bus::subscription::Subscription;
use crate::sys;
use crate::sys::Arc;
use crate::sys::Map;
use crate::sys::Mutex;
use crate::sys::NoMemory;
use crate::wire::record;
use crate::wire::record::Record;
use crate::wire::refusal::Refusal;
use crate::wire::topic::Name;

/// Which client: its port id, and a number that no other client of the bus has or had, since a socket
/// that is being closed gives its port id free before it leaves the bus.
pub(crate) type ClientKey = (u32, u64);

/// One socket on the bus.
///
/// Topics and subscriptions refer to their clients and clients to what they own; the circle ends
/// with `Bus::disconnect`, which every client's end must call.
pub(crate) struct Client<P: Port> {
    /// Port id of the socket.
    pub(crate) port_id: u32,
    /// Its queue.
    pub(crate) port: P,
    /// Who opened it.
    pub(super) credentials: P::Credentials,
    /// Its number among the clients of the bus, which count from 1.
    pub(super) serial: u64,
    /// Who is charged for what it has.
    pub(super) user: User,
    /// What it owns. Requests of one socket run one at a time: each holds this first.
    pub(super) owned: Mutex<Owned<P>>,
}

/// What a client owns.
pub(super) struct Owned<P: Port> {
    /// By topic id.
    pub(super) publications: Map<u32, Publication<P>>,
    /// By their ids.
    pub(super) subscriptions: Map<u32, Arc<Subscription<P>>>,
    /// Its place among its user's sockets, as soon as the registry counts it.
    pub(super) quota: Option<Quota>,
    last_subscription_id: u32,
}

impl<P: Port> Client<P> {
    /// A client that owns nothing yet.
    pub(super) fn new(
        serial: u64,
        user: User,
        port_id: u32,
        port: P,
        credentials: P::Credentials,
    ) -> Result<Self, NoMemory> {
        let owned = Owned {
            publications: Map::new(),
            subscriptions: Map::new(),
            quota: None,
            last_subscription_id: 0,
        };
        Ok(Self {
            port_id,
            port,
            credentials,
            serial,
            user,
            owned: sys::mutex!(owned, "kipc::Client::owned")?,
        })
    }

    /// Queues a record; false if that was not possible.
    pub(super) fn send(&self, record: &Record<'_>, room: Room) -> bool {
        let mut buf = [0; record::MAX_LEN];
        match record.write(&mut buf, 0, 0).and_then(|len| buf.get(..len)) {
            Some(bytes) => self.port.send(bytes, room) == Outcome::Queued,
            None => false,
        }
    }

    /// Its key.
    pub(super) fn key(&self) -> ClientKey {
        (self.port_id, self.serial)
    }

    /// Whether both are the same client.
    pub(super) fn is(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }
}

impl<P: Port> Owned<P> {
    /// The advertisement of a topic.
    pub(super) fn publication(&self, topic_id: u32) -> Option<&Publication<P>> {
        self.publications.get(&topic_id)
    }

    /// The advertisement of the topic of this name.
    pub(super) fn publication_of(&self, name: Name<'_>) -> Option<&Publication<P>> {
        self.publications
            .values()
            .find(|publication| publication.topic.name.is(name.as_str()))
    }

    /// Whether there is an advertisement of the topic of this name.
    pub(super) fn publishes(&self, name: Name<'_>) -> bool {
        self.publication_of(name).is_some()
    }

    /// Adds an advertisement of a topic that has none here yet.
    pub(super) fn add(&mut self, publication: Publication<P>) -> Result<(), Refusal> {
        let id = publication.topic.id;
        Ok(self.publications.try_insert(id, publication)?)
    }

    /// Takes the advertisement of a topic out.
    pub(super) fn remove(&mut self, topic_id: u32) -> Option<Publication<P>> {
        self.publications.remove(&topic_id)
    }

    /// An id that no subscription of this client has had.
    pub(super) fn next_subscription_id(&mut self) -> Result<u32, Refusal> {
        self.last_subscription_id = self
            .last_subscription_id
            .checked_add(1)
            .ok_or(Refusal::TooManySubscriptions)?;
        Ok(self.last_subscription_id)
    }
}
