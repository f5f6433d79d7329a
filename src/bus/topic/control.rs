// SPDX-License-Identifier: GPL-2.0

//! What control requests change of a topic, and what they are told of it.

use super::Decider;
use super::Tail;
use super::Topic;
use crate::bus::access::Access;
use crate::bus::access::Right;
use crate::bus::account::Quota;
use crate::bus::account::Resource;
use crate::bus::audience::Cause;
use crate::bus::client::Client;
use crate::bus::history::History;
use crate::bus::history::Past;
use crate::bus::limits;
use crate::bus::member::Member;
use crate::bus::port::Credentials as _;
use crate::bus::port::Form;
use crate::bus::port::Kept as _;
use crate::bus::port::Parcel as _;
use crate::bus::port::Port;
use crate::bus::port::Room;
use crate::bus::publication::LastWill;
use crate::bus::publication::Parting;
use crate::bus::publication::Publisher;
use crate::bus::subscription::Subscription;
use crate::sys::Arc;
use crate::wire::record::Record;
use crate::wire::record::Statistics;
use crate::wire::record::TopicInfo;
use crate::wire::refusal::Refusal;
use core::ops::ControlFlow;

impl<P: Port> Topic<P> {
    /// Adds a publisher, whose client is none yet, and tells the audience. It may say how many messages
    /// the topic shall retain. `older` finds the next client with its port id after that serial number
    /// and before it: those are about to leave.
    pub(in crate::bus) fn add_publisher(
        &self,
        publisher: Publisher<P>,
        history: Option<u32>,
        mut older: impl FnMut(u64) -> Option<Arc<Client<P>>>,
    ) -> Result<(), Refusal> {
        let mut tail = self.tail.lock();
        let client = publisher.client.clone();
        let (serial, fingerprint) = (client.serial, publisher.fingerprint);
        if !tail.access.allows(&client.credentials, Right::Publish) {
            return Err(Refusal::PublishDenied);
        }
        if fingerprint != 0 && tail.fingerprint != 0 && fingerprint != tail.fingerprint {
            return Err(Refusal::FingerprintMismatch);
        }
        let decider = self.decider(&tail, &client.credentials);
        if history.is_some_and(|depth| depth != tail.depth()) && !tail.may_decide(decider) {
            return Err(Refusal::HistoryOfOther);
        }
        let limit = limits::PUBLISHERS_PER_TOPIC_OF_USER;
        tail.per_user
            .add(&client.user, limit, Refusal::TooManyPublishersOfUser)?;
        // INVARIANT: Counted above. It is not told of itself, since it is no publisher before.
        if let Err(no_memory) = tail.publishers.try_insert(serial, publisher) {
            tail.per_user.remove(&client.user);
            return Err(no_memory.into());
        }
        // A socket that is being closed gives its port id free before its release gets here. Its
        // end must be told before the new bearer of the id appears.
        let mut last = 0;
        while let Some(before) = older(last) {
            self.dismiss(&mut tail, &before, Parting::Closed);
            last = before.serial;
        }
        if tail.fingerprint == 0 {
            tail.fingerprint = fingerprint;
        }
        if let Some(depth) = history {
            tail.decide(decider, depth);
        }
        let joined = Record::Joined {
            topic_id: self.id,
            port: client.port_id,
        };
        self.tell(&mut tail, &client, &joined);
        if let Some(publisher) = tail.publishers.get(&serial) {
            self.tell_audience_to(publisher, &tail);
        }
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
            subscribers: tail.audience.len(),
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

    /// Sets what is published when `client`, a publisher, is closed; `None`: nothing.
    pub(in crate::bus) fn set_last_will(
        &self,
        client: &Client<P>,
        message: Option<P::Kept>,
    ) -> Result<(), Refusal> {
        let mut tail = self.tail.lock();
        let Some(publisher) = tail.publishers.get_mut(&client.serial) else {
            return Ok(());
        };
        let Some(message) = message else {
            publisher.will = None;
            return Ok(());
        };
        match &mut publisher.will {
            // At the limit, too, one may take the place of another.
            Some(will) => {
                will.quota.resize(message.bytes())?;
                will.message = message;
            }
            None => {
                let bytes = message.bytes();
                let quota = Quota::take(&client.user, Resource::RetainedBytes, bytes)?;
                publisher.will = Some(LastWill { message, quota });
            }
        }
        Ok(())
    }

    /// Ends a publisher and tells the audience.
    pub(in crate::bus) fn remove_publisher(&self, client: &Client<P>, parting: Parting) {
        self.dismiss(&mut self.tail.lock(), client, parting);
    }

    fn dismiss(&self, tail: &mut Tail<P>, client: &Client<P>, parting: Parting) {
        let Some(gone) = tail.publishers.remove(&client.serial) else {
            return;
        };
        // INVARIANT: It was counted.
        tail.per_user.remove(&client.user);
        if let (Parting::Closed, Some(LastWill { mut message, quota })) = (parting, gone.will) {
            // If the topic retains it, its user pays for that, and must not pay twice.
            drop(quota);
            let stamp = self.stamp(tail, client, gone.fingerprint);
            message.stamp(stamp);
            self.publish_at_once(tail, client, stamp, &mut message);
        }
        let event = Record::Gone {
            topic_id: self.id,
            port: client.port_id,
        };
        self.tell(tail, client, &event);
    }

    /// What a user is to this topic where its history is decided on.
    fn decider(&self, tail: &Tail<P>, user: &P::Credentials) -> Decider {
        if user.uid() == tail.access.uid || user.is_admin() {
            Decider::Owner
        } else if user.uid() == self.creators.uid {
            Decider::Creator
        } else {
            Decider::Nobody
        }
    }

    /// Tells a publisher that wants to know it how many subscribers there are beside itself.
    fn tell_audience_to(&self, publisher: &Publisher<P>, tail: &Tail<P>) {
        if !publisher.events {
            return;
        }
        let own = [Form::V1, Form::Seed]
            .into_iter()
            .filter(|form| tail.audience.has(&(publisher.client.serial, *form)));
        let others = u64::from(tail.audience.len()).saturating_sub(own.count() as u64);
        let matched = Record::Matched {
            topic_id: self.id,
            count: others,
        };
        publisher.client.send(&matched, Room::Reserve);
    }

    /// The audience has changed.
    fn tell_audience(&self, tail: &Tail<P>) {
        for publisher in tail.publishers.values() {
            self.tell_audience_to(publisher, tail);
        }
    }

    /// Sends an event about `subject` to everybody else who wants events.
    fn tell(&self, tail: &mut Tail<P>, subject: &Client<P>, event: &Record<'_>) {
        let topic = self.identity(tail);
        tail.audience.each(|member| {
            if !member.client.is(subject) {
                member.notify(topic, event);
            }
        });
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
        let mut number = 0;
        let mut changed = false;
        while let Some(member) = tail.audience.at(number) {
            if access.allows(&member.client.credentials, Right::Subscribe) {
                number = number.saturating_add(1);
                continue;
            }
            let key = member.key();
            if let Some(mut member) = tail.audience.remove(&key) {
                member.retire(topic);
                changed = true;
            }
        }
        if changed {
            self.tell_audience(tail);
        }
    }

    /// The first publisher from this serial number on that the access does not allow.
    pub(in crate::bus) fn next_intruder(&self, from: u64) -> Option<Arc<Client<P>>> {
        let mut tail = self.tail.lock();
        let access = tail.access;
        tail.publishers.visit_from(&from, |_, publisher| {
            if access.allows(&publisher.client.credentials, Right::Publish) {
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(publisher.client.clone())
        })
    }

    /// Takes a place in the audience for a subscription that matches, if its client may subscribe, so
    /// that adding it next cannot fail. If the place is new, the client's subscriptions with ids from
    /// `since` on will be added.
    pub(in crate::bus) fn take_place(
        &self,
        subscription: &Subscription<P>,
        since: u32,
        cause: Cause,
    ) -> Result<(), Refusal> {
        let mut tail = self.tail.lock();
        if !tail.allows(subscription) || tail.audience.has(&subscription.member_key()) {
            return Ok(());
        }
        let quota = Quota::one(&subscription.client.user, Resource::Memberships)?;
        tail.audience
            .insert(Member::new(subscription, quota, since), cause)
    }

    /// Leaves a place that was taken, where no subscription was added.
    pub(in crate::bus) fn leave_place(&self, subscription: &Subscription<P>) {
        let mut tail = self.tail.lock();
        let key = subscription.member_key();
        if tail.audience.change(&key, |member| member.is_idle()) == Some(true) {
            tail.audience.remove(&key);
        }
    }

    /// Adds a subscription that matches to the place that was taken for its client, if one was.
    pub(in crate::bus) fn add_subscription(&self, subscription: &Subscription<P>) -> bool {
        let mut tail = self.tail.lock();
        let topic = self.identity(&tail);
        let tail = &mut *tail;
        let Tail {
            audience,
            publishers,
            history,
            ..
        } = tail;
        let joined = audience.change(&subscription.member_key(), |member| {
            let is_new = member.is_idle();
            let tell_publishers = member.add(subscription);
            // Who gets the topic already must not get its messages twice.
            if let (true, true, Some(history)) = (is_new, subscription.history, history) {
                history.replay(|past| match past {
                    // As with live ones.
                    Past::Message(_, from, _) if from == subscription.client.serial => {}
                    Past::Message(seq, _, message) => {
                        member.deliver(topic, message, seq);
                    }
                    Past::Gap(first, count) => member.miss(topic, first, count),
                });
                member.settle(topic);
            }
            if tell_publishers {
                for publisher in publishers.values() {
                    if !publisher.client.is(&subscription.client) {
                        let joined = Record::Joined {
                            topic_id: self.id,
                            port: publisher.client.port_id,
                        };
                        member.notify(topic, &joined);
                    }
                }
            }
            is_new
        });
        if joined == Some(true) {
            self.tell_audience(tail);
        }
        joined.is_some()
    }

    /// Takes a place for a subscription that matches, if there is one and its client may subscribe,
    /// where another one's request is the cause, which must not fail. All that match are invited
    /// before one joins: of one client, all come in or none does.
    pub(in crate::bus) fn invite(&self, subscription: &Subscription<P>) {
        // `join` finds out.
        let _ = self.take_place(subscription, 0, Cause::Another);
    }

    /// [`Topic::join`] for subscriptions that want the history. They come first: a client that has
    /// others, too, would get the topic already when their turn comes.
    pub(in crate::bus) fn join_for_history(&self, subscription: &Subscription<P>) {
        if subscription.history {
            self.join(subscription);
        }
    }

    /// [`Topic::join`] for the others.
    pub(in crate::bus) fn join_without_history(&self, subscription: &Subscription<P>) {
        if !subscription.history {
            self.join(subscription);
        }
    }

    /// Adds a subscription that was invited. If there was no place, the subscriber is told that it
    /// misses something.
    pub(in crate::bus) fn join(&self, subscription: &Subscription<P>) {
        let client = &subscription.client;
        if !self.add_subscription(subscription) && self.allows(client, Right::Subscribe) {
            client.port.overrun();
        }
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
        let key = subscription.member_key();
        if tail
            .audience
            .change(&key, |member| member.remove(subscription))
            != Some(true)
        {
            return;
        }
        if let (Some(mut member), Parting::Withdrawn) = (tail.audience.remove(&key), parting) {
            member.settle(topic);
        }
        self.tell_audience(&tail);
    }

    /// Lets go of all retained messages, if whoever asks decides on them.
    pub(in crate::bus) fn clear_history(&self, asker: &P::Credentials) -> Result<(), Refusal> {
        let mut tail = self.tail.lock();
        let decider = self.decider(&tail, asker);
        if !tail.may_decide(decider) {
            return Err(Refusal::HistoryOfOther);
        }
        if let Some(history) = &mut tail.history {
            history.clear();
        }
        Ok(())
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
        if tail.publishers.len() > 0 || retains {
            return false;
        }
        // Whoever holds the topic a little longer must not hold its audience.
        while let Some(mut member) = tail.audience.pop() {
            member.retire(topic);
        }
        true
    }
}

impl<P: Port> Tail<P> {
    /// How many messages the topic retains at most.
    fn depth(&self) -> u32 {
        self.history.as_ref().map_or(0, History::depth)
    }

    /// Whether this one may change that.
    fn may_decide(&self, decider: Decider) -> bool {
        decider != Decider::Nobody && decider >= self.decider
    }

    /// Changes how many messages the topic retains, if this one may; it is the number that there is
    /// otherwise.
    fn decide(&mut self, decider: Decider, depth: u32) {
        if !self.may_decide(decider) {
            return;
        }
        self.decider = decider;
        match &mut self.history {
            history if depth == 0 => *history = None,
            Some(history) => history.set_depth(depth),
            history => *history = Some(History::new(depth, self.seq)),
        }
    }
}
