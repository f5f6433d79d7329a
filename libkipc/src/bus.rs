// SPDX-License-Identifier: MIT OR Apache-2.0

//! The way onto the bus.

use crate::codec::Bincode;
use crate::codec::Raw;
use crate::control;
use crate::control::Answer;
use crate::error::Error;
use crate::error::Result;
use crate::inbox::ANSWER_ROOM;
use crate::inbox::Inbox;
use crate::inbox::protocol;
use crate::publisher::PublisherBuilder;
use crate::socket::Socket;
use crate::subscriber::SubscriberBuilder;
use crate::topic::Pattern;
use crate::topic::Topic;
use crate::wire;
use crate::wire::record;
use crate::wire::request::Request;

/// The bus of the caller's network namespace.
///
/// A handle without a socket of its own: each publisher and subscriber opens one.
///
/// ```no_run
/// # fn main() -> libkipc::Result<()> {
/// let bus = libkipc::Bus::connect()?;
/// println!("kipc {}", bus.info()?.version);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bus {
    protocol: u32,
    max_message_bytes: u32,
}

impl Bus {
    /// Finds the bus; lets the kernel load its module if need be.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// # drop(bus);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ModuleMissing`] if the kernel has no such module, [`Error::Incompatible`] if it
    /// has one that speaks another version of the wire format.
    pub fn connect() -> Result<Self> {
        Self::connect_protocol(wire::PROTOCOL)
    }

    /// Finds the bus of a module that was loaded with another netlink protocol number
    /// (`protocol=`, up to 31).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// // The module was loaded with protocol=30.
    /// let bus = libkipc::Bus::connect_protocol(30)?;
    /// # drop(bus);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Bus::connect`].
    pub fn connect_protocol(protocol: u32) -> Result<Self> {
        let mut bus = Self {
            protocol,
            max_message_bytes: 0,
        };
        let info = bus.info()?;
        if info.abi != wire::ABI_VERSION {
            return Err(Error::Incompatible {
                version: info.version,
                module: info.abi,
                library: wire::ABI_VERSION,
            });
        }
        bus.max_message_bytes = info.max_message_bytes;
        Ok(bus)
    }

    /// The longest payload that the module allows, in bytes.
    pub(crate) fn max_message_bytes(&self) -> u32 {
        self.max_message_bytes
    }

    /// Asks the module for its version, its limits, and what is on the bus now.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let info = libkipc::Bus::connect()?.info()?;
    /// println!("{} topics of {}", info.topics, info.max_topics);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ModuleMissing`] if the module was unloaded meanwhile; [`Error::Io`].
    pub fn info(&self) -> Result<Info> {
        let socket = self.open()?;
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        match control::call(&socket, &mut inbox, Request::Info, "tell about itself")? {
            Answer::Info(info) => Ok(info),
            _ => Err(protocol("wrong kind of answer")),
        }
    }

    /// A publisher of values of type `T` on a topic, to be configured and created.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = bus.publisher::<(f32, u64)>("sensors/room1")?.create()?;
    /// publisher.publish(&(21.5, 1))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidTopic`].
    pub fn publisher<T: ?Sized>(
        &self,
        topic: impl TryInto<Topic, Error: Into<Error>>,
    ) -> Result<PublisherBuilder<T, Bincode>> {
        let topic = topic.try_into().map_err(Into::into)?;
        Ok(PublisherBuilder::new(self.clone(), topic))
    }

    /// A publisher of bytes, without a codec.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// bus.raw_publisher("log")?.create()?.publish(b"started")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidTopic`].
    pub fn raw_publisher(
        &self,
        topic: impl TryInto<Topic, Error: Into<Error>>,
    ) -> Result<PublisherBuilder<[u8], Raw>> {
        Ok(self.publisher(topic)?.codec())
    }

    /// A subscriber to values of type `T` on all topics that match a pattern, to be configured and
    /// created.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let mut subscriber = bus.subscriber::<(f32, u64)>("sensors/**")?.create()?;
    /// println!("{:?}", subscriber.recv()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidTopic`].
    pub fn subscriber<T>(
        &self,
        pattern: impl TryInto<Pattern, Error: Into<Error>>,
    ) -> Result<SubscriberBuilder<T, Bincode>> {
        let pattern = pattern.try_into().map_err(Into::into)?;
        Ok(SubscriberBuilder::new(self.clone(), pattern))
    }

    /// A subscriber to bytes, without a codec: it receives messages of every type.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let mut subscriber = bus.raw_subscriber("**")?.create()?;
    /// println!("{:?}", subscriber.recv()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidTopic`].
    pub fn raw_subscriber(
        &self,
        pattern: impl TryInto<Pattern, Error: Into<Error>>,
    ) -> Result<SubscriberBuilder<Vec<u8>, Raw>> {
        Ok(self.subscriber(pattern)?.codec())
    }

    /// Lets go of what a topic retains. A topic without publishers is gone with it.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// libkipc::Bus::connect()?.clear("lamps/hall/level")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidTopic`]; [`Error::Refused`] with [`Errno::NOENT`](crate::Errno::NOENT) if
    /// there is no such topic, [`Errno::PERM`](crate::Errno::PERM) if another user decides on what
    /// it retains; [`Error::Io`].
    pub fn clear(&self, topic: impl TryInto<Topic, Error: Into<Error>>) -> Result<()> {
        let topic = topic.try_into().map_err(Into::into)?;
        let socket = self.open()?;
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        let topic = topic.to_wire()?;
        control::order(
            &socket,
            &mut inbox,
            Request::Clear { topic },
            "clear a topic",
        )?;
        Ok(())
    }

    pub(crate) fn open(&self) -> Result<Socket> {
        Socket::open(self.protocol)
    }
}

/// What the module says of itself and of the bus.
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// let info = libkipc::Bus::connect()?.info()?;
/// println!("messages of up to {} bytes", info.max_message_bytes);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Version of the module.
    pub version: String,
    /// Version of the wire format.
    pub abi: u32,
    /// Topics on the bus now.
    pub topics: u32,
    /// Sockets that publish or subscribe now.
    pub clients: u32,
    /// Subscriptions on the bus now.
    pub subscriptions: u32,
    /// Most topics that one socket may publish on.
    pub max_advertisements: u32,
    /// Most subscriptions of one socket.
    pub max_subscriptions: u32,
    /// Most topics of one bus.
    pub max_topics: u32,
    /// Most topics of one user.
    pub max_topics_per_user: u32,
    /// Most subscriptions of one user.
    pub max_subscriptions_per_user: u32,
    /// Most subscriptions of one user that have a wildcard.
    pub max_patterns_per_user: u32,
    /// Most memory in retained messages and last wills of one user, in bytes.
    pub max_retained_bytes: u32,
    /// Longest payload of a message, in bytes.
    pub max_message_bytes: u32,
}

impl From<record::Info<'_>> for Info {
    fn from(info: record::Info<'_>) -> Self {
        Self {
            version: info.version.into(),
            abi: info.abi,
            topics: info.topics,
            clients: info.clients,
            subscriptions: info.subscriptions,
            max_advertisements: info.max_advertisements,
            max_subscriptions: info.max_subscriptions,
            max_topics: info.max_topics,
            max_topics_per_user: info.max_topics_per_user,
            max_subscriptions_per_user: info.max_subscriptions_per_user,
            max_patterns_per_user: info.max_patterns_per_user,
            max_retained_bytes: info.max_retained_bytes,
            max_message_bytes: info.max_message_bytes,
        }
    }
}
