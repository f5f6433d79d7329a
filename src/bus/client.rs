// SPDX-License-Identifier: GPL-2.0

//! A client: one socket that publishes or subscribes, and what it owns.

use crate::bus::account::Account;
use crate::bus::port::Outcome;
use crate::bus::port::Port;
use crate::bus::port::Room;
use crate::bus::publication::Publication;
use crate::bus::subscription::Subscription;
use crate::sys;
use crate::sys::Arc;
use crate::sys::Mutex;
use crate::sys::NoMemory;
use crate::sys::Vec;
use crate::wire::record;
use crate::wire::record::Record;
use crate::wire::refusal::Refusal;
use crate::wire::topic::Name;

/// Where a client lies among those of a bus: port id, and the address, since a socket that is
/// being closed gives its port id free before it leaves the bus.
pub(crate) type ClientKey = (u32, usize);

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
    /// What it owns. Requests of one socket run one at a time: each holds this first.
    pub(super) owned: Mutex<Owned<P>>,
}

/// What a client owns.
///
/// # Invariants
///
/// `publications` is sorted by topic id and holds each topic once.
pub(super) struct Owned<P: Port> {
    pub(super) publications: Vec<Publication<P>>,
    pub(super) subscriptions: Vec<Arc<Subscription<P>>>,
    /// Account of its user, as soon as the registry counts this client.
    pub(super) account: Option<Arc<Account>>,
    last_subscription_id: u32,
}

impl<P: Port> Client<P> {
    /// A client that owns nothing yet.
    pub(crate) fn new(
        port_id: u32,
        port: P,
        credentials: P::Credentials,
    ) -> Result<Self, NoMemory> {
        // INVARIANT: An empty vector is sorted.
        let owned = Owned {
            publications: Vec::new(),
            subscriptions: Vec::new(),
            account: None,
            last_subscription_id: 0,
        };
        Ok(Self {
            port_id,
            port,
            credentials,
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

    /// Its key. The client must not move any more.
    pub(super) fn key(&self) -> ClientKey {
        (self.port_id, core::ptr::from_ref(self).addr())
    }

    /// Whether both are the same client.
    pub(super) fn is(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }
}

impl<P: Port> Owned<P> {
    fn index(&self, topic_id: u32) -> Option<usize> {
        self.publications
            .binary_search_by_key(&topic_id, |publication| publication.topic.id)
            .ok()
    }

    /// The advertisement of a topic.
    pub(super) fn publication(&self, topic_id: u32) -> Option<&Publication<P>> {
        self.publications.get(self.index(topic_id)?)
    }

    /// The advertisement of the topic of this name.
    pub(super) fn publication_of(&self, name: Name<'_>) -> Option<&Publication<P>> {
        self.publications
            .iter()
            .find(|publication| publication.topic.name.is(name.as_str()))
    }

    /// Whether there is an advertisement of the topic of this name.
    pub(super) fn publishes(&self, name: Name<'_>) -> bool {
        self.publication_of(name).is_some()
    }

    /// Adds an advertisement of a topic that has none here yet.
    pub(super) fn add(&mut self, publication: Publication<P>) -> Result<(), Refusal> {
        let id = publication.topic.id;
        let index = self
            .publications
            .partition_point(|publication| publication.topic.id < id);
        // INVARIANT: It goes behind all smaller ids.
        self.publications.try_insert(index, publication)?;
        Ok(())
    }

    /// Takes the advertisement of a topic out.
    pub(super) fn remove(&mut self, topic_id: u32) -> Option<Publication<P>> {
        let index = self.index(topic_id)?;
        self.publications.remove(index)
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
