// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc sub`.

use std::io;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::time::Duration;
use std::time::Instant;

use libkipc::Bus;
use libkipc::Error;
use libkipc::Item;
use libkipc::Raw;
use libkipc::Subscriber;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SfdFlags;
use nix::sys::signalfd::SignalFd;

use crate::cli::Subscribe;
use crate::failure;
use crate::failure::Failure;
use crate::output;
use crate::output::Format;

/// Most items between two looks at the clock and at interrupts, which must end it even if messages
/// come faster than they are printed.
const BATCH: usize = 64;

pub(crate) fn run(bus: &Bus, arguments: &Subscribe) -> Result<(), Failure> {
    let interrupts =
        interrupts().map_err(|error| Failure::Stream("watch signals", error.into()))?;
    let deadline = arguments
        .timeout
        .and_then(|timeout| Instant::now().checked_add(timeout));
    let mut subscriber = subscribe(bus, arguments)?;
    if arguments.verbose {
        let _ = writeln!(io::stderr(), "kipc: subscribed to {}", arguments.pattern);
    }
    let format = Format {
        json: arguments.json,
        hex: arguments.hex,
    };
    let mut received = 0;
    loop {
        let mut more = true;
        for _ in 0..BATCH {
            let Some(item) = next(&mut subscriber)? else {
                more = false;
                break;
            };
            output::line(&format.item(&item))?;
            received += u64::from(matches!(item, Item::Message(_)));
            if arguments.count == Some(received) {
                return Ok(());
            }
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return match arguments.count {
                Some(wanted) => Err(Failure::Timeout { received, wanted }),
                None => Ok(()),
            };
        }
        let wait = if more { Some(Duration::ZERO) } else { left };
        if stopped(&subscriber, &interrupts, wait)? {
            return Ok(());
        }
    }
}

fn subscribe(bus: &Bus, arguments: &Subscribe) -> Result<Subscriber<Vec<u8>, Raw>, Error> {
    let mut builder = bus
        .raw_subscriber(&arguments.pattern)?
        .overflow(arguments.overflow.into());
    if arguments.history {
        builder = builder.history();
    }
    if arguments.events {
        builder = builder.events();
    }
    if arguments.credentials {
        builder = builder.credentials();
    }
    if let Some(bytes) = arguments.receive_buffer {
        builder = builder.receive_buffer(bytes);
    }
    builder.create()
}

/// The next item, if there is one. What concerns one message only is told on standard error.
fn next(subscriber: &mut Subscriber<Vec<u8>, Raw>) -> Result<Option<Item<Vec<u8>>>, Error> {
    loop {
        match subscriber.try_recv() {
            Err(error @ (Error::Truncated { .. } | Error::Overrun)) => {
                let _ = writeln!(io::stderr(), "kipc: {}", failure::chain(&error));
            }
            other => return other,
        }
    }
}

/// A descriptor that becomes readable when the user wants to end this.
fn interrupts() -> Result<SignalFd, Errno> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        signals.add(signal);
    }
    signals.thread_block()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)
}

/// Waits for items, at most so long. `true` if there is an interrupt, or nobody reads the output
/// any more.
fn stopped(
    subscriber: &Subscriber<Vec<u8>, Raw>,
    interrupts: &SignalFd,
    wait: Option<Duration>,
) -> Result<bool, Failure> {
    let timeout = wait.map_or(PollTimeout::NONE, |wait| {
        PollTimeout::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
    });
    let output = io::stdout();
    let mut fds = [
        PollFd::new(subscriber.as_fd(), PollFlags::POLLIN),
        PollFd::new(interrupts.as_fd(), PollFlags::POLLIN),
        // No event is asked for: the end of a pipe without a reader comes anyway.
        PollFd::new(output.as_fd(), PollFlags::empty()),
    ];
    match poll(&mut fds, timeout) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok(false),
        Err(error) => return Err(Failure::Stream("wait for a message", error.into())),
    }
    let [_, interrupts, output] = fds;
    let unread = output
        .revents()
        .is_some_and(|events| events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP));
    Ok(interrupts.any().unwrap_or(false) || unread)
}
