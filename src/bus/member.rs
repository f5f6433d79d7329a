// SPDX-License-Identifier: GPL-2.0

//! A member of a topic's audience: one client that gets the topic's messages.

use crate::bus::account::Quota;
use crate::bus::account::User;
use crate::bus::audience::MemberKey;
use crate::bus::client::Client;
use crate::bus::overflow::Overflow;
use crate::bus::port::Form;
use crate::bus::port::Outcome;
use crate::bus::port::Parcel;
use crate::bus::port::Port;
use crate::bus::port::Room;
use crate::bus::subscription::Subscription;
use crate::bus::topic::Identity;
use crate::sys::Arc;
use crate::wire::record::Record;

/// A row of messages that a member lost and does not know of yet.
#[derive(Clone, Copy)]
struct Lost {
    first: u64,
    count: u64,
}

/// What was arranged with a queue before a message is numbered.
enum Hold<H> {
    /// Nothing.
    None,
    /// Room.
    Room(H),
    /// That it does not want the message.
    Filtered,
}

/// One client in the audience of one topic, in one form, however many of its subscriptions match.
///
/// # Invariants
///
/// `up_to_date` is true if and only if there are subscriptions, and the form is seed, which is told
/// nothing, or the topic is announced and no loss is untold.
pub(super) struct Member<P: Port> {
    pub(super) client: Arc<Client<P>>,
    pub(super) form: Form,
    /// How many subscriptions of the client match. At 0 the member gets nothing: its place is taken,
    /// and it is about to come or to leave.
    subscriptions: u32,
    /// How many of these want events.
    events: u32,
    /// How many of these have each overflow policy but the default one.
    drop_oldest: u32,
    block: u32,
    fail: u32,
    /// What its user may have one less of.
    quota: Quota,
    /// Subscriptions with lower ids do not count: there was no place here when they wanted one.
    since: u32,
    /// Room for the message that is being published, if it was taken beforehand.
    hold: Hold<P::Held>,
    /// Whether the client was told what the topic's id stands for.
    announced: bool,
    /// What is to be told before the next message.
    lost: Option<Lost>,
    /// Whether the next message can be queued just so.
    up_to_date: bool,
}

impl<P: Port> Member<P> {
    /// A member without subscriptions, to which [`Member::add`] adds those with ids from `since` on.
    pub(super) fn new(subscription: &Subscription<P>, quota: Quota, since: u32) -> Self {
        Self {
            client: subscription.client.clone(),
            form: subscription.form,
            quota,
            since,
            subscriptions: 0,
            events: 0,
            drop_oldest: 0,
            block: 0,
            fail: 0,
            hold: Hold::None,
            announced: false,
            lost: None,
            // INVARIANT: There are no subscriptions.
            up_to_date: false,
        }
    }

    /// Its key.
    pub(super) fn key(&self) -> MemberKey {
        (self.client.serial, self.form)
    }

    /// Whose it is.
    pub(super) fn user(&self) -> &User {
        self.quota.user()
    }

    /// Whether it only takes a place so far.
    pub(super) fn is_idle(&self) -> bool {
        self.subscriptions == 0
    }

    /// Counts a subscription; true if events are wanted from now on.
    pub(super) fn add(&mut self, subscription: &Subscription<P>) -> bool {
        if self.is_idle() {
            // INVARIANT: The name is to be told, or nothing ever.
            self.up_to_date = self.form == Form::Seed;
        }
        self.subscriptions = self.subscriptions.saturating_add(1);
        self.events = self.events.saturating_add(u32::from(subscription.events));
        if let Some(count) = self.count_of(subscription.overflow) {
            *count = count.saturating_add(1);
        }
        subscription.events && self.events == 1
    }

    fn count_of(&mut self, overflow: Overflow) -> Option<&mut u32> {
        match overflow {
            Overflow::DropNewest => None,
            Overflow::DropOldest => Some(&mut self.drop_oldest),
            Overflow::Block => Some(&mut self.block),
            Overflow::Fail => Some(&mut self.fail),
        }
    }

    /// What happens when the queue is full: the strictest that a subscription asked for.
    pub(super) fn overflow(&self) -> Overflow {
        match () {
            () if self.fail > 0 => Overflow::Fail,
            () if self.block > 0 => Overflow::Block,
            () if self.drop_oldest > 0 => Overflow::DropOldest,
            () => Overflow::DropNewest,
        }
    }

    /// Forgets a subscription, if it counts; true if it was the last.
    pub(super) fn remove(&mut self, subscription: &Subscription<P>) -> bool {
        if subscription.id < self.since {
            return false;
        }
        self.subscriptions = self.subscriptions.saturating_sub(1);
        self.events = self.events.saturating_sub(u32::from(subscription.events));
        if let Some(count) = self.count_of(subscription.overflow) {
            *count = count.saturating_sub(1);
        }
        self.subscriptions == 0
    }

    /// Queues message `seq`, after what the client must know first.
    // The loop over the audience is where a publish spends its time.
    #[inline(always)]
    pub(super) fn deliver(
        &mut self,
        topic: Identity<'_>,
        parcel: &mut impl Parcel<P>,
        seq: u64,
    ) -> Outcome {
        if self.up_to_date {
            let outcome = match parcel.in_form(self.form) {
                Some(message) => self.client.port.queue(message),
                None => Outcome::NoMemory,
            };
            if outcome == Outcome::Queued {
                return outcome;
            }
            return self.deliver_otherwise(topic, parcel, seq, outcome);
        }
        if self.is_idle() {
            return Outcome::Filtered;
        }
        let outcome = self.deliver_behind_records(topic, parcel);
        self.deliver_otherwise(topic, parcel, seq, outcome)
    }

    /// What is left to do after a try to deliver that had this outcome.
    #[cold]
    fn deliver_otherwise(
        &mut self,
        topic: Identity<'_>,
        parcel: &mut impl Parcel<P>,
        seq: u64,
        mut outcome: Outcome,
    ) -> Outcome {
        if outcome == Outcome::Full && self.overflow() == Overflow::DropOldest {
            outcome = self.deliver_instead_of_older(topic, parcel);
        }
        if matches!(outcome, Outcome::Full | Outcome::NoMemory) {
            self.lose(topic, seq, parcel.count());
        }
        outcome
    }

    /// Queues a batch whose first message has number `seq`: as one entry of the queue if that can
    /// be. Queued, if a message of it was.
    #[inline(always)]
    pub(super) fn deliver_batch(
        &mut self,
        topic: Identity<'_>,
        parcel: &mut impl Parcel<P>,
        seq: u64,
    ) -> Outcome {
        if !parcel.must_split_on(&self.client.port, self.form) {
            return self.deliver_outlined(topic, parcel, seq);
        }
        let mut sum = Outcome::Filtered;
        for index in 0..parcel.count() {
            parcel.select(Some(index));
            let seq = seq.wrapping_add(u64::from(index));
            match self.deliver_outlined(topic, parcel, seq) {
                Outcome::Filtered => {}
                outcome if sum != Outcome::Queued => sum = outcome,
                _ => {}
            }
        }
        parcel.select(None);
        sum
    }

    #[cold]
    fn deliver_instead_of_older(
        &mut self,
        topic: Identity<'_>,
        parcel: &mut impl Parcel<P>,
    ) -> Outcome {
        let port = &self.client.port;
        match parcel.in_form(self.form) {
            Some(message) if port.make_room(message) => self.deliver_behind_records(topic, parcel),
            _ => Outcome::Full,
        }
    }

    /// What [`Member::hold`] would say, as far as that can be known without taking room.
    pub(super) fn has_room(&self, parcel: &mut impl Parcel<P>) -> Outcome {
        match parcel.in_form(self.form) {
            None => Outcome::NoMemory,
            Some(message) if self.client.port.has_room(message) => Outcome::Queued,
            Some(_) => Outcome::Full,
        }
    }

    /// Takes room for a message that will be queued by [`Member::deliver_held`], which cannot fail
    /// then.
    pub(super) fn hold(&mut self, topic: Identity<'_>, parcel: &mut impl Parcel<P>) -> Outcome {
        match self.take_room(parcel) {
            Ok(held) => {
                // What comes before the message needs memory, too.
                if !self.up_to_date && !self.catch_up(topic, Room::Companion) {
                    return Outcome::NoMemory;
                }
                self.hold = Hold::Room(held);
                Outcome::Queued
            }
            Err(Outcome::Filtered) => {
                self.hold = Hold::Filtered;
                Outcome::Filtered
            }
            Err(outcome) => outcome,
        }
    }

    fn take_room(&self, parcel: &mut impl Parcel<P>) -> Result<P::Held, Outcome> {
        let message = parcel.in_form(self.form).ok_or(Outcome::NoMemory)?;
        self.client.port.hold(message)
    }

    /// Gives back what [`Member::hold`] took.
    pub(super) fn let_go(&mut self) {
        self.hold = Hold::None;
    }

    /// Like [`Member::deliver`], or [`Member::deliver_batch`], into the room that was taken, if any
    /// was.
    pub(super) fn deliver_held(
        &mut self,
        topic: Identity<'_>,
        parcel: &mut impl Parcel<P>,
        seq: u64,
    ) -> Outcome {
        match core::mem::replace(&mut self.hold, Hold::None) {
            Hold::None if parcel.count() > 1 => self.deliver_batch(topic, parcel, seq),
            Hold::None => self.deliver_outlined(topic, parcel, seq),
            Hold::Filtered => Outcome::Filtered,
            Hold::Room(held) => {
                let outcome = self.commit(topic, held);
                if outcome != Outcome::Queued {
                    self.lose(topic, seq, parcel.count());
                }
                outcome
            }
        }
    }

    fn deliver_outlined(
        &mut self,
        topic: Identity<'_>,
        parcel: &mut impl Parcel<P>,
        seq: u64,
    ) -> Outcome {
        self.deliver(topic, parcel, seq)
    }

    /// Queues a message that has its room, behind what must be known to understand it.
    fn commit(&mut self, topic: Identity<'_>, held: P::Held) -> Outcome {
        if self.up_to_date || self.catch_up(topic, Room::Companion) {
            self.client.port.commit(held);
            Outcome::Queued
        } else {
            Outcome::NoMemory
        }
    }

    /// The message takes its room first: what it needs to be understood comes along, and if the
    /// message cannot come, nothing does.
    #[cold]
    fn deliver_behind_records(
        &mut self,
        topic: Identity<'_>,
        parcel: &mut impl Parcel<P>,
    ) -> Outcome {
        match self.take_room(parcel) {
            Err(outcome) => outcome,
            Ok(held) => self.commit(topic, held),
        }
    }

    #[cold]
    fn lose(&mut self, topic: Identity<'_>, first: u64, count: u32) {
        P::trace_drop(topic.id, first, count, self.client.port_id);
        self.note_loss(first, count.into());
    }

    fn note_loss(&mut self, first: u64, count: u64) {
        // INVARIANT: Unless nothing is ever told, there is something to tell now.
        self.up_to_date = self.form == Form::Seed;
        match &mut self.lost {
            Some(lost) => lost.count = lost.count.saturating_add(count),
            None => self.lost = Some(Lost { first, count }),
        }
    }

    /// Tells that messages of a topic's history are missing: they could not be retained.
    pub(super) fn miss(&mut self, topic: Identity<'_>, first: u64, count: u64) {
        if self.form == Form::V1 {
            self.note_loss(first, count);
            self.settle(topic);
        }
    }

    /// Sends an event, if events are wanted.
    pub(super) fn notify(&mut self, topic: Identity<'_>, event: &Record<'_>) {
        if self.form == Form::V1 && self.events > 0 && self.catch_up(topic, Room::Reserve) {
            self.client.send(event, Room::Reserve);
        }
    }

    /// Tells what was lost and not told yet, since nothing else is going to be.
    pub(super) fn settle(&mut self, topic: Identity<'_>) {
        if self.form == Form::V1 && self.lost.is_some() {
            self.catch_up(topic, Room::Reserve);
        }
    }

    /// Says good-bye: the topic is gone.
    pub(super) fn retire(&mut self, topic: Identity<'_>) {
        let knows = self.announced || self.lost.is_some();
        if self.form == Form::V1 && knows && self.catch_up(topic, Room::Reserve) {
            self.client
                .send(&Record::Removed { topic_id: topic.id }, Room::Reserve);
        }
    }

    /// Tells the client the topic's name and what it lost so far, as far as it does not know;
    /// false if there is no room.
    #[cold]
    fn catch_up(&mut self, topic: Identity<'_>, room: Room) -> bool {
        if !self.announced {
            let Some(name) = topic.name.as_name() else {
                return false;
            };
            self.announced = self.client.send(
                &Record::Topic {
                    topic_id: topic.id,
                    name,
                    fingerprint: topic.fingerprint,
                },
                room,
            );
        }
        if let (true, Some(Lost { first, count })) = (self.announced, self.lost) {
            let lost = Record::Lost {
                topic_id: topic.id,
                first,
                count,
            };
            if self.client.send(&lost, room) {
                self.lost = None;
            }
        }
        // INVARIANT: `form` is V1 here.
        self.up_to_date = self.announced && self.lost.is_none();
        self.up_to_date
    }
}
