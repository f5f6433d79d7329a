// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! Message types, attribute types and flags of kipc v1.
//!
//! `include/uapi/linux/kipc.h` says the same for C; a test compares the two.

/// Lowest message type of kipc v1; below it are the seed protocol (0) and netlink's own types.
pub(crate) const MIN_TYPE: u16 = 0x10;

/// Ask for version, limits and counts; the answer has the same type.
pub(crate) const INFO: u16 = 0x10;
/// Become a publisher of a topic; the answer carries its id.
pub(crate) const ADVERTISE: u16 = 0x11;
/// Stop being a publisher of a topic.
pub(crate) const UNADVERTISE: u16 = 0x12;
/// Receive the messages of all topics that match a pattern; the answer carries an id.
pub(crate) const SUBSCRIBE: u16 = 0x13;
/// End a subscription.
pub(crate) const UNSUBSCRIBE: u16 = 0x14;
/// Let go of what a topic retains.
pub(crate) const CLEAR: u16 = 0x15;
/// Replace all rules of access by those that follow; only an administrator may.
pub(crate) const POLICY: u16 = 0x17;
/// A published message, to the kernel and from it: [`super::data::DataHeader`], then the payload.
pub(crate) const PUBLISH: u16 = 0x18;
/// Answer to a publish that asked for an acknowledgement.
pub(crate) const PUBLISHED: u16 = 0x19;
/// A message like [`PUBLISH`] that is published when this socket is closed.
pub(crate) const LAST_WILL: u16 = 0x1a;

/// Dump: the topics.
pub(crate) const TOPICS: u16 = 0x30;
/// Dump: the clients, that is, sockets that publish or subscribe, or did.
pub(crate) const CLIENTS: u16 = 0x31;
/// Dump: the subscriptions.
pub(crate) const SUBSCRIPTIONS: u16 = 0x32;
/// Dump: what happened on each topic.
pub(crate) const STATISTICS: u16 = 0x33;

/// Event: what a topic id stands for. Comes before the first record that uses the id.
pub(crate) const TOPIC: u16 = 0x20;
/// Event: messages of a topic were lost, here, because this socket's queue was full.
pub(crate) const LOST: u16 = 0x21;
/// Event: a publisher of a topic appeared.
pub(crate) const JOINED: u16 = 0x22;
/// Event: a publisher of a topic is gone; nothing more comes from it.
pub(crate) const GONE: u16 = 0x23;
/// Event: a topic that this socket knows is gone with its last publisher; its id is not used again.
pub(crate) const REMOVED: u16 = 0x24;

/// Event: a topic appeared that a subscription names, but this socket may not subscribe to it.
pub(crate) const DENIED: u16 = 0x25;
/// Event: how many subscribers a topic has for a publisher that asked; it changed.
pub(crate) const MATCHED: u16 = 0x26;

/// Attribute types. One number space for all messages.
pub(crate) mod attr {
    /// Topic name, string.
    pub(crate) const TOPIC: u16 = 1;
    /// Topic id, u32.
    pub(crate) const TOPIC_ID: u16 = 2;
    /// Topic pattern, string.
    pub(crate) const PATTERN: u16 = 3;
    /// Subscription id, u32; unique on its socket.
    pub(crate) const SUBSCRIPTION_ID: u16 = 4;
    /// Fingerprint of the payload's type, u64; 0 = untyped.
    pub(crate) const FINGERPRINT: u16 = 5;
    /// Flags of the message that it stands in, u32.
    pub(crate) const FLAGS: u16 = 6;
    /// Port id of a publisher, u32.
    pub(crate) const PORT: u16 = 7;
    /// A sequence number of a topic, u64.
    pub(crate) const SEQ: u16 = 8;
    /// Number of messages, u64.
    pub(crate) const COUNT: u16 = 9;
    /// Version of the module, string.
    pub(crate) const VERSION: u16 = 10;
    /// Version of the wire format, u32.
    pub(crate) const ABI: u16 = 11;
    /// Number of topics, u32.
    pub(crate) const TOPICS: u16 = 12;
    /// Number of sockets that publish or subscribe, u32.
    pub(crate) const CLIENTS: u16 = 13;
    /// Number of subscriptions, u32.
    pub(crate) const SUBSCRIPTIONS: u16 = 14;
    /// Subscribers whose queue took a message, u32.
    pub(crate) const DELIVERED: u16 = 15;
    /// Subscribers that lost a message, u32.
    pub(crate) const DROPPED: u16 = 16;
    /// Most advertisements of one socket, u32.
    pub(crate) const MAX_ADVERTISEMENTS: u16 = 17;
    /// Most subscriptions of one socket, u32.
    pub(crate) const MAX_SUBSCRIPTIONS: u16 = 18;
    /// Most topics of one bus, u32.
    pub(crate) const MAX_TOPICS: u16 = 19;
    /// How long a publish may wait for subscribers, milliseconds, u32.
    pub(crate) const WAIT: u16 = 20;
    /// How many messages a topic retains, u32.
    pub(crate) const HISTORY: u16 = 21;
    /// Who may do what with a topic: `rw-rw-rw-` as files have it, u32.
    pub(crate) const MODE: u16 = 22;
    /// A user, u32.
    pub(crate) const UID: u16 = 23;
    /// A group, u32.
    pub(crate) const GID: u16 = 24;
    /// A path; with all below it. Empty: all topics. String.
    pub(crate) const PREFIX: u16 = 25;
    /// A rule of access, nested: `PREFIX`, `UID`, `GID`, `MODE`.
    pub(crate) const RULE: u16 = 26;
    /// Number of publishers, u32.
    pub(crate) const PUBLISHERS: u16 = 27;
    /// Number of subscribers, u32.
    pub(crate) const SUBSCRIBERS: u16 = 28;
    /// How many messages are retained now, u32.
    pub(crate) const RETAINED: u16 = 29;
    /// A process as the reader's pid namespace numbers it; 0 if it is not there, u32.
    pub(crate) const PID: u16 = 30;
    /// Name of a process, string.
    pub(crate) const COMM: u16 = 31;
    /// When a process started, nanoseconds since the machine did, u64.
    pub(crate) const START_TIME: u16 = 32;
    /// Memory that a queue takes, bytes, u32.
    pub(crate) const QUEUE_BYTES: u16 = 33;
    /// Memory that messages in a queue may take, bytes, u32.
    pub(crate) const QUEUE_LIMIT: u16 = 34;
    /// What did not fit into a queue so far, u32.
    pub(crate) const DROPS: u16 = 35;
    /// Messages that got into queues, over all subscribers, u64.
    pub(crate) const DELIVERED_TOTAL: u16 = 36;
    /// Messages that did not fit into queues, over all subscribers, u64.
    pub(crate) const DROPPED_TOTAL: u16 = 37;
    /// Most topics of one user, u32.
    pub(crate) const MAX_TOPICS_PER_USER: u16 = 38;
    /// Most subscriptions of one user, u32.
    pub(crate) const MAX_SUBSCRIPTIONS_PER_USER: u16 = 39;
    /// Most memory in retained messages and last wills of one user, bytes, u32.
    pub(crate) const MAX_RETAINED_BYTES: u16 = 40;
    /// Longest payload of a message, bytes, u32.
    pub(crate) const MAX_MESSAGE_BYTES: u16 = 41;
    /// Most subscriptions of one user that have a wildcard, u32.
    pub(crate) const MAX_PATTERNS_PER_USER: u16 = 42;
}

/// Advertise flag: receive [`MATCHED`], now and whenever it changes.
pub(crate) const ADVERTISE_EVENTS: u32 = 1 << 0;
/// All flags that [`ADVERTISE`] knows.
pub(crate) const ADVERTISE_FLAGS: u32 = ADVERTISE_EVENTS;

/// Subscribe flag: also receive [`JOINED`] and [`GONE`].
pub(crate) const SUBSCRIBE_EVENTS: u32 = 1 << 0;
/// Subscribe flag: when the queue is full, the oldest messages make room for the newest.
pub(crate) const SUBSCRIBE_DROP_OLDEST: u32 = 1 << 1;
/// Subscribe flag: when the queue is full, publishers that agreed to it wait.
pub(crate) const SUBSCRIBE_BLOCK: u32 = 1 << 2;
/// Subscribe flag: when the queue is full, publishing fails for publishers that agreed to it.
pub(crate) const SUBSCRIBE_FAIL: u32 = 1 << 3;
/// Subscribe flag: first of all, receive what the topics retain.
pub(crate) const SUBSCRIBE_HISTORY: u32 = 1 << 4;
/// The flags of which at most one may be set; without any, the newest message is dropped.
pub(crate) const SUBSCRIBE_OVERFLOW: u32 = SUBSCRIBE_DROP_OLDEST | SUBSCRIBE_BLOCK | SUBSCRIBE_FAIL;
/// All flags that [`SUBSCRIBE`] knows.
pub(crate) const SUBSCRIBE_FLAGS: u32 = SUBSCRIBE_EVENTS | SUBSCRIBE_OVERFLOW | SUBSCRIBE_HISTORY;

/// Longest [`attr::WAIT`], in milliseconds.
pub(crate) const MAX_WAIT: u32 = 60_000;

/// Greatest [`attr::HISTORY`].
pub(crate) const MAX_HISTORY: u32 = 4096;

/// The bits that a mode may have: `r` (subscribe) and `w` (publish) for owner, group and others.
pub(crate) const MODE_BITS: u32 = 0o666;

/// Mode of a topic whose creator gave none.
pub(crate) const DEFAULT_MODE: u32 = 0o600;

/// Mode of the seed protocol's topic, whose clients cannot give one.
pub(crate) const SEED_MODE: u32 = 0o666;

/// Most rules of access of one bus.
pub(crate) const MAX_RULES: usize = 1024;
