// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! Netlink attributes: `u16` length (with this header), `u16` type, value, padding to 4 bytes.

use super::align;
use super::bytes_at;
use super::header;
use super::header::Header;
use super::message;
use super::put;
use super::refusal::Refusal;
use super::refusal::Refused;

/// Length of an attribute's header.
pub(crate) const HEADER_LEN: usize = 4;

/// `NLA_F_NESTED`: a bit of the type that says that attributes are inside. It is written where that
/// is so; there, it may be left out in what is read.
const NESTED: u16 = 1 << 15;

/// One attribute of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    /// Attribute type.
    pub(crate) kind: u16,
    /// Where it starts, counted from the start of the netlink header.
    pub(crate) offset: usize,
    /// Its value, without padding.
    pub(crate) value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// This attribute as the place of a refusal.
    pub(crate) fn refused(&self, refusal: Refusal) -> Refused {
        Refused {
            refusal,
            offset: Some(self.offset),
        }
    }

    /// The value as a `u32`.
    pub(crate) fn u32(&self) -> Result<u32, Refused> {
        match self.value.try_into() {
            Ok(bytes) => Ok(u32::from_ne_bytes(bytes)),
            Err(_) => Err(self.refused(Refusal::AttributeLength)),
        }
    }

    /// The value as a `u64`.
    pub(crate) fn u64(&self) -> Result<u64, Refused> {
        match self.value.try_into() {
            Ok(bytes) => Ok(u64::from_ne_bytes(bytes)),
            Err(_) => Err(self.refused(Refusal::AttributeLength)),
        }
    }

    /// The attributes inside, of which these are allowed.
    pub(crate) fn nested(&self, allowed: &[u16]) -> Result<Set<'a>, Refused> {
        let inside = Attributes {
            rest: self.value,
            offset: self.offset.saturating_add(HEADER_LEN),
        };
        Set::check(inside, allowed, &[])
    }

    /// The value as the bytes of a string, without the one NUL that may end it.
    pub(crate) fn string(&self) -> &'a [u8] {
        match self.value {
            [text @ .., 0] => text,
            text => text,
        }
    }
}

/// Iterates over the attributes behind a netlink header; ends after the first malformed one.
#[derive(Clone, Debug)]
pub(crate) struct Attributes<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Attributes<'a> {
    /// `payload` is what follows the netlink header.
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self {
            rest: payload,
            offset: header::LEN,
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Refused {
        self.rest = &[];
        Refused {
            refusal,
            offset: Some(self.offset),
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (Some(len), Some(kind)) = (bytes_at(self.rest, 0), bytes_at(self.rest, 2)) else {
            return Some(Err(self.refuse(Refusal::AttributeTrailing)));
        };
        let len = usize::from(u16::from_ne_bytes(len));
        let Some(value) = self.rest.get(HEADER_LEN..len) else {
            return Some(Err(self.refuse(Refusal::AttributeTruncated)));
        };
        let attribute = Attribute {
            kind: match u16::from_ne_bytes(kind) ^ NESTED {
                message::attr::RULE => message::attr::RULE,
                kind => kind ^ NESTED,
            },
            offset: self.offset,
            value,
        };
        self.rest = self.rest.get(align(len)..).unwrap_or_default();
        self.offset = self.offset.saturating_add(align(len));
        Some(Ok(attribute))
    }
}

/// The attributes of one message, checked once and found by type.
///
/// Messages have few attributes, so they are looked for where they stand; a table of all types
/// would be large for a kernel's stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Set<'a> {
    /// For requests: refuses what is malformed, not in `allowed`, or there twice.
    pub(crate) fn parse_strict(payload: &'a [u8], allowed: &[u16]) -> Result<Self, Refused> {
        Self::parse_strict_but(payload, allowed, &[])
    }

    /// Like [`Set::parse_strict`]; those in `repeated` may stand there any number of times.
    pub(crate) fn parse_strict_but(
        payload: &'a [u8],
        allowed: &[u16],
        repeated: &[u16],
    ) -> Result<Self, Refused> {
        Self::check(Attributes::new(payload), allowed, repeated)
    }

    fn check(
        attributes: Attributes<'a>,
        allowed: &[u16],
        repeated: &[u16],
    ) -> Result<Self, Refused> {
        let set = Self {
            rest: attributes.rest,
            offset: attributes.offset,
        };
        for attribute in attributes {
            let attribute = attribute?;
            if repeated.contains(&attribute.kind) {
                continue;
            }
            if !allowed.contains(&attribute.kind) {
                return Err(attribute.refused(Refusal::AttributeUnknown));
            }
            if set
                .get(attribute.kind)
                .is_some_and(|first| first.offset < attribute.offset)
            {
                return Err(attribute.refused(Refusal::AttributeTwice));
            }
        }
        Ok(set)
    }

    /// For answers and events: passes over types that a newer kernel may have added.
    pub(crate) fn parse_lenient(payload: &'a [u8]) -> Result<Self, Refused> {
        let Attributes { rest, offset } = Attributes::new(payload);
        for attribute in Attributes::new(payload) {
            attribute?;
        }
        Ok(Self { rest, offset })
    }

    /// The first attribute of this type, if there is one.
    pub(crate) fn get(&self, kind: u16) -> Option<Attribute<'a>> {
        self.all(kind).next()
    }

    /// All attributes of this type.
    pub(crate) fn all(&self, kind: u16) -> impl Iterator<Item = Attribute<'a>> + Clone + use<'a> {
        let (rest, offset) = (self.rest, self.offset);
        Attributes { rest, offset }
            .filter_map(Result::ok)
            .filter(move |attribute| attribute.kind == kind)
    }

    /// The attribute of this type, which the message must have.
    pub(crate) fn require(&self, kind: u16) -> Result<Attribute<'a>, Refused> {
        self.get(kind)
            .ok_or(Refused::from(Refusal::AttributeMissing))
    }
}

/// Writes one message with attributes into a buffer.
///
/// What does not fit makes [`MessageWriter::finish`] return `None`; nothing is written past the
/// end and no call in between needs to be checked.
#[derive(Debug)]
pub(crate) struct MessageWriter<'a> {
    buf: &'a mut [u8],
    header: Header,
    len: usize,
    overflow: bool,
}

impl<'a> MessageWriter<'a> {
    /// Starts a message. The header's `len` is filled by [`MessageWriter::finish`].
    pub(crate) fn new(buf: &'a mut [u8], header: Header) -> Self {
        Self {
            buf,
            header,
            len: header::LEN,
            overflow: false,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if end > self.buf.len() {
            self.overflow = true;
            return;
        }
        put(self.buf, self.len, bytes);
        self.len = end;
    }

    /// Appends an attribute whose value is these parts in a row.
    fn attribute(mut self, kind: u16, parts: [&[u8]; 2]) -> Self {
        let value_len = parts[0].len().saturating_add(parts[1].len());
        let len = value_len.saturating_add(HEADER_LEN);
        match u16::try_from(len) {
            Ok(len) => {
                self.put(&len.to_ne_bytes());
                self.put(&kind.to_ne_bytes());
                self.put(parts[0]);
                self.put(parts[1]);
                self.put(
                    [0; 3]
                        .get(..align(value_len).saturating_sub(value_len))
                        .unwrap_or_default(),
                );
            }
            Err(_) => self.overflow = true,
        }
        self
    }

    /// Appends bytes that are no attribute: the fixed part of a message, in multiples of 4.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.put(bytes);
        self
    }

    /// Appends an attribute that holds those that `fill` appends.
    pub(crate) fn nested(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.len;
        self.put(&[0; 2]);
        self.put(&(kind | NESTED).to_ne_bytes());
        let mut filled = fill(self);
        match u16::try_from(filled.len.saturating_sub(start)) {
            Ok(len) if !filled.overflow => put(filled.buf, start, &len.to_ne_bytes()),
            _ => filled.overflow = true,
        }
        filled
    }

    /// Appends a `u32` attribute.
    pub(crate) fn u32(self, kind: u16, value: u32) -> Self {
        self.attribute(kind, [&value.to_ne_bytes(), &[]])
    }

    /// Appends a `u32` attribute if there is a value.
    pub(crate) fn optional_u32(self, kind: u16, value: Option<u32>) -> Self {
        match value {
            Some(value) => self.u32(kind, value),
            None => self,
        }
    }

    /// Appends a `u64` attribute.
    pub(crate) fn u64(self, kind: u16, value: u64) -> Self {
        self.attribute(kind, [&value.to_ne_bytes(), &[]])
    }

    /// Appends a string attribute, ended by a NUL as C readers expect.
    pub(crate) fn string(self, kind: u16, value: &str) -> Self {
        self.attribute(kind, [value.as_bytes(), &[0]])
    }

    /// Writes the header; returns the length of the whole message, or `None` if it did not fit.
    pub(crate) fn finish(self) -> Option<usize> {
        if self.overflow {
            return None;
        }
        let header = Header {
            len: u32::try_from(self.len).ok()?,
            ..self.header
        };
        put(self.buf, 0, &header.to_bytes());
        (self.len <= self.buf.len()).then_some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(buf: &mut [u8]) -> Option<usize> {
        MessageWriter::new(buf, Header::default())
            .u32(2, 7)
            .string(1, "ab")
            .u64(5, 9)
            .finish()
    }

    #[test]
    fn written_attributes_are_read_back() {
        let mut buf = [0xff; 64];
        let len = write(&mut buf).unwrap();
        let set = Set::parse_strict(&buf[header::LEN..len], &[1, 2, 5]).unwrap();
        assert_eq!(set.get(2).unwrap().u32(), Ok(7));
        assert_eq!(set.get(1).unwrap().string(), b"ab");
        assert_eq!(set.get(5).unwrap().u64(), Ok(9));
        assert_eq!(set.get(2).unwrap().offset, header::LEN);
        assert_eq!(set.get(1).unwrap().offset, header::LEN + 8);
        assert!(set.get(3).is_none());
    }

    #[test]
    fn writer_never_leaves_its_buffer() {
        let mut buf = [0; 64];
        let len = write(&mut buf).unwrap();
        for short in 0..len {
            assert_eq!(write(&mut buf[..short]), None);
        }
    }

    #[test]
    fn strict_parse_names_the_offending_attribute() {
        let mut buf = [0; 64];
        let len = write(&mut buf).unwrap();
        let payload = &buf[header::LEN..len];
        let refused = Set::parse_strict(payload, &[2, 5]).unwrap_err();
        assert_eq!(refused.refusal, Refusal::AttributeUnknown);
        assert_eq!(refused.offset, Some(header::LEN + 8));

        let twice = [payload, payload].concat();
        let refused = Set::parse_strict(&twice, &[1, 2, 5]).unwrap_err();
        assert_eq!(refused.refusal, Refusal::AttributeTwice);
        assert_eq!(refused.offset, Some(len));

        for cut in 1..payload.len() {
            let got = Set::parse_strict(&payload[..cut], &[1, 2, 5]);
            // Cut between two attributes, the message is whole; the last padding may be missing.
            let whole = matches!(cut, 8 | 15 | 16);
            assert_eq!(got.is_ok(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn lengths_below_the_attribute_header_are_refused() {
        for len in 0..4u16 {
            let mut payload = [0; 8];
            payload[..2].copy_from_slice(&len.to_ne_bytes());
            let refused = Set::parse_strict(&payload, &[0, 1]).unwrap_err();
            assert_eq!(refused.refusal, Refusal::AttributeTruncated);
        }
    }
}
