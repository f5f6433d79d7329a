// SPDX-License-Identifier: MIT OR Apache-2.0

//! Publishing.

mod builder;

use crate::codec::Bincode;
use crate::codec::Encode;
use crate::control;
use crate::control::Answer;
use crate::error::Error;
use crate::error::Result;
use crate::frame::SmallMessage;
use crate::frame::frame;
use crate::frame::in_one_piece;
use crate::frame::message_frame;
use crate::inbox::Inbox;
use crate::inbox::protocol;
use crate::item::PortId;
use crate::socket;
use crate::socket::Socket;
use crate::topic::Topic;
use crate::wire;
use crate::wire::data;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::message;
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::RawFd;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

pub use builder::PublisherBuilder;

/// Publishes values of type `T` on one topic.
///
/// May be shared between threads; their messages are numbered in the order in which the kernel
/// takes them. Dropping it tells the subscribers that it is gone.
///
/// ```no_run
/// # fn main() -> libkipc::Result<()> {
/// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
/// publisher.publish(&1)?;
/// let delivery = publisher.publish_acked(&2)?;
/// println!("{} got it, {} lost it", delivery.delivered, delivery.dropped);
/// # Ok(())
/// # }
/// ```
pub struct Publisher<T: ?Sized, C = Bincode> {
    socket: Socket,
    topic: Topic,
    topic_id: u32,
    tag: u32,
    deferred: bool,
    #[cfg(feature = "tokio")]
    wait: Option<Duration>,
    state: Mutex<State>,
    marker: PhantomData<fn(&T) -> C>,
}

/// How many messages go before refusals are looked for, where they are deferred.
const DEFERRED: u32 = 64;

/// What one publish after the other uses.
struct State {
    /// Number of the last request on this socket.
    seq: u32,
    /// Where values are encoded; kept for its capacity.
    buffer: Vec<u8>,
    /// Where a small message is put together.
    small: Box<SmallMessage>,
    /// Where the messages of a batch are put together.
    batch: Vec<u8>,
    inbox: Inbox,
}

impl<T: ?Sized, C: Encode<T>> Publisher<T, C> {
    /// Publishes a value.
    ///
    /// When this returns, the message has its number, and is in the queue of every subscriber that
    /// has room for it. That nobody subscribes is no error.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// publisher.publish(&7)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Encode`], [`Error::TooLarge`] or [`Error::Refused`], after which nothing was
    /// published; [`Error::Io`].
    pub fn publish(&self, value: &T) -> Result<()> {
        self.send(self.tag, value, 0, 0).map(|_| ())
    }

    /// Publishes a value and learns what became of it.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// let delivery = publisher.publish_acked(&7)?;
    /// println!("{} of {} got it", delivery.delivered, delivery.delivered + delivery.dropped);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Publisher::publish`].
    pub fn publish_acked(&self, value: &T) -> Result<Delivery> {
        let answer = self.send(self.tag, value, header::ACK, 0)?;
        answer.ok_or_else(|| protocol("wrong kind of answer"))
    }

    /// Publishes values with one system call; each subscriber gets them as one entry of his queue.
    ///
    /// They are numbered in a row. Cheaper than [`Publisher::publish`] for each, by far if there
    /// are many subscribers; but they fit into a full queue together or not at all, and where the
    /// publisher [waits](PublisherBuilder::wait), it does so once for all of them. All must fit into
    /// the send buffer.
    ///
    /// ```no_run
    /// # fn main() -> libkipc::Result<()> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// publisher.publish_batch(&[1, 2, 3])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] or [`Error::TooLarge`], after which nothing was published;
    /// [`Error::Refused`], after which some may have been, if the publisher
    /// [waits](PublisherBuilder::wait); [`Error::Io`].
    pub fn publish_batch<'a>(&self, values: impl IntoIterator<Item = &'a T>) -> Result<()>
    where
        T: 'a,
    {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            seq,
            buffer,
            batch,
            inbox,
            ..
        } = &mut *state;
        batch.clear();
        for value in values {
            buffer.clear();
            let payload = C::encode(value, buffer).map_err(Error::Encode)?;
            *seq = seq.wrapping_add(1);
            let header = frame(self.topic_id, self.tag, 0, *seq, payload.len(), 0)?;
            batch.extend_from_slice(&header);
            batch.extend_from_slice(payload);
            batch.resize(wire::align(batch.len()), 0);
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.socket.send(batch)?;
        control::refusals(&self.socket, inbox, "publish")
    }

    /// Publishes under another tag than the builder's.
    ///
    /// ```no_run
    /// # fn main() -> libkipc::Result<()> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// publisher.tagged(7).publish(&1)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tagged(&self, tag: u32) -> Tagged<'_, T, C> {
        Tagged {
            publisher: self,
            tag,
        }
    }

    /// Leaves a message that the kernel publishes when this publisher is gone, whether it was
    /// dropped or its process was killed. It comes before [`Item::Gone`](crate::Item::Gone) and
    /// replaces an earlier one.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// publisher.set_last_will(&u32::MAX)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Encode`]; [`Error::TooLarge`]; [`Error::Refused`] with
    /// [`Errno::DQUOT`](crate::Errno::DQUOT) if the user retains too much already;
    /// [`Error::Io`].
    pub fn set_last_will(&self, value: &T) -> Result<()> {
        let mut buffer = Vec::new();
        let payload = C::encode(value, &mut buffer).map_err(Error::Encode)?;
        self.last_will(payload, 0)
    }

    /// Takes the last will back.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// publisher.set_last_will(&u32::MAX)?;
    /// publisher.cancel_last_will()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn cancel_last_will(&self) -> Result<()> {
        self.last_will(&[], data::LAST_WILL_CANCEL)
    }

    fn last_will(&self, payload: &[u8], flags: u32) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { seq, inbox, .. } = &mut *state;
        *seq = seq.wrapping_add(1);
        let header = message_frame(
            message::LAST_WILL,
            header::ACK,
            *seq,
            DataHeader {
                topic: self.topic_id,
                tag: self.tag,
                flags,
                ..DataHeader::default()
            },
            payload.len(),
        )?;
        if self.deferred {
            control::refusals(&self.socket, inbox, "publish an earlier message")?;
        }
        self.socket.send_parts(&header, payload)?;
        control::acknowledgement(&self.socket, inbox, *seq, "leave a last will")?;
        Ok(())
    }

    /// Publishes, but does not wait for a subscriber, and learns of a refusal at once.
    #[cfg(feature = "tokio")]
    pub(crate) fn publish_now(&self, value: &T) -> Result<Delivery> {
        let answer = self.send(self.tag, value, header::ACK, data::PUBLISH_NOWAIT)?;
        answer.ok_or_else(|| protocol("wrong kind of answer"))
    }

    fn send(&self, tag: u32, value: &T, flags: u16, publish: u32) -> Result<Option<Delivery>> {
        // A panic of a codec leaves nothing half done here.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            seq,
            buffer,
            small,
            inbox,
            ..
        } = &mut *state;
        buffer.clear();
        let payload = C::encode(value, buffer).map_err(Error::Encode)?;
        *seq = seq.wrapping_add(1);
        let header = frame(self.topic_id, tag, flags, *seq, payload.len(), publish)?;
        if self.deferred && flags & header::ACK != 0 {
            // What was refused earlier must not stand between this message and its answer.
            control::refusals(&self.socket, inbox, "publish an earlier message")?;
        }
        match in_one_piece(small, &header, payload) {
            Some(message) => self.socket.send(message)?,
            None => self.socket.send_parts(&header, payload)?,
        }
        if flags & header::ACK == 0 {
            if !self.deferred || *seq % DEFERRED == 0 {
                control::refusals(&self.socket, inbox, "publish")?;
            }
            return Ok(None);
        }
        match control::answer(&self.socket, inbox, *seq, "publish")? {
            Answer::Published(delivery) => Ok(Some(delivery)),
            _ => Ok(None),
        }
    }
}

impl<T: ?Sized, C> Publisher<T, C> {
    /// Reports a refusal that no call has reported yet; only
    /// [`deferred_refusals`](PublisherBuilder::deferred_refusals) leaves any.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`]; [`Error::Io`].
    ///
    /// ```no_run
    /// # fn main() -> libkipc::Result<()> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = bus.publisher::<u32>("count")?.deferred_refusals().create()?;
    /// for number in 0..1000 {
    ///     publisher.publish(&number)?;
    /// }
    /// publisher.check()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn check(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        control::refusals(&self.socket, &mut state.inbox, "publish")
    }

    /// How many sockets subscribe to the topic now; 0 if the builder was not told to
    /// [watch](PublisherBuilder::watch_subscribers) them.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.publisher::<u32>("count")?;
    /// let publisher = builder.watch_subscribers().create()?;
    /// println!("{} subscribers", publisher.subscribers()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], if [`check`](Self::check) would report one; [`Error::Io`].
    pub fn subscribers(&self) -> Result<u64> {
        self.check()?;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(state.inbox.matched)
    }

    /// Waits until at least so many sockets subscribe to the topic; `false` if that takes longer
    /// than `timeout`. The builder must have been told to
    /// [watch](PublisherBuilder::watch_subscribers) them.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn main() -> libkipc::Result<()> {
    /// let bus = libkipc::Bus::connect()?;
    /// let publisher = bus.publisher::<u32>("job")?.watch_subscribers().create()?;
    /// if publisher.wait_for_subscribers(1, Duration::from_secs(5))? {
    ///     publisher.publish(&7)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`subscribers`](Self::subscribers).
    pub fn wait_for_subscribers(&self, count: u64, timeout: Duration) -> Result<bool> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if self.subscribers()? >= count {
                return Ok(true);
            }
            if !socket::wait_readable(self.socket.as_fd(), deadline)? {
                return Ok(false);
            }
        }
    }

    /// The longest time that a publish waits for subscribers.
    #[cfg(feature = "tokio")]
    pub(crate) fn longest_wait(&self) -> Option<Duration> {
        self.wait
    }

    /// The topic.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// assert_eq!(publisher.topic(), &"count");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The socket's address, which subscribers see as
    /// [`Message::publisher`](crate::Message::publisher).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// println!("publishing from {}", publisher.port());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn port(&self) -> PortId {
        self.socket.port()
    }
}

impl<T: ?Sized, C> AsFd for Publisher<T, C> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<T: ?Sized, C> AsRawFd for Publisher<T, C> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: ?Sized, C> fmt::Debug for Publisher<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("topic", &self.topic)
            .field("port", &self.port())
            .finish_non_exhaustive()
    }
}

/// A publisher with another tag; made by [`Publisher::tagged`].
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
/// publisher.tagged(7).publish(&1)?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is published before publish()"]
pub struct Tagged<'a, T: ?Sized, C = Bincode> {
    publisher: &'a Publisher<T, C>,
    tag: u32,
}

impl<T: ?Sized, C: Encode<T>> Tagged<'_, T, C> {
    /// As [`Publisher::publish`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// publisher.publish(&7)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Publisher::publish`].
    pub fn publish(&self, value: &T) -> Result<()> {
        self.publisher.send(self.tag, value, 0, 0).map(|_| ())
    }

    /// As [`Publisher::publish_acked`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
    /// let delivery = publisher.publish_acked(&7)?;
    /// println!("{} of {} got it", delivery.delivered, delivery.delivered + delivery.dropped);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Publisher::publish`].
    pub fn publish_acked(&self, value: &T) -> Result<Delivery> {
        let answer = self.publisher.send(self.tag, value, header::ACK, 0)?;
        answer.ok_or_else(|| protocol("wrong kind of answer"))
    }
}

impl<T: ?Sized, C> fmt::Debug for Tagged<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tagged")
            .field("publisher", self.publisher)
            .field("tag", &self.tag)
            .finish()
    }
}

/// What became of a published message.
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// let publisher = libkipc::Bus::connect()?.publisher::<u32>("count")?.create()?;
/// let delivery = publisher.publish_acked(&7)?;
/// println!("number {}", delivery.seq);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Number of the message in its topic.
    pub seq: u64,
    /// Subscribers whose queue took it.
    pub delivered: u32,
    /// Subscribers that lost it, because their queue was full.
    pub dropped: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_is_what_the_module_accepts() {
        let mut bytes = frame(3, 4, header::ACK, 5, 2, 0).unwrap().to_vec();
        bytes.extend(b"xy");
        let (message, next) = header::message_at(&bytes, 0).unwrap();
        assert_eq!(next, bytes.len());
        assert_eq!(message.header.kind, message::PUBLISH);
        assert_eq!(message.header.flags, header::REQUEST | header::ACK);
        assert_eq!(message.header.seq, 5);
        let (data, payload) =
            DataHeader::read_request(message.payload, data::PUBLISH_FLAGS).unwrap();
        assert_eq!((data.topic, data.tag, payload), (3, 4, &b"xy"[..]));
        assert!(matches!(
            frame(0, 0, 0, 0, usize::MAX, 0),
            Err(Error::TooLarge { .. })
        ));
    }

    #[test]
    fn publisher_is_shared_between_threads() {
        fn assert<T: Send + Sync>() {}
        assert::<Publisher<std::rc::Rc<u8>>>();
    }
}
