// SPDX-License-Identifier: MIT OR Apache-2.0

//! What every system has to be able to do, and the list of them.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use crate::Error;
use crate::systems;

/// Is called with each message, in the thread that runs the subscriber.
pub(crate) type Handler = Box<dyn FnMut(&[u8])>;

/// Where sockets and configurations are.
pub(crate) const PLACE: &str = "/tmp/bench-systems";

/// Who talks with whom. Whoever has no broker needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// New for each measurement, so that nothing of an earlier one is found.
    pub(crate) topic: String,
    /// Which of the publishers this one is.
    pub(crate) publisher: usize,
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    /// The largest message.
    pub(crate) size: usize,
}

impl Link {
    /// A path of the topic's own, for each of its publishers.
    pub(crate) fn path(&self, system: &str, publisher: usize) -> String {
        format!("{PLACE}/{system}-{}-{publisher}", self.topic)
    }

    pub(crate) fn own_path(&self, system: &str) -> String {
        self.path(system, self.publisher)
    }

    pub(crate) fn all_paths(&self, system: &str) -> Vec<String> {
        (0..self.publishers)
            .map(|publisher| self.path(system, publisher))
            .collect()
    }
}

/// Sends messages on the topic of its link.
pub(crate) trait Publisher {
    /// It may wait until there are more of them.
    fn publish(&mut self, message: &[u8]) -> Result<(), Error>;

    /// All are on their way.
    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Receives the messages of the topic of its link.
pub(crate) trait Subscriber {
    /// Calls the handler with each message, and waits for the next one, until it fails.
    fn run(self: Box<Self>, handler: Handler) -> Result<(), Error>;
}

/// A publish/subscribe system, with the settings that suit the purpose.
pub(crate) trait System {
    /// As it stands in the table.
    fn name(&self) -> &'static str;

    /// How its server is started, if it has one.
    fn server(&self) -> Result<Option<Command>, Error> {
        Ok(None)
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error>;

    /// Has asked for the messages when this returns: a round trip does not ask twice.
    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error>;

    /// Treats messages of a stream in another way, and is as another row of the table otherwise: only bursts
    /// are measured.
    fn is_variant(&self) -> bool {
        false
    }

    /// Whether it may lose messages when it has too many. Of the others that would be an error.
    fn may_lose(&self) -> bool {
        false
    }

    /// Removes what processes that ended left behind.
    fn clean(&self) {}
}

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Box<dyn System>> {
    vec![
        Box::new(systems::seqpacket::Seqpacket { broken: false }),
        Box::new(systems::kipc::Kipc::Waiting),
        Box::new(systems::kipc::Kipc::Coalescing),
        Box::new(systems::kipc::Kipc::Batched),
        Box::new(systems::kipc::Kipc::Dropping),
        Box::new(systems::dbus::Dbus::Broker),
        Box::new(systems::dbus::Dbus::Daemon),
        Box::new(systems::redis::Redis { pipelined: false }),
        Box::new(systems::redis::Redis { pipelined: true }),
        Box::new(systems::mosquitto::Mosquitto),
        Box::new(systems::nats::Nats),
        Box::new(systems::zeromq::ZeroMq),
        Box::new(systems::nng::Nng),
        Box::new(systems::iceoryx2::Iceoryx2 { spinning: false }),
        Box::new(systems::iceoryx2::Iceoryx2 { spinning: true }),
        Box::new(systems::zenoh::Zenoh),
    ]
}

/// The one with this name; also the one that is wrong on purpose.
pub(crate) fn named(name: &str) -> Result<Box<dyn System>, Error> {
    let broken: Box<dyn System> = Box::new(systems::seqpacket::Seqpacket { broken: true });
    all()
        .into_iter()
        .chain([broken])
        .find(|system| system.name() == name)
        .ok_or_else(|| format!("no system is called {name}").into())
}

/// Tries until it works: servers need a while until they can be connected to.
pub(crate) fn patiently<T, E: Into<Error>>(
    mut attempt: impl FnMut() -> Result<T, E>,
) -> Result<T, Error> {
    let end = Instant::now() + Duration::from_secs(15);
    loop {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(error) if Instant::now() > end => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(1)),
        }
    }
}
