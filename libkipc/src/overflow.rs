// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens when a subscriber's queue is full.

use crate::wire::message;

/// What happens to messages when a subscriber's queue is full.
///
/// Whatever it is, the subscriber finds [`Item::Lost`](crate::Item::Lost) where messages are
/// missing.
///
/// [`Overflow::Block`] and [`Overflow::Fail`] concern publishers that agreed to it with
/// [`PublisherBuilder::wait`](crate::PublisherBuilder::wait). For others they are
/// [`Overflow::DropNewest`].
///
/// ```no_run
/// use libkipc::{Bus, Overflow};
///
/// # fn main() -> libkipc::Result<()> {
/// let newest_first_to_go = Bus::connect()?.subscriber::<u32>("log/**")?.create()?;
/// let always_current = Bus::connect()?
///     .subscriber::<u32>("position")?
///     .overflow(Overflow::DropOldest)
///     .create()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// The message that does not fit is lost.
    #[default]
    DropNewest,
    /// What has been in the queue for longest makes room.
    DropOldest,
    /// Publishers wait for room, as long as each agreed to; then the message is lost.
    Block,
    /// Publishing fails with [`Errno::AGAIN`](crate::Errno::AGAIN), for all subscribers.
    Fail,
}

impl Overflow {
    pub(crate) fn flags(self) -> u32 {
        match self {
            Self::DropNewest => 0,
            Self::DropOldest => message::SUBSCRIBE_DROP_OLDEST,
            Self::Block => message::SUBSCRIBE_BLOCK,
            Self::Fail => message::SUBSCRIBE_FAIL,
        }
    }
}
