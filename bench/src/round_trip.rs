// SPDX-License-Identifier: MIT OR Apache-2.0

//! There and back between two processes, each of which sleeps until it has something to do.

use crate::case::Mechanism;
use crate::case::SMALL;
use crate::link::baseline;
use crate::link::kipc;
use crate::link::netlink;
use crate::link::netlink::Socket;
use crate::link::unix;
use crate::measure::Clock;
use crate::measure::Samples;
use crate::wire;
use crate::wire::header::Header;
use crate::wire::message;
use rustix::fd::AsFd;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketFlags;
use rustix::net::recv;
use rustix::net::send;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use thread_priority::NormalThreadSchedulePolicy;
use thread_priority::RealtimeThreadSchedulePolicy;
use thread_priority::ThreadPriority;
use thread_priority::ThreadSchedulePolicy;

/// What is compared. Raw multicast shows what any bus over netlink costs at least.
pub(crate) const MECHANISMS: [Mechanism; 3] =
    [Mechanism::UnixSends, Mechanism::Multicast, Mechanism::Kipc];

const THERE: &str = "round/there";
const BACK: &str = "round/back";

/// The mechanisms take turns so often.
const BLOCKS: usize = 7;

/// Larger than any message.
const ROOM: usize = 512;

/// One of the two processes.
trait End {
    fn send(&self) -> Result<(), Errno>;
    /// Waits for a message; false if there will be none any more.
    fn receive(&self, room: &mut [u8]) -> Result<bool, Errno>;
}

/// By kipc or by raw netlink.
struct Netlink {
    publisher: Socket,
    subscriber: Socket,
    message: Vec<u8>,
    /// Type of what is received.
    kind: u16,
}

impl Netlink {
    fn kipc(publishes: &str, subscribes: &str) -> Result<Self, String> {
        let open = || Socket::open_waiting(wire::PROTOCOL, 0).map_err(kipc::no_socket);
        let (publisher, subscriber) = (open()?, open()?);
        kipc::subscribe(&subscriber, subscribes, 0)?;
        let topic = kipc::advertise(&publisher, publishes, None, None)?;
        Ok(Self {
            publisher,
            subscriber,
            message: kipc::publish(topic, SMALL),
            kind: message::PUBLISH,
        })
    }

    /// To one group of the baseline, from another; both count from 0.
    fn raw(to: u16, from: u16) -> Result<Self, String> {
        let open = |groups| {
            let socket = Socket::open_waiting(baseline::PROTOCOL, groups);
            socket.map_err(|errno| errno.to_string())
        };
        let kind = |group| baseline::MULTICAST.saturating_add(group);
        Ok(Self {
            publisher: open(0)?,
            subscriber: open(1 << from)?,
            message: netlink::message(kind(to), &[], SMALL),
            kind: kind(from),
        })
    }
}

impl End for Netlink {
    fn send(&self) -> Result<(), Errno> {
        self.publisher.send(&self.message)
    }

    fn receive(&self, room: &mut [u8]) -> Result<bool, Errno> {
        loop {
            self.subscriber.receive(room)?;
            // The topic's name comes before its first message.
            if Header::read(room).is_some_and(|header| header.kind == self.kind) {
                return Ok(true);
            }
        }
    }
}

struct Unix<'a> {
    socket: BorrowedFd<'a>,
    message: [u8; SMALL],
}

impl<'a> Unix<'a> {
    fn new(socket: BorrowedFd<'a>) -> Self {
        Self {
            socket,
            message: [super::link::FILL; SMALL],
        }
    }
}

impl End for Unix<'_> {
    fn send(&self) -> Result<(), Errno> {
        send(self.socket, &self.message, SendFlags::NOSIGNAL).map(|_| ())
    }

    fn receive(&self, room: &mut [u8]) -> Result<bool, Errno> {
        let (_, len) = recv(self.socket, room, RecvFlags::TRUNC)?;
        Ok(len > 0)
    }
}

/// While this lives, whoever is woken waits until the other one sleeps. The usual scheduler decides
/// from one moment to the next whether to switch at once, which makes a fifth of a round trip.
struct Turns;

impl Turns {
    fn begin() -> Result<Self, String> {
        let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        schedule(ThreadPriority::Min, policy)?;
        Ok(Self)
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        // Always allowed.
        let _ = schedule(ThreadPriority::Min, policy);
    }
}

fn schedule(priority: ThreadPriority, policy: ThreadSchedulePolicy) -> Result<(), String> {
    thread_priority::set_thread_priority_and_policy(
        thread_priority::thread_native_id(),
        priority,
        policy,
    )
    .map_err(|error| format!("the scheduler refuses {policy:?}: {error}"))
}

/// The other process: sends back until its parent kills it, or is gone.
pub(crate) fn echo(mechanism: &str) -> Result<(), String> {
    let stdin = std::io::stdin();
    let netlink;
    let unix;
    let end: &dyn End = match mechanism {
        "kipc" => {
            netlink = Netlink::kipc(BACK, THERE)?;
            &netlink
        }
        "multicast" => {
            netlink = Netlink::raw(1, 0)?;
            &netlink
        }
        "unix-sends" => {
            unix = Unix::new(stdin.as_fd());
            &unix
        }
        _ => return Err(format!("there is no echo by {mechanism}")),
    };
    let _turns = Turns::begin()?;
    // Says that it can begin.
    end.send().map_err(|errno| errno.to_string())?;
    let mut room = [0; ROOM];
    loop {
        match end.receive(&mut room) {
            Ok(true) => end.send().map_err(|errno| errno.to_string())?,
            Ok(false) => return Ok(()),
            Err(errno) => return Err(errno.to_string()),
        }
    }
}

/// The other process, which ends with this.
struct Echo(Child);

impl Echo {
    fn start(mechanism: Mechanism, stdin: Stdio) -> Result<Self, String> {
        let start = || {
            Command::new(std::env::current_exe()?)
                .args(["--echo", mechanism.name()])
                .stdin(stdin)
                .spawn()
        };
        start()
            .map(Self)
            .map_err(|error| format!("no process: {error}"))
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The costs of about so many round trips by each of [`MECHANISMS`].
pub(crate) fn measure(clock: &Clock, rounds: usize) -> Result<Vec<Samples>, String> {
    let (mine, others) = unix::pair(SocketFlags::empty()).map_err(|errno| errno.to_string())?;
    let unix = Unix::new(mine.as_fd());
    let raw = Netlink::raw(0, 1)?;
    let kipc = Netlink::kipc(THERE, BACK)?;
    let ends: [&dyn End; 3] = [&unix, &raw, &kipc];
    let mut stdin = Some(Stdio::from(others));
    let mut echoes = Vec::new();
    let mut room = [0; ROOM];
    for (mechanism, end) in MECHANISMS.into_iter().zip(ends) {
        let stdin = stdin.take().unwrap_or_else(Stdio::null);
        echoes.push(Echo::start(mechanism, stdin)?);
        // It has begun.
        end.receive(&mut room).map_err(|errno| errno.to_string())?;
    }
    let mut samples = vec![Samples::default(); MECHANISMS.len()];
    let _turns = Turns::begin()?;
    // One after the other would measure how processes begin to talk, not how they go on.
    for _ in 0..BLOCKS {
        for (end, samples) in ends.iter().zip(&mut samples) {
            for round in 0..crate::WARM_UP.saturating_add(rounds / BLOCKS) {
                let trip = clock.time(|| {
                    end.send()?;
                    end.receive(&mut room)
                });
                match trip {
                    Ok((true, cost)) if round >= crate::WARM_UP => samples.add(cost),
                    Ok((true, _)) => {}
                    other => return Err(format!("a round trip ended with {other:?}")),
                }
            }
        }
    }
    Ok(samples)
}
