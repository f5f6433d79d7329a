// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a publisher is to be, before it is.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Mutex;
use std::time::Duration;

use super::Publisher;
use super::State;
use crate::bus::Bus;
use crate::codec::Bincode;
use crate::codec::Codec;
use crate::control;
use crate::control::Answer;
use crate::error::Result;
use crate::frame::SmallMessage;
use crate::inbox::ANSWER_ROOM;
use crate::inbox::Inbox;
use crate::inbox::protocol;
use crate::topic::Topic;
use crate::wire::message;
use crate::wire::request::Request;

/// Configures a [`Publisher`]; made by [`Bus::publisher`].
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
/// let publisher = builder.tag(7).history(1).create()?;
/// # drop(publisher);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is published before create()"]
pub struct PublisherBuilder<T: ?Sized, C = Bincode> {
    bus: Bus,
    topic: Topic,
    tag: u32,
    type_name: Option<String>,
    fingerprint: Option<u64>,
    send_buffer: Option<usize>,
    wait: Option<Duration>,
    history: Option<u32>,
    mode: Option<u32>,
    group: Option<u32>,
    deferred: bool,
    watch: bool,
    marker: PhantomData<fn(&T) -> C>,
}

impl<T: ?Sized, C> PublisherBuilder<T, C> {
    pub(crate) fn new(bus: Bus, topic: Topic) -> Self {
        Self {
            bus,
            topic,
            tag: 0,
            type_name: None,
            fingerprint: None,
            send_buffer: None,
            wait: None,
            history: None,
            mode: None,
            group: None,
            deferred: false,
            watch: false,
            marker: PhantomData,
        }
    }

    /// Encodes with another codec than [`Bincode`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<[u8]>("bytes")?;
    /// let publisher = builder.codec::<libkipc::Raw>().create()?;
    /// publisher.publish(b"abc")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn codec<D: Codec>(self) -> PublisherBuilder<T, D> {
        PublisherBuilder {
            bus: self.bus,
            topic: self.topic,
            tag: self.tag,
            type_name: self.type_name,
            fingerprint: self.fingerprint,
            send_buffer: self.send_buffer,
            wait: self.wait,
            history: self.history,
            mode: self.mode,
            group: self.group,
            deferred: self.deferred,
            watch: self.watch,
            marker: PhantomData,
        }
    }

    /// Sets the tag of messages, a number that subscribers' socket filters can test. Default: 0.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.tag(7).create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tag(mut self, tag: u32) -> Self {
        self.tag = tag;
        self
    }

    /// Names the type on the bus, such as `"Reading/1"`. Default: [`std::any::type_name`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.type_name("Count/1").create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn type_name(mut self, name: impl Into<String>) -> Self {
        self.type_name = Some(name.into());
        self
    }

    /// Sets the type's fingerprint itself; 0 = untyped. Default: that of codec and type name.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.fingerprint(0).create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fingerprint(mut self, fingerprint: u64) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Sets the size of the socket's send buffer (`SO_SNDBUF`) in bytes. A message may be about
    /// twice as large. Default: the sysctl `net.core.wmem_default`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.send_buffer(1 << 20).create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// Heeds subscribers with [`Overflow::Block`](crate::Overflow::Block) and
    /// [`Overflow::Fail`](crate::Overflow::Fail): a publish waits for the former for `timeout` at
    /// most (60 s at most, whole milliseconds), and fails with
    /// [`Errno::AGAIN`](crate::Errno::AGAIN) for the latter. A signal ends a wait with
    /// [`Errno::INTR`](crate::Errno::INTR). Default: no subscriber holds this publisher up.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.wait(std::time::Duration::from_secs(1)).create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(mut self, timeout: Duration) -> Self {
        self.wait = Some(timeout);
        self
    }

    /// Who may use the topic, if this publisher creates it: like the mode of a file, with `r` for
    /// subscribing and `w` for publishing. Default: `0o600`, the user's own processes only. The
    /// user that creates the topic owns it. An administrator's rules may say otherwise.
    ///
    /// For a topic that exists, another mode is refused with [`Errno::EXIST`](crate::Errno::EXIST).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.mode(0o644).create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The group of the topic, if this publisher creates it; one of the user's own. Default: the
    /// user's first group.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.mode(0o640).group(100).create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn group(mut self, gid: u32) -> Self {
        self.group = Some(gid);
        self
    }

    /// Has the topic retain its last `messages` messages (at most 4096) for subscribers that ask
    /// for [its history](crate::SubscriberBuilder::history). The topic and what it retains outlive
    /// its publishers, until they are [cleared](Bus::clear). With 1, the topic is a latched value.
    ///
    /// The topic's owner decides, or an administrator: for anybody else, asking for another number
    /// than there is is refused with [`Errno::PERM`](crate::Errno::PERM). Each message counts towards
    /// a limit of bytes of the user that published it; beyond it, that user's oldest messages on the
    /// topic are let go, and what does not fit even so is not retained, which late subscribers are
    /// told.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.history(1).create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn history(mut self, messages: u32) -> Self {
        self.history = Some(messages);
        self
    }

    /// Looks for refusals after each 64th message only, which saves a system call for each other
    /// one. [`Publisher::publish`] then reports the refusal of an earlier message late, or
    /// [`Publisher::check`] does. Default: each call reports its own.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.deferred_refusals().create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn deferred_refusals(mut self) -> Self {
        self.deferred = true;
        self
    }

    /// Is told of how many subscribers there are: see [`Publisher::subscribers`] and
    /// [`Publisher::wait_for_subscribers`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.watch_subscribers().create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch_subscribers(mut self) -> Self {
        self.watch = true;
        self
    }

    /// Opens a socket and advertises the topic.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.tag(7).create()?;
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](crate::Error::Refused) with [`Errno::PROTOTYPE`](crate::Errno::PROTOTYPE) if the topic carries
    /// another type, with [`Errno::NOSPC`](crate::Errno::NOSPC) if a limit is reached;
    /// [`Error::BufferLimit`](crate::Error::BufferLimit); [`Error::ModuleMissing`](crate::Error::ModuleMissing); [`Error::Io`](crate::Error::Io).
    pub fn create(self) -> Result<Publisher<T, C>>
    where
        C: Codec,
    {
        let fingerprint = self.fingerprint.unwrap_or_else(|| {
            C::fingerprint(self.type_name.as_deref().unwrap_or(type_name::<T>()))
        });
        let socket = self.bus.open()?;
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer(bytes)?;
        }
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        let request = Request::Advertise {
            topic: self.topic.to_wire()?,
            fingerprint,
            wait: self
                .wait
                .map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)),
            history: self.history,
            flags: if self.watch {
                message::ADVERTISE_EVENTS
            } else {
                0
            },
            mode: self.mode,
            gid: self.group,
        };
        let topic_id = match control::call(&socket, &mut inbox, request, "advertise")? {
            Answer::Advertised { topic_id } => topic_id,
            _ => return Err(protocol("wrong kind of answer")),
        };
        Ok(Publisher {
            socket,
            topic: self.topic,
            topic_id,
            tag: self.tag,
            deferred: self.deferred,
            #[cfg(feature = "tokio")]
            wait: self.wait,
            state: Mutex::new(State {
                seq: 1,
                buffer: Vec::new(),
                small: Box::new([0; size_of::<SmallMessage>()]),
                batch: Vec::new(),
                inbox,
            }),
            marker: PhantomData,
        })
    }
}

impl<T: ?Sized, C> fmt::Debug for PublisherBuilder<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublisherBuilder")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
