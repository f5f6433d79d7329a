// SPDX-License-Identifier: GPL-2.0

//! A kipc socket that never waits.

use crate::action::Opening;
use crate::action::To;
use crate::action::Way;
use crate::sys;
use crate::sys::Instruction;
use crate::wire::PROTOCOL;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SendAncillaryBuffer;
use rustix::net::SendFlags;
use rustix::net::SocketFlags;
use rustix::net::SocketType;
use rustix::net::bind;
use rustix::net::connect;
use rustix::net::getsockname;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::recvfrom;
use rustix::net::sendmsg_addr;
use rustix::net::sendto;
use rustix::net::socket_with;
use std::io::IoSlice;
use std::num::NonZeroU32;

/// What one may send: more than the longest message, for who may.
const SEND_BUFFER: u32 = 4 << 20;

/// One socket.
pub struct Socket {
    fd: OwnedFd,
    port: u32,
    /// Only the kernel can send to it.
    closed_to_others: bool,
}

/// A datagram that arrived.
pub enum Received<'b> {
    FromKernel(&'b [u8]),
    /// Root can send to any netlink socket.
    Foreign,
}

impl Socket {
    /// Opens a socket. What this user or this moment does not allow is left out: groups, and a
    /// port id that somebody has.
    pub fn open(how: Opening) -> Self {
        let protocol = NonZeroU32::new(PROTOCOL).map(Protocol::from_raw);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)
            .expect("open a kipc socket");
        let addresses = [(how.port, how.groups), (0, how.groups), (0, 0)];
        let bound = addresses
            .into_iter()
            .find(|(port, groups)| bind(&fd, &SocketAddrNetlink::new(*port, *groups)).is_ok());
        let (_, groups) = bound.expect("bind");
        if how.connected {
            connect(&fd, &SocketAddrNetlink::new(0, 0)).expect("connect");
        }
        let address = getsockname(&fd).expect("an address");
        let socket = Self {
            port: SocketAddrNetlink::try_from(address).expect("netlink").pid(),
            closed_to_others: how.connected && groups == 0,
            fd,
        };
        socket
            .set(sys::SOL_SOCKET, sys::SO_RCVBUF, how.room)
            .expect("SO_RCVBUF");
        if socket
            .set(sys::SOL_SOCKET, sys::SO_SNDBUFFORCE, SEND_BUFFER)
            .is_err()
        {
            socket
                .set(sys::SOL_SOCKET, sys::SO_SNDBUF, SEND_BUFFER)
                .expect("SO_SNDBUF");
        }
        socket
    }

    /// Its port id.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Sets an option.
    pub fn set(&self, level: i32, name: i32, value: u32) -> Result<(), Errno> {
        sys::set_option(&self.fd, level, name, value)
    }

    /// Attaches a filter, or detaches it if there are no instructions.
    pub fn filter(&self, program: &[Instruction]) -> Result<(), Errno> {
        if program.is_empty() {
            self.set(sys::SOL_SOCKET, sys::SO_DETACH_FILTER, 0)
        } else {
            sys::attach_filter(&self.fd, program)
        }
    }

    /// Sends a datagram to the kernel.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.fd, bytes, SendFlags::empty(), &kernel).map(|_| ())
    }

    /// Sends a datagram, to the socket with this port id if it goes to a socket.
    pub fn send_so(&self, way: Way, port: u32, bytes: &[u8]) -> Result<(), Errno> {
        if way == Way::default() {
            return self.send(bytes);
        }
        let to = match way.to {
            To::Kernel => SocketAddrNetlink::new(0, 0),
            To::Groups(groups) => SocketAddrNetlink::new(0, groups),
            To::Socket(_) => SocketAddrNetlink::new(port, 0),
        };
        let flags = SendFlags::from_bits_retain(way.flags);
        let piece = bytes.len().div_ceil(usize::from(way.pieces).max(1)).max(1);
        let pieces: Vec<IoSlice<'_>> = bytes.chunks(piece).map(IoSlice::new).collect();
        let mut none = SendAncillaryBuffer::default();
        sendmsg_addr(&self.fd, &to, &pieces, &mut none, flags).map(|_| ())
    }

    /// The next datagram, if there is one.
    pub fn receive<'b>(&self, buf: &'b mut [u8]) -> Result<Received<'b>, Errno> {
        let (len, real, from) = recvfrom(&self.fd, &mut *buf, RecvFlags::TRUNC)?;
        let from = SocketAddrNetlink::try_from(from.expect("an address")).expect("netlink");
        if from.pid() != 0 {
            assert!(!self.closed_to_others, "a datagram from {}", from.pid());
            return Ok(Received::Foreign);
        }
        assert!(len == real, "a datagram of {real} bytes");
        Ok(Received::FromKernel(&buf[..len]))
    }
}
