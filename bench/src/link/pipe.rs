// SPDX-License-Identifier: MIT OR Apache-2.0

//! A pipe to each subscriber. Pipes do not keep messages apart; readers know the length.

use super::Link;
use super::Payload;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::io::read;
use rustix::io::write;
use rustix::pipe::PipeFlags;
use rustix::pipe::pipe_with;

pub(crate) struct Pipes {
    readers: Vec<OwnedFd>,
    writers: Vec<OwnedFd>,
    payload: Payload,
}

impl Pipes {
    pub(crate) fn open(subscribers: usize, payload: usize) -> Result<Self, Errno> {
        let pipe = |_| pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK);
        let pipes = (0..subscribers).map(pipe);
        let (readers, writers) = pipes.collect::<Result<_, _>>()?;
        Ok(Self {
            readers,
            writers,
            payload: Payload::new(payload),
        })
    }
}

impl Link for Pipes {
    fn prepare(&mut self, round: usize) {
        self.payload.number(round);
    }

    fn send(&mut self) -> Result<(), Errno> {
        for writer in &self.writers {
            let written = write(writer, &self.payload.0)?;
            if written != self.payload.0.len() {
                return Err(Errno::MSGSIZE);
            }
        }
        Ok(())
    }

    fn subscribers(&self) -> usize {
        self.readers.len()
    }

    fn receive(&mut self, subscriber: usize, room: &mut [u8]) -> Result<usize, Errno> {
        read(self.readers.get(subscriber).ok_or(Errno::BADF)?, room)
    }

    fn count(&self, datagram: &[u8], _warm_up: bool) -> Result<usize, String> {
        self.payload.count(datagram)
    }
}
