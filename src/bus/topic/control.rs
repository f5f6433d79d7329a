// SPDX-License-Identifier: GPL-2.0

//! What control requests change of a topic, and what they are told of it.

use super::Tail;
use super::Topic;
use crate::bus::access::Access;
use crate::bus::access::Right;
use crate::bus::client::Client;
use crate::bus::client::ClientKey;
use crate::bus::history::History;
use crate::bus::member::Member;
use crate::bus::port::Form;
use crate::bus::port::Parcel as _;
use crate::bus::port::Port;
use crate::bus::port::Room;
use crate::bus::port::KERNEL;
use crate::bus::publication::LastWill;
use crate::bus::publication::Parting;
use crate::bus::publication::Publisher;
use crate::bus::subscription::Subscription;
use crate::sys::Arc;
use crate::sys::Map;
use crate::sys::NoMemory;
use crate::wire::record::Record;
use crate::wire::record::Statistics;
use crate::wire::record::TopicInfo;
use crate::wire::refusal::Refusal;

impl<P: Port> Topic<P> {
    /// Adds a publisher, whose client is none yet, and tells the audience.
    pub(in crate::bus) fn add_publisher(
        &self,
        mut publisher: Publisher<P>,
        history: Option<History<P>>,
    ) -> Result<(), Refusal> {
        let mut tail = self.tail.lock();
        let client = &publisher.client;
        let fingerprint = publisher.fingerprint;
        if !tail.access.allows(&client.credentials, Right::Publish) {
            return Err(Refusal::PublishDenied);
        }
        if fingerprint != 0 && tail.fingerprint != 0 && fingerprint != tail.fingerprint {
            return Err(Refusal::FingerprintMismatch);
        }
        if let (Some(old), Some(new)) = (&tail.history, &history) {
            if old.depth() != new.depth() && !old.is_of(&client.credentials) {
                return Err(Refusal::HistoryOfOther);
            }
        }
        tail.publishers.try_reserve(1)?;
        // A socket that is being closed gives its port id free before its release gets here. Its
        // end must be told before the new bearer of the id appears. Publishers of the kernel share
        // an id.
        let before = tail.publishers.iter().position(|other| {
            other.client.port_id == client.port_id && other.client.port_id != KERNEL
        });
        if let Some(index) = before {
            self.dismiss(&mut tail, index, Parting::Closed);
        }
        if tail.fingerprint == 0 {
            tail.fingerprint = fingerprint;
        }
        match (&mut tail.history, history) {
            (_, None) => {}
            (old, Some(new)) if new.depth() == 0 => *old = None,
            (Some(old), Some(new)) => old.set_depth(new.depth()),
            (old @ None, new) => *old = new,
        }
        let joined = Record::Joined {
            topic_id: self.id,
            port: client.port_id,
        };
        self.tell(&mut tail, client, &joined);
        let own = tail.audience.iter().filter(|m| m.client.is(client));
        publisher.own_members = own.count();
        self.tell_audience_to(&publisher, &tail);
        // INVARIANT: Its client was no publisher; its own members are counted.
        tail.publishers.try_push(publisher)?;
        Ok(())
    }

    /// Hands what there is to know of the topic to `tell`.
    pub(in crate::bus) fn describe(&self, tell: impl FnOnce(TopicInfo<'_>) -> bool) -> bool {
        let Some(name) = self.name.as_name() else {
            return true;
        };
        let limited = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let tail = self.tail.lock();
        let history = tail.history.as_ref();
        tell(TopicInfo {
            topic_id: self.id,
            name,
            fingerprint: tail.fingerprint,
            uid: tail.access.uid,
            gid: tail.access.gid,
            mode: tail.access.mode,
            publishers: limited(tail.publishers.len()),
            subscribers: limited(tail.audience.len()),
            history: history.map_or(0, History::depth),
            retained: limited(history.map_or(0, History::len)),
        })
    }

    /// Hands what happened on the topic to `tell`.
    pub(in crate::bus) fn count(&self, tell: impl FnOnce(Statistics<'_>) -> bool) -> bool {
        let Some(name) = self.name.as_name() else {
            return true;
        };
        let tail = self.tail.lock();
        tell(Statistics {
            topic_id: self.id,
            name,
            seq: tail.seq,
            delivered: tail.delivered,
            dropped: tail.dropped,
        })
    }

    /// Sets what is published when `client`, a publisher, is closed.
    pub(in crate::bus) fn set_last_will(&self, client: &Client<P>, will: Option<LastWill<P>>) {
        let mut tail = self.tail.lock();
        if let Some(publisher) = tail.publisher(client) {
            publisher.will = will;
        }
    }

    /// Ends a publisher and tells the audience.
    pub(in crate::bus) fn remove_publisher(&self, client: &Client<P>, parting: Parting) {
        let mut tail = self.tail.lock();
        let index = tail.publishers.iter().position(|p| p.client.is(client));
        if let Some(index) = index {
            self.dismiss(&mut tail, index, parting);
        }
    }

    fn dismiss(&self, tail: &mut Tail<P>, index: usize, parting: Parting) {
        let Some(gone) = tail.publishers.swap_remove(index) else {
            return;
        };
        if let (Parting::Closed, Some(mut will)) = (parting, gone.will) {
            let stamp = self.stamp(tail, &gone.client, gone.fingerprint);
            will.message.stamp(stamp);
            self.publish_at_once(tail, &gone.client, stamp, &mut will.message);
        }
        let event = Record::Gone {
            topic_id: self.id,
            port: gone.client.port_id,
        };
        self.tell(tail, &gone.client, &event);
    }

    /// Tells a publisher that wants to know it how many subscribers there are beside itself.
    fn tell_audience_to(&self, publisher: &Publisher<P>, tail: &Tail<P>) {
        if !publisher.events {
            return;
        }
        let others = tail.audience.len().saturating_sub(publisher.own_members);
        let matched = Record::Matched {
            topic_id: self.id,
            count: others as u64,
        };
        publisher.client.send(&matched, Room::Reserve);
    }

    /// The audience has changed.
    fn tell_audience(&self, tail: &Tail<P>) {
        for publisher in tail.publishers.iter() {
            self.tell_audience_to(publisher, tail);
        }
    }

    /// Sends an event about `subject` to everybody else who wants events.
    fn tell(&self, tail: &mut Tail<P>, subject: &Client<P>, event: &Record<'_>) {
        let topic = self.identity(tail);
        for member in tail.audience.iter_mut() {
            if !member.client.is(subject) {
                member.notify(topic, event);
            }
        }
    }

    /// Whether a client has a right to this topic.
    pub(in crate::bus) fn allows(&self, client: &Client<P>, right: Right) -> bool {
        self.tail.lock().access.allows(&client.credentials, right)
    }

    /// Access as it is now.
    pub(in crate::bus) fn access(&self) -> Access {
        self.tail.lock().access
    }

    /// Replaces the access; who may not subscribe any more gets nothing from now on.
    pub(in crate::bus) fn set_access(&self, access: Access) {
        let mut tail = self.tail.lock();
        let topic = self.identity(&tail);
        let tail = &mut *tail;
        tail.access = access;
        let mut index = 0;
        let mut changed = false;
        while let Some(member) = tail.audience.get(index) {
            if access.allows(&member.client.credentials, Right::Subscribe) {
                index = index.saturating_add(1);
            } else if let Some(mut member) = tail.audience.swap_remove(index) {
                if member.overflow().is_reliable() {
                    tail.reliable = tail.reliable.saturating_sub(1);
                }
                member.retire(topic);
                // INVARIANT: It is not in the audience any more.
                tail.left(&member.client);
                changed = true;
            }
        }
        if changed {
            self.tell_audience(tail);
        }
    }

    /// Hands each publisher that this access does not allow to `each`, until that fails.
    pub(in crate::bus) fn try_each_intruder(
        &self,
        access: Access,
        mut each: impl FnMut(&Arc<Client<P>>) -> Result<(), NoMemory>,
    ) -> Result<(), NoMemory> {
        let tail = self.tail.lock();
        tail.publishers
            .iter()
            .filter(|publisher| !access.allows(&publisher.client.credentials, Right::Publish))
            .try_for_each(|publisher| each(&publisher.client))
    }

    /// Makes room for so many subscriptions that match, so that adding them next cannot fail.
    pub(in crate::bus) fn reserve(&self, subscriptions: usize) -> Result<(), NoMemory> {
        self.tail.lock().audience.try_reserve(subscriptions)
    }

    /// Adds a subscription that matches, if its client may subscribe.
    pub(in crate::bus) fn add_subscription(
        &self,
        subscription: &Subscription<P>,
    ) -> Result<(), NoMemory> {
        let mut tail = self.tail.lock();
        if !tail.allows(subscription) {
            return Ok(());
        }
        let known = tail.audience.iter().position(|m| m.serves(subscription));
        self.join(&mut tail, subscription, known)
    }

    /// Like [`Topic::add_subscription`], for a topic that nobody knows yet: `places` says where in
    /// its audience each client is, so that it need not be looked through for each of them.
    pub(in crate::bus) fn add_first_subscription(
        &self,
        subscription: &Subscription<P>,
        places: &mut Map<(ClientKey, Form), usize>,
    ) -> Result<(), NoMemory> {
        let mut tail = self.tail.lock();
        if !tail.allows(subscription) {
            return Ok(());
        }
        let key = (subscription.client.key(), subscription.form);
        let known = places.get(&key).copied();
        if known.is_none() {
            places.try_insert(key, tail.audience.len())?;
        }
        self.join(&mut tail, subscription, known)
    }

    /// Counts a subscription for its member of the audience, which is `known` by its place there or
    /// becomes one.
    fn join(
        &self,
        tail: &mut Tail<P>,
        subscription: &Subscription<P>,
        known: Option<usize>,
    ) -> Result<(), NoMemory> {
        let topic = self.identity(tail);
        if known.is_none() {
            // INVARIANT: No member serves this client and form.
            tail.audience.try_push(Member::new(subscription))?;
            tail.came(&subscription.client);
        }
        let member = match known {
            Some(index) => tail.audience.get_mut(index),
            None => tail.audience.last_mut(),
        };
        let Some(member) = member else {
            return Ok(());
        };
        let was_reliable = member.overflow().is_reliable();
        let tell_publishers = member.add(subscription);
        if member.overflow().is_reliable() && !was_reliable {
            tail.reliable = tail.reliable.saturating_add(1);
        }
        // Who gets the topic already must not get its messages twice.
        if let (None, true, Some(history)) = (known, subscription.history, &mut tail.history) {
            history.replay(|seq, message| {
                member.deliver(topic, message, seq);
            });
            member.settle(topic);
        }
        if tell_publishers {
            for publisher in tail.publishers.iter() {
                if !publisher.client.is(&subscription.client) {
                    let port = publisher.client.port_id;
                    member.notify(
                        topic,
                        &Record::Joined {
                            topic_id: self.id,
                            port,
                        },
                    );
                }
            }
        }
        if known.is_none() {
            self.tell_audience(tail);
        }
        Ok(())
    }

    /// Tells whoever named the topic, and may not subscribe to it, why nothing comes.
    pub(in crate::bus) fn tell_if_denied(&self, subscription: &Subscription<P>) {
        let client = &subscription.client;
        if subscription.form == Form::V1 && !self.allows(client, Right::Subscribe) {
            if let Some(name) = self.name.as_name() {
                client.send(&Record::Denied { name }, Room::Spare);
            }
        }
    }

    /// Removes a subscription that matches and was added.
    pub(in crate::bus) fn remove_subscription(
        &self,
        subscription: &Subscription<P>,
        parting: Parting,
    ) {
        let mut tail = self.tail.lock();
        let topic = self.identity(&tail);
        let index = tail.audience.iter().position(|m| m.serves(subscription));
        let tail = &mut *tail;
        let Some(index) = index else { return };
        let Some(member) = tail.audience.get_mut(index) else {
            return;
        };
        let was_reliable = member.overflow().is_reliable();
        let left = member.remove(subscription);
        if was_reliable && !member.overflow().is_reliable() {
            tail.reliable = tail.reliable.saturating_sub(1);
        }
        if !left {
            return;
        }
        let member = tail.audience.swap_remove(index);
        // INVARIANT: It is not in the audience any more.
        tail.left(&subscription.client);
        if let (Some(mut member), Parting::Withdrawn) = (member, parting) {
            member.settle(topic);
        }
        self.tell_audience(tail);
    }

    /// Lets go of all retained messages, if whoever asks decides on them.
    pub(in crate::bus) fn clear_history(&self, asker: &P::Credentials) -> Result<(), Refusal> {
        let mut tail = self.tail.lock();
        match &mut tail.history {
            Some(history) if !history.is_of(asker) => Err(Refusal::HistoryOfOther),
            Some(history) => {
                history.clear();
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether no publisher and no retained message is left; if so, the audience has been told that
    /// the topic is gone, and let go.
    pub(in crate::bus) fn retire_if_unused(&self) -> bool {
        let mut tail = self.tail.lock();
        let topic = self.identity(&tail);
        let retains = tail
            .history
            .as_ref()
            .is_some_and(|history| history.len() > 0);
        if !tail.publishers.is_empty() || retains {
            return false;
        }
        // Whoever holds the topic a little longer must not hold its audience.
        while let Some(mut member) = tail.audience.pop() {
            member.retire(topic);
        }
        true
    }
}
