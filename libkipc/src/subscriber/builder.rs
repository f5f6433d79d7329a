// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a subscriber is to be, before it is.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::Subscriber;
use super::coalescing::Coalescing;
use crate::bus::Bus;
use crate::codec::Bincode;
use crate::codec::Codec;
use crate::control;
use crate::control::Answer;
use crate::error::Result;
use crate::filter::Filter;
use crate::inbox::Inbox;
use crate::inbox::data_room;
use crate::inbox::protocol;
use crate::overflow::Overflow;
use crate::topic::Pattern;
use crate::wire::message;
use crate::wire::request::Request;

/// Configures a [`Subscriber`]; made by [`Bus::subscriber`].
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
/// let subscriber = builder.events().history().create()?;
/// # drop(subscriber);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is received before create()"]
pub struct SubscriberBuilder<T, C = Bincode> {
    bus: Bus,
    pattern: Pattern,
    events: bool,
    history: bool,
    overflow: Overflow,
    credentials: bool,
    type_name: Option<String>,
    fingerprint: Option<u64>,
    receive_buffer: Option<usize>,
    filter: Option<Filter>,
    coalesce: Option<Duration>,
    marker: PhantomData<fn() -> (T, C)>,
}

impl<T, C> SubscriberBuilder<T, C> {
    pub(crate) fn new(bus: Bus, pattern: Pattern) -> Self {
        Self {
            bus,
            pattern,
            events: false,
            history: false,
            overflow: Overflow::default(),
            credentials: false,
            type_name: None,
            fingerprint: None,
            receive_buffer: None,
            filter: None,
            coalesce: None,
            marker: PhantomData,
        }
    }

    /// Decodes with another codec than [`Bincode`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<Vec<u8>>("bytes")?;
    /// let subscriber = builder.codec::<libkipc::Raw>().create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn codec<D: Codec>(self) -> SubscriberBuilder<T, D> {
        SubscriberBuilder {
            bus: self.bus,
            pattern: self.pattern,
            events: self.events,
            history: self.history,
            overflow: self.overflow,
            credentials: self.credentials,
            type_name: self.type_name,
            fingerprint: self.fingerprint,
            receive_buffer: self.receive_buffer,
            filter: self.filter,
            coalesce: self.coalesce,
            marker: PhantomData,
        }
    }

    /// Receives [`Item::Joined`](crate::Item::Joined) and [`Item::Gone`](crate::Item::Gone) too.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.events().create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(mut self) -> Self {
        self.events = true;
        self
    }

    /// First of all, receives what the topics retain: of each topic the last messages, as many as
    /// its publishers asked to be [retained](crate::PublisherBuilder::history), and then every one
    /// that follows, with neither gap nor duplicate.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.history().create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn history(mut self) -> Self {
        self.history = true;
        self
    }

    /// Chooses what happens when the queue is full. Default: [`Overflow::DropNewest`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.overflow(libkipc::Overflow::DropOldest).create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Fills [`Message::credentials`](crate::Message::credentials).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.credentials().create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn credentials(mut self) -> Self {
        self.credentials = true;
        self
    }

    /// Names the type on the bus, such as `"Reading/1"`. Default: [`std::any::type_name`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.type_name("Count/1").create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn type_name(mut self, name: impl Into<String>) -> Self {
        self.type_name = Some(name.into());
        self
    }

    /// Sets the type's fingerprint itself; 0 = whatever type comes. Default: that of codec and
    /// type name.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.fingerprint(0).create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fingerprint(mut self, fingerprint: u64) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Sets the size of the queue in the kernel (`SO_RCVBUF`) in bytes. The kernel doubles it and
    /// counts its own bookkeeping in: about 800 bytes for a small message. Default: the sysctl
    /// `net.core.rmem_default`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.receive_buffer(1 << 20).create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Receives only messages that pass a filter, which the kernel runs before it wakes this
    /// process up. Everything that is no message always passes. Default: no filter.
    ///
    /// A rejected message is not lost: no [`Item::Lost`](crate::Item::Lost) counts it. With a filter, each message of
    /// a batch is an entry of the queue of its own.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.filter(libkipc::Filter::tags([7])).create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Lets messages of a stream come together for so long before they are taken: to be woken for
    /// each costs more than all the rest. Default: each is taken as soon as possible.
    ///
    /// A message after a pause is received at once, as ever. When there is none behind it, the next
    /// [`recv`](Subscriber::recv) or [`recv_timeout`](Subscriber::recv_timeout) sleeps for this
    /// time, and then takes what has come meanwhile, one by one, without sleeping between. So a
    /// message may be late by this time, and the [queue](Self::receive_buffer) must have room for
    /// what comes in it. Whatever waits in another way, by poll(2) or asynchronously, is not
    /// concerned.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.coalesce(Duration::from_millis(1)).create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn coalesce(mut self, time: Duration) -> Self {
        self.coalesce = Some(time);
        self
    }

    /// Opens a socket and subscribes.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.events().create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](crate::Error::Refused) with [`Errno::NOSPC`](crate::Errno::NOSPC) if a limit is reached;
    /// [`Error::BufferLimit`](crate::Error::BufferLimit); [`Error::FilterTooLong`](crate::Error::FilterTooLong); [`Error::ModuleMissing`](crate::Error::ModuleMissing); [`Error::Io`](crate::Error::Io).
    pub fn create(self) -> Result<Subscriber<T, C>>
    where
        C: Codec,
    {
        let fingerprint = self.fingerprint.unwrap_or_else(|| {
            C::fingerprint(self.type_name.as_deref().unwrap_or(type_name::<T>()))
        });
        let socket = self.bus.open()?;
        if let Some(bytes) = self.receive_buffer {
            socket.set_receive_buffer(bytes)?;
        }
        if let Some(filter) = &self.filter {
            // Before it subscribes: nothing comes past the filter.
            socket.attach_filter(&filter.compile()?)?;
        }
        if self.credentials {
            socket.request_credentials()?;
        }
        let mut inbox = Inbox::new(data_room(self.bus.max_message_bytes()), self.credentials);
        let request = Request::Subscribe {
            pattern: self.pattern.to_wire()?,
            flags: self.overflow.flags()
                | if self.history {
                    message::SUBSCRIBE_HISTORY
                } else {
                    0
                }
                | if self.events {
                    message::SUBSCRIBE_EVENTS
                } else {
                    0
                },
        };
        match control::call(&socket, &mut inbox, request, "subscribe")? {
            Answer::Subscribed => {}
            _ => return Err(protocol("wrong kind of answer")),
        }
        Ok(Subscriber {
            socket,
            pattern: self.pattern,
            fingerprint,
            inbox,
            coalescing: self.coalesce.map(Coalescing::new),
            broken: false,
            marker: PhantomData,
        })
    }
}

impl<T, C> fmt::Debug for SubscriberBuilder<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriberBuilder")
            .field("pattern", &self.pattern)
            .finish_non_exhaustive()
    }
}
