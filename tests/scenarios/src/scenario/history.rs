// SPDX-License-Identifier: GPL-2.0

//! Retained messages, and subscribers that come later.

use crate::client::Client;
use crate::client::Event;
use crate::client::Terms;
use crate::kernel;
use crate::process::Process;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::refusal::Refusal;
use libkipc::Bus;
use libkipc::Item;
use std::time::Duration;

/// What a user may retain, unless the module is told otherwise.
const BYTES_PER_USER: usize = 16 << 20;

fn subscribe(client: &Client, topic: &str) -> Vec<Event> {
    client.subscribe_with(topic, SUBSCRIBE_HISTORY).1
}

/// Numbers of the messages among the events; what was lost is counted in `next` order.
fn numbers(events: &[Event]) -> Vec<u64> {
    let number = |event: &Event| match event {
        Event::Message { seq, .. } => Some(*seq),
        _ => None,
    };
    events.iter().filter_map(number).collect()
}

/// Two publishers run; each of a thousand subscribers gets the history and then what follows.
pub fn has_no_gap_1000_times() {
    const DEPTH: usize = 16;
    let mut publishers: Vec<_> = (0..2)
        .map(|_| Process::role(&["publish-with-history", "latched", "16"]).ready())
        .collect();
    // Until the history is full.
    let first = Client::open();
    subscribe(&first, "latched");
    let mut seen = 0;
    while seen < 2 * DEPTH {
        seen += numbers(&first.expect()).len();
    }
    drop(first);
    let mut live = 0;
    let rounds = kernel::times(1000);
    for _ in 0..rounds {
        let client = Client::open();
        let before = subscribe(&client, "latched");
        let mut got = numbers(&before);
        assert!(got.len() >= DEPTH, "the history comes first: {before:?}");
        let replayed = got.len();
        while got.len() < DEPTH + 8 {
            let events = client.expect();
            assert!(!events.iter().any(|e| matches!(e, Event::Lost { .. })));
            got.extend(numbers(&events));
        }
        live += u32::from(got.len() > replayed);
        let expected: Vec<u64> = (got[0]..).take(got.len()).collect();
        assert_eq!(got, expected, "a gap or a duplicate");
    }
    assert!(
        live > rounds / 2,
        "live messages came in only {live} rounds"
    );
    publishers.iter_mut().for_each(Process::kill);
    let client = Client::open();
    client.clear("latched").expect("clear");
    assert_eq!(client.counts(), (0, 0, 0), "nothing is left");
}

/// The publisher, an ordinary user, is dead; its message still says who it was.
pub fn outlives_its_publisher_with_its_identity() {
    const UID: u32 = 1000;
    let mut user = Process::role_as_user(UID, &["latch", "state", "on", ""]).ready();
    user.kill();
    let bus = Bus::connect().expect("connect");
    assert_eq!(bus.info().expect("info").topics, 1, "the topic stays");
    let mut subscriber = bus
        .raw_subscriber("state")
        .and_then(|builder| builder.history().credentials().create())
        .expect("a subscriber");
    let item = subscriber.recv_timeout(Duration::from_secs(10));
    let message = item
        .expect("receive")
        .and_then(Item::into_message)
        .expect("a message");
    assert_eq!(message.value, b"on");
    let credentials = message.credentials.expect("credentials");
    // Its pid may be another process's by now.
    assert_eq!(
        (credentials.pid, credentials.uid, credentials.gid),
        (0, UID, UID)
    );
    // The next publisher goes on where the last one stopped.
    let next = Client::open();
    let topic = next.advertise("state");
    assert_eq!(next.publish_acked(topic, b"off").map(|r| r.0), Ok(2));
    drop(next);
    Client::open().clear("state").expect("root may");
    assert_eq!(bus.info().expect("info").topics, 0);
}

/// What does not fit the queue of a late subscriber is counted.
pub fn larger_than_the_queue_is_lost_with_a_word() {
    const MESSAGES: u64 = 200;
    let publisher = Client::open();
    let topic = publisher
        .advertise_history("deep", 1000)
        .expect("advertise");
    for _ in 0..MESSAGES {
        publisher.publish(topic, &[7; 500]);
    }
    let small = Client::open();
    small.set_receive_buffer(8192);
    let events = subscribe(&small, "deep");
    let got = numbers(&events);
    let lost = events.iter().find_map(|event| match event {
        Event::Lost { first, count, .. } => Some((*first, *count)),
        _ => None,
    });
    let received = got.len() as u64;
    assert!((1..MESSAGES).contains(&received), "{received}");
    assert_eq!(lost, Some((received + 1, MESSAGES - received)));
    publisher.publish(topic, b"live");
    assert_eq!(numbers(&small.expect()), [MESSAGES + 1]);
    publisher.clear("deep").expect("clear");
}

/// However deep a history may be, its user's bytes are its limit; large messages, whose memory is
/// not contiguous, count in full.
pub fn stays_within_the_bytes_of_its_user() {
    const LEN: usize = 150_000;
    const MESSAGES: usize = 200;
    let publisher = Client::open();
    let topic = publisher
        .advertise_history("bulk", 4096)
        .expect("advertise");
    for _ in 0..MESSAGES {
        publisher.publish(topic, &[7; LEN]);
    }
    let late = Client::open();
    let events = subscribe(&late, "bulk");
    let received = numbers(&events);
    let lost: u64 = events
        .iter()
        .map(|event| match event {
            Event::Lost { count, .. } => *count,
            _ => 0,
        })
        .sum();
    let retained = received.len() + lost as usize;
    assert!(retained <= BYTES_PER_USER / LEN, "{retained}");
    assert!(retained >= BYTES_PER_USER / LEN / 2, "{retained}");
    assert_eq!(received[0], (MESSAGES - retained + 1) as u64);
    // Nothing is left of the limit for another topic, until it is given back.
    let other = publisher.advertise_history("other", 8).expect("advertise");
    publisher.publish(other, &[7; LEN]);
    assert_eq!(numbers(&subscribe(&Client::open(), "other")), [0; 0]);
    let refused = publisher.set_last_will(other, &[7; LEN]).unwrap_err();
    assert_eq!(refused.errno, Refusal::TooMuchRetained.errno());
    publisher.clear("bulk").expect("clear");
    publisher.publish(other, &[7; LEN]);
    assert_eq!(numbers(&subscribe(&Client::open(), "other")), [2]);
    publisher.clear("other").expect("clear");
    drop((publisher, late));
    assert_eq!(Client::open().counts(), (0, 0, 0));
}

/// Who does not own the topic cannot change its history, and nobody can ask for too much.
pub fn is_its_users_business() {
    let publisher = Client::open();
    let refused = publisher.advertise_history("mine", 4097).unwrap_err();
    assert_eq!(refused.errno, Refusal::HistoryTooDeep.errno());
    let missing = publisher.clear("mine").unwrap_err();
    assert_eq!(missing.errno, Refusal::NoSuchTopic.errno());
    // Others may publish here; the history is another matter.
    let terms = Terms {
        history: Some(4),
        mode: Some(0o666),
        ..Terms::default()
    };
    publisher.advertise_with("mine", terms).expect("advertise");
    let mut user = Process::role_as_user(1000, &["meddle", "mine"]);
    assert_eq!(user.line(), Refusal::HistoryOfOther.errno().to_string());
    assert_eq!(user.line(), Refusal::HistoryOfOther.errno().to_string());
    user.succeed();
}

/// Tries to change and to clear another user's history.
pub fn meddle(topic: &str) -> [i32; 2] {
    let client = Client::open();
    let errno =
        |result: Result<(), crate::client::Refused>| result.map_or_else(|r| r.errno, |()| 0);
    [
        errno(client.advertise_history(topic, 5).map(|_| ())),
        errno(client.clear(topic)),
    ]
}
