// SPDX-License-Identifier: MIT OR Apache-2.0

//! One netlink socket on the bus: opening, sizing, sending, receiving, waiting.
//!
//! netlink-sys makes the socket and sets the options that only netlink has. rustix sends and
//! receives, by system calls without a C library between; but credentials are received with nix:
//! the kernel's own records carry pid 0 in `SCM_CREDENTIALS`, which those of rustix cannot
//! represent. nix does the rest.

use std::io;
use std::io::IoSlice;
use std::io::IoSliceMut;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::getsockopt;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt;
use rustix::net::RecvFlags;
use rustix::net::SendAncillaryBuffer;
use rustix::net::SendFlags;

use crate::error::Error;
use crate::error::Result;
use crate::filter::Instruction;
use crate::item::Credentials;
use crate::item::PortId;
use crate::wire;

/// A bound socket on the bus, connected to the kernel.
///
/// # Invariants
///
/// Nothing but what the kernel sent is in its queue: netlink refuses datagrams to a connected
/// socket from anybody that it is not connected to, and what came before was thrown away.
#[derive(Debug)]
pub(crate) struct Socket {
    netlink: netlink_sys::Socket,
    port: PortId,
}

impl Socket {
    /// Opens a socket and binds it to a port id of the kernel's choice.
    pub(crate) fn open(protocol: u32) -> Result<Self> {
        let protocol = isize::try_from(protocol).unwrap_or(isize::MAX);
        let mut netlink = netlink_sys::Socket::new(protocol).map_err(|error| {
            match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
                // The kernel has tried to load a module for this protocol by now.
                Errno::EPROTONOSUPPORT => Error::ModuleMissing,
                _ => Error::io("open a netlink socket", error),
            }
        })?;
        netlink
            .set_ext_ack(true)
            .and_then(|()| netlink.set_cap_ack(true))
            .map_err(|error| Error::io("set netlink options", error))?;
        let address = netlink
            .bind_auto()
            .map_err(|error| Error::io("bind a netlink socket", error))?;
        let kernel = netlink_sys::SocketAddr::new(0, 0);
        netlink
            .connect(&kernel)
            .map_err(|error| Error::io("connect to the kernel", error))?;
        // INVARIANT: The kernel sends nothing before it is asked.
        while receive(&netlink.as_fd(), &mut [], &mut [], Wait::No)?.is_some() {}
        Ok(Self {
            port: PortId(address.port_number()),
            netlink,
        })
    }

    /// The socket's port id.
    pub(crate) fn port(&self) -> PortId {
        self.port
    }

    /// Asks the kernel for `SCM_CREDENTIALS` with what is received.
    pub(crate) fn request_credentials(&self) -> Result<()> {
        setsockopt(&self.netlink, sockopt::PassCred, &true)
            .map_err(|error| Error::io("ask for credentials", error))
    }

    /// Attaches a classic BPF program (`SO_ATTACH_FILTER`).
    pub(crate) fn attach_filter(&self, program: &[Instruction]) -> Result<()> {
        let program: Vec<_> = program
            .iter()
            .map(|i| socket2::SockFilter::new(i.code, i.if_true, i.if_false, i.value))
            .collect();
        socket2::SockRef::from(&self.netlink)
            .attach_filter(&program)
            .map_err(|error| Error::io("attach a filter", error))
    }

    /// Sets `SO_RCVBUF`, above the sysctl's limit where the caller is privileged.
    pub(crate) fn set_receive_buffer(&self, bytes: usize) -> Result<()> {
        setsockopt(&self.netlink, sockopt::RcvBuf, &bytes)
            .and_then(|()| {
                if getsockopt(&self.netlink, sockopt::RcvBuf)? / 2 < bytes {
                    let _ = setsockopt(&self.netlink, sockopt::RcvBufForce, &bytes);
                }
                getsockopt(&self.netlink, sockopt::RcvBuf)
            })
            .map_err(|error| Error::io("set the receive buffer", error))
            .and_then(|doubled| granted(bytes, doubled, "net.core.rmem_max"))
    }

    /// Sets `SO_SNDBUF`, above the sysctl's limit where the caller is privileged.
    pub(crate) fn set_send_buffer(&self, bytes: usize) -> Result<()> {
        setsockopt(&self.netlink, sockopt::SndBuf, &bytes)
            .and_then(|()| {
                if getsockopt(&self.netlink, sockopt::SndBuf)? / 2 < bytes {
                    let _ = setsockopt(&self.netlink, sockopt::SndBufForce, &bytes);
                }
                getsockopt(&self.netlink, sockopt::SndBuf)
            })
            .map_err(|error| Error::io("set the send buffer", error))
            .and_then(|doubled| granted(bytes, doubled, "net.core.wmem_max"))
    }

    /// Sends messages to the kernel, in one datagram.
    #[inline]
    pub(crate) fn send(&self, messages: &[u8]) -> Result<()> {
        loop {
            match rustix::net::send(self.netlink.as_fd(), messages, SendFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(error) => self.send_again(errno(error), messages.len())?,
            }
        }
    }

    /// Sends one message, which the kernel puts together.
    pub(crate) fn send_parts(&self, header: &[u8], payload: &[u8]) -> Result<()> {
        let parts = [IoSlice::new(header), IoSlice::new(payload)];
        loop {
            let sent = rustix::net::sendmsg(
                self.netlink.as_fd(),
                &parts,
                &mut SendAncillaryBuffer::default(),
                SendFlags::empty(),
            );
            match sent {
                Ok(_) => return Ok(()),
                Err(error) => self.send_again(errno(error), payload.len())?,
            }
        }
    }

    /// Whether to send again after a failure, or why not.
    #[cold]
    fn send_again(&self, error: Errno, length: usize) -> Result<()> {
        Err(match error {
            Errno::EINTR => return Ok(()),
            Errno::EMSGSIZE => Error::TooLarge {
                length,
                limit: self.payload_limit()?,
            },
            // Nobody listens on port 0: the module is gone, or not there in this namespace.
            Errno::ECONNREFUSED => Error::ModuleMissing,
            error => Error::io("send", error),
        })
    }

    /// Most bytes of payload that the send buffer allows.
    fn payload_limit(&self) -> Result<usize> {
        // What netlink_sendmsg() subtracts.
        const RESERVED: usize = 32;
        getsockopt(&self.netlink, sockopt::SndBuf)
            .map(|bytes| bytes.saturating_sub(RESERVED + wire::data::PAYLOAD_OFFSET))
            .map_err(|error| Error::io("read the send buffer's size", error))
    }
}

impl AsFd for Socket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.netlink.as_fd()
    }
}

/// The same number in the other crate.
#[cold]
fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// Compares what was asked for with what getsockopt() says, which is twice what was set.
fn granted(requested: usize, doubled: usize, sysctl: &'static str) -> Result<()> {
    let granted = doubled / 2;
    if granted < requested {
        return Err(Error::BufferLimit {
            requested,
            granted,
            sysctl,
        });
    }
    Ok(())
}

/// What [`receive`] put into its buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram {
    /// Length of what arrived; more than the buffer holds if it was cut.
    pub(crate) length: usize,
    /// The sender, if the socket asks for it.
    pub(crate) credentials: Option<Credentials>,
}

/// Whether to wait where there is nothing to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until there is something.
    Forever,
    /// Not at all.
    No,
}

/// Receives the next datagram; `None` if there is none and the socket does not wait.
///
/// `control` has room for credentials, or none.
pub(crate) fn receive(
    source: &impl AsFd,
    buffer: &mut [u8],
    control: &mut [u8],
    wait: Wait,
) -> Result<Option<Datagram>> {
    let fd = source.as_fd();
    loop {
        let received = if control.is_empty() {
            receive_plain(fd, buffer, wait).map(|length| Datagram {
                length,
                credentials: None,
            })
        } else {
            receive_credentials(fd, buffer, control, wait)
        };
        match received {
            Ok(datagram) => return Ok(Some(datagram)),
            Err(error) if try_again(fd, error, wait)? => {}
            Err(_) => return Ok(None),
        }
    }
}

/// What to do after a receive that failed: try again, or (`false`) do without.
#[cold]
pub(crate) fn try_again(fd: BorrowedFd<'_>, error: Errno, wait: Wait) -> Result<bool> {
    match error {
        Errno::EINTR => Ok(true),
        Errno::EAGAIN if wait == Wait::No => Ok(false),
        // Somebody made the descriptor non-blocking.
        Errno::EAGAIN => wait_readable(fd, None),
        Errno::ENOBUFS => Err(Error::Overrun),
        error => Err(Error::io("receive", error)),
    }
}

/// Receives without credentials; returns the length of what arrived, which is more than the buffer
/// holds if it was cut.
#[inline]
pub(crate) fn receive_plain(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    wait: Wait,
) -> Result<usize, Errno> {
    let flags = match wait {
        Wait::Forever => RecvFlags::TRUNC,
        Wait::No => RecvFlags::TRUNC.union(RecvFlags::DONTWAIT),
    };
    match rustix::net::recv(fd, buffer, flags) {
        Ok((_, length)) => Ok(length),
        Err(error) => Err(errno(error)),
    }
}

fn receive_credentials(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    control: &mut [u8],
    wait: Wait,
) -> Result<Datagram, Errno> {
    let mut flags = MsgFlags::MSG_TRUNC;
    if wait == Wait::No {
        flags |= MsgFlags::MSG_DONTWAIT;
    }
    let mut parts = [IoSliceMut::new(buffer)];
    let received =
        nix::sys::socket::recvmsg::<()>(fd.as_raw_fd(), &mut parts, Some(control), flags)?;
    let credentials = received.cmsgs().ok().and_then(|mut messages| {
        messages.find_map(|message| match message {
            ControlMessageOwned::ScmCredentials(sender) => Some(Credentials {
                pid: sender.pid(),
                uid: sender.uid(),
                gid: sender.gid(),
            }),
            _ => None,
        })
    });
    Ok(Datagram {
        length: received.bytes,
        credentials,
    })
}

/// Waits until the socket is readable; `false` if the deadline comes first.
pub(crate) fn wait_readable(fd: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<bool> {
    loop {
        let timeout = match deadline {
            None => PollTimeout::NONE,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                // Rounded up, so that the last wait is not a busy loop of zero milliseconds.
                let millis = left.as_micros().div_ceil(1000);
                PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
            }
        };
        match nix::poll::poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout) {
            Ok(0) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                return Ok(false);
            }
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(Error::io("wait for a message", io::Error::from(error))),
        }
    }
}

/// Room for the control message that carries credentials.
pub(crate) fn credentials_room() -> Vec<u8> {
    nix::cmsg_space!(nix::sys::socket::UnixCredentials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    #[test]
    fn receive_reports_the_whole_length_of_what_was_cut() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.send(&[7; 100]).unwrap();
        let mut buffer = [0; 10];
        let datagram = receive(&ours, &mut buffer, &mut [], Wait::No).unwrap();
        assert_eq!(datagram.unwrap().length, 100);
        assert_eq!(buffer, [7; 10]);
    }

    #[test]
    fn receive_without_waiting_returns_none_on_an_empty_queue() {
        let (ours, _theirs) = UnixDatagram::pair().unwrap();
        let got = receive(&ours, &mut [0; 10], &mut [], Wait::No).unwrap();
        assert!(got.is_none());
    }

    #[test]
    fn receive_waits_on_a_non_blocking_descriptor_too() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let sender = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            theirs.send(b"x").unwrap();
        });
        let got = receive(&ours, &mut [0; 10], &mut [], Wait::Forever).unwrap();
        assert_eq!(got.unwrap().length, 1);
        sender.join().unwrap();
    }

    #[test]
    fn receive_reads_credentials() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        setsockopt(&ours, sockopt::PassCred, &true).unwrap();
        theirs.send(b"x").unwrap();
        let mut control = credentials_room();
        let got = receive(&ours, &mut [0; 10], &mut control, Wait::No).unwrap();
        let credentials = got.unwrap().credentials.unwrap();
        assert_eq!(credentials.pid as u32, std::process::id());
    }

    #[test]
    fn other_processes_cannot_send_to_a_socket() {
        // Protocol 2 (NETLINK_USERSOCK) lets sockets of user space talk to each other.
        let ours = Socket::open(2).unwrap();
        let address = netlink_sys::SocketAddr::new(ours.port().get(), 0);
        let mut theirs = netlink_sys::Socket::new(2).unwrap();
        theirs.bind_auto().unwrap();
        let refused = theirs.send_to(b"forged", &address, 0).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let got = receive(&ours, &mut [0; 10], &mut [], Wait::No).unwrap();
        assert!(got.is_none());
    }

    #[test]
    fn waiting_ends_at_the_deadline() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let deadline = Instant::now() + Duration::from_millis(5);
        assert!(!wait_readable(ours.as_fd(), Some(deadline)).unwrap());
        assert!(Instant::now() >= deadline);
        theirs.send(b"x").unwrap();
        assert!(wait_readable(ours.as_fd(), Some(deadline)).unwrap());
    }

    #[test]
    fn a_smaller_grant_names_the_sysctl() {
        assert!(granted(100, 200, "net.core.rmem_max").is_ok());
        let text = granted(101, 200, "net.core.rmem_max")
            .unwrap_err()
            .to_string();
        assert!(text.contains("net.core.rmem_max"), "{text}");
    }

    #[test]
    fn a_protocol_without_a_module_is_a_missing_module() {
        // netlink has 32 protocol numbers; 32 is never there.
        let error = Socket::open(32).unwrap_err();
        assert!(matches!(error, Error::ModuleMissing), "{error:?}");
    }
}
