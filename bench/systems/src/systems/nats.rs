// SPDX-License-Identifier: MIT OR Apache-2.0

//! NATS: core, through its own client, over TCP on the loopback interface; it has no local sockets.
//! (Both sides turn Nagle's algorithm off by themselves.) The server may queue a gigabyte for each
//! client, and waits for it for a minute.

use std::fs;
use std::process::Command;

use async_nats::Client;
use async_nats::ConnectOptions;
use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::PLACE;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;
use crate::system::patiently;

/// More messages than a burst has: the client would drop what it has no room for.
const CAPACITY: usize = 1 << 20;

/// Messages that are taken from the client at once, if they are there.
const AT_ONCE: usize = 64;

#[derive(Debug)]
pub(crate) struct Nats;

fn connect() -> Result<(Runtime, Client), Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let client = patiently(|| {
        runtime.block_on(
            ConnectOptions::new()
                .subscription_capacity(CAPACITY)
                .connect("127.0.0.1:4222"),
        )
    })?;
    Ok((runtime, client))
}

impl System for Nats {
    fn name(&self) -> &'static str {
        "NATS"
    }

    fn server(&self) -> Result<Option<Command>, Error> {
        let configuration = format!("{PLACE}/nats.conf");
        fs::write(
            &configuration,
            "listen: \"127.0.0.1:4222\"\nmax_pending: 1GB\nwrite_deadline: \"60s\"\n",
        )?;
        let mut command = Command::new("nats-server");
        command.args(["-c", &configuration, "-l", "/dev/null"]);
        Ok(Some(command))
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        let (runtime, client) = connect()?;
        Ok(Box::new(Sender {
            runtime,
            client,
            subject: link.topic.clone().into(),
        }))
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        let (runtime, client) = connect()?;
        let subscription = runtime.block_on(async {
            let subscription = client.subscribe(link.topic.clone()).await?;
            client.flush().await?;
            Ok::<_, Error>(subscription)
        })?;
        Ok(Box::new(Receiver {
            runtime,
            _client: client,
            subscription,
        }))
    }
}

struct Sender {
    runtime: Runtime,
    client: Client,
    subject: async_nats::Subject,
}

impl Publisher for Sender {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        let message = message.to_vec().into();
        Ok(self
            .runtime
            .block_on(self.client.publish(self.subject.clone(), message))?)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(self.runtime.block_on(self.client.flush())?)
    }
}

struct Receiver {
    runtime: Runtime,
    _client: Client,
    subscription: async_nats::Subscriber,
}

impl Subscriber for Receiver {
    fn run(mut self: Box<Self>, mut handler: Handler) -> Result<(), Error> {
        let mut messages = Vec::new();
        loop {
            let subscription = &mut self.subscription;
            self.runtime.block_on(async {
                messages.extend(subscription.next().await);
                while messages.len() < AT_ONCE
                    && let Some(Some(message)) = subscription.next().now_or_never()
                {
                    messages.push(message);
                }
            });
            if messages.is_empty() {
                return Err("the server is gone".into());
            }
            // Outside, since the handler may publish, which needs the other client's runtime.
            for message in messages.drain(..) {
                handler(&message.payload);
            }
        }
    }
}
