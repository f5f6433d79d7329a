// SPDX-License-Identifier: MIT OR Apache-2.0

//! kipc, through libkipc.

use std::time::Duration;

use libkipc::Bus;
use libkipc::Item;
use libkipc::Overflow;
use libkipc::Raw;

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;

/// Messages of a batch.
const BATCH: usize = 16;

/// The queue of a subscriber; as large as those of the reference.
const QUEUE: usize = 4 << 20;

/// How long messages come together.
const TOGETHER: Duration = Duration::from_millis(1);

/// What happens when a queue is full, and whether messages go one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kipc {
    /// Publishers wait.
    Waiting,
    /// Publishers wait; subscribers let messages of a stream come together.
    Coalescing,
    /// Publishers wait, and send several messages at once.
    Batched,
    /// As it is when nobody asks for anything: a queue of the default size, and what does not fit
    /// is lost, and counted.
    Dropping,
}

impl System for Kipc {
    fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "kipc",
            Self::Coalescing => "kipc coalescing",
            Self::Batched => "kipc batched",
            Self::Dropping => "kipc dropping",
        }
    }

    fn is_variant(&self) -> bool {
        *self != Self::Waiting
    }

    fn may_lose(&self) -> bool {
        *self == Self::Dropping
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        let mut builder = Bus::connect()?
            .raw_publisher(link.topic.as_str())?
            .deferred_refusals();
        if *self != Self::Dropping {
            builder = builder.wait(Duration::from_secs(30));
        }
        if *self == Self::Batched {
            builder = builder.send_buffer(QUEUE);
        }
        let publisher = builder.create()?;
        Ok(if *self == Self::Batched {
            Box::new(Batches {
                publisher,
                messages: Vec::new(),
                used: 0,
            })
        } else {
            Box::new(One(publisher))
        })
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        let mut builder = Bus::connect()?.raw_subscriber(link.topic.as_str())?;
        if *self != Self::Dropping {
            builder = builder.overflow(Overflow::Block).receive_buffer(QUEUE);
        }
        if *self == Self::Coalescing {
            builder = builder.coalesce(TOGETHER);
        }
        Ok(Box::new(Receiver(builder.create()?)))
    }
}

type Bytes = [u8];

struct One(libkipc::Publisher<Bytes, Raw>);

impl Publisher for One {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        // Refusals are looked for with every 64th; what was refused would be missing at the end.
        Ok(self.0.publish(message)?)
    }
}

struct Batches {
    publisher: libkipc::Publisher<Bytes, Raw>,
    messages: Vec<Vec<u8>>,
    used: usize,
}

impl Publisher for Batches {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        if self.used == self.messages.len() {
            self.messages.push(Vec::new());
        }
        let place = &mut self.messages[self.used];
        place.clear();
        place.extend_from_slice(message);
        self.used += 1;
        if self.used == BATCH {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let messages = self.messages[..self.used].iter().map(Vec::as_slice);
        self.publisher.publish_batch(messages)?;
        self.used = 0;
        Ok(())
    }
}

struct Receiver(libkipc::Subscriber<Vec<u8>, Raw>);

impl Subscriber for Receiver {
    fn run(mut self: Box<Self>, mut handler: Handler) -> Result<(), Error> {
        loop {
            if let Item::Message(message) = self.0.recv_as::<&[u8]>()? {
                handler(message.value);
            }
        }
    }
}
