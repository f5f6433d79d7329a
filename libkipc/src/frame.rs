// SPDX-License-Identifier: MIT OR Apache-2.0

//! The headers in front of what a publisher sends.

use crate::error::Error;
use crate::error::Result;
use crate::wire::data;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;

/// The headers in front of a payload to be published.
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
    let netlink = Header {
        len,
        kind,
        flags: header::REQUEST | flags,
        seq,
        port: 0,
    };
    let mut frame = [0; data::PAYLOAD_OFFSET];
    frame[..header::LEN].copy_from_slice(&netlink.to_bytes());
    frame[header::LEN..].copy_from_slice(&data.to_bytes());
    Ok(frame)
}
