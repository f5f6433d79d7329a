// SPDX-License-Identifier: GPL-2.0

//! The registry: which topics and subscriptions there are on a bus, and which belong together.
//!
//! Patterns are resolved here, when a topic or a subscription appears or goes; a publish finds its
//! audience ready in the topic.

use crate::bus::access::Access;
use crate::bus::access::Right;
use crate::bus::account::Account;
use crate::bus::client::Client;
use crate::bus::client::ClientKey;
use crate::bus::client::Owned;
use crate::bus::index::Index;
use crate::bus::limits;
use crate::bus::limits::Limits;
use crate::bus::offer::Offer;
use crate::bus::policy::Policy;
use crate::bus::port::Credentials as _;
use crate::bus::port::Port;
use crate::bus::publication::Parting;
use crate::bus::subscription::Subscription;
use crate::bus::text::Text;
use crate::bus::topic::Topic;
use crate::bus::Counts;
use crate::sys;
use crate::sys::Arc;
use crate::sys::Map;
use crate::sys::NoMemory;
use crate::sys::Vec;
use crate::wire::refusal::Refusal;

/// All topics and subscriptions of a bus.
pub(super) struct Registry<P: Port> {
    pub(super) index: Index<P>,
    /// Clients that publish or subscribe, or did.
    pub(super) clients: Map<ClientKey, Arc<Client<P>>>,
    /// Accounts of the users that clients and topics belong to.
    accounts: Map<u32, Arc<Account>>,
    limits: Limits,
    pub(super) policy: Policy,
    last_topic_id: u32,
    /// The highest id that any topic had.
    highest_topic_id: u32,
}

/// A publisher that may no longer be one, and its topic's id.
pub(super) type Intruder<P> = (Arc<Client<P>>, u32);

/// Whether a subscription's client may subscribe with the new access, and could not with the old.
fn joins<P: Port>(subscription: &Subscription<P>, old: Access, new: Access) -> bool {
    let credentials = &subscription.client.credentials;
    new.allows(credentials, Right::Subscribe) && !old.allows(credentials, Right::Subscribe)
}

impl<P: Port> Registry<P> {
    /// An empty registry.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            index: Index::new(),
            clients: Map::new(),
            accounts: Map::new(),
            limits,
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

    /// Carries out a request for which its client must be counted, and have an account; a client
    /// whose first request fails is not.
    pub(super) fn count_if<R>(
        &mut self,
        client: &Arc<Client<P>>,
        owned: &mut Owned<P>,
        request: impl FnOnce(&mut Self, &mut Owned<P>, &Arc<Account>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        if let Some(account) = owned.account.clone() {
            return request(self, owned, &account);
        }
        let account = self.open_account(client.credentials.uid())?;
        let counted = self.clients.try_insert(client.key(), client.clone());
        let result = match counted {
            Ok(()) => request(self, owned, &account),
            Err(no_memory) => Err(no_memory.into()),
        };
        if result.is_ok() {
            owned.account = Some(account);
        } else {
            self.clients.remove(&client.key());
            self.close_account(&account);
        }
        result
    }

    /// A client is gone; if it was counted, it no longer is.
    pub(super) fn uncount(&mut self, client: &Client<P>, owned: &mut Owned<P>) {
        if let Some(account) = owned.account.take() {
            self.clients.remove(&client.key());
            self.close_account(&account);
        }
    }

    /// The account of a user, for one more use.
    fn open_account(&mut self, uid: u32) -> Result<Arc<Account>, NoMemory> {
        let account = match self.accounts.get(&uid) {
            Some(account) => account.clone(),
            None => {
                let account = sys::arc(Account::new(uid))?;
                self.accounts.try_insert(uid, account.clone())?;
                account
            }
        };
        account.uses.try_add(1, u64::MAX);
        Ok(account)
    }

    /// Ends one use of an account, which goes with the last.
    fn close_account(&mut self, account: &Account) {
        account.uses.sub(1);
        if account.uses.get() == 0 {
            self.accounts.remove(&account.uid);
        }
    }

    /// The topic of this name, if it exists.
    pub(super) fn existing(&self, name: &Text) -> Option<Arc<Topic<P>>> {
        self.index.topic(name).cloned()
    }

    /// The topic of this name, which is created for this user, with its audience, unless it exists;
    /// also whether it is new.
    pub(super) fn topic(
        &mut self,
        name: &Text,
        account: &Arc<Account>,
        creator: &P::Credentials,
        offer: Offer<'_>,
    ) -> Result<(Arc<Topic<P>>, bool), Refusal> {
        if let Some(topic) = self.index.topic(name) {
            let Access { mode, gid, .. } = topic.creators;
            if offer.mode.is_some_and(|m| m != mode) || offer.gid.is_some_and(|g| g != gid) {
                return Err(Refusal::AccessDiffers);
            }
            return Ok((topic.clone(), false));
        }
        if let Some(gid) = offer.gid {
            if !creator.is_in_group(gid) && !creator.is_admin() {
                return Err(Refusal::NotInGroup);
            }
        }
        let creators = Access::of_creator(creator, offer.name, offer.mode, offer.gid);
        let access = self.policy.access(name)?.unwrap_or(creators);
        if !access.allows(creator, Right::Publish) {
            return Err(Refusal::PublishDenied);
        }
        if self.index.topic_count() >= limits::TOPICS_PER_BUS {
            return Err(Refusal::TooManyTopics);
        }
        let id = self.next_topic_id();
        let topic = sys::arc(Topic::new(
            id,
            name.try_clone()?,
            account.clone(),
            creators,
            access,
        )?)?;
        // Nobody has heard of the topic so far, and who is added to its audience is told nothing.
        let mut places = Map::new();
        self.index.try_each_subscription(name, |subscription| {
            topic.add_first_subscription(subscription, &mut places)
        })?;
        if !account
            .topics
            .try_add(1, self.limits.topics_per_user.into())
        {
            return Err(Refusal::TooManyTopicsOfUser);
        }
        if let Err(no_memory) = self.index.add_topic(&topic) {
            account.topics.sub(1);
            return Err(no_memory.into());
        }
        account.uses.try_add(1, u64::MAX);
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
            topic.account.topics.sub(1);
            self.close_account(&topic.account);
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
        self.index
            .try_each_topic(subscription, |topic| topic.reserve(1))?;
        let account = &subscription.account;
        let is_wild = subscription.place.is_wild();
        account.try_subscribe(is_wild, &self.limits)?;
        if let Err(no_memory) = self.index.add_subscription(subscription) {
            account.unsubscribe(is_wild);
            return Err(no_memory.into());
        }
        // Cannot fail: audiences change under the lock of the registry only, which is held.
        self.index
            .try_each_topic(subscription, |topic| topic.add_subscription(subscription))?;
        Ok(())
    }

    /// Replaces the rules of access, or changes nothing. Returns the publishers that must go, with
    /// their topics' ids: they cannot be removed here, where the registry is locked.
    pub(super) fn set_policy(&mut self, policy: Policy) -> Result<Vec<Intruder<P>>, NoMemory> {
        let mut changes = Vec::new();
        let mut intruders = Vec::new();
        for topic in self.index.topics() {
            let access = policy.access(&topic.name)?.unwrap_or(topic.creators);
            let old = topic.access();
            if access == old {
                continue;
            }
            topic.try_each_intruder(access, |client| {
                intruders.try_push((client.clone(), topic.id))
            })?;
            changes.try_push((topic.clone(), old, access))?;
        }
        // Who may subscribe only now.
        let mut welcome = Vec::new();
        for (topic, old, access) in changes.iter() {
            let before = welcome.len();
            self.index
                .try_each_subscription(&topic.name, |subscription| {
                    if joins(subscription, *old, *access) {
                        welcome.try_push((topic.clone(), subscription.clone()))?;
                    }
                    Ok(())
                })?;
            topic.reserve(welcome.len().saturating_sub(before))?;
        }
        // Nothing can fail any more.
        for (topic, _, access) in changes.iter() {
            topic.set_access(*access);
        }
        for (topic, subscription) in welcome.iter() {
            topic.add_subscription(subscription)?;
        }
        self.policy = policy;
        Ok(intruders)
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
        let is_wild = subscription.place.is_wild();
        subscription.account.unsubscribe(is_wild);
    }
}
