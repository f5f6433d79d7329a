// SPDX-License-Identifier: MIT OR Apache-2.0

//! The least that a kernel module can do: `bench/baseline`.

use super::Link;
use super::netlink;
use super::netlink::Socket;
use super::number;
use crate::case::Mechanism;
use crate::wire::header;
use crate::wire::header::Header;
use rustix::io::Errno;

/// bench/baseline/kipc_baseline.c says the same of these.
pub(crate) const PROTOCOL: u32 = 30;
const DISCARD: u16 = 0x10;
/// To group 1; the next types to the next groups.
pub(crate) const MULTICAST: u16 = 0x11;
const UNICAST: u16 = 0x40;
const JOIN: u16 = 0x41;
const FORGET: u16 = 0x42;
/// As a bit for bind(): group 1.
const GROUP: u32 = 1;

pub(crate) struct Baseline {
    publisher: Socket,
    subscribers: Vec<Socket>,
    kind: u16,
    message: Vec<u8>,
}

impl Baseline {
    pub(crate) fn open(
        mechanism: Mechanism,
        subscribers: usize,
        payload: usize,
    ) -> Result<Self, String> {
        // Only who is meant may be in the group: all others in it would be visited, too.
        let (kind, subscribers, groups) = match mechanism {
            Mechanism::Multicast => (MULTICAST, subscribers, GROUP),
            Mechanism::Unicast => (UNICAST, subscribers, 0),
            _ => (DISCARD, 0, 0),
        };
        let open = |groups| {
            Socket::open(PROTOCOL, groups)
                .map_err(|errno| format!("no socket of kipc_baseline.ko: {errno}"))
        };
        let link = Self {
            publisher: open(0)?,
            subscribers: (0..subscribers)
                .map(|_| open(groups))
                .collect::<Result<_, _>>()?,
            kind,
            message: netlink::message(kind, &[], payload),
        };
        if mechanism == Mechanism::Unicast {
            let tell = |socket: &Socket, kind| {
                let message = netlink::message(kind, &[], 0);
                socket.send(&message).map_err(|errno| errno.to_string())
            };
            tell(&link.publisher, FORGET)?;
            for subscriber in &link.subscribers {
                tell(subscriber, JOIN)?;
            }
        }
        Ok(link)
    }
}

impl Link for Baseline {
    fn prepare(&mut self, round: usize) {
        number(
            self.message.get_mut(header::LEN..).unwrap_or_default(),
            round,
        );
    }

    fn send(&mut self) -> Result<(), Errno> {
        self.publisher.send(&self.message)
    }

    fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    fn receive(&mut self, subscriber: usize, room: &mut [u8]) -> Result<usize, Errno> {
        let socket = self.subscribers.get(subscriber).ok_or(Errno::BADF)?;
        socket.receive(room)
    }

    fn count(&self, datagram: &[u8], _warm_up: bool) -> Result<usize, String> {
        let mut count = 0_usize;
        netlink::for_each(datagram, |header: Header, payload| {
            if header.kind != self.kind || Some(payload) != self.message.get(header::LEN..) {
                return Err(format!("type {} came, or another payload", header.kind));
            }
            count = count.saturating_add(1);
            Ok(())
        })?;
        Ok(count)
    }
}
