// SPDX-License-Identifier: GPL-2.0

//! The history of a topic: its last messages, retained for subscribers that come later.

use crate::bus::account::Account;
use crate::bus::account::Charge;
use crate::bus::port::Credentials as _;
use crate::bus::port::Kept as _;
use crate::bus::port::Port;
use crate::sys::Arc;
use crate::sys::Map;
use core::ops::ControlFlow;

/// A retained message, and what it costs.
struct Retained<P: Port> {
    message: P::Kept,
    _charge: Charge,
}

/// The last messages of a topic.
///
/// # Invariants
///
/// Unless it is empty, `messages` holds those with the numbers from `oldest` on, in a row, up to
/// the last message of the topic, and no more than `depth`.
pub(super) struct History<P: Port> {
    /// How many messages it retains.
    depth: u32,
    /// Who decides on it and pays for it.
    payer: Arc<Account>,
    /// How much the payer may retain in all, in bytes.
    limit: u64,
    messages: Map<u64, Retained<P>>,
    oldest: u64,
}

impl<P: Port> History<P> {
    /// An empty history. A depth of 0 is for comparison only: nothing is to be retained in it.
    pub(super) fn new(depth: u32, payer: Arc<Account>, limit: u64) -> Self {
        // INVARIANT: It is empty.
        Self {
            depth,
            payer,
            limit,
            messages: Map::new(),
            oldest: 0,
        }
    }

    /// How many messages it retains at most.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// Changes how many messages it retains.
    pub(super) fn set_depth(&mut self, depth: u32) {
        self.depth = depth;
        self.drop_all_but(depth);
    }

    /// Whether this user decides on it: the one who pays, or an administrator.
    pub(super) fn is_of(&self, user: &P::Credentials) -> bool {
        user.uid() == self.payer.uid || user.is_admin()
    }

    /// How many messages it holds.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Lets go of all messages.
    pub(super) fn clear(&mut self) {
        self.drop_all_but(0);
    }

    /// Retains the message with this number, the topic's last. What cannot be retained, because
    /// the payer's limit is reached or there is no memory, leaves nothing: late subscribers shall
    /// find the last message or none, not an older one in its place.
    pub(super) fn retain(&mut self, seq: u64, message: Option<P::Kept>) {
        let Some(message) = message else {
            self.clear();
            return;
        };
        self.drop_all_but(self.depth.saturating_sub(1));
        let bytes = message.bytes();
        let charge = loop {
            match Charge::new(&self.payer, bytes, self.limit) {
                Some(charge) => break charge,
                None if self.drop_oldest() => {}
                None => return,
            }
        };
        if self.messages.len() == 0 {
            self.oldest = seq;
        }
        let retained = Retained {
            message,
            _charge: charge,
        };
        // INVARIANT: It comes behind its predecessor, or is the first.
        if self.messages.try_insert(seq, retained).is_err() {
            self.clear();
        }
    }

    /// Visits the messages in order.
    pub(super) fn replay(&mut self, mut each: impl FnMut(u64, &mut P::Kept)) {
        let _: Option<()> = self.messages.visit_from(&self.oldest, |seq, retained| {
            each(*seq, &mut retained.message);
            ControlFlow::Continue(())
        });
    }

    fn drop_all_but(&mut self, count: u32) {
        while self.messages.len() > count as usize {
            if !self.drop_oldest() {
                return;
            }
        }
    }

    /// Lets go of the oldest message; false if there is none.
    fn drop_oldest(&mut self) -> bool {
        let oldest = self.oldest;
        // INVARIANT: Its successor, if there is one, has the next number.
        self.oldest = oldest.wrapping_add(1);
        self.messages.remove(&oldest).is_some()
    }
}
