// SPDX-License-Identifier: GPL-2.0

//! What happens when a subscriber's queue is full, and whom it concerns.

use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_FAIL;

/// What a subscriber wants when its queue is full. If several subscriptions of one client match a
/// topic, the greatest decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overflow {
    /// The message that does not fit is lost.
    DropNewest,
    /// What lies in the queue for longest is lost.
    DropOldest,
    /// A publisher that agreed to it waits.
    Block,
    /// Publishing fails, for all subscribers, if the publisher agreed to it.
    Fail,
}

impl Overflow {
    /// The policy in the flags of a subscription.
    pub(super) fn of(flags: u32) -> Self {
        if flags & SUBSCRIBE_FAIL != 0 {
            Self::Fail
        } else if flags & SUBSCRIBE_BLOCK != 0 {
            Self::Block
        } else if flags & SUBSCRIBE_DROP_OLDEST != 0 {
            Self::DropOldest
        } else {
            Self::DropNewest
        }
    }

    /// Whether the publisher has a part in it.
    pub(super) fn is_reliable(self) -> bool {
        self >= Self::Block
    }
}

/// How far a publisher goes for subscribers that ask for it. Agreed to when it advertises: nobody
/// is held up who did not agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It neither waits nor fails.
    #[default]
    None,
    /// It fails, and waits for so many nanoseconds at most.
    Nanoseconds(u64),
}

impl Patience {
    /// From what a request to advertise says.
    pub(crate) fn from_milliseconds(wait: Option<u32>) -> Self {
        match wait {
            Some(wait) => Self::Nanoseconds(u64::from(wait).saturating_mul(1_000_000)),
            None => Self::None,
        }
    }
}
