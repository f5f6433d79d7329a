// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! The netlink message header (`struct nlmsghdr`) and the walk over a buffer of messages.

use super::align;
use super::bytes_at;
use super::put;

/// Length of the header in bytes (`NLMSG_HDRLEN`).
pub(crate) const LEN: usize = 16;

/// `NLM_F_REQUEST`: set in everything that is sent to the kernel.
pub(crate) const REQUEST: u16 = 0x1;
/// `NLM_F_MULTI`: one part of an answer in several parts.
pub(crate) const MULTI: u16 = 0x2;
/// `NLM_F_ACK`: answer with an acknowledgement even if nothing went wrong.
pub(crate) const ACK: u16 = 0x4;
/// `NLM_F_DUMP`: the two bits that ask for a dump.
pub(crate) const DUMP: u16 = 0x300;
/// `NLM_F_CAPPED`: an error message carries the header of the request, not its payload.
pub(crate) const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow in an error message.
pub(crate) const ACK_TLVS: u16 = 0x200;

/// `NLMSG_NOOP`: does nothing.
pub(crate) const TYPE_NOOP: u16 = 1;
/// `NLMSG_ERROR`: an acknowledgement, or the refusal of a request.
pub(crate) const TYPE_ERROR: u16 = 2;
/// `NLMSG_DONE`: the form in which the seed protocol delivers.
pub(crate) const TYPE_DONE: u16 = 3;

/// One message header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Length of the message with this header, without the padding behind it.
    pub(crate) len: u32,
    /// Message type.
    pub(crate) kind: u16,
    /// `NLM_F_*`.
    pub(crate) flags: u16,
    /// Chosen by whoever sent the request; an answer carries the same.
    pub(crate) seq: u32,
    /// Port id as its writer claims it. The module never believes it.
    pub(crate) port: u32,
}

impl Header {
    /// Reads the header at the start of `buf`; `None` if `buf` is shorter than one.
    #[inline]
    pub(crate) fn read(buf: &[u8]) -> Option<Self> {
        Some(Self {
            len: u32::from_ne_bytes(bytes_at(buf, 0)?),
            kind: u16::from_ne_bytes(bytes_at(buf, 4)?),
            flags: u16::from_ne_bytes(bytes_at(buf, 6)?),
            seq: u32::from_ne_bytes(bytes_at(buf, 8)?),
            port: u32::from_ne_bytes(bytes_at(buf, 12)?),
        })
    }

    /// The header as it stands on the wire.
    pub(crate) fn to_bytes(self) -> [u8; LEN] {
        let mut out = [0; LEN];
        put(&mut out, 0, &self.len.to_ne_bytes());
        put(&mut out, 4, &self.kind.to_ne_bytes());
        put(&mut out, 6, &self.flags.to_ne_bytes());
        put(&mut out, 8, &self.seq.to_ne_bytes());
        put(&mut out, 12, &self.port.to_ne_bytes());
        out
    }
}

/// One message inside a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Its header; `header.len` is `LEN + payload.len()`.
    pub(crate) header: Header,
    /// Where the header starts in the buffer.
    pub(crate) offset: usize,
    /// What follows the header, without padding.
    pub(crate) payload: &'a [u8],
}

/// What stands where a message should start, but is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Fewer bytes than a header are left.
    NoHeader,
    /// The header's length is smaller than the header.
    LengthTooSmall(Header),
    /// The header's length is larger than what is left of the buffer.
    Truncated(Header),
}

impl Malformed {
    /// The header, where there was a whole one.
    pub(crate) fn header(self) -> Option<Header> {
        match self {
            Self::NoHeader => None,
            Self::LengthTooSmall(header) | Self::Truncated(header) => Some(header),
        }
    }
}

/// The message that starts at `offset`, and the offset of the next one.
pub(crate) fn message_at(buf: &[u8], offset: usize) -> Result<(Message<'_>, usize), Malformed> {
    let rest = buf.get(offset..).unwrap_or_default();
    let header = Header::read(rest).ok_or(Malformed::NoHeader)?;
    let len = header.len as usize;
    if len < LEN {
        return Err(Malformed::LengthTooSmall(header));
    }
    let payload = rest.get(LEN..len).ok_or(Malformed::Truncated(header))?;
    // The padding behind the last message may be missing.
    let next = offset.saturating_add(align(len)).min(buf.len());
    Ok((
        Message {
            header,
            offset,
            payload,
        },
        next,
    ))
}

/// Iterates over the messages of a buffer; ends after the first malformed one.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a> {
    buf: &'a [u8],
    offset: usize,
}

impl<'a> Messages<'a> {
    /// Starts at the beginning of `buf`.
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        Self { buf, offset: 0 }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.buf.len() {
            return None;
        }
        match message_at(self.buf, self.offset) {
            Ok((message, next)) => {
                self.offset = next;
                Some(Ok(message))
            }
            Err(malformed) => {
                self.offset = self.buf.len();
                Some(Err(malformed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(len: u32, body: &[u8]) -> Vec<u8> {
        let mut out = Header {
            len,
            kind: 0x10,
            ..Header::default()
        }
        .to_bytes()
        .to_vec();
        out.extend_from_slice(body);
        out
    }

    #[test]
    fn header_round_trips() {
        let header = Header {
            len: 1,
            kind: 2,
            flags: 3,
            seq: 4,
            port: 5,
        };
        assert_eq!(Header::read(&header.to_bytes()), Some(header));
    }

    #[test]
    fn walk_skips_padding_and_accepts_its_absence_at_the_end() {
        let mut buf = message(17, b"a\0\0\0");
        buf.extend(message(18, b"bc"));
        let found: Vec<_> = Messages::new(&buf).map(|m| m.unwrap().payload).collect();
        assert_eq!(found, [&b"a"[..], b"bc"]);
    }

    #[test]
    fn walk_reports_what_is_malformed_and_ends() {
        for (buf, want) in [
            (message(16, b"xyz"), Malformed::NoHeader),
            (
                message(15, b""),
                Malformed::LengthTooSmall(Header::read(&message(15, b"")).unwrap()),
            ),
            (
                message(u32::MAX, b""),
                Malformed::Truncated(Header::read(&message(u32::MAX, b"")).unwrap()),
            ),
        ] {
            let found: Vec<_> = Messages::new(&buf).collect();
            assert_eq!(found.last(), Some(&Err(want)));
            assert!(found.len() <= 2);
        }
    }
}
