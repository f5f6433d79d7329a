// SPDX-License-Identifier: GPL-2.0

//! Answers, events and acknowledgements, as libkipc reads them.

use crate::wire::ack::Ack;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;
use crate::wire::record;
use crate::wire::record::lost_at;
use crate::wire::record::Record;

/// Longest text of a record whose size [`record::MAX_LEN`] promises.
const LONGEST_TEXT: usize = 64;

/// Parses a record.
pub(crate) fn record(header: Header, payload: &[u8]) {
    let Ok(record) = Record::parse(header, payload) else {
        return;
    };
    assert_eq!(record.kind(), header.kind);
    let text = match record {
        Record::Info(info) => info.version.len(),
        Record::ClientInfo(client) => client.comm.len(),
        _ => 0,
    };
    // Such a text fits into no attribute once it has its NUL.
    if text >= usize::from(u16::MAX) - 4 {
        return;
    }
    let room = match text {
        0..=LONGEST_TEXT => record::MAX_LEN,
        longer => record::MAX_LEN + longer,
    };
    let mut first = written(record, header, room);
    let len = first.len();
    assert_eq!(
        record.write(&mut first[..len - 1], 0, 0),
        None,
        "it fits, cut"
    );
    let first = written(record, header, len);
    let (message, next) = header::message_at(&first, 0).expect("a message was written");
    assert_eq!((next, message.header.flags), (len, header::MULTI));
    assert_eq!(Record::parse(message.header, message.payload), Ok(record));
    if let Record::Lost {
        topic_id,
        first: number,
        count,
    } = record
    {
        assert_eq!(first[lost_at::TOPIC..][..4], topic_id.to_ne_bytes());
        assert_eq!(first[lost_at::FIRST..][..8], number.to_ne_bytes());
        assert_eq!(first[lost_at::COUNT..][..8], count.to_ne_bytes());
    }
    assert_ne!(header.kind, message::PUBLISH);
}

fn written(record: Record<'_>, header: Header, room: usize) -> Vec<u8> {
    let mut buf = vec![0; room];
    let len = record.write_part(&mut buf, header.seq, header.port);
    buf.truncate(len.expect("there is room for it"));
    buf
}

/// Reads an acknowledgement.
pub(crate) fn ack(header: Header, payload: &[u8]) {
    let bare = Header { flags: 0, ..header };
    for header in [header, bare] {
        let Some(ack) = Ack::read(header, payload) else {
            continue;
        };
        assert_eq!(payload[..4], ack.errno.wrapping_neg().to_ne_bytes());
        assert_eq!(payload[4..][..header::LEN], ack.request.to_bytes());
        let told = ack.sentence.is_some() || ack.offset.is_some();
        assert!(!told || header.flags & header::ACK_TLVS != 0);
    }
}
