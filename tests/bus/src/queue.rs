// SPDX-License-Identifier: GPL-2.0

//! A subscriber's queue and a publisher's message, as the tests see them.

use crate::bus::port::Form;
use crate::bus::port::Kept;
use crate::bus::port::Outcome;
use crate::bus::port::Parcel;
use crate::bus::port::Port;
use crate::bus::port::QueueState;
use crate::bus::port::Room;
use crate::bus::port::Stamp;
use crate::bus::port::Wait;
use crate::person::Person;
use crate::sys;
use crate::wire::header;
use crate::wire::record::Record;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

/// What lies in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Message {
        form: Form,
        topic: u32,
        seq: u64,
        port: u32,
        fingerprint: u64,
        tag: u32,
    },
    Topic {
        topic: u32,
        name: String,
        fingerprint: u64,
    },
    Lost {
        topic: u32,
        first: u64,
        count: u64,
    },
    Joined {
        topic: u32,
        port: u32,
    },
    Gone {
        topic: u32,
        port: u32,
    },
    Removed {
        topic: u32,
    },
    Matched {
        topic: u32,
        count: u64,
    },
    Denied {
        name: String,
    },
}

impl Item {
    fn parse(bytes: &[u8]) -> Self {
        let (message, next) = header::message_at(bytes, 0).unwrap();
        assert_eq!(next, bytes.len(), "one record at a time");
        match Record::parse(message.header, message.payload).unwrap() {
            Record::Topic {
                topic_id: topic,
                name,
                fingerprint,
            } => Self::Topic {
                topic,
                name: name.as_str().into(),
                fingerprint,
            },
            Record::Lost {
                topic_id: topic,
                first,
                count,
            } => Self::Lost {
                topic,
                first,
                count,
            },
            Record::Joined {
                topic_id: topic,
                port,
            } => Self::Joined { topic, port },
            Record::Gone {
                topic_id: topic,
                port,
            } => Self::Gone { topic, port },
            Record::Removed { topic_id: topic } => Self::Removed { topic },
            Record::Matched {
                topic_id: topic,
                count,
            } => Self::Matched { topic, count },
            Record::Denied { name } => Self::Denied {
                name: name.as_str().into(),
            },
            answer => panic!("the bus does not answer requests: {answer:?}"),
        }
    }

    /// The topic that it is about.
    pub(crate) fn topic(&self) -> u32 {
        match self {
            Self::Message { topic, .. }
            | Self::Topic { topic, .. }
            | Self::Lost { topic, .. }
            | Self::Joined { topic, .. }
            | Self::Gone { topic, .. }
            | Self::Removed { topic }
            | Self::Matched { topic, .. } => *topic,
            Self::Denied { .. } => 0,
        }
    }
}

/// What happened to a queue since somebody looked.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// What was queued.
    pub(crate) items: Vec<Item>,
    /// How often something not urgent found no room.
    pub(crate) refused: u32,
    /// How often the owner was not told all that there is to tell: what is urgent found no room, or
    /// the bus said so.
    pub(crate) overrun: u32,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    news: News,
    no_memory: bool,
    no_memory_for_records: bool,
    /// How many messages have room and are not queued.
    held: usize,
    closed: bool,
    interrupted: bool,
}

/// A message that has its room in a queue. As in the kernel it shares its bytes with its publisher,
/// who may have taken the room before he stamped it.
pub(crate) struct Held {
    selection: Vec<(u64, u32)>,
    form: Form,
    stamp: SharedStamp,
    state: Arc<Mutex<State>>,
}

impl Held {
    fn items(&self) -> impl Iterator<Item = Item> + '_ {
        let stamp = stamp_of(&self.stamp).expect("a message is stamped before it is queued");
        self.selection
            .iter()
            .map(move |&(number, tag)| Item::Message {
                form: self.form,
                topic: stamp.topic_id,
                seq: stamp.seq + number,
                port: stamp.port_id,
                fingerprint: stamp.fingerprint,
                tag,
            })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held -= 1;
    }
}

/// A queue with room for so many items; what is urgent may fill it up to twice that.
pub(crate) struct Queue {
    capacity: usize,
    /// Which tags its owner wants; as in the kernel it decides before the room does.
    filter: fn(u32) -> bool,
    state: Arc<Mutex<State>>,
    /// Something was received, or there is nothing more to wait for.
    changed: Condvar,
}

impl Queue {
    pub(crate) fn new(capacity: usize, filter: fn(u32) -> bool) -> Self {
        Self {
            capacity,
            filter,
            state: Arc::default(),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the oldest `count` items.
    pub(crate) fn receive(&self, count: usize) -> Vec<Item> {
        let mut state = self.state();
        let count = count.min(state.items.len());
        self.changed.notify_all();
        state.items.drain(..count).collect()
    }

    /// Ends waits as a signal would.
    pub(crate) fn interrupt(&self) {
        self.state().interrupted = true;
        self.changed.notify_all();
    }

    /// Replaces the oldest message by the word of its loss, as the kernel does.
    fn evict(&self) -> bool {
        let mut state = self.state();
        let at = state
            .items
            .iter()
            .position(|item| matches!(item, Item::Message { .. }));
        let Some(at) = at else { return false };
        let Some(Item::Message { topic, seq, .. }) = state.items.remove(at) else {
            unreachable!("just found");
        };
        let before = state.items.iter_mut().take(at).find_map(|item| match item {
            Item::Lost {
                topic: t, count, ..
            } if *t == topic => Some(count),
            _ => None,
        });
        match before {
            Some(count) => *count += 1,
            None => state.items.insert(
                at,
                Item::Lost {
                    topic,
                    first: seq,
                    count: 1,
                },
            ),
        }
        true
    }

    fn wait(&self, nanoseconds: u64) -> Wait {
        let mut state = self.state();
        let deadline = Instant::now() + Duration::from_nanos(nanoseconds);
        while !state.interrupted && !state.closed && state.items.len() + state.held >= self.capacity
        {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.interrupted {
            return Wait::Interrupted;
        }
        Wait::Retry
    }

    /// Takes all items.
    pub(crate) fn drain(&self) -> Vec<Item> {
        self.receive(usize::MAX)
    }

    /// What happened since the last call, whether or not it was received.
    pub(crate) fn news(&self) -> News {
        std::mem::take(&mut self.state().news)
    }

    /// Whether queueing fails for want of memory.
    pub(crate) fn set_no_memory(&self, no_memory: bool) {
        self.state().no_memory = no_memory;
    }

    /// The same for records alone.
    pub(crate) fn set_no_memory_for_records(&self, no_memory: bool) {
        self.state().no_memory_for_records = no_memory;
    }

    /// Whether something finds room now, within this limit.
    fn room(&self, limit: usize) -> Outcome {
        let state = self.state();
        match () {
            () if state.no_memory => Outcome::NoMemory,
            () if state.items.len() + state.held >= limit => Outcome::Full,
            () => Outcome::Queued,
        }
    }

    fn put(&self, item: Item) {
        let mut state = self.state();
        state.news.items.push(item.clone());
        state.items.push_back(item);
    }
}

impl Port for Queue {
    type Held = Held;
    type Credentials = Person;
    type Kept = Note;
    type Shared<'a> = Letter<'a>;

    fn queue(&self, message: Letter<'_>) -> Outcome {
        match self.hold(message) {
            Ok(held) => {
                self.commit(held);
                Outcome::Queued
            }
            Err(outcome) => outcome,
        }
    }

    fn hold(&self, Letter { note, form }: Letter<'_>) -> Result<Held, Outcome> {
        assert!(
            note.tags.len() > 1 || stamp_of(&note.stamp).is_some(),
            "a filter sees a message as it will be received"
        );
        let selection = note.selection();
        if !selection.iter().all(|(_, tag)| (self.filter)(*tag)) {
            assert_eq!(selection.len(), 1, "a filter sees each message");
            return Err(Outcome::Filtered);
        }
        match self.room(self.capacity) {
            Outcome::Queued => {
                note.queued.set(true);
                self.state().held += 1;
                Ok(Held {
                    selection,
                    form,
                    stamp: note.stamp.clone(),
                    state: self.state.clone(),
                })
            }
            outcome => {
                self.state().news.refused += selection.len() as u32;
                Err(outcome)
            }
        }
    }

    fn has_room(&self, Letter { note, .. }: Letter<'_>) -> bool {
        let wanted = note.selection().iter().all(|(_, tag)| (self.filter)(*tag));
        !wanted || self.room(self.capacity) != Outcome::Full
    }

    fn make_room(&self, _message: Letter<'_>) -> bool {
        while self.room(self.capacity) == Outcome::Full {
            if !self.evict() {
                return false;
            }
        }
        true
    }

    fn wait_for_room(&self, message: Letter<'_>, nanoseconds: u64) -> Wait {
        // What was held for the others was given back.
        message.note.queued.set(false);
        self.wait(nanoseconds)
    }

    fn queue_state(&self) -> QueueState {
        QueueState {
            bytes: self.state().items.len() as u32,
            limit: self.capacity as u32,
            drops: 0,
        }
    }

    fn send(&self, record: &[u8], room: Room) -> Outcome {
        let no_memory = self.state().no_memory_for_records;
        let outcome = match no_memory {
            true => Outcome::NoMemory,
            false => self.room(match room {
                Room::Reserve => 2 * self.capacity,
                Room::Companion => usize::MAX,
                Room::Spare => self.capacity / 2,
            }),
        };
        match outcome {
            Outcome::Queued => self.put(Item::parse(record)),
            _ => self.state().news.overrun += u32::from(room == Room::Reserve),
        }
        outcome
    }

    fn overrun(&self) {
        self.state().news.overrun += 1;
    }

    fn wake(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    fn commit(&self, held: Held) {
        assert!(Arc::ptr_eq(&self.state, &held.state), "held for this queue");
        held.items().for_each(|item| self.put(item));
    }

    fn now_ns() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        let elapsed = START.get_or_init(Instant::now).elapsed();
        elapsed.as_nanos() as u64 + 1
    }
}

type SharedStamp = Arc<Mutex<Option<Stamp>>>;

fn stamp_of(shared: &SharedStamp) -> Option<Stamp> {
    *shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A message, or a batch; its tags are all it says.
pub(crate) struct Note {
    tags: Vec<u32>,
    selected: Option<u32>,
    stamp: SharedStamp,
    queued: Cell<bool>,
    may_wait: bool,
    bytes: u64,
}

impl Note {
    pub(crate) fn new(tag: u32) -> Self {
        Self::batch(&[tag])
    }

    /// One message for each tag.
    pub(crate) fn batch(tags: &[u32]) -> Self {
        Self {
            tags: tags.to_vec(),
            selected: None,
            stamp: SharedStamp::default(),
            queued: Cell::new(false),
            may_wait: true,
            bytes: NOTE_BYTES,
        }
    }

    /// One that costs more, or less, than usual.
    pub(crate) fn of_size(tag: u32, bytes: u64) -> Self {
        Self {
            bytes,
            ..Self::new(tag)
        }
    }

    /// One that fails rather than wait.
    pub(crate) fn impatient(tag: u32) -> Self {
        Self {
            may_wait: false,
            ..Self::new(tag)
        }
    }

    /// The selected messages: tags, and the distance of their numbers from the first.
    fn selection(&self) -> Vec<(u64, u32)> {
        let numbered = (0..).zip(self.tags.iter().copied());
        match self.selected {
            None => numbered.collect(),
            Some(index) => numbered.skip(index as usize).take(1).collect(),
        }
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        stamp_of(&self.stamp)
    }
}

/// What a message costs whoever has it retained, unless it says so.
pub(crate) const NOTE_BYTES: u64 = 100;

impl Kept<Queue> for Note {
    fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A note in one form.
#[derive(Clone, Copy)]
pub(crate) struct Letter<'a> {
    note: &'a Note,
    form: Form,
}

impl Parcel<Queue> for Note {
    fn stamp(&mut self, stamp: Stamp) {
        // Room for a batch is held before.
        assert!(
            !self.queued.get() || stamp_of(&self.stamp).is_none(),
            "a message that was queued is not stamped again"
        );
        assert_eq!(self.selected, None, "a batch is stamped as a whole");
        *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
    }

    fn count(&self) -> u32 {
        self.selection().len() as u32
    }

    fn select(&mut self, index: Option<u32>) {
        assert!(index.is_none_or(|index| (index as usize) < self.tags.len()));
        self.selected = index;
    }

    fn must_split_on(&self, queue: &Queue, form: Form) -> bool {
        form == Form::Seed || !self.tags.iter().all(|tag| (queue.filter)(*tag))
    }

    fn in_form(&mut self, form: Form) -> Option<Letter<'_>> {
        Some(Letter { note: self, form })
    }

    fn may_wait(&self) -> bool {
        self.may_wait
    }

    fn keep(&self) -> Option<Self> {
        let [(number, tag)] = self.selection()[..] else {
            panic!("one message is kept at a time");
        };
        let stamp = stamp_of(&self.stamp).expect("a message is stamped before it is kept");
        let seq = stamp.seq + number;
        (sys::allocate().is_ok()).then(|| Self {
            stamp: Arc::new(Mutex::new(Some(Stamp { seq, ..stamp }))),
            queued: Cell::new(true),
            ..Self::of_size(tag, self.bytes)
        })
    }
}
