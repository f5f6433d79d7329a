// SPDX-License-Identifier: MIT OR Apache-2.0

//! UDP to a multicast group on the loopback interface.

use super::Link;
use super::Payload;
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::net::send;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use std::io;
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::net::SocketAddrV4;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 75, 73, 80);
const PORT: u16 = 7380;

pub(crate) struct Multicast {
    publisher: Socket,
    subscribers: Vec<Socket>,
    payload: Payload,
}

impl Multicast {
    pub(crate) fn open(subscribers: usize, payload: usize) -> io::Result<Self> {
        let address = SocketAddrV4::new(GROUP, PORT);
        let subscriber = |_| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let publisher = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        publisher.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
        publisher.connect(&address.into())?;
        Ok(Self {
            publisher,
            subscribers: (0..subscribers)
                .map(subscriber)
                .collect::<io::Result<_>>()?,
            payload: Payload::new(payload),
        })
    }
}

impl Link for Multicast {
    fn prepare(&mut self, round: usize) {
        self.payload.number(round);
    }

    fn send(&mut self) -> Result<(), Errno> {
        send(&self.publisher, &self.payload.0, SendFlags::NOSIGNAL).map(|_| ())
    }

    fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    fn receive(&mut self, subscriber: usize, room: &mut [u8]) -> Result<usize, Errno> {
        let mut socket = self.subscribers.get(subscriber).ok_or(Errno::BADF)?;
        socket
            .read(room)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    fn count(&self, datagram: &[u8], _warm_up: bool) -> Result<usize, String> {
        self.payload.count(datagram)
    }
}
