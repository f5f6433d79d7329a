// SPDX-License-Identifier: GPL-2.0

//! A kipc socket that never waits.

use crate::wire::PROTOCOL;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketFlags;
use rustix::net::SocketType;
use rustix::net::bind;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::recvfrom;
use rustix::net::sendto;
use rustix::net::socket_with;
use rustix::net::sockopt;
use std::num::NonZeroU32;

/// One socket.
pub struct Socket(OwnedFd);

impl Socket {
    /// Opens a socket with a receive buffer of so many bytes.
    pub fn open(receive_buffer: usize) -> Self {
        let protocol = NonZeroU32::new(PROTOCOL).map(Protocol::from_raw);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)
            .expect("open a kipc socket");
        bind(&fd, &SocketAddrNetlink::new(0, 0)).expect("bind");
        sockopt::set_socket_recv_buffer_size(&fd, receive_buffer).expect("SO_RCVBUF");
        sockopt::set_socket_send_buffer_size(&fd, 1 << 18).expect("SO_SNDBUF");
        Self(fd)
    }

    /// Sends a datagram; it may be too large.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.0, bytes, SendFlags::empty(), &kernel).map(|_| ())
    }

    /// The next datagram, if there is one.
    pub fn receive<'b>(&self, buf: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        let (len, real, from) = recvfrom(&self.0, &mut *buf, RecvFlags::TRUNC)?;
        assert!(len == real, "a datagram of {real} bytes");
        let from = SocketAddrNetlink::try_from(from.expect("an address")).expect("netlink");
        assert_eq!(from.pid(), 0, "all comes from the kernel");
        Ok(&buf[..len])
    }
}
