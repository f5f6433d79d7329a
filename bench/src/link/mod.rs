// SPDX-License-Identifier: MIT OR Apache-2.0

//! A mechanism between a publisher and its subscribers, ready to send.

pub(crate) mod baseline;
pub(crate) mod kipc;
pub(crate) mod netlink;
mod pipe;
mod posix_queue;
mod udp;
pub(crate) mod unix;

use crate::case::Case;
use crate::case::Mechanism;
use rustix::io::Errno;

/// What payloads are filled with.
pub(crate) const FILL: u8 = 0xa5;

/// A publisher and its subscribers.
pub(crate) trait Link {
    /// Makes the next message differ from the one before.
    fn prepare(&mut self, round: usize);

    /// Sends what was prepared.
    fn send(&mut self) -> Result<(), Errno>;

    /// How many subscribers there are.
    fn subscribers(&self) -> usize;

    /// Takes the next datagram of this subscriber; returns its length, or `EAGAIN`.
    fn receive(&mut self, subscriber: usize, room: &mut [u8]) -> Result<usize, Errno>;

    /// How many of the messages that were sent last are in this datagram. An error if there is
    /// anything else, but for the topic's name during the `warm_up`.
    fn count(&self, datagram: &[u8], warm_up: bool) -> Result<usize, String>;

    /// How many messages each subscriber has to receive for each call of [`Link::send`].
    fn messages(&self) -> usize {
        1
    }

    /// An error if the publisher was told anything.
    fn check_publisher(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// Opens everything that the case needs.
pub(crate) fn open(case: Case) -> Result<Box<dyn Link>, String> {
    let Case {
        payload,
        subscribers,
        ..
    } = case;
    let fail = |errno: Errno| errno.to_string();
    Ok(match case.mechanism {
        Mechanism::Discard | Mechanism::Multicast | Mechanism::Unicast => Box::new(
            baseline::Baseline::open(case.mechanism, subscribers, payload)?,
        ),
        Mechanism::Kipc => Box::new(kipc::Kipc::open(case)?),
        Mechanism::UnixSends => Box::new(unix::Sends::open(subscribers, payload).map_err(fail)?),
        Mechanism::UnixBroker => Box::new(unix::Broker::open(subscribers, payload).map_err(fail)?),
        Mechanism::UdpMulticast => {
            Box::new(udp::Multicast::open(subscribers, payload).map_err(|error| error.to_string())?)
        }
        Mechanism::Pipes => Box::new(pipe::Pipes::open(subscribers, payload).map_err(fail)?),
        Mechanism::MessageQueues => {
            Box::new(posix_queue::Queues::open(subscribers, payload).map_err(fail)?)
        }
    })
}

/// A payload without headers, for mechanisms that need none.
struct Payload(Vec<u8>);

impl Payload {
    fn new(len: usize) -> Self {
        Self(vec![FILL; len])
    }

    fn number(&mut self, round: usize) {
        number(&mut self.0, round);
    }

    /// One message, if it is this one.
    fn count(&self, datagram: &[u8]) -> Result<usize, String> {
        if datagram == self.0 {
            Ok(1)
        } else {
            Err(format!("another payload of {} bytes came", datagram.len()))
        }
    }
}

/// Writes the round at the front of a payload.
fn number(payload: &mut [u8], round: usize) {
    for (to, from) in payload.iter_mut().zip(round.to_ne_bytes()) {
        *to = from;
    }
}
