// SPDX-License-Identifier: MIT OR Apache-2.0

//! Raw netlink sockets.

use crate::wire::ack::Ack;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::header::Messages;
use crate::wire::record::Record;
use crate::wire::request;
use crate::wire::request::Request;
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
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;
use std::num::NonZeroU32;

/// Room for the largest datagram that a mechanism delivers.
const RECEIVE_LEN: usize = 8192;

/// Raises the limit of open files as far as it goes.
pub(crate) fn allow_many() -> Result<(), Errno> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )
}

/// One netlink socket.
pub(crate) struct Socket {
    fd: OwnedFd,
    kernel: SocketAddrNetlink,
}

impl Socket {
    /// Opens a socket in these multicast groups.
    pub(crate) fn open(protocol: u32, groups: u32) -> Result<Self, Errno> {
        let fd = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
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

    /// Hands the messages of the next datagram to `each`; false if none is queued.
    pub(crate) fn receive(
        &self,
        mut each: impl FnMut(Header, &[u8]) -> Result<(), String>,
    ) -> Result<bool, String> {
        let mut buf = [0; RECEIVE_LEN];
        match recv(&self.fd, &mut buf[..], RecvFlags::TRUNC) {
            Ok((_, len)) if len > buf.len() => Err(format!("a datagram of {len} bytes came")),
            Ok((_, len)) => {
                for message in Messages::new(buf.get(..len).unwrap_or_default()) {
                    let message = message.map_err(|why| format!("{why:?} came"))?;
                    each(message.header, message.payload)?;
                }
                Ok(true)
            }
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(format!("receiving failed: {errno}")),
        }
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
        while self.receive(|header, payload| {
            if header.kind == header::TYPE_ERROR {
                refused(header, payload)
            } else {
                let record = Record::parse(header, payload).map_err(|why| format!("{why:?}"))?;
                found = found.take().or_else(|| answer(record));
                Ok(())
            }
        })? {}
        found.ok_or_else(|| format!("{request:?} was not answered"))
    }
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
