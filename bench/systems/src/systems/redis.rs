// SPDX-License-Identifier: MIT OR Apache-2.0

//! Redis: its channels, over its Unix socket. The server keeps nothing on disk, and cuts nobody off
//! who is slow.

use std::process::Command;

use redis::Connection;
use redis::Msg;

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::PLACE;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;
use crate::system::patiently;

/// Messages that go at once, if they do.
const PIPELINE: usize = 16;

#[derive(Debug)]
pub(crate) struct Redis {
    pub(crate) pipelined: bool,
}

fn socket() -> String {
    format!("{PLACE}/redis.socket")
}

fn connect() -> Result<Connection, Error> {
    let client = redis::Client::open(format!("unix://{}", socket()))?;
    patiently(|| client.get_connection())
}

impl System for Redis {
    fn name(&self) -> &'static str {
        if self.pipelined {
            "Redis pipelined"
        } else {
            "Redis"
        }
    }

    fn is_variant(&self) -> bool {
        self.pipelined
    }

    fn server(&self) -> Result<Option<Command>, Error> {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", "0", "--unixsocket", &socket()])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
            .args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
        Ok(Some(command))
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        Ok(Box::new(Sender {
            connection: connect()?,
            topic: link.topic.clone(),
            at_once: if self.pipelined { PIPELINE } else { 1 },
            commands: Vec::new(),
            count: 0,
        }))
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        // By hand: the crate's own subscription could not be kept beside its connection.
        let mut connection = connect()?;
        let command = redis::cmd("SUBSCRIBE")
            .arg(&link.topic)
            .get_packed_command();
        connection.send_packed_command(&command)?;
        connection.recv_response()?;
        Ok(Box::new(Receiver(connection)))
    }
}

struct Sender {
    connection: Connection,
    topic: String,
    at_once: usize,
    commands: Vec<u8>,
    count: usize,
}

impl Publisher for Sender {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        redis::cmd("PUBLISH")
            .arg(&self.topic)
            .arg(message)
            .write_packed_command(&mut self.commands);
        self.count += 1;
        if self.count == self.at_once {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.count == 0 {
            return Ok(());
        }
        self.connection.send_packed_command(&self.commands)?;
        self.commands.clear();
        // Every command is answered: how many got the message.
        for _ in 0..self.count {
            self.connection.recv_response()?;
        }
        self.count = 0;
        Ok(())
    }
}

struct Receiver(Connection);

impl Subscriber for Receiver {
    fn run(mut self: Box<Self>, mut handler: Handler) -> Result<(), Error> {
        loop {
            if let Some(message) = Msg::from_owned_value(self.0.recv_response()?) {
                handler(message.get_payload_bytes());
            }
        }
    }
}
