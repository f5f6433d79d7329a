// SPDX-License-Identifier: MIT OR Apache-2.0

//! ZeroMQ: PUB and SUB over `ipc://`, with queues without a limit.

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;

#[derive(Debug)]
pub(crate) struct ZeroMq;

impl System for ZeroMq {
    fn name(&self) -> &'static str {
        "ZeroMQ"
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        let socket = zmq::Context::new().socket(zmq::PUB)?;
        socket.set_sndhwm(0)?;
        socket.bind(&format!("ipc://{}", link.own_path("zeromq")))?;
        Ok(Box::new(Sender(socket)))
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        let socket = zmq::Context::new().socket(zmq::SUB)?;
        socket.set_rcvhwm(0)?;
        socket.set_subscribe(b"")?;
        // Whoever comes before the publisher need not wait long for the next attempt.
        socket.set_reconnect_ivl(5)?;
        for path in link.all_paths("zeromq") {
            socket.connect(&format!("ipc://{path}"))?;
        }
        Ok(Box::new(Receiver(socket)))
    }
}

struct Sender(zmq::Socket);

impl Publisher for Sender {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        Ok(self.0.send(message, 0)?)
    }
}

struct Receiver(zmq::Socket);

impl Subscriber for Receiver {
    fn run(self: Box<Self>, mut handler: Handler) -> Result<(), Error> {
        let mut message = zmq::Message::new();
        loop {
            self.0.recv(&mut message, 0)?;
            handler(&message);
        }
    }
}
