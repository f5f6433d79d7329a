// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a kernel would send, for tests.

use super::*;
use crate::wire::header::Header;
use crate::wire::record;

/// A record, padded so that another message may follow.
pub(crate) fn record(record: Record<'_>, seq: u32) -> Vec<u8> {
    let mut buf = vec![0; record::MAX_LEN];
    let len = record.write(&mut buf, seq, 0).unwrap();
    buf.truncate(len);
    buf
}

/// The event that names a topic.
pub(crate) fn topic(topic_id: u32, name: &str) -> Vec<u8> {
    let name = crate::wire::topic::Name::new(name.as_bytes()).unwrap();
    record(
        Record::Topic {
            topic_id,
            name,
            fingerprint: 0,
        },
        0,
    )
}

/// A published message, padded.
pub(crate) fn message(header: DataHeader, payload: &[u8]) -> Vec<u8> {
    let len = PAYLOAD_OFFSET + payload.len();
    let mut out = Header {
        len: len as u32,
        kind: message::PUBLISH,
        ..Header::default()
    }
    .to_bytes()
    .to_vec();
    out.extend(header.to_bytes());
    out.extend(payload);
    out.resize(crate::wire::align(len), 0);
    out
}

/// An acknowledgement (errno 0) or a refusal.
pub(crate) fn ack(seq: u32, result: Result<(), crate::wire::refusal::Refused>) -> Vec<u8> {
    let mut buf = vec![0; 512];
    let request = Header {
        seq,
        ..Header::default()
    };
    let len = crate::wire::ack::write(&mut buf, request, 0, result).unwrap();
    buf.truncate(len);
    buf
}
