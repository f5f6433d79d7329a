// SPDX-License-Identifier: GPL-2.0

//! What the bus asks of its surroundings: a queue per subscriber, and messages to put there.

/// Port id of the kernel, which any number of its publishers share. No socket of a process has it.
pub(crate) const KERNEL: u32 = 0;

/// What became of a message or record for one subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the queue.
    Queued,
    /// The subscriber's own filter did not want it.
    Filtered,
    /// The queue is full.
    Full,
    /// No memory to queue it.
    NoMemory,
}

/// Where in a queue a record may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// In a reserve as large as the queue, which messages may not use. If even that is used up,
    /// the client learns so from its next receive.
    Reserve,
    /// Beside a message that already has its room. There are at most two for one message, so they
    /// always fit.
    Companion,
    /// In the first half of the queue, or nowhere: what anybody may cause, as often as he likes,
    /// must not take the room of messages.
    Spare,
}

/// Credentials of whoever opened a socket. They decide what the socket may do, whoever sends on
/// it.
pub(crate) trait Credentials: Send + Sync + 'static {
    /// The user.
    fn uid(&self) -> u32;

    /// The user who answers for what this one uses up: itself, or who made the user namespace that it
    /// exists in.
    fn sponsor(&self) -> u32;

    /// The user's first group.
    fn gid(&self) -> u32;

    /// Whether the user is in this group.
    fn is_in_group(&self, gid: u32) -> bool;

    /// Whether the user administers the bus.
    fn is_admin(&self) -> bool;

    /// The process that made the socket a client, as whoever asks now knows it.
    fn process(&self) -> Process;
}

/// A process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its id; 0 if whoever asks cannot see it, or for the kernel.
    pub(crate) pid: u32,
    /// Its name, ended by a NUL.
    pub(crate) comm: [u8; 16],
    /// When it started, in nanoseconds since the machine did.
    pub(crate) start_time: u64,
}

impl Process {
    /// Its name. What is not UTF-8 is not shown.
    pub(crate) fn comm(&self) -> &str {
        let text = self.comm.split(|byte| *byte == 0).next();
        core::str::from_utf8(text.unwrap_or_default()).unwrap_or("?")
    }
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueState {
    /// Memory that it takes now, in bytes.
    pub(crate) bytes: u32,
    /// Memory that messages may take.
    pub(crate) limit: u32,
    /// What did not fit so far.
    pub(crate) drops: u32,
}

/// A client's queue.
pub(crate) trait Port: Sized + Send + Sync + 'static {
    /// A message that any number of ports can queue.
    type Shared<'a>: Copy;

    /// A message for which room was taken. Dropping it gives the room back.
    type Held: Unpin;

    /// Who opened it.
    type Credentials: Credentials;

    /// A message that is kept for later.
    type Kept: Kept<Self>;

    /// How full it is.
    fn queue_state(&self) -> QueueState;

    /// Queues a copy of a record.
    fn send(&self, record: &[u8], room: Room) -> Outcome;

    /// Queues a message.
    fn queue(&self, message: Self::Shared<'_>) -> Outcome;

    /// Whether a message would find room now; also true if the port's filter may not want it at all.
    fn has_room(&self, message: Self::Shared<'_>) -> bool;

    /// Takes room for a message, so that something else can be queued before it; or says why it
    /// cannot be queued.
    fn hold(&self, message: Self::Shared<'_>) -> Result<Self::Held, Outcome>;

    /// Queues a message that was held for this port.
    fn commit(&self, held: Self::Held);

    /// Removes the oldest messages until this one fits, each replaced by the word of its loss at
    /// its place. False if that does not help.
    fn make_room(&self, message: Self::Shared<'_>) -> bool;

    /// Waits until there may be room for a message, or the port is closed.
    fn wait_for_room(&self, message: Self::Shared<'_>, nanoseconds: u64) -> Wait;

    /// Lets its next receive fail once: it was not told all that there is to tell.
    fn overrun(&self);

    /// Wakes whoever waits for room here: there will be none any more.
    fn wake(&self);

    /// The clock of all time stamps, in nanoseconds.
    fn now_ns() -> u64;

    /// For whoever traces: a message of the client with this port id was published.
    fn trace_publish(_topic_id: u32, _port_id: u32, _receipt: Receipt) {}

    /// For whoever traces: the client with this port id lost messages.
    fn trace_drop(_topic_id: u32, _first: u64, _count: u32, _port_id: u32) {}

    /// For whoever traces: the client, with this port id, leaves the bus.
    fn trace_end(&self, _port_id: u32) {}
}

/// How a wait for room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It is worth another try.
    Retry,
    /// By a signal.
    Interrupted,
}

/// In which protocol a subscriber gets messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// With the data header; also gets records.
    V1,
    /// The payload alone; gets no records.
    Seed,
}

/// What the bus says of a message when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The topic.
    pub(crate) topic_id: u32,
    /// Its number in the topic.
    pub(crate) seq: u64,
    /// When it got its number.
    pub(crate) time: u64,
    /// Fingerprint of its type, as its publisher advertised.
    pub(crate) fingerprint: u64,
    /// Port id of its publisher.
    pub(crate) port_id: u32,
}

/// One published message on its way. It is stamped, then queued any number of times. It is stamped
/// again if it had to wait and was not queued anywhere. Room for a batch is held before it is
/// stamped, on ports that need not split it.
pub(crate) trait Parcel<P: Port> {
    /// Fills in what the bus says of it.
    fn stamp(&mut self, stamp: Stamp);

    /// How many messages it is: more than one in a batch, which is stamped with the numbers from
    /// that of the stamp on.
    fn count(&self) -> u32 {
        1
    }

    /// Chooses what of a stamped batch is queued from now on: the message of this index alone, or
    /// all of it. One message has only index 0.
    fn select(&mut self, _index: Option<u32>) {}

    /// Whether this port must get the messages of a batch one by one: because it has another form,
    /// or because its filter looks at the first message of what is queued.
    fn must_split_on(&self, _port: &P, _form: Form) -> bool {
        false
    }

    /// The selected message, or all of the batch, in this form; `None` without memory.
    fn in_form(&mut self, form: Form) -> Option<P::Shared<'_>>;

    /// Whether its publisher wants this message to wait if need be.
    fn may_wait(&self) -> bool;

    /// The selected message, for later; `None` without memory.
    fn keep(&self) -> Option<P::Kept>;
}

/// A message that is kept: retained in a history, or a last will.
pub(crate) trait Kept<P: Port>: Parcel<P> + Send + Unpin {
    /// How much memory it takes.
    fn bytes(&self) -> u64;
}

/// What became of a published message, or of a batch, whose subscribers count as one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Its number in its topic; of a batch, that of its last message.
    pub(crate) seq: u64,
    /// Subscribers that have it in their queue.
    pub(crate) delivered: u32,
    /// Subscribers that lost it.
    pub(crate) dropped: u32,
}
