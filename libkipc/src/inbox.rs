// SPDX-License-Identifier: MIT OR Apache-2.0

//! The receive core: a datagram in a buffer that is used again and again, and the walk over its
//! records.
//!
//! One datagram holds one or more netlink messages. [`Inbox::step`] goes to the next record that
//! means something to a subscriber, and learns topic names on the way; [`Inbox::view`] shows it as
//! a [`RawItem`] that borrows from the buffer. Nothing is allocated per message. (Two functions,
//! because one could not both go on in a loop and return a borrow.)

#[cfg(test)]
pub(crate) mod fake;

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::AsFd;

use crate::error::Error;
use crate::error::Refused;
use crate::error::Result;
use crate::item::Credentials;
use crate::item::PortId;
use crate::names::Names;
use crate::socket;
use crate::socket::Wait;
use crate::topic::Topic;
use crate::wire::ack::Ack;
use crate::wire::data::DataHeader;
use crate::wire::data::PAYLOAD_OFFSET;
use crate::wire::header;
use crate::wire::header::Message;
use crate::wire::header::Messages;
use crate::wire::message;
use crate::wire::record::Record;

/// Most room to begin with. Memory that is never written to costs nothing but addresses.
const MOST_ROOM: usize = 64 << 20;

/// Room for all that the module sends, if no payload is longer than this.
pub(crate) fn data_room(max_message_bytes: u32) -> usize {
    let payload = usize::try_from(max_message_bytes).unwrap_or(usize::MAX);
    ANSWER_ROOM.max(payload.min(MOST_ROOM) + PAYLOAD_OFFSET)
}

/// Room for answers, of which the largest is a record with the longest topic.
pub(crate) const ANSWER_ROOM: usize = 4 << 10;

/// One item of the stream, as it stands in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawItem<'a> {
    Message(WholeMessage<'a>),
    Lost {
        topic: &'a Topic,
        first: u64,
        count: u64,
    },
    Joined {
        topic: &'a Topic,
        publisher: PortId,
    },
    Gone {
        topic: &'a Topic,
        publisher: PortId,
    },
    Removed {
        topic: &'a Topic,
    },
}

/// A message, as it stands in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeMessage<'a> {
    pub(crate) header: DataHeader,
    pub(crate) topic: &'a Topic,
    pub(crate) payload: &'a [u8],
    pub(crate) credentials: Option<Credentials>,
}

/// Where a message stands in the buffer, headers included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    start: usize,
    end: usize,
}

/// Where the walk stopped: an item without its borrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Message {
        header: DataHeader,
        payload: Range<usize>,
    },
    Lost {
        topic_id: u32,
        first: u64,
        count: u64,
    },
    Joined {
        topic_id: u32,
        port: u32,
    },
    Gone {
        topic_id: u32,
        port: u32,
    },
    Removed {
        topic_id: u32,
    },
}

/// The last datagram, what is known of the topics, and what came too early.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// Large and written to from its start, so that the rest is never touched.
    buffer: Vec<u8>,
    /// How much of the buffer the datagram fills.
    filled: usize,
    /// Where the next message starts; `filled` when the datagram is used up.
    offset: usize,
    /// Room for credentials; empty if nobody wants them.
    control: Vec<u8>,
    /// Who sent the datagram.
    credentials: Option<Credentials>,
    topics: Names,
    /// Forgotten with the next step: until then, its removal can be shown. Nothing else comes of a
    /// topic that was removed; its number is not used again.
    removed: Option<u32>,
    /// Subscribers of a publisher's topic, as last heard.
    pub(crate) matched: u64,
    /// Datagrams that arrived while an answer was awaited.
    early: VecDeque<(Vec<u8>, Option<Credentials>)>,
}

impl Inbox {
    /// `room` is how large a datagram may be at first.
    pub(crate) fn new(room: usize, credentials: bool) -> Self {
        Self {
            buffer: vec![0; room],
            filled: 0,
            offset: 0,
            control: if credentials {
                socket::credentials_room()
            } else {
                Vec::new()
            },
            credentials: None,
            topics: Names::default(),
            removed: None,
            matched: 0,
            early: VecDeque::new(),
        }
    }

    /// Takes the next datagram: first those that came early. `false` if there is none.
    #[inline]
    pub(crate) fn fill(&mut self, source: &impl AsFd, wait: Wait) -> Result<bool> {
        if !self.early.is_empty() {
            return Ok(self.fill_early());
        }
        self.receive(source, wait)
    }

    /// Takes the next datagram that came early; `false` if there is none.
    pub(crate) fn fill_early(&mut self) -> bool {
        let Some((datagram, credentials)) = self.early.pop_front() else {
            return false;
        };
        // It has been in this buffer before, so it fits.
        self.filled = datagram.len().min(self.buffer.len());
        self.buffer[..self.filled].copy_from_slice(&datagram[..self.filled]);
        self.offset = 0;
        self.credentials = credentials;
        true
    }

    /// Receives the next datagram from the socket. `false` if there is none.
    #[inline(always)]
    pub(crate) fn receive(&mut self, source: &impl AsFd, wait: Wait) -> Result<bool> {
        // Whatever happens, the datagram before is done with.
        self.offset = self.filled;
        if !self.control.is_empty() {
            return self.receive_with_credentials(source, wait);
        }
        // socket::receive() does the same, in 14 instructions more for each message.
        loop {
            match socket::receive_plain(source.as_fd(), &mut self.buffer, wait) {
                Ok(length) if length <= self.buffer.len() => {
                    self.filled = length;
                    self.offset = 0;
                    return Ok(true);
                }
                Ok(length) => return Err(self.grow(length)),
                Err(error) if socket::try_again(source.as_fd(), error, wait)? => {}
                Err(_) => return Ok(false),
            }
        }
    }

    #[cold]
    fn receive_with_credentials(&mut self, source: &impl AsFd, wait: Wait) -> Result<bool> {
        let received = socket::receive(source, &mut self.buffer, &mut self.control, wait)?;
        let Some(datagram) = received else {
            return Ok(false);
        };
        if datagram.length > self.buffer.len() {
            return Err(self.grow(datagram.length));
        }
        self.filled = datagram.length;
        self.offset = 0;
        self.credentials = datagram.credentials;
        Ok(true)
    }

    /// Has room for the next datagram of this length; this one was cut.
    #[cold]
    fn grow(&mut self, length: usize) -> Error {
        let room = self.buffer.len();
        self.buffer = vec![0; length.next_power_of_two()];
        Error::Truncated { length, room }
    }

    /// The messages of the datagram, all of them.
    pub(crate) fn messages(&self) -> Messages<'_> {
        Messages::new(self.buffer.get(..self.filled).unwrap_or_default())
    }

    /// Lets [`Inbox::fill`] return this datagram later.
    pub(crate) fn keep(&mut self) {
        let datagram = self.buffer.get(..self.filled).unwrap_or_default().to_vec();
        self.early.push_back((datagram, self.credentials));
        self.offset = self.filled;
    }

    /// Whether there is nothing to do but to receive the next datagram.
    #[inline]
    pub(crate) fn is_used_up(&self) -> bool {
        self.offset >= self.filled
    }

    /// Goes to the next message of the datagram, if one stands there; what else may stand there
    /// is for [`Inbox::step`]. Short, because it runs for each message.
    #[inline]
    pub(crate) fn next_message(&mut self) -> Option<Place> {
        let rest = self.buffer.get(self.offset..self.filled)?;
        let head = rest.first_chunk::<PAYLOAD_OFFSET>()?;
        let netlink = header::Header::read(head)?;
        let data = DataHeader::from_bytes(head.last_chunk()?);
        let len = netlink.len as usize;
        let whole = (PAYLOAD_OFFSET..=rest.len()).contains(&len);
        if netlink.kind != message::PUBLISH || !whole || !self.topics.select(data.topic) {
            return None;
        }
        let place = Place {
            start: self.offset,
            end: self.offset + len,
        };
        self.offset = (self.offset + crate::wire::align(len)).min(self.filled);
        Some(place)
    }

    /// Shows the message that [`Inbox::next_message`] returned last.
    #[inline]
    pub(crate) fn message(&self, place: Place) -> Option<WholeMessage<'_>> {
        let whole = self.buffer.get(place.start..place.end)?;
        let (head, payload) = whole.split_first_chunk::<PAYLOAD_OFFSET>()?;
        Some(WholeMessage {
            header: DataHeader::from_bytes(head.last_chunk()?),
            topic: self.topics.selected()?,
            payload,
            credentials: self.credentials,
        })
    }

    /// Goes to the next item of the datagram; `None` at its end.
    ///
    /// An error concerns one message: the walk goes on behind it.
    pub(crate) fn step(&mut self) -> Option<Result<Step>> {
        if let Some(id) = self.removed.take() {
            self.topics.remove(id);
        }
        while self.offset < self.filled {
            let datagram = self.buffer.get(..self.filled).unwrap_or_default();
            let Ok((message, next)) = header::message_at(datagram, self.offset) else {
                self.offset = self.filled;
                return Some(Err(protocol("malformed netlink message")));
            };
            self.offset = next;
            match read(message, &mut self.topics) {
                Ok(None) => {}
                Ok(Some(step)) => {
                    if let Step::Removed { topic_id } = step {
                        self.removed = Some(topic_id);
                    }
                    return Some(Ok(step));
                }
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }

    /// Shows the item that [`Inbox::step`] returned last.
    pub(crate) fn view(&self, step: Step) -> Result<RawItem<'_>> {
        Ok(match step {
            Step::Message { header, payload } => RawItem::Message(WholeMessage {
                header,
                topic: self.topic(header.topic)?,
                payload: self.buffer.get(payload).unwrap_or_default(),
                credentials: self.credentials,
            }),
            Step::Lost {
                topic_id,
                first,
                count,
            } => RawItem::Lost {
                topic: self.topic(topic_id)?,
                first,
                count,
            },
            Step::Joined { topic_id, port } => RawItem::Joined {
                topic: self.topic(topic_id)?,
                publisher: PortId(port),
            },
            Step::Gone { topic_id, port } => RawItem::Gone {
                topic: self.topic(topic_id)?,
                publisher: PortId(port),
            },
            Step::Removed { topic_id } => RawItem::Removed {
                topic: self.topic(topic_id)?,
            },
        })
    }

    fn topic(&self, id: u32) -> Result<&Topic> {
        self.topics
            .get(id)
            .ok_or_else(|| protocol("record about a topic that was not named before"))
    }
}

/// Reads one message; `None` if it is none of a subscriber's business.
fn read(message: Message<'_>, topics: &mut Names) -> Result<Option<Step>> {
    match message.header.kind {
        message::PUBLISH => {
            let (header, payload) = DataHeader::read(message.payload)
                .ok_or_else(|| protocol("message without data header"))?;
            let end = message.offset + header::LEN + message.payload.len();
            return Ok(Some(Step::Message {
                header,
                payload: end - payload.len()..end,
            }));
        }
        message::TOPIC
        | message::LOST
        | message::JOINED
        | message::GONE
        | message::REMOVED
        | message::DENIED => {}
        header::TYPE_ERROR => {
            let ack = Ack::read(message.header, message.payload)
                .ok_or_else(|| protocol("malformed acknowledgement"))?;
            return match ack.errno {
                0 => Ok(None),
                _ => Err(Error::Refused(Refused::new("do what was asked", &ack))),
            };
        }
        // Late answers, and whatever a newer module may add.
        _ => return Ok(None),
    }
    let record =
        Record::parse(message.header, message.payload).map_err(|_| protocol("malformed event"))?;
    Ok(match record {
        Record::Topic { topic_id, name, .. } => {
            topics.insert(topic_id, Topic::from_wire(name));
            None
        }
        // An id that was never named here means nothing to the subscriber.
        Record::Denied { name } => {
            return Err(Error::Denied {
                topic: Topic::from_wire(name),
            });
        }
        Record::Removed { topic_id } => topics
            .get(topic_id)
            .is_some()
            .then_some(Step::Removed { topic_id }),
        Record::Lost {
            topic_id,
            first,
            count,
        } => Some(Step::Lost {
            topic_id,
            first,
            count,
        }),
        Record::Joined { topic_id, port } => Some(Step::Joined { topic_id, port }),
        Record::Gone { topic_id, port } => Some(Step::Gone { topic_id, port }),
        _ => None,
    })
}

pub(crate) fn protocol(what: &'static str) -> Error {
    Error::Protocol { what }
}

#[cfg(test)]
mod tests;
