// SPDX-License-Identifier: GPL-2.0

//! Messages on their way through the bus, in both protocols.
//!
//! A message is delivered from the very bytes that its publisher sent: its headers are filled in
//! place and every queue gets a reference. Only a subscriber of the *other* protocol needs other
//! headers; for all of those together one copy is made, when the first of them turns up.

use crate::bus::client::Client;
use crate::bus::limits;
use crate::bus::port::Form;
use crate::bus::port::Kept;
use crate::bus::port::Parcel;
use crate::bus::port::Stamp;
use crate::nl::Composed;
use crate::nl::Inbound;
use crate::nl::Shared;
use crate::nl::Socket;
use crate::wire::data;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;
use core::ops::Range;

type Datagram<'a> = Inbound<'a, Client<Socket>>;

/// The copy for subscribers of the other protocol.
enum Copy {
    /// Nobody has needed it so far.
    NotMade,
    Made(Composed),
    NoMemory,
}

impl Copy {
    /// The copy, which is made if need be; `None` without memory.
    fn get(&mut self, compose: impl FnOnce() -> Option<Composed>) -> Option<Shared<'_>> {
        if let Self::NotMade = self {
            *self = compose().map_or(Self::NoMemory, Self::Made);
        }
        match self {
            Self::Made(composed) => Some(composed.whole()),
            _ => None,
        }
    }
}

/// Headers of a v1 message with a payload of this length.
fn v1_headers(data: DataHeader, payload_len: usize) -> [u8; data::PAYLOAD_OFFSET] {
    let netlink = netlink_header(
        message::PUBLISH,
        data::PAYLOAD_OFFSET.saturating_add(payload_len),
    );
    let mut out = [0; data::PAYLOAD_OFFSET];
    if let Some((first, rest)) = out.split_first_chunk_mut() {
        *first = netlink;
        if let Some(second) = rest.first_chunk_mut() {
            *second = data.to_bytes();
        }
    }
    out
}

/// Header of a delivered message: from the kernel, and no answer to anything.
fn netlink_header(kind: u16, len: usize) -> [u8; header::LEN] {
    Header {
        // No datagram is longer than its sender's send buffer, an `int`.
        len: u32::try_from(len).unwrap_or(u32::MAX),
        kind,
        ..Header::default()
    }
    .to_bytes()
}

fn seed_header(payload_len: usize) -> [u8; header::LEN] {
    netlink_header(header::TYPE_DONE, header::LEN.saturating_add(payload_len))
}

fn stamped(data: DataHeader, stamp: Stamp) -> DataHeader {
    DataHeader {
        topic: stamp.topic_id,
        seq: stamp.seq,
        time: stamp.time,
        fingerprint: stamp.fingerprint,
        port: stamp.port_id,
        ..data
    }
}

/// Messages to one topic that stand in a row in a datagram.
pub(crate) struct Run {
    span: Range<usize>,
    count: u32,
    /// Headers of the first.
    data: DataHeader,
}

impl Run {
    /// One message.
    pub(crate) fn one(span: Range<usize>, data: DataHeader) -> Self {
        Self {
            span,
            count: 1,
            data,
        }
    }

    /// The longest run from `offset` of messages that can be published together: those for which
    /// `check` gives equal topics and flags, up to `most` bytes and a fixed number of them.
    pub(crate) fn longest(
        bytes: &[u8],
        offset: usize,
        most: usize,
        check: impl Fn(Header, &[u8]) -> Option<DataHeader>,
    ) -> Option<Self> {
        let (mut run, mut next) = (None::<Self>, offset);
        while let Ok((message, after)) = header::message_at(bytes, next) {
            let Some(data) = check(message.header, message.payload) else {
                break;
            };
            let end = next.saturating_add(message.header.len as usize);
            match &mut run {
                None => run = Some(Self::one(offset..end, data)),
                Some(run)
                    if (run.data.topic, run.data.flags) == (data.topic, data.flags)
                        && end.saturating_sub(offset) <= most
                        && run.count < limits::MESSAGES_PER_BATCH =>
                {
                    run.span.end = end;
                    run.count = run.count.saturating_add(1);
                }
                Some(_) => break,
            }
            if after >= bytes.len() {
                break;
            }
            next = after;
        }
        run
    }

    /// Id of the topic.
    pub(crate) fn topic(&self) -> u32 {
        self.data.topic
    }

    /// How many messages it is.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Where it ends, without the padding behind.
    pub(crate) fn end(&self) -> usize {
        self.span.end
    }
}

/// Messages that were published in v1: one, or a batch.
pub(crate) struct Published<'d, 'a> {
    datagram: &'d mut Datagram<'a>,
    run: Run,
    /// The selected message, or all of the run.
    span: Range<usize>,
    /// Number of the message behind the one that was selected last, and where it starts: they are
    /// mostly selected one after the other.
    cursor: (u32, usize),
    data: DataHeader,
    count: u32,
    seed: Copy,
}

impl<'d, 'a> Published<'d, 'a> {
    /// The messages at `run` of the datagram.
    pub(crate) fn new(datagram: &'d mut Datagram<'a>, run: Run) -> Self {
        datagram.select(run.span.clone());
        Self {
            datagram,
            span: run.span.clone(),
            cursor: (0, run.span.start),
            data: run.data,
            count: run.count,
            run,
            seed: Copy::NotMade,
        }
    }

    /// Stamps all messages of a batch.
    #[cold]
    fn stamp_each(&mut self, stamp: Stamp) {
        let mut next = self.run.span.start;
        for index in 0..self.run.count {
            let Some((span, data, after)) = self.message_at(next) else {
                return;
            };
            let seq = stamp.seq.wrapping_add(u64::from(index));
            let data = stamped(data, Stamp { seq, ..stamp });
            let payload_len = span.len().saturating_sub(data::PAYLOAD_OFFSET);
            self.datagram
                .write(span.start, &v1_headers(data, payload_len));
            next = after;
        }
    }

    /// The message at this offset, its headers, and where the next one starts.
    fn message_at(&self, offset: usize) -> Option<(Range<usize>, DataHeader, usize)> {
        let (message, next) = header::message_at(self.datagram.bytes(), offset).ok()?;
        let (data, _) = DataHeader::read(message.payload)?;
        let end = offset.saturating_add(message.header.len as usize);
        Some((offset..end, data, next))
    }
}

impl Parcel<Socket> for Published<'_, '_> {
    fn stamp(&mut self, stamp: Stamp) {
        if self.count == 1 {
            self.data = stamped(self.data, stamp);
            let payload_len = self.span.len().saturating_sub(data::PAYLOAD_OFFSET);
            self.datagram
                .write(self.span.start, &v1_headers(self.data, payload_len));
        } else {
            self.stamp_each(stamp);
        }
        self.seed = Copy::NotMade;
    }

    fn count(&self) -> u32 {
        self.count
    }

    #[cold]
    fn select(&mut self, index: Option<u32>) {
        self.span = self.run.span.clone();
        self.count = self.run.count;
        if let Some(index) = index {
            self.count = 1;
            let (mut number, mut next) = self.cursor;
            if number > index {
                (number, next) = (0, self.run.span.start);
            }
            for _ in number..=index {
                let Some((span, data, after)) = self.message_at(next) else {
                    break;
                };
                (self.span, self.data, next) = (span, data, after);
            }
            self.cursor = (index.saturating_add(1), next);
        }
        self.datagram.select(self.span.clone());
        self.seed = Copy::NotMade;
    }

    fn must_split_on(&self, socket: &Socket, form: Form) -> bool {
        form == Form::Seed || socket.has_filter()
    }

    #[inline(always)]
    fn in_form(&mut self, form: Form) -> Option<Shared<'_>> {
        match form {
            Form::V1 => Some(self.datagram.selected()),
            Form::Seed => self.seed.get(|| {
                let start = self.span.start.saturating_add(data::PAYLOAD_OFFSET);
                let payload = start..self.span.end;
                let head = seed_header(payload.len());
                self.datagram.compose(&head, payload)
            }),
        }
    }

    fn may_wait(&self) -> bool {
        self.data.flags & data::PUBLISH_NOWAIT == 0
    }

    fn keep(&self) -> Option<OwnMessage> {
        self.datagram.keep().map(OwnMessage::new)
    }
}

/// A message that was broadcast in the seed protocol.
pub(crate) struct SeedBroadcast<'d, 'a> {
    datagram: &'d mut Datagram<'a>,
    span: Range<usize>,
    data: DataHeader,
    v1: Copy,
}

impl<'d, 'a> SeedBroadcast<'d, 'a> {
    /// The message at `span` of the datagram.
    pub(crate) fn new(datagram: &'d mut Datagram<'a>, span: Range<usize>) -> Self {
        Self {
            datagram,
            span,
            data: DataHeader::default(),
            v1: Copy::NotMade,
        }
    }

    /// The message as it is delivered: one byte shorter at the front.
    fn moved(&self) -> Range<usize> {
        self.span.start.saturating_add(1)..self.span.end
    }

    /// The data behind the type byte.
    fn payload(&self) -> Range<usize> {
        self.moved().start.saturating_add(header::LEN)..self.span.end
    }
}

impl Parcel<Socket> for SeedBroadcast<'_, '_> {
    fn stamp(&mut self, stamp: Stamp) {
        self.data = stamped(self.data, stamp);
        // The header moves one byte up, over the type byte, so the data can stay where it is.
        let head = seed_header(self.payload().len());
        self.datagram.write(self.moved().start, &head);
        self.datagram.select(self.moved());
        self.v1 = Copy::NotMade;
    }

    fn in_form(&mut self, form: Form) -> Option<Shared<'_>> {
        match form {
            Form::Seed => Some(self.datagram.selected()),
            Form::V1 => {
                let payload = self.payload();
                let head = v1_headers(self.data, payload.len());
                self.v1.get(|| self.datagram.compose(&head, payload))
            }
        }
    }

    fn may_wait(&self) -> bool {
        false
    }

    fn keep(&self) -> Option<OwnMessage> {
        let payload = self.payload();
        let head = v1_headers(self.data, payload.len());
        self.datagram.compose(&head, payload).map(OwnMessage::new)
    }
}

/// A message in a datagram of our own: published in the kernel, a last will, or retained.
pub(crate) struct OwnMessage {
    v1: Composed,
    seed: Copy,
}

impl OwnMessage {
    fn new(v1: Composed) -> Self {
        Self {
            v1,
            seed: Copy::NotMade,
        }
    }

    /// A message of the kernel, whose headers are still to be filled; `None` without memory.
    pub(crate) fn of_kernel(tag: u32, payload: &[u8]) -> Option<Self> {
        let data = DataHeader {
            tag,
            ..DataHeader::default()
        };
        Composed::new(&v1_headers(data, payload.len()), payload).map(Self::new)
    }

    /// The last will at `span` of the datagram; `None` without memory.
    pub(crate) fn last_will(
        datagram: &Datagram<'_>,
        span: &Range<usize>,
        data: DataHeader,
    ) -> Option<Self> {
        let payload = span.start.saturating_add(data::PAYLOAD_OFFSET)..span.end;
        let head = v1_headers(DataHeader { flags: 0, ..data }, payload.len());
        datagram.compose(&head, payload).map(Self::new)
    }
}

impl Parcel<Socket> for OwnMessage {
    fn stamp(&mut self, stamp: Stamp) {
        let body = self.v1.bytes().get(header::LEN..).unwrap_or_default();
        if let Some((data, payload)) = DataHeader::read(body) {
            let head = v1_headers(stamped(data, stamp), payload.len());
            self.v1.overwrite(&head);
        }
        self.seed = Copy::NotMade;
    }

    fn in_form(&mut self, form: Form) -> Option<Shared<'_>> {
        match form {
            Form::V1 => Some(self.v1.whole()),
            Form::Seed => {
                let payload = data::PAYLOAD_OFFSET..self.v1.bytes().len();
                let head = seed_header(payload.len());
                self.seed.get(|| self.v1.compose(&head, payload))
            }
        }
    }

    fn may_wait(&self) -> bool {
        false
    }

    fn keep(&self) -> Option<Self> {
        self.v1.keep().map(Self::new)
    }
}

impl Kept<Socket> for OwnMessage {
    fn bytes(&self) -> u64 {
        // The map that a history keeps it in takes a little, too.
        u64::from(self.v1.truesize()).saturating_add(64)
    }
}
