// SPDX-License-Identifier: GPL-2.0

//! Bad input gets an error that says what is wrong, and changes nothing.

use crate::client::Client;
use crate::client::Event;
use crate::client::publish_message;
use crate::client::raw_message;
use crate::wire::attr::MessageWriter;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;
use crate::wire::message::attr;
use crate::wire::refusal::Refusal;
use crate::wire::refusal::Refused;
use crate::wire::request;
use crate::wire::request::Request;
use crate::wire::seed;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;

/// Sends bytes and expects exactly one refusal.
fn refused(client: &Client, bytes: &[u8], want: impl Into<Refused>) {
    let want = want.into();
    client.send(bytes);
    let events = client.drain();
    let [
        Event::Ack {
            errno,
            sentence,
            offset,
            ..
        },
    ] = &events[..]
    else {
        panic!("{want:?} was expected for {bytes:02x?}, but {events:?} came");
    };
    let expected = want.refusal.sentence().to_str().expect("UTF-8");
    assert_eq!(sentence.as_deref(), Some(expected), "{bytes:02x?}");
    assert_eq!(*errno, want.refusal.errno());
    assert_eq!(
        *offset,
        want.offset.map(|offset| offset as u32),
        "{expected}"
    );
}

fn at(refusal: Refusal, offset: usize) -> Refused {
    Refused {
        refusal,
        offset: Some(offset),
    }
}

/// What is wrong below both protocols.
pub fn netlink() {
    let client = Client::open();
    for len in 1..header::LEN {
        refused(&client, &vec![0xff; len], Refusal::NoHeader);
    }
    let with_len = |len: u32, bytes: usize| {
        let header = Header {
            len,
            kind: message::INFO,
            flags: header::REQUEST,
            ..Header::default()
        };
        let mut message = header.to_bytes().to_vec();
        message.resize(bytes, 0);
        message
    };
    for len in [0, 1, 15] {
        refused(&client, &with_len(len, 16), Refusal::LengthTooSmall);
    }
    for (len, bytes) in [(17, 16), (u32::MAX, 16), (0x8000_0000, 64), (65, 64)] {
        refused(&client, &with_len(len, bytes), Refusal::Truncated);
    }
    for kind in [2, 3, 4, 0x0f, 0x1f, 0x3f, 0x7fff, 0xffff] {
        refused(
            &client,
            &raw_message(kind, header::REQUEST, 1, &[]),
            Refusal::UnknownType,
        );
    }
    for kind in [
        message::PUBLISHED,
        message::TOPIC,
        message::LOST,
        message::JOINED,
        message::GONE,
        message::REMOVED,
    ] {
        refused(
            &client,
            &raw_message(kind, header::REQUEST, 1, &[]),
            Refusal::EventFromUser,
        );
    }
    refused(
        &client,
        &raw_message(message::INFO, 0, 1, &[]),
        Refusal::NotARequest,
    );
    let dump = header::REQUEST | header::DUMP;
    refused(
        &client,
        &raw_message(message::INFO, dump, 1, &[]),
        Refusal::NoDump,
    );
    // A good message before a bad one in the same datagram is carried out.
    let mut two = raw_message(message::INFO, header::REQUEST, 1, &[]);
    two.extend_from_slice(&[1, 2, 3]);
    client.send(&two);
    let events = client.drain();
    assert!(
        matches!(events[..], [Event::Info { .. }, Event::Ack { .. }]),
        "{events:?}"
    );
}

/// What is wrong in the seed protocol.
pub fn seed() {
    let client = Client::open();
    let message = |body: &[u8]| raw_message(seed::TYPE, 0, 0, body);
    refused(&client, &message(&[]), Refusal::SeedEmpty);
    for kind in (4..=255).chain([seed::INVALID]) {
        refused(&client, &message(&[kind, 1, 2]), Refusal::SeedUnknownType);
    }
    refused(
        &client,
        &message(&[seed::BROADCAST, 1]),
        Refusal::SeedNotPublisher,
    );
    // A subscriber alone may not broadcast either.
    client.seed(seed::REGISTER_SUBSCRIBER, &[]);
    refused(
        &client,
        &message(&[seed::BROADCAST, 1]),
        Refusal::SeedNotPublisher,
    );
}

/// Control messages: every way in which attributes can be wrong.
pub fn control() {
    let client = Client::open();
    let bytes = |kind, write: &dyn Fn(MessageWriter<'_>) -> MessageWriter<'_>| {
        let mut buf = [0; 1024];
        let header = Header {
            kind,
            flags: header::REQUEST,
            ..Header::default()
        };
        let len = write(MessageWriter::new(&mut buf, header))
            .finish()
            .expect("it fits");
        buf[..len].to_vec()
    };
    let first = header::LEN;

    // Attributes that are missing, foreign, twice, too short, too long.
    for kind in [
        message::ADVERTISE,
        message::UNADVERTISE,
        message::SUBSCRIBE,
        message::UNSUBSCRIBE,
    ] {
        refused(&client, &bytes(kind, &|w| w), Refusal::AttributeMissing);
        for foreign in [
            0,
            attr::COUNT,
            u16::MAX >> 2,
            0x8000 | attr::TOPIC,
            0x4000 | attr::TOPIC,
            0xffff,
        ] {
            refused(
                &client,
                &bytes(kind, &|w| w.u32(foreign, 0)),
                at(Refusal::AttributeUnknown, first),
            );
        }
    }
    refused(
        &client,
        &bytes(message::INFO, &|w| w.u32(attr::ABI, 1)),
        at(Refusal::AttributeUnknown, first),
    );
    let twice = bytes(message::ADVERTISE, &|w| {
        w.string(attr::TOPIC, "abc").string(attr::TOPIC, "abc")
    });
    refused(&client, &twice, at(Refusal::AttributeTwice, first + 8));
    refused(
        &client,
        &bytes(message::UNADVERTISE, &|w| w.u64(attr::TOPIC_ID, 1)),
        at(Refusal::AttributeLength, first),
    );
    refused(
        &client,
        &bytes(message::UNSUBSCRIBE, &|w| {
            w.string(attr::SUBSCRIPTION_ID, "")
        }),
        at(Refusal::AttributeLength, first),
    );
    refused(
        &client,
        &bytes(message::SUBSCRIBE, &|w| {
            w.string(attr::PATTERN, "a").u32(attr::FLAGS, 1 << 31)
        }),
        at(Refusal::UnknownFlags, first + 8),
    );

    // Names and patterns.
    let long = "x".repeat(256);
    for (name, why) in [
        ("", Refusal::TopicEmpty),
        (&long[..], Refusal::TopicTooLong),
        ("a\nb", Refusal::TopicControl),
        ("/a", Refusal::TopicEmptySegment),
        ("a//b", Refusal::TopicEmptySegment),
        ("a/*", Refusal::TopicWildcard),
    ] {
        refused(
            &client,
            &bytes(message::ADVERTISE, &|w| w.string(attr::TOPIC, name)),
            at(why, first),
        );
    }
    for (pattern, why) in [
        ("", Refusal::TopicEmpty),
        ("a*", Refusal::PatternMixedSegment),
        ("a/", Refusal::TopicEmptySegment),
    ] {
        refused(
            &client,
            &bytes(message::SUBSCRIBE, &|w| w.string(attr::PATTERN, pattern)),
            at(why, first),
        );
    }
    let not_utf8 = [&[6, 0, 1, 0][..], &[0xff, 0xfe, 0, 0]].concat();
    refused(
        &client,
        &raw_message(message::ADVERTISE, 1, 0, &not_utf8),
        at(Refusal::TopicNotUtf8, first),
    );

    // Ids that are not there.
    refused(
        &client,
        &bytes(message::UNADVERTISE, &|w| w.u32(attr::TOPIC_ID, 1)),
        Refusal::NotAdvertised,
    );
    refused(
        &client,
        &bytes(message::UNSUBSCRIBE, &|w| w.u32(attr::SUBSCRIPTION_ID, 1)),
        Refusal::NoSuchSubscription,
    );

    // Every valid request, cut at every length: refused or, where a cut leaves a whole, answered.
    for request in [
        Request::Advertise {
            topic: Name::new(b"cut").expect("a name"),
            fingerprint: 7,
            wait: Some(1),
            history: Some(1),
            flags: 1,
            mode: Some(0o600),
            gid: Some(0),
        },
        Request::Clear {
            topic: Name::new(b"cut").expect("a name"),
        },
        Request::Unadvertise { topic_id: 77 },
        Request::Subscribe {
            pattern: Pattern::new(b"cut/**").expect("a pattern"),
            flags: 0,
        },
        Request::Unsubscribe {
            subscription_id: 77,
        },
    ] {
        let mut buf = [0; request::MAX_LEN];
        let len = request.write(&mut buf, 1).expect("it fits");
        for cut in header::LEN..len {
            let victim = Client::open();
            let mut message = buf[..cut].to_vec();
            message[..4].copy_from_slice(&(cut as u32).to_ne_bytes());
            victim.send(&message);
            assert!(
                !victim.drain().is_empty(),
                "{request:?} cut at {cut} is answered"
            );
        }
    }
}

/// Published messages.
pub fn published() {
    let client = Client::open();
    refused(
        &client,
        &publish_message(1, 0, header::REQUEST, 1, b"x"),
        Refusal::NotAdvertised,
    );
    let topic = client.advertise("malformed");
    refused(
        &client,
        &publish_message(topic + 1, 0, header::REQUEST, 1, b"x"),
        Refusal::NotAdvertised,
    );
    refused(
        &client,
        &publish_message(topic, 0, 0, 1, b"x"),
        Refusal::NotARequest,
    );
    let good = publish_message(topic, 0, header::REQUEST, 1, b"");
    for cut in header::LEN..good.len() {
        let mut message = good[..cut].to_vec();
        message[..4].copy_from_slice(&(cut as u32).to_ne_bytes());
        refused(&client, &message, Refusal::DataHeaderTruncated);
    }
    // Fields that the kernel fills, and flags that nobody knows.
    for offset in (24..56).step_by(4).filter(|offset| *offset != 52) {
        let mut message = good.clone();
        message[offset] = 1;
        refused(&client, &message, Refusal::KernelFieldSet);
    }
    let mut message = good.clone();
    message[52] = 2;
    refused(&client, &message, Refusal::UnknownFlags);
    // None of it got a number.
    assert_eq!(
        client.publish_acked(topic, b"x").map(|(seq, ..)| seq),
        Ok(1)
    );
}

/// The state after refusals is the state before them.
pub fn change_nothing() {
    let client = Client::open();
    let topic = client.try_advertise("typed", 7).expect("advertise");
    let other = Client::open();
    let mismatch = other.try_advertise("typed", 8).expect_err("another type");
    assert_eq!(mismatch.errno, Refusal::FingerprintMismatch.errno());
    assert!(
        other.try_advertise("typed", 0).is_ok(),
        "untyped goes with all"
    );
    let again = client.try_advertise("typed", 7).expect_err("already");
    assert_eq!(again.errno, Refusal::AlreadyAdvertised.errno());
    let before = client.counts();
    assert_eq!(before, (1, 2, 0));

    for _ in 0..100 {
        let _ = client.try_advertise("typed", 9);
        client.send(&raw_message(message::SUBSCRIBE, header::REQUEST, 0, &[1]));
        client.send(&raw_message(
            message::ADVERTISE,
            header::REQUEST,
            0,
            &[0xff; 32],
        ));
        client.drain();
    }
    assert_eq!(client.counts(), before);
    assert_eq!(client.publish_acked(topic, b"x"), Ok((1, 0, 0)));
}
