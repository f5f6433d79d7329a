// SPDX-License-Identifier: MIT OR Apache-2.0

//! Items as they come, until the user, the reader of the output or a deadline ends it.

use std::io;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::time::Duration;
use std::time::Instant;

use libkipc::Error;
use libkipc::Item;
use libkipc::Raw;
use libkipc::Subscriber;

use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::interrupt::Wake;

/// Most items between two looks at the clock and at interrupts, which must end it even if messages
/// come faster than they are used.
const BATCH: u32 = 64;

/// When a time from now is over; `None`: never.
pub(crate) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// A subscriber and what may end it.
pub(crate) struct Feed {
    subscriber: Subscriber<Vec<u8>, Raw>,
    interrupts: Interrupts,
    /// Items since the last look at the clock.
    taken: u32,
}

/// What comes next.
pub(crate) enum Next {
    /// An item.
    Item(Item<Vec<u8>>),
    /// The time is over.
    Time,
    /// The user wants an end, or nobody reads the output any more.
    Stop,
}

impl Feed {
    /// Watch interrupts first, so that one that comes while this is set up is not missed.
    pub(crate) fn new(subscriber: Subscriber<Vec<u8>, Raw>, interrupts: Interrupts) -> Self {
        Self {
            subscriber,
            interrupts,
            taken: 0,
        }
    }

    /// Waits for the next item, until `deadline` or without end.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Result<Next, Failure> {
        loop {
            if self.taken < BATCH {
                self.taken += 1;
                if let Some(item) = self.item()? {
                    return Ok(Next::Item(item));
                }
            } else {
                // There may be more, so this only looks.
                let over = deadline.is_some_and(|deadline| deadline <= Instant::now());
                self.taken = 0;
                match self.interrupts.wait(None, Some(Instant::now()))? {
                    Wake::Stop => return Ok(Next::Stop),
                    _ if over => return Ok(Next::Time),
                    _ => continue,
                }
            }
            self.taken = 0;
            match self
                .interrupts
                .wait(Some(self.subscriber.as_fd()), deadline)?
            {
                Wake::Ready => {}
                Wake::Time => return Ok(Next::Time),
                Wake::Stop => return Ok(Next::Stop),
            }
        }
    }

    /// The next item, if there is one. What concerns one message only is told on standard error.
    fn item(&mut self) -> Result<Option<Item<Vec<u8>>>, Error> {
        loop {
            match self.subscriber.try_recv() {
                Err(error @ (Error::Truncated { .. } | Error::Overrun)) => {
                    let _ = writeln!(io::stderr(), "kipc: {}", error.with_sources());
                }
                other => return other,
            }
        }
    }
}
