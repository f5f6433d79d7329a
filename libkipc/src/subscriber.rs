// SPDX-License-Identifier: MIT OR Apache-2.0

//! Subscribing.

mod builder;
mod coalescing;

use crate::codec::Bincode;
use crate::codec::Decode;
use crate::error::Error;
use crate::error::Result;
use crate::inbox::Inbox;
use crate::inbox::Place;
use crate::inbox::RawItem;
use crate::inbox::Step;
use crate::inbox::WholeMessage;
use crate::inbox::protocol;
use crate::item::Item;
use crate::item::Message;
use crate::item::PortId;
use crate::socket;
use crate::socket::Socket;
use crate::socket::Wait;
use crate::topic::Pattern;
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::RawFd;
use std::time::Duration;
use std::time::Instant;

pub use builder::SubscriberBuilder;

use coalescing::Coalescing;

/// Receives values of type `T` from all topics that match one pattern.
///
/// It is an endless iterator over results. An error concerns one message, and the next call goes
/// on behind it; only [`Error::Io`] is final, and ends the iteration.
///
/// # Polling
///
/// The descriptor becomes readable when something arrives. One receive may take several items out
/// of the kernel at once, so after a poll call [`Subscriber::try_recv`] until it returns `None`
/// before polling again.
///
/// Memory is allocated for values as their codec does, and once for each topic; not for messages.
///
/// ```no_run
/// # fn main() -> libkipc::Result<()> {
/// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
/// for item in &mut subscriber {
///     if let Some(message) = item?.into_message() {
///         println!("{}: {}", message.topic, message.value);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Subscriber<T, C = Bincode> {
    socket: Socket,
    pattern: Pattern,
    fingerprint: u64,
    inbox: Inbox,
    coalescing: Option<Coalescing>,
    /// The iterator has returned an error after which nothing can come.
    broken: bool,
    marker: PhantomData<fn() -> (T, C)>,
}

impl<T, C: for<'a> Decode<'a, T>> Subscriber<T, C> {
    /// Waits for the next item.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// println!("{:?}", subscriber.recv()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::TypeMismatch`], [`Error::Decode`], [`Error::Denied`], [`Error::Truncated`],
    /// [`Error::Overrun`]: the next call goes on. [`Error::Io`].
    pub fn recv(&mut self) -> Result<Item<T>> {
        self.recv_as()
    }

    /// Returns the next item if there is one.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// while let Some(item) = subscriber.try_recv()? {
    ///     println!("{item:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Subscriber::recv`].
    pub fn try_recv(&mut self) -> Result<Option<Item<T>>> {
        self.try_recv_as()
    }

    /// Waits for the next item, but no longer than `timeout`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// let second = std::time::Duration::from_secs(1);
    /// println!("{:?}", subscriber.recv_timeout(second)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Subscriber::recv`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Item<T>>> {
        self.recv_timeout_as(timeout)
    }
}

impl<T, C> Subscriber<T, C> {
    /// As [`Subscriber::recv`], but decodes into another type than `T` with the same encoding: one
    /// that borrows from the memory that was received into. Nothing is copied or allocated.
    ///
    /// ```no_run
    /// use libkipc::{Bus, Item};
    ///
    /// # fn main() -> libkipc::Result<()> {
    /// let mut lines = Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// while let Item::Message(line) = lines.recv_as::<&str>()? {
    ///     println!("{}: {}", line.topic, line.value);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Subscriber::recv`].
    pub fn recv_as<'a, V>(&'a mut self) -> Result<Item<V>>
    where
        C: Decode<'a, V>,
    {
        loop {
            if self.inbox.is_used_up() {
                match &mut self.coalescing {
                    None => self.inbox.fill(&self.socket, Wait::Forever)?,
                    Some(coalescing) => coalescing.wait(&mut self.inbox, &self.socket)?,
                };
            }
            if let Some(place) = self.inbox.next_message() {
                return self.message(place);
            }
            if let Some(step) = self.inbox.step() {
                return self.decode(step?);
            }
        }
    }

    /// As [`Subscriber::try_recv`], but borrows as [`Subscriber::recv_as`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// while let Some(item) = subscriber.try_recv_as::<&str>()? {
    ///     println!("{item:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Subscriber::recv`].
    pub fn try_recv_as<'a, V>(&'a mut self) -> Result<Option<Item<V>>>
    where
        C: Decode<'a, V>,
    {
        loop {
            if self.inbox.is_used_up() && !self.inbox.fill(&self.socket, Wait::No)? {
                return Ok(None);
            }
            if let Some(place) = self.inbox.next_message() {
                return self.message(place).map(Some);
            }
            if let Some(step) = self.inbox.step() {
                return self.decode(step?).map(Some);
            }
        }
    }

    /// As [`Subscriber::recv_timeout`], but borrows as [`Subscriber::recv_as`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// let second = std::time::Duration::from_secs(1);
    /// println!("{:?}", subscriber.recv_timeout_as::<&str>(second)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`Subscriber::recv`].
    pub fn recv_timeout_as<'a, V>(&'a mut self, timeout: Duration) -> Result<Option<Item<V>>>
    where
        C: Decode<'a, V>,
    {
        // A deadline that no clock can hold is never reached.
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(place) = self.inbox.next_message() {
                return self.message(place).map(Some);
            }
            if let Some(step) = self.inbox.step() {
                return self.decode(step?).map(Some);
            }
            let received = match &mut self.coalescing {
                None => self.inbox.fill(&self.socket, Wait::No)?,
                Some(coalescing) => coalescing.fill(&mut self.inbox, &self.socket, deadline)?,
            };
            if !received && !socket::wait_readable(self.socket.as_fd(), deadline)? {
                return Ok(None);
            }
        }
    }

    /// The next item of what has been received already, of which the descriptor tells nothing.
    #[cfg(feature = "tokio")]
    pub(crate) fn received(&mut self) -> Option<Result<Item<T>>>
    where
        C: for<'a> Decode<'a, T>,
    {
        loop {
            if let Some(step) = self.inbox.step() {
                return Some(step.and_then(|step| self.decode(step)));
            }
            if !self.inbox.fill_early() {
                return None;
            }
        }
    }

    #[inline]
    fn message<'a, V>(&'a self, place: Place) -> Result<Item<V>>
    where
        C: Decode<'a, V>,
    {
        match self.inbox.message(place) {
            Some(message) => decoded::<V, C>(message, self.fingerprint),
            // It was there a moment ago.
            None => Err(protocol("message without data header")),
        }
    }

    fn decode<'a, V>(&'a self, step: Step) -> Result<Item<V>>
    where
        C: Decode<'a, V>,
    {
        typed::<V, C>(self.inbox.view(step)?, self.fingerprint)
    }
}

impl<T, C> Subscriber<T, C> {
    /// The pattern.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// assert_eq!(subscriber.pattern(), &"log/**");
    /// # drop(subscriber.try_recv());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// The socket's address.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let mut subscriber = libkipc::Bus::connect()?.subscriber::<String>("log/**")?.create()?;
    /// println!("receiving at {}", subscriber.port());
    /// # drop(subscriber.try_recv());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn port(&self) -> PortId {
        self.socket.port()
    }
}

impl<T, C: for<'a> Decode<'a, T>> Iterator for Subscriber<T, C> {
    type Item = Result<Item<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            return None;
        }
        let item = self.recv();
        self.broken = matches!(item, Err(Error::Io { .. }));
        Some(item)
    }
}

impl<T, C> AsFd for Subscriber<T, C> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<T, C> AsRawFd for Subscriber<T, C> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T, C> fmt::Debug for Subscriber<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("pattern", &self.pattern)
            .field("port", &self.port())
            .finish_non_exhaustive()
    }
}

/// The next item of the datagram in the inbox.
#[cfg(test)]
fn next_item<T, C: for<'a> Decode<'a, T>>(
    inbox: &mut Inbox,
    expected: u64,
) -> Option<Result<Item<T>>> {
    let item = inbox
        .step()?
        .and_then(|step| typed::<T, C>(inbox.view(step)?, expected));
    Some(item)
}

/// Decodes a message, if it is of the type that is expected.
#[inline]
fn decoded<'a, T, C: Decode<'a, T>>(found: WholeMessage<'a>, expected: u64) -> Result<Item<T>> {
    let WholeMessage {
        header,
        topic,
        payload,
        credentials,
    } = found;
    // 0 is untyped, on either side.
    let found = header.fingerprint;
    if found != expected && found != 0 && expected != 0 {
        return Err(Error::TypeMismatch {
            topic: topic.clone(),
            seq: header.seq,
            expected,
            found,
        });
    }
    let value = C::decode(payload).map_err(|source| Error::Decode {
        topic: topic.clone(),
        seq: header.seq,
        source,
    })?;
    Ok(Item::Message(Message {
        value,
        topic: topic.clone(),
        seq: header.seq,
        time: Duration::from_nanos(header.time),
        tag: header.tag,
        fingerprint: header.fingerprint,
        publisher: PortId(header.port),
        credentials,
    }))
}

/// Turns an item into what the user gets, if it is of the type that is expected.
fn typed<'a, T, C: Decode<'a, T>>(item: RawItem<'a>, expected: u64) -> Result<Item<T>> {
    Ok(match item {
        RawItem::Message(message) => return decoded::<T, C>(message, expected),
        RawItem::Lost {
            topic,
            first,
            count,
        } => Item::Lost {
            topic: topic.clone(),
            first,
            count,
        },
        RawItem::Joined { topic, publisher } => Item::Joined {
            topic: topic.clone(),
            publisher,
        },
        RawItem::Gone { topic, publisher } => Item::Gone {
            topic: topic.clone(),
            publisher,
        },
        RawItem::Removed { topic } => Item::Removed {
            topic: topic.clone(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Raw;
    use crate::inbox::ANSWER_ROOM;
    use crate::inbox::fake;
    use crate::wire::data::DataHeader;
    use crate::wire::record::Record;
    use std::os::unix::net::UnixDatagram;

    fn inbox(datagram: &[u8]) -> Inbox {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.send(datagram).unwrap();
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        assert!(inbox.fill(&ours, Wait::No).unwrap());
        inbox
    }

    fn message(seq: u64, fingerprint: u64, payload: &[u8]) -> Vec<u8> {
        let header = DataHeader {
            topic: 1,
            tag: 2,
            seq,
            time: 1_500_000_000,
            fingerprint,
            port: 3,
            flags: 0,
        };
        fake::message(header, payload)
    }

    #[test]
    fn message_carries_all_that_its_header_says() {
        let mut inbox = inbox(&[fake::topic(1, "a/b"), message(9, 5, &[7])].concat());
        let item = next_item::<u8, Bincode>(&mut inbox, 5).unwrap().unwrap();
        assert_eq!(item.topic(), &"a/b");
        let message = item.into_message().unwrap();
        assert_eq!(*message, 7);
        assert_eq!(
            (message.seq, message.tag, message.publisher),
            (9, 2, PortId(3))
        );
        assert_eq!(message.time, Duration::from_millis(1500));
        assert_eq!(message.credentials, None);
    }

    #[test]
    fn other_types_and_bad_bytes_are_errors_and_the_stream_goes_on() {
        let mut inbox = inbox(
            &[
                fake::topic(1, "a"),
                message(1, 6, &[7]),
                message(2, 5, &[7, 7]),
                message(3, 0, &[7]),
                message(4, 5, &[8]),
            ]
            .concat(),
        );
        let mut next = || next_item::<u8, Bincode>(&mut inbox, 5);
        match next() {
            Some(Err(Error::TypeMismatch {
                seq,
                expected,
                found,
                ..
            })) => assert_eq!((seq, expected, found), (1, 5, 6)),
            other => panic!("{other:?}"),
        }
        match next() {
            Some(Err(Error::Decode { topic, seq, .. })) => {
                assert_eq!((topic.as_str(), seq), ("a", 2));
            }
            other => panic!("{other:?}"),
        }
        // Untyped, but it decodes.
        assert_eq!(*next().unwrap().unwrap().into_message().unwrap(), 7);
        assert_eq!(*next().unwrap().unwrap().into_message().unwrap(), 8);
        assert!(next().is_none());
    }

    #[test]
    fn raw_subscriber_takes_every_type() {
        let mut inbox = inbox(&[fake::topic(1, "a"), message(1, 6, b"abc")].concat());
        let item = next_item::<Vec<u8>, Raw>(&mut inbox, 0).unwrap().unwrap();
        assert_eq!(item.into_message().unwrap().value, b"abc");
    }

    #[test]
    fn events_become_items() {
        let (topic_id, port) = (1, 3);
        let mut inbox = inbox(
            &[
                fake::topic(1, "a"),
                fake::record(Record::Joined { topic_id, port }, 0),
                fake::record(
                    Record::Lost {
                        topic_id,
                        first: 4,
                        count: 5,
                    },
                    0,
                ),
                fake::record(Record::Gone { topic_id, port }, 0),
            ]
            .concat(),
        );
        let mut next = || next_item::<u8, Bincode>(&mut inbox, 5).unwrap().unwrap();
        let topic = crate::Topic::new("a").unwrap();
        let publisher = PortId(3);
        let joined = Item::Joined {
            topic: topic.clone(),
            publisher,
        };
        assert_eq!(next(), joined);
        let lost = Item::Lost {
            topic: topic.clone(),
            first: 4,
            count: 5,
        };
        assert_eq!(next(), lost);
        assert_eq!(next(), Item::Gone { topic, publisher });
    }

    #[test]
    fn subscriber_goes_to_other_threads() {
        fn assert<T: Send>() {}
        assert::<Subscriber<std::rc::Rc<u8>>>();
    }
}
