// SPDX-License-Identifier: GPL-2.0

//! Compares what one client reads with what it should get.
//!
//! What is due stands in lanes: one for each topic, one for answers, and so on. In a lane, the
//! order is exact, and only messages may be missing: each must be in the one LOST that stands in
//! its place. Between lanes, what was due in an earlier step comes earlier.

use super::item::Form;
use super::item::Item;
use super::item::Overflow;
use super::item::brief;
use crate::client::Event;
use crate::wire::refusal::Refusal;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// A drop-oldest queue keeps the message at its front and takes the newest as long as it holds no
/// more records than this.
const FEW_RECORDS: usize = 12;

/// An answer, as the reference says it.
#[derive(Clone, Debug)]
pub enum Answer {
    Event(Event),
    Done {
        seq: u32,
    },
    /// For one of these reasons.
    Refused {
        seq: u32,
        reasons: Vec<Refusal>,
    },
    /// Every subscriber has the message or lost it.
    Published {
        number: u64,
        subscribers: u32,
        dropped: RangeInclusive<u32>,
    },
}

impl Answer {
    fn is(&self, event: &Event) -> bool {
        match (self, event) {
            (Self::Event(due), event) => due == event,
            (Self::Done { seq: due }, Event::Ack { seq, errno: 0, .. }) => due == seq,
            (
                Self::Refused { seq: due, reasons },
                Event::Ack {
                    seq,
                    errno,
                    sentence: Some(sentence),
                    ..
                },
            ) => {
                let fits = |reason: &Refusal| {
                    reason.errno() == *errno && reason.sentence().to_str() == Ok(sentence)
                };
                due == seq && reasons.iter().any(fits)
            }
            (
                Self::Published {
                    number,
                    subscribers,
                    dropped: possible,
                },
                Event::Published {
                    seq,
                    delivered,
                    dropped,
                },
            ) => seq == number && delivered + dropped == *subscribers && possible.contains(dropped),
            _ => false,
        }
    }
}

/// What may become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Open,
    /// There was room, or it was promised.
    Received,
    /// The queue refused it.
    Lost,
}

#[derive(Clone, Debug)]
pub enum Due {
    Item(Item, Fate),
    Answer(Answer),
}

impl Due {
    fn is_message(&self) -> bool {
        matches!(self, Self::Item(Item::Message { .. }, _))
    }

    fn may_be_left_out(&self) -> bool {
        use Item::Denied;
        use Item::Message;
        // DENIED finds room in half of the queue only.
        matches!(
            self,
            Self::Item(Message { optional: true, .. } | Denied { .. }, _)
        )
    }

    /// Whether both may come in any order, if they are due in the same step.
    fn is_alike(&self, other: &Self) -> bool {
        use Item::Gone;
        use Item::Joined;
        matches!(
            (self, other),
            (Self::Item(Joined { .. }, _), Self::Item(Joined { .. }, _))
                | (Self::Item(Gone { .. }, _), Self::Item(Gone { .. }, _))
        )
    }

    /// Whether this is what was read.
    fn is(&self, event: &Event) -> bool {
        match (self, event) {
            (Self::Answer(answer), event) => answer.is(event),
            (Self::Item(Item::Message { message, .. }, fate), Event::Message { .. }) => {
                *fate != Fate::Lost && message.is(event)
            }
            (Self::Item(Item::Joined { topic, port }, _), event) => {
                let (topic, port) = (*topic, *port);
                *event == Event::Joined { topic, port }
            }
            (Self::Item(Item::Gone { topic, port }, _), event) => {
                let (topic, port) = (*topic, *port);
                *event == Event::Gone { topic, port }
            }
            (Self::Item(Item::Removed { topic }, _), event) => {
                *event == Event::Removed { topic: *topic }
            }
            (Self::Item(Item::Denied { name }, _), Event::Denied { name: read }) => name == read,
            _ => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Topic(u32),
    Seed,
    Answers,
    Denied(&'static str),
}

/// Passes over messages that may be left out, unless the first is `wanted`; and over the end of what
/// then was never begun.
fn pass_over(queue: &mut VecDeque<(usize, Due)>, wanted: impl Fn(&Due) -> bool) {
    let mut passed = false;
    while let Some((_, due)) = queue.front() {
        let is_end = matches!(due, Due::Item(Item::Left { .. } | Item::Removed { .. }, _));
        if wanted(due) || !(due.may_be_left_out() || passed && is_end) {
            return;
        }
        passed = true;
        queue.pop_front();
    }
}

/// Names and fingerprints of all topics that there were.
pub type Names = BTreeMap<u32, (&'static str, u64)>;

#[derive(Default)]
pub struct Reader {
    client: usize,
    lanes: BTreeMap<Lane, VecDeque<(usize, Due)>>,
    /// The step in which what was read last was due.
    step: usize,
    /// Topics whose names were told.
    announced: BTreeSet<u32>,
    /// What MATCHED said last, by topic.
    pub matched: BTreeMap<u32, u64>,
    /// How many records were read since the queue was empty.
    records: usize,
    /// The message at the very front of the queue, if it was empty before, and what became of it.
    front: Option<(Lane, u64)>,
    front_lost: bool,
    /// Whether something was due, and was read, since the queue was empty.
    is_due: bool,
    is_read: bool,
    /// The message that was due last.
    newest: Option<(Lane, u64, Overflow)>,
    /// Whether messages are evicted from the queue.
    evicts: bool,
    pub received: u64,
    pub lost: u64,
    pub comparisons: u64,
}

impl Reader {
    pub fn new(client: usize, evicts: bool) -> Self {
        Self {
            client,
            evicts,
            ..Self::default()
        }
    }

    pub fn due(&mut self, step: usize, due: Due) {
        let lane = match &due {
            Due::Answer(_) => Lane::Answers,
            Due::Item(item, _) => match *item {
                Item::Message {
                    ref message,
                    form,
                    overflow,
                    optional,
                    ..
                } => {
                    let lane = match form {
                        Form::V1 => Lane::Topic(message.topic),
                        Form::Seed => Lane::Seed,
                    };
                    // What may be left out may also take the place of another.
                    self.newest = (!optional).then_some((lane, message.seq, overflow));
                    // A loss that is still to be told would stand before it.
                    let owes_nothing = self.lanes.get(&lane).is_none_or(VecDeque::is_empty);
                    let is_first = !self.is_due && !self.is_read && owes_nothing && !optional;
                    if is_first && self.announced.contains(&message.topic) {
                        self.front = Some((lane, message.seq));
                    }
                    lane
                }
                Item::Joined { topic, .. }
                | Item::Gone { topic, .. }
                | Item::Removed { topic }
                | Item::Left { topic } => Lane::Topic(topic),
                Item::Denied { name } => Lane::Denied(name),
            },
        };
        self.is_due = true;
        self.lanes.entry(lane).or_default().push_back((step, due));
    }

    /// Compares the next datagram.
    pub fn read(&mut self, datagram: &[Event], names: &Names) {
        let mut batches = Vec::new();
        for event in datagram {
            self.comparisons += 1;
            if !self.is_read && !matches!(event, Event::Message { .. } | Event::Lost { .. }) {
                self.front = None;
            }
            self.is_read = true;
            match *event {
                Event::Message { topic, seq, .. } => {
                    self.check_announced(topic, event);
                    let due = self.take(Lane::Topic(topic), event);
                    if let Due::Item(Item::Message { batch, .. }, _) = due {
                        batches.push(batch);
                    }
                    self.message_read(Lane::Topic(topic), seq);
                }
                Event::Seed(ref payload) => self.seed(payload, event),
                _ => {
                    self.records += 1;
                    self.record(event, names);
                }
            }
        }
        if let Some((batch, count)) = batches.first() {
            let events: Vec<Event> = datagram.iter().map(brief).collect();
            assert_eq!(datagram.len(), *count, "not as one: {events:?}");
            assert!(batches.iter().all(|(b, _)| b == batch), "{events:?}");
        }
    }

    fn message_read(&mut self, lane: Lane, seq: u64) {
        self.received += 1;
        // From now on, it may come again: as a retained one, which may be lost.
        self.front = self.front.filter(|front| *front != (lane, seq));
        if matches!(self.newest, Some((l, s, _)) if (l, s) == (lane, seq)) {
            self.newest = None;
        }
    }

    fn seed(&mut self, payload: &[u8], event: &Event) {
        // Not evicted, as records are not, and longer.
        self.records += 5;
        loop {
            let next = self.lanes.entry(Lane::Seed).or_default().pop_front();
            let Some((step, Due::Item(Item::Message { message, .. }, fate))) = next else {
                panic!("nobody sent {:?}", brief(event));
            };
            if message.payload != payload {
                // Losses are told nobody in this protocol.
                assert_ne!(fate, Fate::Received, "{message:?} is missing");
                self.lost += 1;
                continue;
            }
            assert_ne!(fate, Fate::Lost, "{message:?} was lost, they said");
            self.in_order(step, event);
            return self.message_read(Lane::Seed, message.seq);
        }
    }

    fn record(&mut self, event: &Event, names: &Names) {
        match *event {
            Event::Topic {
                topic,
                ref name,
                fingerprint,
            } => {
                self.settle(topic);
                assert!(self.announced.insert(topic), "told twice: {event:?}");
                let due = names.get(&topic);
                // A type may have been bound since it was told.
                let right = due.is_some_and(|(n, f)| n == name && [0, *f].contains(&fingerprint));
                assert!(right, "{event:?}, but it is {due:?}");
            }
            Event::Lost {
                topic,
                first,
                count,
            } => self.lose(topic, first, count, event),
            Event::Joined { topic, .. } | Event::Gone { topic, .. } => {
                self.check_announced(topic, event);
                self.take(Lane::Topic(topic), event);
            }
            Event::Removed { topic } => {
                self.check_announced(topic, event);
                self.take(Lane::Topic(topic), event);
                self.announced.remove(&topic);
            }
            Event::Denied { ref name } => {
                let lane = self.lanes.keys();
                let lane = lane
                    .copied()
                    .find(|lane| matches!(lane, Lane::Denied(n) if n == name));
                self.take(lane.unwrap_or(Lane::Denied("")), event);
            }
            Event::Matched { topic, count } => {
                self.matched.insert(topic, count);
            }
            _ => {
                let due = self.take(Lane::Answers, event);
                if let (Due::Answer(Answer::Event(_)), Event::Subscribed { .. }) = (due, event) {
                    self.check_history();
                }
            }
        }
    }

    /// Whatever is retained stands before the answer to SUBSCRIBE.
    fn check_history(&self) {
        for (step, due) in self.lanes.values().filter_map(VecDeque::front) {
            let late = *step == self.step && due.is_message() && !due.may_be_left_out();
            assert!(!late, "subscribed, but still due is {due:?}");
        }
    }

    fn check_announced(&mut self, topic: u32, event: &Event) {
        self.settle(topic);
        assert!(
            self.announced.contains(&topic),
            "of an unknown topic: {:?}",
            brief(event)
        );
    }

    /// Goes past the end of a subscription.
    fn settle(&mut self, topic: u32) {
        let Some(queue) = self.lanes.get_mut(&Lane::Topic(topic)) else {
            return;
        };
        while let Some((_, due)) = queue.front() {
            match due {
                Due::Item(Item::Left { .. }, _) => drop(self.announced.remove(&topic)),
                // Who knows nothing of the topic is not told that it is gone.
                Due::Item(Item::Removed { .. }, _) if !self.announced.contains(&topic) => {}
                _ => return,
            }
            queue.pop_front();
        }
    }

    fn in_order(&mut self, step: usize, event: &Event) {
        assert!(
            step >= self.step,
            "behind what was due later: {:?}",
            brief(event)
        );
        self.step = step;
    }

    /// Takes what was read from its lane.
    fn take(&mut self, lane: Lane, event: &Event) -> Due {
        let queue = self.lanes.entry(lane).or_default();
        pass_over(queue, |due| due.is(event));
        let mut found = None;
        if let Some((step, first)) = queue.front() {
            let row = queue.iter().enumerate();
            found = row
                .take_while(|(n, (s, due))| *n == 0 || s == step && due.is_alike(first))
                .find(|(_, (_, due))| due.is(event))
                .map(|(n, _)| n);
        }
        let Some(index) = found else {
            let due: Vec<_> = queue.iter().take(4).collect();
            panic!(
                "client {} read {:?}, but due is {due:?}",
                self.client,
                brief(event)
            );
        };
        let (step, due) = queue.remove(index).expect("just found");
        self.in_order(step, event);
        due
    }

    /// The messages that are missing here. Where a queue evicts, one LOST may also count those that
    /// were missing behind events that follow.
    fn lose(&mut self, topic: u32, first: u64, count: u64, event: &Event) {
        self.check_announced(topic, event);
        let queue = self.lanes.entry(Lane::Topic(topic)).or_default();
        let is_first = |due: &Due| match due {
            Due::Item(Item::Message { message, .. }, _) => message.seq == first,
            _ => false,
        };
        pass_over(queue, is_first);
        for index in 0..count {
            let mut places = queue.iter();
            let place = match self.evicts {
                true => places.position(|(_, due)| due.is_message()),
                false => Some(0),
            };
            let next = place.and_then(|place| queue.remove(place));
            let Some((_, Due::Item(Item::Message { message, .. }, fate))) = next else {
                panic!("read {event:?}, but due is {next:?}");
            };
            assert_ne!(fate, Fate::Received, "{event:?}: {message:?} had room");
            assert!(
                index > 0 || message.seq == first,
                "{event:?}: due is {message:?}"
            );
            self.front_lost |= self.front == Some((Lane::Topic(topic), message.seq));
            self.lost += 1;
        }
    }

    /// The queue is empty: what is due now was lost, and nothing but messages may be.
    pub fn emptied(&mut self) {
        let topics: Vec<Lane> = self.lanes.keys().copied().collect();
        for lane in topics {
            if let Lane::Topic(topic) = lane {
                self.settle(topic);
            }
            let queue = self.lanes.get_mut(&lane).expect("it exists");
            while queue.front().is_some_and(|(_, due)| due.may_be_left_out()) {
                pass_over(queue, |_| false);
            }
            for (_, due) in queue.iter_mut() {
                match due {
                    Due::Item(Item::Message { .. }, fate) if *fate != Fate::Received => {
                        *fate = Fate::Lost;
                    }
                    due => panic!("client {} has read all, but due is {due:?}", self.client),
                }
            }
            if lane == Lane::Seed {
                self.lost += queue.len() as u64;
                queue.clear();
            }
            self.comparisons += 1;
        }
        self.lanes.retain(|_, queue| !queue.is_empty());
        if let Some((lane, seq, Overflow::DropOldest)) = self.newest.take() {
            let few = self.records <= FEW_RECORDS;
            assert!(!few, "{lane:?}: {seq} is the newest, and not there");
        }
        assert!(
            !self.front_lost || self.records > FEW_RECORDS,
            "client {}: {:?} was at the front, with {} records",
            self.client,
            self.front,
            self.records
        );
        self.front = None;
        (self.front_lost, self.is_due, self.is_read) = (false, false, false);
        self.records = 0;
    }

    /// Everything is over: nothing may be due any more.
    pub fn finish(&mut self) {
        self.emptied();
        let due: Vec<_> = self.lanes.values().flatten().take(4).collect();
        assert!(due.is_empty(), "never told: {due:?}");
    }
}
