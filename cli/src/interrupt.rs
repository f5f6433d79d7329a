// SPDX-License-Identifier: MIT OR Apache-2.0

//! Interrupts, as something to wait for: commands that write files end in order.

use std::io;
use std::os::fd::AsFd as _;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SfdFlags;
use nix::sys::signalfd::SignalFd;

use crate::failure::Failure;

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// What was waited for can be read.
    Ready,
    /// The time is over.
    Time,
    /// The user wants an end, or nobody reads the output any more.
    Stop,
}

/// SIGINT and SIGTERM, which no longer end the process by themselves.
pub(crate) struct Interrupts {
    signals: SignalFd,
}

impl Interrupts {
    /// From now on.
    pub(crate) fn watch() -> Result<Self, Failure> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            signals.add(signal);
        }
        signals
            .thread_block()
            .and_then(|()| SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC))
            .map(|signals| Self { signals })
            .map_err(|error| Failure::Stream("watch signals", error.into()))
    }

    /// Waits for `source` until `deadline`, or without end.
    pub(crate) fn wait(
        &self,
        source: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> Result<Wake, Failure> {
        let output = io::stdout();
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timeout = left.map_or(PollTimeout::NONE, |left| {
                // Rounded up, so that the last wait is not a busy loop.
                PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
            });
            let mut fds = vec![
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                // No event is asked for: the end of a pipe without a reader comes anyway.
                PollFd::new(output.as_fd(), PollFlags::empty()),
            ];
            fds.extend(source.map(|source| PollFd::new(source, PollFlags::POLLIN)));
            match poll(&mut fds, timeout) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(Failure::Stream("wait", error.into())),
            }
            let unread = |fd: &PollFd<'_>| {
                fd.revents().is_some_and(|events| {
                    events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP)
                })
            };
            let any = |index: usize| fds.get(index).and_then(PollFd::any).unwrap_or(false);
            if any(0) || fds.get(1).is_some_and(unread) {
                return Ok(Wake::Stop);
            }
            if any(2) {
                return Ok(Wake::Ready);
            }
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(Wake::Time);
            }
        }
    }
}
