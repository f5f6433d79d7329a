// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! The fixed header in front of every published payload.
//!
//! It starts right after the netlink header. A publisher writes `topic`, `tag` and `flags` and
//! leaves the rest zero; the kernel fills the rest in place, in the one copy of the message that
//! all subscribers share. Every field sits at a fixed offset, so that a socket filter can test it.

use super::field;
use super::header;
use super::put;
use super::refusal::Refusal;

/// Length of this header in bytes. With the netlink header before it, the payload starts at
/// [`PAYLOAD_OFFSET`], a multiple of 8.
pub(crate) const LEN: usize = 40;

/// Where the payload starts in the netlink message.
pub(crate) const PAYLOAD_OFFSET: usize = header::LEN + LEN;

/// Offset of the topic id (u32).
pub(crate) const TOPIC_OFFSET: usize = 0;
/// Offset of the publisher's tag (u32).
pub(crate) const TAG_OFFSET: usize = 4;
/// Offset of the sequence number in the topic (u64).
pub(crate) const SEQ_OFFSET: usize = 8;
/// Offset of the time stamp (u64).
pub(crate) const TIME_OFFSET: usize = 16;
/// Offset of the type fingerprint (u64).
pub(crate) const FINGERPRINT_OFFSET: usize = 24;
/// Offset of the publisher's port id (u32).
pub(crate) const PORT_OFFSET: usize = 32;
/// Offset of the flags (u32).
pub(crate) const FLAGS_OFFSET: usize = 36;

/// Flag of a publisher: fail rather than wait for a subscriber.
pub(crate) const PUBLISH_NOWAIT: u32 = 1 << 0;
/// Flags that a publisher may set.
pub(crate) const PUBLISH_FLAGS: u32 = PUBLISH_NOWAIT;

/// Flag of a last will without payload: there is none any more.
pub(crate) const LAST_WILL_CANCEL: u32 = 1 << 1;

/// The header of one published message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DataHeader {
    /// Id of the topic, as the answer to advertise gave it.
    pub(crate) topic: u32,
    /// Chosen freely by the publisher, for socket filters.
    pub(crate) tag: u32,
    /// Number of the message in its topic: 1, 2, 3, … without gaps.
    pub(crate) seq: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds, read when the message got its number.
    pub(crate) time: u64,
    /// Fingerprint of the payload's type, as the topic was advertised; 0 = untyped.
    pub(crate) fingerprint: u64,
    /// Port id of the publisher's socket; 0 = the kernel itself.
    pub(crate) port: u32,
    /// Flags.
    pub(crate) flags: u32,
}

impl DataHeader {
    /// Splits what follows the netlink header into this header and the payload.
    #[inline]
    pub(crate) fn read(body: &[u8]) -> Option<(Self, &[u8])> {
        let (header, payload) = body.split_first_chunk()?;
        Some((Self::from_bytes(header), payload))
    }

    /// The header that stands on the wire.
    #[inline]
    pub(crate) fn from_bytes(bytes: &[u8; LEN]) -> Self {
        Self {
            topic: u32::from_ne_bytes(field(bytes, TOPIC_OFFSET)),
            tag: u32::from_ne_bytes(field(bytes, TAG_OFFSET)),
            seq: u64::from_ne_bytes(field(bytes, SEQ_OFFSET)),
            time: u64::from_ne_bytes(field(bytes, TIME_OFFSET)),
            fingerprint: u64::from_ne_bytes(field(bytes, FINGERPRINT_OFFSET)),
            port: u32::from_ne_bytes(field(bytes, PORT_OFFSET)),
            flags: u32::from_ne_bytes(field(bytes, FLAGS_OFFSET)),
        }
    }

    /// What a publisher sends: like [`DataHeader::read`], but refuses flags other than these and
    /// fields that only the kernel may fill, so that both can get a meaning later.
    pub(crate) fn read_request(body: &[u8], flags: u32) -> Result<(Self, &[u8]), Refusal> {
        let (header, payload) = Self::read(body).ok_or(Refusal::DataHeaderTruncated)?;
        if header.flags & !flags != 0 {
            return Err(Refusal::UnknownFlags);
        }
        if header.seq != 0 || header.time != 0 || header.fingerprint != 0 || header.port != 0 {
            return Err(Refusal::KernelFieldSet);
        }
        Ok((header, payload))
    }

    /// The header as it stands on the wire.
    pub(crate) fn to_bytes(self) -> [u8; LEN] {
        let mut out = [0; LEN];
        put(&mut out, TOPIC_OFFSET, &self.topic.to_ne_bytes());
        put(&mut out, TAG_OFFSET, &self.tag.to_ne_bytes());
        put(&mut out, SEQ_OFFSET, &self.seq.to_ne_bytes());
        put(&mut out, TIME_OFFSET, &self.time.to_ne_bytes());
        put(
            &mut out,
            FINGERPRINT_OFFSET,
            &self.fingerprint.to_ne_bytes(),
        );
        put(&mut out, PORT_OFFSET, &self.port.to_ne_bytes());
        put(&mut out, FLAGS_OFFSET, &self.flags.to_ne_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips_and_payload_is_aligned() {
        let header = DataHeader {
            topic: 1,
            tag: 2,
            seq: 3,
            time: 4,
            fingerprint: 5,
            port: 6,
            flags: 7,
        };
        let mut body = header.to_bytes().to_vec();
        body.extend_from_slice(b"payload");
        assert_eq!(DataHeader::read(&body), Some((header, &b"payload"[..])));
        assert_eq!(PAYLOAD_OFFSET % 8, 0);
    }

    #[test]
    fn request_must_leave_the_kernels_fields_alone() {
        let ok = DataHeader {
            topic: 9,
            tag: 8,
            ..DataHeader::default()
        };
        assert_eq!(
            DataHeader::read_request(&ok.to_bytes(), PUBLISH_FLAGS),
            Ok((ok, &[][..]))
        );
        for (bad, want) in [
            (DataHeader { seq: 1, ..ok }, Refusal::KernelFieldSet),
            (DataHeader { time: 1, ..ok }, Refusal::KernelFieldSet),
            (
                DataHeader {
                    fingerprint: 1,
                    ..ok
                },
                Refusal::KernelFieldSet,
            ),
            (DataHeader { port: 1, ..ok }, Refusal::KernelFieldSet),
            (
                DataHeader {
                    flags: 1 << 31,
                    ..ok
                },
                Refusal::UnknownFlags,
            ),
        ] {
            assert_eq!(
                DataHeader::read_request(&bad.to_bytes(), PUBLISH_FLAGS),
                Err(want)
            );
        }
        assert_eq!(
            DataHeader::read_request(&ok.to_bytes()[..LEN - 1], PUBLISH_FLAGS),
            Err(Refusal::DataHeaderTruncated)
        );
    }
}
