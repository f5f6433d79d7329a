// SPDX-License-Identifier: MIT OR Apache-2.0

//! The headers in front of what a publisher sends.

use crate::error::Error;
use crate::error::Result;
use crate::wire::data;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::message;

/// The headers in front of a payload to be published.
#[inline]
pub(crate) fn frame(
    topic: u32,
    tag: u32,
    flags: u16,
    seq: u32,
    payload_len: usize,
    publish: u32,
) -> Result<[u8; data::PAYLOAD_OFFSET]> {
    let data = DataHeader {
        topic,
        tag,
        flags: publish,
        ..DataHeader::default()
    };
    message_frame(message::PUBLISH, flags, seq, data, payload_len)
}

/// The headers in front of a payload.
#[inline]
pub(crate) fn message_frame(
    kind: u16,
    flags: u16,
    seq: u32,
    data: DataHeader,
    payload_len: usize,
) -> Result<[u8; data::PAYLOAD_OFFSET]> {
    let limit = u32::MAX as usize - data::PAYLOAD_OFFSET;
    let len = u32::try_from(payload_len.saturating_add(data::PAYLOAD_OFFSET)).map_err(|_| {
        Error::TooLarge {
            length: payload_len,
            limit,
        }
    })?;
    // One field after the other, with nothing copied twice.
    let mut frame = [0; data::PAYLOAD_OFFSET];
    let mut put = |offset: usize, number: u32| {
        frame[offset..offset + 4].copy_from_slice(&number.to_ne_bytes());
    };
    put(0, len);
    put(8, seq);
    put(header::LEN + data::TOPIC_OFFSET, data.topic);
    put(header::LEN + data::TAG_OFFSET, data.tag);
    put(header::LEN + data::FLAGS_OFFSET, data.flags);
    frame[4..6].copy_from_slice(&kind.to_ne_bytes());
    frame[6..8].copy_from_slice(&(header::REQUEST | flags).to_ne_bytes());
    Ok(frame)
}

/// Where a small message is put together. To copy a larger one would cost more than it saves.
pub(crate) type SmallMessage = [u8; 1 << 10];

/// Headers and payload in one piece, if they fit: sent in two parts, a message costs the kernel two
/// structures more to read.
#[inline]
pub(crate) fn in_one_piece<'a>(
    place: &'a mut SmallMessage,
    header: &[u8; data::PAYLOAD_OFFSET],
    payload: &[u8],
) -> Option<&'a [u8]> {
    let whole = place.get_mut(..header.len() + payload.len())?;
    let (head, rest) = whole.split_at_mut(header.len());
    head.copy_from_slice(header);
    rest.copy_from_slice(payload);
    Some(whole)
}
