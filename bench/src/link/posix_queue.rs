// SPDX-License-Identifier: MIT OR Apache-2.0

//! A POSIX message queue to each subscriber.

use super::Link;
use super::Payload;
use nix::mqueue::MQ_OFlag;
use nix::mqueue::MqAttr;
use nix::mqueue::MqdT;
use nix::mqueue::mq_close;
use nix::mqueue::mq_open;
use nix::mqueue::mq_receive;
use nix::mqueue::mq_send;
use nix::mqueue::mq_unlink;
use nix::sys::stat::Mode;
use rustix::io::Errno;

/// Messages that fit into a queue. The kernel wants to have room for all of them.
const ROOM: i64 = 4;

pub(crate) struct Queues {
    queues: Vec<MqdT>,
    payload: Payload,
}

impl Queues {
    pub(crate) fn open(subscribers: usize, payload: usize) -> Result<Self, Errno> {
        let len = i64::try_from(payload).map_err(|_| Errno::INVAL)?;
        let attributes = MqAttr::new(0, ROOM, len, 0);
        let flags = MQ_OFlag::O_CREAT
            | MQ_OFlag::O_EXCL
            | MQ_OFlag::O_RDWR
            | MQ_OFlag::O_NONBLOCK
            | MQ_OFlag::O_CLOEXEC;
        let open = |_| {
            // Both sides have it open already when its name goes.
            let name = "/kipc-bench";
            let queue = mq_open(name, flags, Mode::S_IRWXU, Some(&attributes))?;
            mq_unlink(name)?;
            Ok(queue)
        };
        let queues = (0..subscribers).map(open).collect::<nix::Result<_>>();
        Ok(Self {
            queues: queues.map_err(errno)?,
            payload: Payload::new(payload),
        })
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        for queue in self.queues.drain(..) {
            // The kernel has closed it in any case.
            let _ = mq_close(queue);
        }
    }
}

fn errno(errno: nix::Error) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}

impl Link for Queues {
    fn prepare(&mut self, round: usize) {
        self.payload.number(round);
    }

    fn send(&mut self) -> Result<(), Errno> {
        for queue in &self.queues {
            mq_send(queue, &self.payload.0, 0).map_err(errno)?;
        }
        Ok(())
    }

    fn subscribers(&self) -> usize {
        self.queues.len()
    }

    fn receive(&mut self, subscriber: usize, room: &mut [u8]) -> Result<usize, Errno> {
        let queue = self.queues.get(subscriber).ok_or(Errno::BADF)?;
        mq_receive(queue, room, &mut 0).map_err(errno)
    }

    fn count(&self, datagram: &[u8], _warm_up: bool) -> Result<usize, String> {
        self.payload.count(datagram)
    }
}
