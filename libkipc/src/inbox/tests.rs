// SPDX-License-Identifier: MIT OR Apache-2.0

//! Datagrams in, items out.

use super::*;
use crate::wire::refusal;
use std::os::unix::net::UnixDatagram;

fn data(topic: u32, seq: u64) -> DataHeader {
    DataHeader {
        topic,
        seq,
        tag: 4,
        time: 5,
        fingerprint: 6,
        port: 7,
        flags: 0,
    }
}

/// An inbox that has received this datagram.
fn inbox(datagram: &[u8]) -> Inbox {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    theirs.send(datagram).unwrap();
    let mut inbox = Inbox::new(ANSWER_ROOM, false);
    assert!(inbox.fill(&ours, Wait::No).unwrap());
    inbox
}

#[test]
fn one_datagram_holds_many_items_in_their_order() {
    let mut inbox = inbox(
        &[
            fake::topic(1, "a/b"),
            fake::message(data(1, 8), b"xyz"),
            fake::record(
                Record::Lost {
                    topic_id: 1,
                    first: 9,
                    count: 2,
                },
                0,
            ),
            fake::message(data(1, 11), b""),
            fake::record(
                Record::Gone {
                    topic_id: 1,
                    port: 7,
                },
                0,
            ),
        ]
        .concat(),
    );
    let topic = Topic::new("a/b").unwrap();
    let mut next = || {
        let step = inbox.step()?.unwrap();
        Some(format!("{:?}", inbox.view(step).unwrap()))
    };
    let want = |item: RawItem<'_>| Some(format!("{item:?}"));
    let message = |seq, payload| {
        RawItem::Message(WholeMessage {
            header: data(1, seq),
            topic: &topic,
            payload,
            credentials: None,
        })
    };
    assert_eq!(next(), want(message(8, b"xyz")));
    assert_eq!(
        next(),
        want(RawItem::Lost {
            topic: &topic,
            first: 9,
            count: 2
        })
    );
    assert_eq!(next(), want(message(11, b"")));
    assert_eq!(
        next(),
        want(RawItem::Gone {
            topic: &topic,
            publisher: PortId(7)
        })
    );
    assert_eq!(next(), None);
}

#[test]
fn topics_are_known_until_they_are_removed() {
    let mut inbox = inbox(
        &[
            fake::topic(1, "a"),
            fake::message(data(1, 1), b""),
            fake::record(Record::Removed { topic_id: 1 }, 0),
            fake::message(data(1, 2), b""),
        ]
        .concat(),
    );
    let step = inbox.step().unwrap().unwrap();
    assert!(inbox.view(step).is_ok());
    let step = inbox.step().unwrap().unwrap();
    let topic = Topic::new("a").unwrap();
    assert_eq!(
        inbox.view(step).unwrap(),
        RawItem::Removed { topic: &topic }
    );
    let step = inbox.step().unwrap().unwrap();
    assert!(matches!(inbox.view(step), Err(Error::Protocol { .. })));
}

#[test]
fn refusals_are_errors_and_the_walk_goes_on() {
    let refused = refusal::Refused {
        refusal: refusal::Refusal::NoMemory,
        offset: Some(20),
    };
    let unknown = header::Header {
        len: 16,
        kind: 0x7f,
        ..header::Header::default()
    };
    let mut inbox = inbox(
        &[
            fake::ack(3, Ok(())),
            fake::ack(4, Err(refused)),
            unknown.to_bytes().to_vec(),
            fake::topic(1, "a"),
            fake::message(data(1, 1), b""),
        ]
        .concat(),
    );
    match inbox.step() {
        Some(Err(Error::Refused(refused))) => {
            assert_eq!(refused.errno(), crate::Errno::NOMEM);
            assert_eq!(refused.offset(), Some(20));
            assert!(refused.to_string().contains("out of memory"), "{refused}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(inbox.step(), Some(Ok(Step::Message { .. }))));
    assert!(inbox.step().is_none());
}

#[test]
fn refusal_without_attributes_shows_the_errno() {
    let request = header::Header::default();
    let mut datagram = header::Header {
        len: 36,
        kind: header::TYPE_ERROR,
        flags: header::CAPPED,
        ..header::Header::default()
    }
    .to_bytes()
    .to_vec();
    datagram.extend((-17_i32).to_ne_bytes());
    datagram.extend(request.to_bytes());
    match inbox(&datagram).step() {
        Some(Err(Error::Refused(refused))) => {
            assert_eq!(refused.errno(), crate::Errno::EXIST);
            assert_eq!((refused.message(), refused.offset()), (None, None));
            assert!(refused.to_string().contains("File exists"), "{refused}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_bytes_end_the_walk_without_a_panic() {
    let whole = [
        fake::topic(1, "a"),
        fake::message(data(1, 1), b"abc"),
        fake::ack(1, Err(refusal::Refusal::NoMemory.into())),
    ]
    .concat();
    for at in 0..whole.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            let mut inbox = inbox(&bytes);
            let mut steps = 0;
            while let Some(step) = inbox.step() {
                let _ = step.and_then(|step| inbox.view(step).map(|_| ()));
                steps += 1;
                assert!(steps < 100);
            }
        }
        let _ = inbox(&whole[..at.max(1)]).step();
    }
}

#[test]
fn a_datagram_that_was_cut_is_told_and_the_next_one_fits() {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let large = [fake::topic(1, "a"), fake::message(data(1, 1), &[9; 9000])].concat();
    let mut inbox = Inbox::new(100, false);
    theirs.send(&large).unwrap();
    theirs.send(&large).unwrap();
    match inbox.fill(&ours, Wait::No) {
        Err(Error::Truncated { length, room }) => {
            assert_eq!((length, room), (large.len(), 100))
        }
        other => panic!("{other:?}"),
    }
    assert!(inbox.step().is_none());
    assert!(inbox.fill(&ours, Wait::No).unwrap());
    match inbox.step() {
        Some(Ok(Step::Message { payload, .. })) => assert_eq!(payload.len(), 9000),
        other => panic!("{other:?}"),
    }
}

#[test]
fn there_is_room_for_the_longest_message() {
    assert_eq!(data_room(1 << 20), (1 << 20) + PAYLOAD_OFFSET);
    assert_eq!(data_room(0), ANSWER_ROOM);
    assert_eq!(data_room(u32::MAX), MOST_ROOM + PAYLOAD_OFFSET);
}

#[test]
fn what_was_kept_comes_first() {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    theirs.send(&fake::message(data(1, 1), b"")).unwrap();
    theirs.send(&fake::message(data(1, 2), b"")).unwrap();
    let mut inbox = Inbox::new(ANSWER_ROOM, false);
    assert!(inbox.receive(&ours, Wait::No).unwrap());
    inbox.keep();
    assert!(inbox.step().is_none());
    for want in 1..=2 {
        assert!(inbox.fill(&ours, Wait::No).unwrap());
        match inbox.step() {
            Some(Ok(Step::Message { header, .. })) => assert_eq!(header.seq, want),
            other => panic!("{other:?}"),
        }
    }
    assert!(!inbox.fill(&ours, Wait::No).unwrap());
}
