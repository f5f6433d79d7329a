// SPDX-License-Identifier: GPL-2.0

//! Messages on their way through the bus, in both protocols.
//!
//! A message is delivered from the very bytes that its publisher sent: its headers are filled in
//! place and every queue gets a reference. Only a subscriber of the *other* protocol needs other
//! headers; for all of those together one copy is made, when the first of them turns up.

use crate::bus::client::Client;
use crate::bus::port::Form;
use crate::bus::port::Kept;
use crate::bus::port::Outcome;
use crate::bus::port::Parcel;
use crate::bus::port::Stamp;
use crate::bus::port::Wait;
use crate::nl::Composed;
use crate::nl::Held;
use crate::nl::Inbound;
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
    /// The copy, which is made if need be.
    fn get(&mut self, compose: impl FnOnce() -> Option<Composed>) -> Result<&Composed, Outcome> {
        if let Self::NotMade = self {
            *self = compose().map_or(Self::NoMemory, Self::Made);
        }
        match self {
            Self::Made(composed) => Ok(composed),
            _ => Err(Outcome::NoMemory),
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
    /// `check` gives equal topics and flags.
    pub(crate) fn longest(
        bytes: &[u8],
        offset: usize,
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
                Some(run) if (run.data.topic, run.data.flags) == (data.topic, data.flags) => {
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
    data: DataHeader,
    count: u32,
    seed: Copy,
}

impl<'d, 'a> Published<'d, 'a> {
    /// The messages at `run` of the datagram.
    pub(crate) fn new(datagram: &'d mut Datagram<'a>, run: Run) -> Self {
        Self {
            datagram,
            span: run.span.clone(),
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

impl Published<'_, '_> {
    fn for_seed(&mut self) -> Result<&Composed, Outcome> {
        self.seed.get(|| {
            let start = self.span.start.saturating_add(data::PAYLOAD_OFFSET);
            let payload = start..self.span.end;
            let head = seed_header(payload.len());
            self.datagram.compose(&head, payload)
        })
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
        self.datagram.select(self.span.clone());
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
            let mut next = self.run.span.start;
            for _ in 0..=index {
                let Some((span, data, after)) = self.message_at(next) else {
                    break;
                };
                (self.span, self.data, next) = (span, data, after);
            }
        }
        self.datagram.select(self.span.clone());
        self.seed = Copy::NotMade;
    }

    fn must_split_on(&self, socket: &Socket, form: Form) -> bool {
        form == Form::Seed || socket.has_filter()
    }

    #[inline(always)]
    fn queue_on(&mut self, socket: &Socket, form: Form) -> Outcome {
        match form {
            Form::V1 => self.datagram.queue_on(socket),
            Form::Seed => match self.for_seed() {
                Ok(composed) => composed.queue_on(socket),
                Err(outcome) => outcome,
            },
        }
    }

    fn make_room_on(&mut self, socket: &Socket, form: Form) -> bool {
        match form {
            Form::V1 => self.datagram.make_room_on(socket),
            Form::Seed => self
                .for_seed()
                .is_ok_and(|composed| composed.make_room_on(socket)),
        }
    }

    fn wait_for_room_on(&mut self, socket: &Socket, form: Form, nanoseconds: u64) -> Wait {
        match form {
            Form::V1 => self.datagram.wait_for_room_on(socket, nanoseconds),
            Form::Seed => match self.for_seed() {
                Ok(composed) => composed.wait_for_room_on(socket, nanoseconds),
                // Without memory there is nothing to wait with.
                Err(_) => Wait::Interrupted,
            },
        }
    }

    fn may_wait(&self) -> bool {
        self.data.flags & data::PUBLISH_NOWAIT == 0
    }

    fn keep(&self) -> Option<Composed> {
        self.datagram.keep()
    }

    fn hold_on(&mut self, socket: &Socket, form: Form) -> Result<Held, Outcome> {
        match form {
            Form::V1 => self.datagram.hold_on(socket),
            Form::Seed => self.for_seed()?.hold_on(socket),
        }
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

impl SeedBroadcast<'_, '_> {
    fn for_v1(&mut self) -> Result<&Composed, Outcome> {
        let payload = self.payload();
        self.v1.get(|| {
            let head = v1_headers(self.data, payload.len());
            self.datagram.compose(&head, payload)
        })
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

    fn queue_on(&mut self, socket: &Socket, form: Form) -> Outcome {
        match form {
            Form::Seed => self.datagram.queue_on(socket),
            Form::V1 => match self.for_v1() {
                Ok(composed) => composed.queue_on(socket),
                Err(outcome) => outcome,
            },
        }
    }

    fn make_room_on(&mut self, socket: &Socket, form: Form) -> bool {
        match form {
            Form::Seed => self.datagram.make_room_on(socket),
            Form::V1 => self
                .for_v1()
                .is_ok_and(|composed| composed.make_room_on(socket)),
        }
    }

    fn wait_for_room_on(&mut self, socket: &Socket, form: Form, nanoseconds: u64) -> Wait {
        match form {
            Form::Seed => self.datagram.wait_for_room_on(socket, nanoseconds),
            Form::V1 => match self.for_v1() {
                Ok(composed) => composed.wait_for_room_on(socket, nanoseconds),
                // Without memory there is nothing to wait with.
                Err(_) => Wait::Interrupted,
            },
        }
    }

    fn may_wait(&self) -> bool {
        self.data.flags & data::PUBLISH_NOWAIT == 0
    }

    fn keep(&self) -> Option<Composed> {
        let payload = self.payload();
        let head = v1_headers(self.data, payload.len());
        self.datagram.compose(&head, payload)
    }

    fn hold_on(&mut self, socket: &Socket, form: Form) -> Result<Held, Outcome> {
        match form {
            Form::Seed => self.datagram.hold_on(socket),
            Form::V1 => self.for_v1()?.hold_on(socket),
        }
    }
}

/// A message in a datagram of our own: published in the kernel, a last will, or retained.
impl Parcel<Socket> for Composed {
    fn stamp(&mut self, stamp: Stamp) {
        let body = self.bytes().get(header::LEN..).unwrap_or_default();
        if let Some((data, payload)) = DataHeader::read(body) {
            let head = v1_headers(stamped(data, stamp), payload.len());
            self.overwrite(&head);
        }
    }

    fn queue_on(&mut self, socket: &Socket, form: Form) -> Outcome {
        match form {
            Form::V1 => Composed::queue_on(self, socket),
            Form::Seed => match for_seed(self) {
                Some(composed) => composed.queue_on(socket),
                None => Outcome::NoMemory,
            },
        }
    }

    fn make_room_on(&mut self, socket: &Socket, form: Form) -> bool {
        match form {
            Form::V1 => Composed::make_room_on(self, socket),
            Form::Seed => for_seed(self).is_some_and(|composed| composed.make_room_on(socket)),
        }
    }

    fn wait_for_room_on(&mut self, _socket: &Socket, _form: Form, _nanoseconds: u64) -> Wait {
        // Not reached, since it may not wait.
        Wait::Interrupted
    }

    fn may_wait(&self) -> bool {
        false
    }

    fn keep(&self) -> Option<Composed> {
        Composed::keep(self)
    }

    fn hold_on(&mut self, socket: &Socket, form: Form) -> Result<Held, Outcome> {
        match form {
            Form::V1 => Composed::hold_on(self, socket),
            Form::Seed => for_seed(self).ok_or(Outcome::NoMemory)?.hold_on(socket),
        }
    }
}

/// The copy for one subscriber of the seed protocol. There are seldom many of them.
fn for_seed(message: &Composed) -> Option<Composed> {
    let payload = data::PAYLOAD_OFFSET..message.bytes().len();
    message.compose(&seed_header(payload.len()), payload)
}

impl Kept<Socket> for Composed {
    fn bytes(&self) -> u64 {
        // The map that a history keeps it in takes a little, too.
        u64::from(self.truesize()).saturating_add(64)
    }
}

/// A message of the kernel, whose headers are still to be filled; `None` without memory.
pub(crate) fn from_kernel(tag: u32, payload: &[u8]) -> Option<Composed> {
    let data = DataHeader {
        tag,
        ..DataHeader::default()
    };
    Composed::new(&v1_headers(data, payload.len()), payload)
}

/// The message at `span` of the datagram, for after its sender's end.
pub(crate) fn last_will(
    datagram: &Datagram<'_>,
    span: &Range<usize>,
    data: DataHeader,
) -> Option<Composed> {
    let payload = span.start.saturating_add(data::PAYLOAD_OFFSET)..span.end;
    let data = DataHeader { flags: 0, ..data };
    datagram.compose(&v1_headers(data, payload.len()), payload)
}
