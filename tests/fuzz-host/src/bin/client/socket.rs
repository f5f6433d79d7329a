// SPDX-License-Identifier: GPL-2.0

//! In place of libkipc/src/socket.rs: the same functions, over `kernel`.

use crate::error::Error;
use crate::error::Result;
use crate::filter::Instruction;
use crate::item::Credentials;
use crate::item::PortId;
use crate::kernel;
use nix::errno::Errno;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// A socket; its descriptor is good for nothing.
#[derive(Debug)]
pub(crate) struct Socket(File);

impl Socket {
    pub(crate) fn open(_protocol: u32) -> Result<Self> {
        let null = File::open("/dev/null");
        Ok(Self(
            null.map_err(|error| Error::io("open /dev/null", error))?,
        ))
    }

    pub(crate) fn port(&self) -> PortId {
        PortId(7)
    }

    pub(crate) fn request_credentials(&self) -> Result<()> {
        Ok(())
    }

    pub(crate) fn attach_filter(&self, _program: &[Instruction]) -> Result<()> {
        Ok(())
    }

    pub(crate) fn set_receive_buffer(&self, _bytes: usize) -> Result<()> {
        Ok(())
    }

    pub(crate) fn set_send_buffer(&self, _bytes: usize) -> Result<()> {
        Ok(())
    }

    pub(crate) fn send(&self, messages: &[u8]) -> Result<()> {
        kernel::sent(messages);
        Ok(())
    }

    pub(crate) fn send_parts(&self, header: &[u8], payload: &[u8]) -> Result<()> {
        self.send(&[header, payload].concat())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub(crate) struct Datagram {
    pub(crate) length: usize,
    pub(crate) credentials: Option<Credentials>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Forever,
    No,
}

pub(crate) fn receive(
    source: &impl AsFd,
    buffer: &mut [u8],
    _control: &mut [u8],
    wait: Wait,
) -> Result<Option<Datagram>> {
    loop {
        match receive_plain(source.as_fd(), buffer, wait) {
            Ok(length) => {
                let credentials = Some(Credentials {
                    pid: 1,
                    uid: 2,
                    gid: 3,
                });
                return Ok(Some(Datagram {
                    length,
                    credentials,
                }));
            }
            Err(error) if try_again(source.as_fd(), error, wait)? => {}
            Err(_) => return Ok(None),
        }
    }
}

/// Like the real one; where that would wait for ever, it fails.
pub(crate) fn try_again(fd: BorrowedFd<'_>, error: Errno, wait: Wait) -> Result<bool> {
    match error {
        Errno::EINTR => Ok(true),
        Errno::EAGAIN if wait == Wait::No => Ok(false),
        Errno::EAGAIN => wait_readable(fd, None),
        Errno::ENOBUFS => Err(Error::Overrun),
        error => Err(Error::io("receive", error)),
    }
}

pub(crate) fn receive_plain(
    _fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    wait: Wait,
) -> std::result::Result<usize, Errno> {
    let Some(arrival) = kernel::arrival() else {
        return Err(match wait {
            Wait::Forever => Errno::EIO,
            Wait::No => Errno::EAGAIN,
        });
    };
    let datagram = arrival?;
    let fits = datagram.len().min(buffer.len());
    buffer[..fits].copy_from_slice(&datagram[..fits]);
    // What is left in the buffer from before is no part of this datagram.
    Ok(datagram.len())
}

pub(crate) fn wait_readable(_fd: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<bool> {
    match (kernel::is_readable(), deadline) {
        (true, _) => Ok(true),
        (false, Some(_)) => Ok(false),
        (false, None) => Err(Error::io("wait for a message", Errno::EIO)),
    }
}

pub(crate) fn credentials_room() -> Vec<u8> {
    vec![0; 64]
}
