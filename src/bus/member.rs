// SPDX-License-Identifier: GPL-2.0

//! A member of a topic's audience: one client that gets the topic's messages.

use crate::bus::client::Client;
use crate::bus::port::Form;
use crate::bus::port::Outcome;
use crate::bus::port::Parcel;
use crate::bus::port::Port;
use crate::bus::port::Room;
use crate::bus::subscription::Subscription;
use crate::bus::topic::Identity;
use crate::sys::Arc;
use crate::wire::record;
use crate::wire::record::Record;

/// A row of messages that a member lost and does not know of yet.
#[derive(Clone, Copy)]
struct Lost {
    first: u64,
    count: u64,
}

/// One client in the audience of one topic, in one form, however many of its subscriptions match.
pub(super) struct Member<P: Port> {
    pub(super) client: Arc<Client<P>>,
    pub(super) form: Form,
    /// How many subscriptions of the client match. At 0 the member leaves.
    subscriptions: usize,
    /// How many of these want events.
    events: usize,
    /// Whether the client was told what the topic's id stands for.
    announced: bool,
    /// What is to be told before the next message.
    lost: Option<Lost>,
}

impl<P: Port> Member<P> {
    /// A member without subscriptions, to which [`Member::add`] adds.
    pub(super) fn new(subscription: &Subscription<P>) -> Self {
        Self {
            client: subscription.client.clone(),
            form: subscription.form,
            subscriptions: 0,
            events: 0,
            announced: false,
            lost: None,
        }
    }

    /// Whether this is the member that the subscription belongs to.
    pub(super) fn serves(&self, subscription: &Subscription<P>) -> bool {
        self.form == subscription.form && self.client.is(&subscription.client)
    }

    /// Counts a subscription; true if events are wanted from now on.
    pub(super) fn add(&mut self, subscription: &Subscription<P>) -> bool {
        self.subscriptions = self.subscriptions.saturating_add(1);
        self.events = self.events.saturating_add(usize::from(subscription.events));
        subscription.events && self.events == 1
    }

    /// Forgets a subscription; true if it was the last.
    pub(super) fn remove(&mut self, subscription: &Subscription<P>) -> bool {
        self.subscriptions = self.subscriptions.saturating_sub(1);
        self.events = self.events.saturating_sub(usize::from(subscription.events));
        self.subscriptions == 0
    }

    /// Queues message `seq`, after what the client must know first.
    #[inline]
    pub(super) fn deliver(
        &mut self,
        topic: Identity<'_>,
        parcel: &mut impl Parcel<P>,
        seq: u64,
    ) -> Outcome {
        let outcome = if self.is_up_to_date() {
            parcel.queue_on(&self.client.port, self.form)
        } else {
            self.deliver_behind_records(topic, parcel)
        };
        if matches!(outcome, Outcome::Full | Outcome::NoMemory) {
            self.lose(seq);
        }
        outcome
    }

    /// The message takes its room first: what it needs to be understood comes along, and if the
    /// message cannot come, nothing does.
    #[cold]
    fn deliver_behind_records(
        &mut self,
        topic: Identity<'_>,
        parcel: &mut impl Parcel<P>,
    ) -> Outcome {
        match parcel.hold_on(&self.client.port, self.form) {
            Err(outcome) => outcome,
            Ok(held) if self.catch_up(topic, Room::Companion) => {
                self.client.port.commit(held);
                Outcome::Queued
            }
            Ok(_) => Outcome::NoMemory,
        }
    }

    #[inline]
    fn is_up_to_date(&self) -> bool {
        (self.announced && self.lost.is_none()) || self.form == Form::Seed
    }

    #[cold]
    fn lose(&mut self, seq: u64) {
        match &mut self.lost {
            Some(lost) => lost.count = lost.count.saturating_add(1),
            None => {
                self.lost = Some(Lost {
                    first: seq,
                    count: 1,
                });
            }
        }
    }

    /// Sends an event, if events are wanted.
    pub(super) fn notify(&mut self, topic: Identity<'_>, event: &Record<'_>) {
        if self.form == Form::V1 && self.events > 0 && self.catch_up(topic, Room::Reserve) {
            self.send(event, Room::Reserve);
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
            self.send(&Record::Removed { topic_id: topic.id }, Room::Reserve);
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
            self.announced = self.send(
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
            if self.send(&lost, room) {
                self.lost = None;
            }
        }
        self.announced && self.lost.is_none()
    }

    fn send(&self, record: &Record<'_>, room: Room) -> bool {
        let mut buf = [0; record::MAX_LEN];
        match record.write(&mut buf, 0, 0).and_then(|len| buf.get(..len)) {
            Some(bytes) => self.client.port.send(bytes, room) == Outcome::Queued,
            None => false,
        }
    }
}
