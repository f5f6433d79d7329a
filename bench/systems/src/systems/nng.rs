// SPDX-License-Identifier: MIT OR Apache-2.0

//! nng: pub0 and sub0 over `ipc://`. There is no way to make its publishers wait: the queues are as
//! long as they may be, and what does not fit is lost.

use std::time::Duration;

use nng::Protocol;
use nng::Socket;
use nng::options::Options as _;
use nng::options::ReconnectMinTime;
use nng::options::RecvBufferSize;
use nng::options::SendBufferSize;
use nng::options::protocol::pubsub::Subscribe;

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;

/// The largest that nng allows.
const QUEUE: i32 = 8192;

#[derive(Debug)]
pub(crate) struct Nng;

impl System for Nng {
    fn name(&self) -> &'static str {
        "nng"
    }

    fn may_lose(&self) -> bool {
        true
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        let socket = Socket::new(Protocol::Pub0)?;
        socket.set_opt::<SendBufferSize>(QUEUE)?;
        socket.listen(&format!("ipc://{}", link.own_path("nng")))?;
        Ok(Box::new(Sender(socket)))
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        let socket = Socket::new(Protocol::Sub0)?;
        socket.set_opt::<RecvBufferSize>(QUEUE)?;
        socket.set_opt::<Subscribe>(Vec::new())?;
        socket.set_opt::<ReconnectMinTime>(Some(Duration::from_millis(1)))?;
        for path in link.all_paths("nng") {
            socket.dial_async(&format!("ipc://{path}"))?;
        }
        Ok(Box::new(Receiver(socket)))
    }
}

struct Sender(Socket);

impl Publisher for Sender {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        self.0.send(message).map_err(|(_, error)| error)?;
        Ok(())
    }
}

struct Receiver(Socket);

impl Subscriber for Receiver {
    fn run(self: Box<Self>, mut handler: Handler) -> Result<(), Error> {
        loop {
            handler(&self.0.recv()?);
        }
    }
}
