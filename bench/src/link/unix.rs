// SPDX-License-Identifier: MIT OR Apache-2.0

//! `AF_UNIX` sockets that keep messages apart.

use super::Link;
use super::Payload;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketFlags;
use rustix::net::SocketType;
use rustix::net::recv;
use rustix::net::send;
use rustix::net::socketpair;

/// Two ends, with these flags.
pub(crate) fn pair(flags: SocketFlags) -> Result<(OwnedFd, OwnedFd), Errno> {
    let flags = SocketFlags::CLOEXEC | flags;
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
}

fn receive(socket: Option<&OwnedFd>, room: &mut [u8]) -> Result<usize, Errno> {
    let (_, len) = recv(socket.ok_or(Errno::BADF)?, room, RecvFlags::TRUNC)?;
    Ok(len)
}

/// The publisher sends to each.
pub(crate) struct Sends {
    publisher: Vec<OwnedFd>,
    subscribers: Vec<OwnedFd>,
    payload: Payload,
}

impl Sends {
    pub(crate) fn open(subscribers: usize, payload: usize) -> Result<Self, Errno> {
        let pairs = (0..subscribers).map(|_| pair(SocketFlags::NONBLOCK));
        let (publisher, subscribers) = pairs.collect::<Result<_, _>>()?;
        Ok(Self {
            publisher,
            subscribers,
            payload: Payload::new(payload),
        })
    }

    fn send_bytes(&self, bytes: &[u8]) -> Result<(), Errno> {
        for socket in &self.publisher {
            send(socket, bytes, SendFlags::NOSIGNAL)?;
        }
        Ok(())
    }
}

impl Link for Sends {
    fn prepare(&mut self, round: usize) {
        self.payload.number(round);
    }

    fn send(&mut self) -> Result<(), Errno> {
        self.send_bytes(&self.payload.0)
    }

    fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    fn receive(&mut self, subscriber: usize, room: &mut [u8]) -> Result<usize, Errno> {
        receive(self.subscribers.get(subscriber), room)
    }

    fn count(&self, datagram: &[u8], _warm_up: bool) -> Result<usize, String> {
        self.payload.count(datagram)
    }
}

/// The publisher sends to a broker, which sends to each.
pub(crate) struct Broker {
    publisher: OwnedFd,
    broker: OwnedFd,
    room: Vec<u8>,
    sends: Sends,
}

impl Broker {
    pub(crate) fn open(subscribers: usize, payload: usize) -> Result<Self, Errno> {
        let (publisher, broker) = pair(SocketFlags::NONBLOCK)?;
        Ok(Self {
            publisher,
            broker,
            room: vec![0; payload],
            sends: Sends::open(subscribers, payload)?,
        })
    }
}

impl Link for Broker {
    fn prepare(&mut self, round: usize) {
        self.sends.prepare(round);
    }

    fn send(&mut self) -> Result<(), Errno> {
        send(&self.publisher, &self.sends.payload.0, SendFlags::NOSIGNAL)?;
        let len = receive(Some(&self.broker), &mut self.room)?;
        self.sends
            .send_bytes(self.room.get(..len).ok_or(Errno::MSGSIZE)?)
    }

    fn subscribers(&self) -> usize {
        self.sends.subscribers()
    }

    fn receive(&mut self, subscriber: usize, room: &mut [u8]) -> Result<usize, Errno> {
        self.sends.receive(subscriber, room)
    }

    fn count(&self, datagram: &[u8], warm_up: bool) -> Result<usize, String> {
        self.sends.count(datagram, warm_up)
    }
}
