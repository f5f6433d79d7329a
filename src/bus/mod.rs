// SPDX-License-Identifier: GPL-2.0

//! The bus: topics, who publishes and subscribes to them, and the fan-out between them.
//!
//! One [`Bus`] exists per network namespace. It knows neither netlink nor sockets: a subscriber is
//! whatever implements [`port::Port`], a message whatever implements [`port::Parcel`]; so all of
//! it also runs in the host tests.
//!
//! # Locks
//!
//! Always taken in this order, and never two of one kind:
//! 1. [`client::Client::owned`]: one request of a socket at a time. Only requests of that socket
//!    and its release take it.
//! 2. [`Bus::registry`]: control changes, one at a time on a bus.
//! 3. [`topic::Topic::tail`]: numbering and fan-out of one topic.
//! 4. [`account::Accounts::table`]: who has an account. Held to find one, or to forget it.
//!
//! A publish takes 1 and 3, for as long as its fan-out takes. Where a subscriber asked and the
//! publisher agreed to wait, it waits without any of them.
//! All sleep, so allocating under them is allowed.

pub(crate) mod access;
pub(crate) mod account;
mod audience;
pub(crate) mod client;
pub(crate) mod dump;
mod history;
mod index;
pub(crate) mod limits;
mod member;
pub(crate) mod offer;
pub(crate) mod overflow;
pub(crate) mod policy;
pub(crate) mod port;
mod publication;
mod registry;
mod subscription;
mod text;
mod topic;

use crate::bus::access::Right;
use crate::bus::account::Accounts;
use crate::bus::account::Quota;
use crate::bus::account::Resource;
use crate::bus::client::Client;
use crate::bus::index::Place;
use crate::bus::limits::Limits;
use crate::bus::offer::Offer;
use crate::bus::overflow::Overflow;
use crate::bus::policy::Policy;
use crate::bus::port::Credentials as _;
use crate::bus::port::Form;
use crate::bus::port::Parcel;
use crate::bus::port::Port;
use crate::bus::port::Receipt;
use crate::bus::port::Wait;
use crate::bus::publication::Parting;
use crate::bus::publication::Publication;
use crate::bus::publication::Publisher;
use crate::bus::registry::Registry;
use crate::bus::subscription::Subscription;
use crate::bus::text::Text;
use crate::bus::topic::Obstacle;
use crate::bus::topic::Topic;
use crate::sys;
use crate::sys::Arc;
use crate::sys::Counter;
use crate::sys::Mutex;
use crate::sys::NoMemory;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::refusal::Refusal;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;

impl From<NoMemory> for Refusal {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// How much is on a bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Topics, each with a publisher or a retained message.
    pub(crate) topics: usize,
    /// Sockets that publish or subscribe, or did.
    pub(crate) clients: usize,
    /// Subscriptions.
    pub(crate) subscriptions: usize,
}

/// The bus of one network namespace.
pub(crate) struct Bus<P: Port> {
    accounts: Arc<Accounts>,
    /// How many clients there have been.
    clients: Counter,
    registry: Mutex<Registry<P>>,
}

impl<P: Port> Bus<P> {
    /// An empty bus, whose users have these accounts.
    pub(crate) fn new(accounts: Arc<Accounts>) -> Result<Self, NoMemory> {
        Ok(Self {
            accounts,
            clients: Counter::new(),
            registry: sys::mutex!(Registry::new(), "kipc::Bus::registry")?,
        })
    }

    /// How much one may use.
    pub(crate) fn limits(&self) -> &Limits {
        self.accounts.limits()
    }

    /// A client that owns nothing yet.
    pub(crate) fn client(
        &self,
        port_id: u32,
        port: P,
        credentials: P::Credentials,
    ) -> Result<Client<P>, NoMemory> {
        let user = Accounts::user(&self.accounts, credentials.uid(), credentials.sponsor())?;
        Client::new(self.clients.next(), user, port_id, port, credentials)
    }

    /// What is on the bus now.
    pub(crate) fn counts(&self) -> Counts {
        self.registry.lock().counts()
    }

    /// Makes `client` a publisher of a topic, which is created unless it exists. Returns its id.
    pub(crate) fn advertise(
        &self,
        client: &Arc<Client<P>>,
        offer: Offer<'_>,
    ) -> Result<u32, Refusal> {
        let mut owned = client.owned.lock();
        if owned.publications.len() >= limits::ADVERTISEMENTS_PER_SOCKET {
            return Err(Refusal::TooManyAdvertisements);
        }
        if owned.publishes(offer.name) {
            return Err(Refusal::AlreadyAdvertised);
        }
        let name = Text::new(offer.name.as_str())?;
        let quota = Quota::one(&client.user, Resource::Advertisements)?;
        let mut registry = self.registry.lock();
        registry.enrol(client, &mut owned, |registry, owned| {
            let (topic, is_new) = registry.topic(&name, client, offer)?;
            let id = topic.id;
            // From here on, what fails must give an unused topic back.
            let added = owned
                .add(Publication {
                    topic: topic.clone(),
                    fingerprint: offer.fingerprint,
                    patience: offer.patience,
                    _quota: quota,
                })
                .and_then(|()| {
                    let publisher = Publisher {
                        client: client.clone(),
                        fingerprint: offer.fingerprint,
                        events: offer.events,
                        will: None,
                    };
                    let older = |last| registry.client_before(client, last);
                    topic
                        .add_publisher(publisher, offer.history, older)
                        .inspect_err(|_| {
                            owned.remove(id);
                        })
                });
            if let Err(refusal) = added {
                registry.remove_if_unused(&topic);
                return Err(refusal);
            }
            // Not before it is certain that there is a topic.
            if is_new {
                registry.tell_denied(name, &topic);
            }
            Ok(id)
        })
    }

    /// Ends an advertisement.
    pub(crate) fn unadvertise(&self, client: &Client<P>, topic_id: u32) -> Result<(), Refusal> {
        // Held until the topic has let go of the client: it could advertise it again otherwise.
        let mut owned = client.owned.lock();
        let publication = owned.remove(topic_id).ok_or(Refusal::NotAdvertised)?;
        self.withdraw(client, &publication, Parting::Withdrawn);
        Ok(())
    }

    /// Subscribes `client` to all topics that match. Returns the subscription's id.
    pub(crate) fn subscribe(
        &self,
        client: &Arc<Client<P>>,
        pattern: Pattern<'_>,
        flags: u32,
        form: Form,
    ) -> Result<u32, Refusal> {
        let mut owned = client.owned.lock();
        if owned.subscriptions.len() >= limits::SUBSCRIPTIONS_PER_SOCKET {
            return Err(Refusal::TooManySubscriptions);
        }
        let id = owned.next_subscription_id()?;
        let pattern = Text::new(pattern.as_str())?;
        let place = Place::new(&pattern, client.serial, id)?;
        let pattern_quota = match place.is_wild() {
            true => Some(Quota::one(&client.user, Resource::Patterns)?),
            false => None,
        };
        let subscription = sys::arc(Subscription {
            client: client.clone(),
            id,
            pattern,
            place,
            form,
            flags,
            events: flags & SUBSCRIBE_EVENTS != 0,
            history: flags & SUBSCRIBE_HISTORY != 0 && form == Form::V1,
            overflow: Overflow::of(flags),
            _quota: Quota::one(&client.user, Resource::Subscriptions)?,
            _pattern_quota: pattern_quota,
        })?;
        let mut registry = self.registry.lock();
        registry.enrol(client, &mut owned, |registry, owned| {
            owned.subscriptions.try_insert(id, subscription.clone())?;
            registry.add_subscription(&subscription).inspect_err(|_| {
                owned.subscriptions.remove(&id);
            })?;
            Ok(id)
        })
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(
        &self,
        client: &Client<P>,
        subscription_id: u32,
    ) -> Result<(), Refusal> {
        let mut owned = client.owned.lock();
        let subscription = owned
            .subscriptions
            .remove(&subscription_id)
            .ok_or(Refusal::NoSuchSubscription)?;
        self.registry
            .lock()
            .remove_subscription(&subscription, Parting::Withdrawn);
        Ok(())
    }

    /// Numbers a message and queues it on every subscriber of the topic but the sender.
    ///
    /// A batch is refused as a whole. That does not mean that each of its messages would be.
    pub(crate) fn publish(
        &self,
        client: &Client<P>,
        topic_id: u32,
        parcel: &mut impl Parcel<P>,
    ) -> Result<Receipt, Refusal> {
        let mut deadline = None;
        loop {
            // Held until the fan-out is over, so that this client's unadvertise comes after it.
            let owned = client.owned.lock();
            let publication = owned.publication(topic_id).ok_or(Refusal::NotAdvertised)?;
            let topic = &publication.topic;
            let (subscriber, form, left) =
                match topic.publish(client, publication, parcel, &mut deadline) {
                    Ok(receipt) => return Ok(receipt),
                    Err(Obstacle::Refusal(refusal)) => return Err(refusal),
                    Err(Obstacle::FullQueue { client, form, left }) => (client, form, left),
                };
            // Nobody has to wait for somebody who waits: no lock is held meanwhile.
            drop(owned);
            let message = parcel.in_form(form).ok_or(Refusal::NoMemory)?;
            match subscriber.port.wait_for_room(message, left) {
                Wait::Retry => {}
                Wait::Interrupted => return Err(Refusal::Interrupted),
            }
        }
    }

    /// Sets what is published on a topic when `client` is gone; `None`: nothing.
    pub(crate) fn set_last_will(
        &self,
        client: &Client<P>,
        topic_id: u32,
        message: Option<P::Kept>,
    ) -> Result<(), Refusal> {
        let owned = client.owned.lock();
        let publication = owned.publication(topic_id).ok_or(Refusal::NotAdvertised)?;
        publication.topic.set_last_will(client, message)
    }

    /// Lets go of what a topic retains, if whoever asks decides on it.
    pub(crate) fn clear(&self, asker: &P::Credentials, name: Name<'_>) -> Result<(), Refusal> {
        let name = Text::new(name.as_str())?;
        let mut registry = self.registry.lock();
        let topic = registry.existing(&name).ok_or(Refusal::NoSuchTopic)?;
        topic.clear_history(asker)?;
        registry.remove_if_unused(&topic);
        Ok(())
    }

    /// Replaces the rules of access. When this returns, nobody publishes or receives who may not.
    pub(crate) fn set_policy(&self, policy: Policy) -> Result<(), Refusal> {
        self.registry.lock().set_policy(policy)?;
        let mut last = None;
        loop {
            // Its client's lock comes before that of the registry.
            let next = self.registry.lock().next_intruder(last.as_ref());
            let Some((topic, client)) = next else {
                return Ok(());
            };
            self.expel(&topic, &client);
            last = Some((topic, client));
        }
    }

    /// Ends a publisher that the rules do not allow.
    fn expel(&self, topic: &Arc<Topic<P>>, client: &Client<P>) {
        let mut owned = client.owned.lock();
        // It may have gone itself meanwhile, or another policy may have come.
        if owned.publication(topic.id).is_none() || topic.allows(client, Right::Publish) {
            return;
        }
        if let Some(publication) = owned.remove(topic.id) {
            self.withdraw(client, &publication, Parting::Withdrawn);
        }
    }

    /// Id of the topic of this name, if `client` is a publisher of it.
    pub(crate) fn advertised(&self, client: &Client<P>, name: Name<'_>) -> Option<u32> {
        let owned = client.owned.lock();
        let publication = owned.publication_of(name)?;
        Some(publication.topic.id)
    }

    /// Whether `client` has a subscription of this form.
    pub(crate) fn subscribed(&self, client: &Client<P>, form: Form) -> bool {
        let owned = client.owned.lock();
        let found = owned.subscriptions.values().any(|s| s.form == form);
        found
    }

    /// Removes all that `client` owns. Its port is gone: nothing is queued on it afterwards.
    pub(crate) fn disconnect(&self, client: &Client<P>) {
        // Who waits for it must let go before it can leave the audiences.
        client.port.wake();
        client.port.trace_end(client.port_id);
        let mut owned = client.owned.lock();
        // First of all what it would get messages and records by.
        while let Some((&id, _)) = owned.subscriptions.first() {
            if let Some(subscription) = owned.subscriptions.remove(&id) {
                self.registry
                    .lock()
                    .remove_subscription(&subscription, Parting::Closed);
            }
        }
        while let Some((&id, _)) = owned.publications.first() {
            if let Some(publication) = owned.publications.remove(&id) {
                self.withdraw(client, &publication, Parting::Closed);
            }
        }
        self.registry.lock().strike_off(client, &mut owned);
    }

    fn withdraw(&self, client: &Client<P>, publication: &Publication<P>, parting: Parting) {
        let mut registry = self.registry.lock();
        publication.topic.remove_publisher(client, parting);
        registry.remove_if_unused(&publication.topic);
    }
}
