// SPDX-License-Identifier: MIT OR Apache-2.0

//! iceoryx2: shared memory. Waiting, a subscriber sleeps until an event, which the publisher sends
//! with each message; spinning, it looks again and again. Publishers wait for who is too slow.

use std::fs;

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::prelude::*;

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;

type Service = ipc::Service;

/// Bytes of messages that a subscriber may leave waiting: as many as of other systems.
const QUEUE: usize = 4 << 20;

/// Looks in vain, after which another process may run: with fewer processors than processes,
/// nobody else would.
const LOOKS: u32 = 100;

#[derive(Debug)]
pub(crate) struct Iceoryx2 {
    pub(crate) spinning: bool,
}

type Factory = iceoryx2::service::port_factory::publish_subscribe::PortFactory<Service, [u8], ()>;
type Events = iceoryx2::service::port_factory::event::PortFactory<Service>;

impl Iceoryx2 {
    fn open(&self, link: &Link) -> Result<(Node<Service>, Factory, Option<Events>), Error> {
        set_log_level(LogLevel::Error);
        let node = NodeBuilder::new().create::<Service>()?;
        let messages = node
            .service_builder(&link.topic.as_str().try_into()?)
            .publish_subscribe::<[u8]>()
            .enable_safe_overflow(false)
            .history_size(0)
            .subscriber_max_buffer_size((QUEUE / link.size).clamp(16, 1024))
            .max_publishers(link.publishers)
            .max_subscribers(link.subscribers)
            .max_nodes(link.publishers + link.subscribers + 2)
            .open_or_create()?;
        let events = if self.spinning {
            None
        } else {
            let events = node
                .service_builder(&format!("{}-event", link.topic).as_str().try_into()?)
                .event()
                .max_notifiers(link.publishers)
                .max_listeners(link.subscribers)
                .max_nodes(link.publishers + link.subscribers + 2)
                .open_or_create()?;
            Some(events)
        };
        Ok((node, messages, events))
    }
}

impl System for Iceoryx2 {
    fn name(&self) -> &'static str {
        if self.spinning {
            "iceoryx2 spinning"
        } else {
            "iceoryx2 waiting"
        }
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        let (node, messages, events) = self.open(link)?;
        let publisher = messages
            .publisher_builder()
            .initial_max_slice_len(link.size)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()?;
        let notifier = events
            .as_ref()
            .map(|events| events.notifier_builder().create())
            .transpose()?;
        Ok(Box::new(Sender {
            _node: node,
            publisher,
            notifier,
        }))
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        let (node, messages, events) = self.open(link)?;
        let subscriber = messages.subscriber_builder().create()?;
        let listener = events
            .as_ref()
            .map(|events| events.listener_builder().create())
            .transpose()?;
        Ok(Box::new(Receiver {
            _node: node,
            subscriber,
            listener,
        }))
    }

    fn clean(&self) {
        // Each measurement has services of its own; what is left of earlier ones would only be
        // looked through again and again.
        let _ = fs::remove_dir_all("/tmp/iceoryx2");
        for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

struct Sender {
    _node: Node<Service>,
    publisher: iceoryx2::port::publisher::Publisher<Service, [u8], ()>,
    notifier: Option<Notifier<Service>>,
}

impl Publisher for Sender {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        let sample = self.publisher.loan_slice_uninit(message.len())?;
        sample.write_from_slice(message).send()?;
        if let Some(notifier) = &self.notifier {
            // It fails if the listener has too many events, and then need not be woken up.
            let _ = notifier.notify();
        }
        Ok(())
    }
}

struct Receiver {
    _node: Node<Service>,
    subscriber: iceoryx2::port::subscriber::Subscriber<Service, [u8], ()>,
    listener: Option<Listener<Service>>,
}

impl Subscriber for Receiver {
    fn run(self: Box<Self>, mut handler: Handler) -> Result<(), Error> {
        let mut looks = 0;
        loop {
            while let Some(sample) = self.subscriber.receive()? {
                handler(&sample);
                looks = 0;
            }
            if let Some(listener) = &self.listener {
                listener.blocking_wait(|_| {})?;
                continue;
            }
            looks += 1;
            if looks < LOOKS {
                std::hint::spin_loop();
            } else {
                looks = 0;
                std::thread::yield_now();
            }
        }
    }
}
