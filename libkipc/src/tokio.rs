// SPDX-License-Identifier: MIT OR Apache-2.0

//! Subscribers and publishers for tokio (feature `tokio`).
//!
//! Thin: tokio waits for the descriptor, everything else is that of [`crate::Subscriber`] and
//! [`crate::Publisher`], which are made by their builders and then wrapped.
//!
//! ```no_run
//! use libkipc::{Bus, Item, tokio::Subscriber};
//!
//! # async fn service() -> libkipc::Result<()> {
//! let bus = Bus::connect()?;
//! let mut readings = Subscriber::new(bus.subscriber::<f32>("sensors/**")?.create()?)?;
//! while let Item::Message(message) = readings.recv().await? {
//!     println!("{}: {}", message.topic, message.value);
//! }
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::time::Instant;
use futures_core::Stream;

use crate::codec::Bincode;
use crate::codec::Decode;
use crate::codec::Encode;
use crate::errno::Errno;
use crate::error::Error;
use crate::error::Result;
use crate::item::Item;
use crate::item::PortId;
use crate::publisher::Delivery;
use crate::topic::Pattern;
use crate::topic::Topic;

/// The first pause before a full queue is tried again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_micros(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// A subscriber whose items are awaited. Also a [`Stream`] of them, which ends after
/// [`Error::Io`] only.
///
/// ```no_run
/// # async fn example() -> Result<(), libkipc::Error> {
/// let bus = libkipc::Bus::connect()?;
/// let mut subscriber = libkipc::tokio::Subscriber::new(bus.subscriber::<u32>("count")?.create()?)?;
/// println!("{:?}", subscriber.recv().await?);
/// # Ok(())
/// # }
/// ```
pub struct Subscriber<T, C = Bincode> {
    inner: AsyncFd<crate::Subscriber<T, C>>,
    broken: bool,
}

impl<T, C> Subscriber<T, C> {
    /// Registers a subscriber with the runtime.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let subscriber = libkipc::tokio::Subscriber::new(bus.subscriber::<u32>("count")?.create()?)?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the runtime cannot watch one more descriptor.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub fn new(subscriber: crate::Subscriber<T, C>) -> Result<Self> {
        #[allow(
            deprecated,
            reason = "what replaces it is unsafe, because a descriptor may change under it; that \
                      of a subscriber is one socket from its creation to its drop"
        )]
        let registered = AsyncFd::with_interest(subscriber, Interest::READABLE);
        registered
            .map(|inner| Self {
                inner,
                broken: false,
            })
            .map_err(|error| Error::io("register a subscriber with tokio", error))
    }

    /// The pattern.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let subscriber = libkipc::tokio::Subscriber::new(bus.subscriber::<u32>("count")?.create()?)?;
    /// println!("{}", subscriber.pattern());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        self.inner.get_ref().pattern()
    }

    /// The socket's address.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let subscriber = libkipc::tokio::Subscriber::new(bus.subscriber::<u32>("count")?.create()?)?;
    /// println!("{}", subscriber.port());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn port(&self) -> PortId {
        self.inner.get_ref().port()
    }

    /// The subscriber, which has all items that were not returned yet.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let subscriber = libkipc::tokio::Subscriber::new(bus.subscriber::<u32>("count")?.create()?)?;
    /// let blocking: libkipc::Subscriber<u32> = subscriber.into_inner();
    /// # drop(blocking);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_inner(self) -> crate::Subscriber<T, C> {
        self.inner.into_inner()
    }
}

impl<T, C: for<'a> Decode<'a, T>> Subscriber<T, C> {
    /// Waits for the next item.
    ///
    /// Cancellation-safe: an item leaves the subscriber only when the future completes; one that is
    /// dropped before, as by `tokio::select!`, loses nothing.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let mut subscriber = libkipc::tokio::Subscriber::new(bus.subscriber::<u32>("count")?.create()?)?;
    /// println!("{:?}", subscriber.recv().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`crate::Subscriber::recv`].
    pub async fn recv(&mut self) -> Result<Item<T>> {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    /// As [`recv`](Self::recv), for futures written by hand.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let mut subscriber = libkipc::tokio::Subscriber::new(bus.subscriber::<u32>("count")?.create()?)?;
    /// let item = std::future::poll_fn(|context| subscriber.poll_recv(context)).await?;
    /// # drop(item);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`crate::Subscriber::recv`].
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<Item<T>>> {
        // What a topic retains came with the answer to the subscription.
        if let Some(item) = self.inner.get_mut().received() {
            return Poll::Ready(item);
        }
        loop {
            // Ready stays set while items are left, whether in the kernel or received already.
            let mut guard = ready!(self.inner.poll_read_ready_mut(context))
                .map_err(|error| Error::io("wait for a message", error))?;
            match guard.get_inner_mut().try_recv() {
                Ok(Some(item)) => return Poll::Ready(Ok(item)),
                Ok(None) => guard.clear_ready(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<T, C: for<'a> Decode<'a, T>> Stream for Subscriber<T, C> {
    type Item = Result<Item<T>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.broken {
            return Poll::Ready(None);
        }
        let item = ready!(this.poll_recv(context));
        this.broken = matches!(item, Err(Error::Io { .. }));
        Poll::Ready(Some(item))
    }
}

impl<T, C> fmt::Debug for Subscriber<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.get_ref().fmt(f)
    }
}

/// A publisher that awaits room instead of blocking its thread.
///
/// ```no_run
/// # async fn example() -> Result<(), libkipc::Error> {
/// let bus = libkipc::Bus::connect()?;
/// let publisher = libkipc::tokio::Publisher::new(bus.publisher::<u32>("count")?.create()?);
/// publisher.publish(&7).await?;
/// # Ok(())
/// # }
/// ```
pub struct Publisher<T: ?Sized, C = Bincode> {
    inner: crate::Publisher<T, C>,
}

impl<T: ?Sized, C> Publisher<T, C> {
    /// Wraps a publisher. How long it waits for subscribers, if at all, is what its builder was
    /// [told](crate::PublisherBuilder::wait).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = libkipc::tokio::Publisher::new(bus.publisher::<u32>("count")?.create()?);
    /// # drop(publisher);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(publisher: crate::Publisher<T, C>) -> Self {
        Self { inner: publisher }
    }

    /// The topic.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = libkipc::tokio::Publisher::new(bus.publisher::<u32>("count")?.create()?);
    /// println!("{}", publisher.topic());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn topic(&self) -> &Topic {
        self.inner.topic()
    }

    /// The socket's address.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = libkipc::tokio::Publisher::new(bus.publisher::<u32>("count")?.create()?);
    /// println!("{}", publisher.port());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn port(&self) -> PortId {
        self.inner.port()
    }

    /// The publisher. What it does besides publishing does not wait for subscribers.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = libkipc::tokio::Publisher::new(bus.publisher::<u32>("count")?.create()?);
    /// publisher.get_ref().set_last_will(&0)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn get_ref(&self) -> &crate::Publisher<T, C> {
        &self.inner
    }

    /// The publisher.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = libkipc::tokio::Publisher::new(bus.publisher::<u32>("count")?.create()?);
    /// let blocking: libkipc::Publisher<u32> = publisher.into_inner();
    /// # drop(blocking);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_inner(self) -> crate::Publisher<T, C> {
        self.inner
    }
}

impl<T: ?Sized, C: Encode<T>> Publisher<T, C> {
    /// Publishes a value. If the publisher waits for subscribers and the queue of one is full, it
    /// tries again, in growing pauses of 20 ms at most, until there is room or the time is over.
    ///
    /// The kernel does not say which of [`Overflow::Block`](crate::Overflow::Block) and
    /// [`Overflow::Fail`](crate::Overflow::Fail) the full queue has: this waits for both. While it
    /// waits, other publishers of the topic go on.
    ///
    /// Dropping the future before it completes publishes nothing.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = libkipc::tokio::Publisher::new(bus.publisher::<u32>("count")?.create()?);
    /// publisher.publish(&7).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`crate::Publisher::publish`]; [`Error::Refused`] with [`Errno::AGAIN`] if the
    /// time is over.
    pub async fn publish(&self, value: &T) -> Result<()> {
        match self.inner.longest_wait() {
            None => self.inner.publish(value),
            Some(wait) => self.publish_within(wait, value).await.map(|_| ()),
        }
    }

    /// As [`publish`](Self::publish), and tells what became of the message.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), libkipc::Error> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = libkipc::tokio::Publisher::new(bus.publisher::<u32>("count")?.create()?);
    /// println!("{:?}", publisher.publish_acked(&7).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`publish`](Self::publish).
    pub async fn publish_acked(&self, value: &T) -> Result<Delivery> {
        let wait = self.inner.longest_wait().unwrap_or_default();
        self.publish_within(wait, value).await
    }

    async fn publish_within(&self, wait: Duration, value: &T) -> Result<Delivery> {
        let deadline = Instant::now() + wait;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.inner.publish_now(value) {
                Err(error) if error.errno() == Some(Errno::AGAIN) && Instant::now() < deadline => {
                    ::tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
                result => return result,
            }
        }
    }
}

impl<T: ?Sized, C> fmt::Debug for Publisher<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
