// SPDX-License-Identifier: GPL-2.0

//! The history of a topic: its last messages, retained for subscribers that come later.

use crate::bus::account::Quota;
use crate::bus::account::Resource;
use crate::bus::client::Client;
use crate::bus::port::Kept as _;
use crate::bus::port::Port;
use crate::sys::Map;
use core::ops::ControlFlow;

/// A retained message.
struct Retained<P: Port> {
    message: P::Kept,
    /// Serial number of the client that published it.
    from: u64,
    /// What it costs that client's user.
    quota: Quota,
}

/// What a late subscriber gets of a history, in order.
pub(super) enum Past<'a, P: Port> {
    /// A message, its number, and the serial number of the client that published it.
    Message(u64, u64, &'a mut P::Kept),
    /// A number, and how many messages from it on could not be retained.
    Gap(u64, u64),
}

/// The last messages of a topic.
///
/// # Invariants
///
/// `messages` holds only numbers of the window: from `since` on, up to `last`, and no more than `depth`
/// from the end.
pub(super) struct History<P: Port> {
    /// How many messages it retains.
    depth: u32,
    messages: Map<u64, Retained<P>>,
    /// The first number that it should hold; what came before was let go on purpose.
    since: u64,
    /// Number of the topic's last message.
    last: u64,
}

impl<P: Port> History<P> {
    /// An empty history of a topic whose last message has this number.
    pub(super) fn new(depth: u32, last: u64) -> Self {
        // INVARIANT: It is empty.
        Self {
            depth,
            messages: Map::new(),
            since: last.wrapping_add(1),
            last,
        }
    }

    /// How many messages it retains at most.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// Changes how many messages it retains.
    pub(super) fn set_depth(&mut self, depth: u32) {
        // What the old number let go of was let go on purpose, also if there is room for more now.
        self.since = self.start();
        self.depth = depth;
        self.let_go_of_the_old();
    }

    /// How many messages it holds.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Lets go of all messages.
    pub(super) fn clear(&mut self) {
        self.since = self.last.wrapping_add(1);
        self.let_go_of_the_old();
    }

    /// The first number of the window.
    fn start(&self) -> u64 {
        let next = self.last.wrapping_add(1);
        self.since.max(next.saturating_sub(self.depth.into()))
    }

    /// Retains the message with this number, the topic's last, at the cost of its publisher. What
    /// cannot be retained, because the publisher's user has too much or there is no memory, is a gap:
    /// late subscribers are told so, and do not take an older message for the last one.
    ///
    /// To make room, the user's own messages are let go if they are the oldest; those of others are
    /// not the user's to give.
    pub(super) fn retain(&mut self, seq: u64, from: &Client<P>, message: Option<P::Kept>) {
        self.last = seq;
        self.let_go_of_the_old();
        let Some(message) = message else { return };
        let bytes = message.bytes();
        let quota = loop {
            match Quota::take(&from.user, Resource::RetainedBytes, bytes) {
                Ok(quota) => break quota,
                Err(_) => {
                    let oldest = self.messages.first();
                    let Some((seq, _)) = oldest.filter(|(_, r)| r.quota.user().is(&from.user))
                    else {
                        return;
                    };
                    self.since = seq.wrapping_add(1);
                    self.let_go_of_the_old();
                }
            }
        };
        let retained = Retained {
            message,
            from: from.serial,
            quota,
        };
        // INVARIANT: It is the last. If there is no memory, it is a gap.
        let _ = self.messages.try_insert(seq, retained);
    }

    /// Visits what a late subscriber is told, in order.
    pub(super) fn replay(&mut self, mut each: impl FnMut(Past<'_, P>)) {
        let mut next = self.start();
        let _: Option<()> = self.messages.visit_from(&0, |seq, retained| {
            let missing = seq.saturating_sub(next);
            if missing > 0 {
                each(Past::Gap(next, missing));
            }
            each(Past::Message(*seq, retained.from, &mut retained.message));
            next = seq.wrapping_add(1);
            ControlFlow::Continue(())
        });
        let missing = self.last.wrapping_add(1).saturating_sub(next);
        if missing > 0 {
            each(Past::Gap(next, missing));
        }
    }

    /// Keeps the invariant after the window has moved.
    fn let_go_of_the_old(&mut self) {
        let start = self.start();
        while let Some(oldest) = self.messages.first().map(|(seq, _)| *seq) {
            if oldest >= start {
                return;
            }
            self.messages.remove(&oldest);
        }
    }
}
