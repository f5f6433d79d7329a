// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a subscriber receives.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use crate::topic::Topic;

/// Address of a socket on the bus: unique in its network namespace as long as the socket is open.
///
/// ```
/// assert_eq!(libkipc::PortId::KERNEL.get(), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub(crate) u32);

impl PortId {
    /// The kernel itself.
    pub const KERNEL: Self = Self(0);

    /// The address with this number, such as another process has told it.
    ///
    /// ```
    /// assert_eq!(libkipc::PortId::new(7).to_string(), "7");
    /// ```
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    ///
    /// ```
    /// assert_eq!(libkipc::PortId::new(7).get(), 7);
    /// ```
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who sent a message, as the kernel saw it when it was sent.
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?.credentials();
/// if let Some(message) = builder.create()?.recv()?.into_message() {
///     println!("{:?}", message.credentials.map(|sender| sender.uid));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Credentials {
    /// Process id, as the pid namespace of the process that first used the subscriber's socket knows
    /// it; 0 if it does not, and for retained messages and last wills of a process that has ended.
    pub pid: i32,
    /// User id, in the receiver's user namespace.
    pub uid: u32,
    /// Group id, in the receiver's user namespace.
    pub gid: u32,
}

/// A published message.
///
/// Dereferences to its value.
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
/// if let Some(message) = subscriber.recv()?.into_message() {
///     println!("{} {}: {}", message.topic, message.seq, message.value);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<T> {
    /// What was published.
    pub value: T,
    /// Where it was published.
    pub topic: Topic,
    /// Number of the message in its topic: 1, 2, 3, … without gaps.
    pub seq: u64,
    /// When the kernel gave it its number: `CLOCK_MONOTONIC`.
    pub time: Duration,
    /// Chosen by the publisher; 0 by default.
    pub tag: u32,
    /// Fingerprint of the topic's type; 0 = untyped.
    pub fingerprint: u64,
    /// The publisher's socket.
    pub publisher: PortId,
    /// The sender, if [`credentials`](crate::SubscriberBuilder::credentials) were asked for.
    pub credentials: Option<Credentials>,
}

impl<T> Deref for Message<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A message, or what happened to the stream at this place.
///
/// ```no_run
/// use libkipc::{Bus, Item};
///
/// # fn main() -> libkipc::Result<()> {
/// for item in Bus::connect()?.subscriber::<u32>("counters/*")?.events().create()? {
///     match item? {
///         Item::Message(message) => println!("{} = {}", message.topic, message.value),
///         Item::Lost { topic, count, .. } => println!("{topic}: {count} messages are missing"),
///         Item::Joined { topic, publisher, .. } => println!("{topic}: {publisher} is here"),
///         Item::Gone { topic, publisher, .. } => println!("{topic}: {publisher} is gone"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<T> {
    /// A published message.
    Message(Message<T>),
    /// Messages of a topic are missing here, because this subscriber's queue was full.
    #[non_exhaustive]
    Lost {
        /// The topic.
        topic: Topic,
        /// Number of the first lost message.
        first: u64,
        /// How many were lost, in a row.
        count: u64,
    },
    /// A publisher appeared, or was there when the subscription began.
    #[non_exhaustive]
    Joined {
        /// The topic that it publishes.
        topic: Topic,
        /// The publisher's socket.
        publisher: PortId,
    },
    /// A publisher is gone: nothing more comes from it.
    #[non_exhaustive]
    Gone {
        /// The topic that it published.
        topic: Topic,
        /// The publisher's socket.
        publisher: PortId,
    },
    /// A topic of which something arrived here is gone with its last publisher. If one advertises
    /// it again, it is a new topic: its numbers begin with 1.
    #[non_exhaustive]
    Removed {
        /// The topic.
        topic: Topic,
    },
}

impl<T> Item<T> {
    /// The message, if it is one.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// if let Some(message) = subscriber.recv()?.into_message() {
    ///     println!("{}", message.value);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_message(self) -> Option<Message<T>> {
        match self {
            Self::Message(message) => Some(message),
            _ => None,
        }
    }

    /// The topic that it is about.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// println!("{}", subscriber.recv()?.topic());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn topic(&self) -> &Topic {
        match self {
            Self::Message(Message { topic, .. })
            | Self::Lost { topic, .. }
            | Self::Joined { topic, .. }
            | Self::Gone { topic, .. }
            | Self::Removed { topic } => topic,
        }
    }
}
