// SPDX-License-Identifier: MIT OR Apache-2.0

//! Raw netlink sockets.

use crate::wire::ack::Ack;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::header::Messages;
use crate::wire::record::Record;
use crate::wire::request;
use crate::wire::request::Request;
use rustix::fd::AsFd;
use rustix::fd::BorrowedFd;
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
use rustix::net::recv;
use rustix::net::sendto;
use rustix::net::socket_with;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use std::num::NonZeroU32;

/// Room for any answer to a request.
const ANSWER_LEN: usize = 8192;

/// One netlink socket.
pub(crate) struct Socket {
    fd: OwnedFd,
    kernel: SocketAddrNetlink,
}

impl Socket {
    /// Opens a socket in these multicast groups.
    pub(crate) fn open(protocol: u32, groups: u32) -> Result<Self, Errno> {
        Self::open_with(protocol, groups, SocketFlags::NONBLOCK)
    }

    /// The same, but its calls wait.
    pub(crate) fn open_waiting(protocol: u32, groups: u32) -> Result<Self, Errno> {
        Self::open_with(protocol, groups, SocketFlags::empty())
    }

    fn open_with(protocol: u32, groups: u32, flags: SocketFlags) -> Result<Self, Errno> {
        let fd = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC | flags,
            NonZeroU32::new(protocol).map(Protocol::from_raw),
        )?;
        bind(&fd, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self {
            fd,
            kernel: SocketAddrNetlink::new(0, 0),
        })
    }

    /// Sends one datagram to the kernel.
    #[inline(always)]
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        sendto(&self.fd, bytes, SendFlags::empty(), &self.kernel).map(|_| ())
    }

    /// Takes the next datagram; returns its length.
    #[inline(always)]
    pub(crate) fn receive(&self, room: &mut [u8]) -> Result<usize, Errno> {
        let (_, len) = recv(&self.fd, room, RecvFlags::TRUNC)?;
        Ok(len)
    }

    /// As small a queue as there is.
    pub(crate) fn shrink_queue(&self) -> Result<(), Errno> {
        set_socket_recv_buffer_size(&self.fd, 0)
    }

    /// Sends a control request of kipc v1; returns what was answered before the acknowledgement.
    ///
    /// The kernel answers before the send returns, so there is nothing to wait for.
    pub(crate) fn request<T>(
        &self,
        request: Request<'_>,
        answer: impl Fn(Record<'_>) -> Option<T>,
    ) -> Result<T, String> {
        let mut buf = [0; request::MAX_LEN];
        let len = request.write(&mut buf, 1).unwrap_or_default();
        self.send(buf.get(..len).unwrap_or_default())
            .map_err(|errno| format!("{request:?} cannot be sent: {errno}"))?;
        let mut found = None;
        let mut room = [0; ANSWER_LEN];
        // Who waits would do so for ever once all is there.
        while let Ok((_, len)) = recv(
            &self.fd,
            &mut room[..],
            RecvFlags::TRUNC | RecvFlags::DONTWAIT,
        ) {
            for_each(room.get(..len).unwrap_or_default(), |header, payload| {
                if header.kind == header::TYPE_ERROR {
                    refused(header, payload)
                } else {
                    let record =
                        Record::parse(header, payload).map_err(|why| format!("{why:?}"))?;
                    found = found.take().or_else(|| answer(record));
                    Ok(())
                }
            })?;
        }
        found.ok_or_else(|| format!("{request:?} was not answered"))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Hands the messages of a datagram to `each`.
pub(crate) fn for_each(
    datagram: &[u8],
    mut each: impl FnMut(Header, &[u8]) -> Result<(), String>,
) -> Result<(), String> {
    for message in Messages::new(datagram) {
        let message = message.map_err(|why| format!("{why:?} came"))?;
        each(message.header, message.payload)?;
    }
    Ok(())
}

/// A netlink message whose payload of so many bytes is preceded by `head`.
pub(crate) fn message(kind: u16, head: &[u8], payload: usize) -> Vec<u8> {
    let len = header::LEN
        .saturating_add(head.len())
        .saturating_add(payload);
    let header = Header {
        len: u32::try_from(len).unwrap_or(u32::MAX),
        kind,
        flags: header::REQUEST,
        ..Header::default()
    };
    let mut message = header.to_bytes().to_vec();
    message.extend_from_slice(head);
    message.resize(len, super::FILL);
    message
}

/// An error if this `NLMSG_ERROR` message is one, and not an acknowledgement.
pub(crate) fn refused(header: Header, payload: &[u8]) -> Result<(), String> {
    match Ack::read(header, payload) {
        Some(Ack { errno: 0, .. }) => Ok(()),
        Some(Ack {
            errno, sentence, ..
        }) => Err(format!(
            "refused with errno {errno}: {}",
            sentence.unwrap_or_default()
        )),
        None => Err("a malformed acknowledgement came".into()),
    }
}
