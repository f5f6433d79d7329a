// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! Acknowledgements and refusals: `NLMSG_ERROR` with extended attributes.
//!
//! Whatever options the socket has set, an acknowledgement carries the header of the request and
//! not its payload (`NLM_F_CAPPED`), and a refusal its sentence (`NLM_F_ACK_TLVS`).

use super::attr::Attributes;
use super::attr::MessageWriter;
use super::bytes_at;
use super::header;
use super::header::Header;
use super::refusal::Refused;

/// `NLMSGERR_ATTR_MSG`: the sentence.
const ATTR_MSG: u16 = 1;
/// `NLMSGERR_ATTR_OFFS`: where in the request the offending attribute starts.
const ATTR_OFFS: u16 = 2;
/// The error number and the header of the request.
const FIXED_LEN: usize = 4 + header::LEN;

/// An acknowledgement (`errno` 0) or refusal, as its receiver reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack<'a> {
    /// 0, or the positive errno of a refusal.
    pub(crate) errno: i32,
    /// Header of the request.
    pub(crate) request: Header,
    /// Why it was refused.
    pub(crate) sentence: Option<&'a str>,
    /// Offset of the offending attribute from the start of the request's header.
    pub(crate) offset: Option<u32>,
}

/// Writes the answer to `request`; returns its length, or `None` if `buf` is too small.
pub(crate) fn write(
    buf: &mut [u8],
    request: Header,
    port: u32,
    result: Result<(), Refused>,
) -> Option<usize> {
    let errno = match result {
        Ok(()) => 0,
        Err(refused) => refused.refusal.errno(),
    };
    let attributes = if result.is_err() { header::ACK_TLVS } else { 0 };
    let mut writer = MessageWriter::new(
        buf,
        Header {
            kind: header::TYPE_ERROR,
            flags: header::CAPPED | attributes,
            seq: request.seq,
            port,
            ..Header::default()
        },
    )
    .raw(&errno.wrapping_neg().to_ne_bytes())
    .raw(&request.to_bytes());
    if let Err(refused) = result {
        let sentence = refused.refusal.sentence().to_str().unwrap_or_default();
        writer = writer.string(ATTR_MSG, sentence);
        if let Some(offset) = refused.offset {
            writer = writer.u32(ATTR_OFFS, u32::try_from(offset).ok()?);
        }
    }
    writer.finish()
}

impl<'a> Ack<'a> {
    /// Reads what follows the header of an `NLMSG_ERROR` message; `None` if it is malformed.
    pub(crate) fn read(header: Header, payload: &'a [u8]) -> Option<Self> {
        let errno = i32::from_ne_bytes(bytes_at(payload, 0)?).checked_neg()?;
        let request = Header::read(payload.get(4..)?)?;
        let mut ack = Self {
            errno,
            request,
            sentence: None,
            offset: None,
        };
        if header.flags & header::ACK_TLVS == 0 {
            return Some(ack);
        }
        let echoed = if header.flags & header::CAPPED != 0 || errno == 0 {
            0
        } else {
            (request.len as usize).saturating_sub(header::LEN)
        };
        let attributes = payload.get(super::align(FIXED_LEN.saturating_add(echoed))..)?;
        for attribute in Attributes::new(attributes) {
            let attribute = attribute.ok()?;
            match attribute.kind {
                ATTR_MSG => ack.sentence = core::str::from_utf8(attribute.string()).ok(),
                ATTR_OFFS => ack.offset = attribute.u32().ok(),
                _ => {}
            }
        }
        Some(ack)
    }
}

#[cfg(test)]
mod tests {
    use super::super::refusal::Refusal;
    use super::*;

    #[test]
    fn acknowledgements_and_refusals_round_trip() {
        let request = Header {
            len: 99,
            kind: 0x11,
            flags: 5,
            seq: 7,
            port: 3,
        };
        let mut buf = [0; 256];
        let results = Refusal::ALL
            .iter()
            .map(|refusal| {
                Err(Refused {
                    refusal: *refusal,
                    offset: Some(20),
                })
            })
            .chain([Ok(()), Err(Refused::from(Refusal::NoMemory))]);
        for result in results {
            let len = write(&mut buf, request, 8, result).unwrap();
            let (message, next) = header::message_at(&buf[..len], 0).unwrap();
            assert_eq!((next, message.header.seq, message.header.port), (len, 7, 8));
            let ack = Ack::read(message.header, message.payload).unwrap();
            let refused = result.err();
            assert_eq!(ack.request, request);
            assert_eq!(ack.errno, refused.map_or(0, |r| r.refusal.errno()));
            assert_eq!(
                ack.sentence,
                refused.map(|r| r.refusal.sentence().to_str().unwrap())
            );
            assert_eq!(ack.offset, refused.and_then(|r| r.offset).map(|o| o as u32));
            for cut in 0..message.payload.len() {
                let _ = Ack::read(message.header, &message.payload[..cut]);
            }
        }
    }

    #[test]
    fn an_echoed_request_is_passed_over() {
        let request = Header {
            len: 19,
            ..Header::default()
        };
        let mut buf = [0; 128];
        let len = MessageWriter::new(
            &mut buf,
            Header {
                flags: header::ACK_TLVS,
                ..Header::default()
            },
        )
        .raw(&(-22_i32).to_ne_bytes())
        .raw(&request.to_bytes())
        .raw(b"abc\0")
        .string(ATTR_MSG, "no")
        .finish()
        .unwrap();
        let (message, _) = header::message_at(&buf[..len], 0).unwrap();
        let ack = Ack::read(message.header, message.payload).unwrap();
        assert_eq!((ack.errno, ack.sentence), (22, Some("no")));
    }
}
