// SPDX-License-Identifier: GPL-2.0

//! Many messages in one sendmsg().

use crate::client::Client;
use crate::client::Event;
use crate::client::publish_message;
use crate::wire::header;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_FAIL;
use crate::wire::refusal::Refusal;
use crate::wire::seed;
use std::time::Duration;

/// Messages with these tags, as one datagram; each carries its tag.
fn batch(topic: u32, tags: std::ops::Range<u32>) -> Vec<u8> {
    let mut datagram = Vec::new();
    for tag in tags {
        // Odd lengths, so that there is padding between the messages.
        let payload = vec![tag as u8; 1 + tag as usize % 7];
        datagram.extend(publish_message(topic, tag, header::REQUEST, 0, &payload));
        datagram.resize(datagram.len().next_multiple_of(4), 0);
    }
    datagram
}

fn tags(events: &[Event]) -> Vec<u32> {
    let tag = |event: &Event| match event {
        Event::Message { tag, payload, .. } => {
            assert_eq!(payload[..], vec![*tag as u8; 1 + *tag as usize % 7]);
            Some(*tag)
        }
        _ => None,
    };
    events.iter().filter_map(tag).collect()
}

fn seqs(events: &[Event]) -> Vec<u64> {
    let seq = |event: &Event| match event {
        Event::Message { seq, .. } => Some(*seq),
        _ => None,
    };
    events.iter().filter_map(seq).collect()
}

/// One entry of the queue for 16 messages, each with its number; filters and seed subscribers see
/// each on its own.
pub fn cost_one_entry_of_a_queue() {
    let plain = Client::open();
    plain.subscribe(seed::TOPIC);
    let filtered = Client::open();
    filtered.subscribe(seed::TOPIC);
    filtered.filter_tags(3);
    let old = Client::open();
    old.seed(seed::REGISTER_SUBSCRIBER, &[]);
    let publisher = Client::open();
    let topic = publisher.advertise(seed::TOPIC);
    publisher.publish(topic, &[0]);
    for client in [&plain, &filtered, &old] {
        client.drain();
    }

    publisher.send(&batch(topic, 1..17));
    assert_eq!(publisher.drain(), []);
    let events = plain.expect();
    assert_eq!(tags(&events), (1..17).collect::<Vec<_>>());
    assert_eq!(seqs(&events), (2..18).collect::<Vec<_>>());
    assert_eq!(plain.drain(), [], "it was one entry");
    let events = filtered.drain();
    assert_eq!(tags(&events), [3, 6, 9, 12, 15]);
    assert_eq!(seqs(&events), [4, 7, 10, 13, 16]);
    for tag in 1..17_u32 {
        let want = Event::Seed(vec![tag as u8; 1 + tag as usize % 7]);
        assert_eq!(old.receive(Duration::ZERO), [want]);
    }
    assert_eq!(old.drain(), []);
}

/// A longer one is sent as several, for whom it may concern: see docs/limits.md.
pub fn have_a_longest_one() {
    let subscriber = Client::open();
    subscriber.subscribe("long");
    let publisher = Client::open();
    let topic = publisher.advertise("long");
    publisher.publish(topic, &[0]);
    subscriber.drain();
    publisher.send(&batch(topic, 1..1031));
    assert_eq!(tags(&subscriber.expect()), (1..1025).collect::<Vec<_>>());
    assert_eq!(tags(&subscriber.expect()), (1025..1031).collect::<Vec<_>>());
    assert_eq!(subscriber.drain(), []);
}

/// A message that is special ends a batch: another topic, one that asks for an answer, a bad one.
pub fn end_where_something_is_special() {
    let subscriber = Client::open();
    subscriber.subscribe("special/*");
    let publisher = Client::open();
    let (a, b) = (
        publisher.advertise("special/a"),
        publisher.advertise("special/b"),
    );
    let acked = publish_message(a, 5, header::REQUEST | header::ACK, 77, &[5; 6]);
    let mut datagram = [batch(a, 0..3), batch(b, 3..5), acked].concat();
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram.extend(batch(a, 6..8));
    datagram.extend(publish_message(a + b + 1, 0, header::REQUEST, 78, b"bad!"));
    datagram.extend(batch(a, 8..10));
    datagram.extend(&batch(a, 10..12)[..100]);
    publisher.send(&datagram);
    let answers = publisher.drain();
    assert!(
        matches!(
            answers[..],
            [
                Event::Published {
                    seq: 4,
                    delivered: 1,
                    dropped: 0
                },
                Event::Ack {
                    seq: 77,
                    errno: 0,
                    ..
                },
                Event::Ack {
                    seq: 78,
                    errno: 2,
                    ..
                },
                Event::Ack { errno: 74, .. },
            ]
        ),
        "{answers:?}"
    );
    let events = subscriber.drain();
    assert_eq!(tags(&events), (0..11).collect::<Vec<_>>());
}

/// Losses of batches are counted by message, whatever the policy, in order, exactly.
pub fn are_lost_and_evicted_exactly() {
    const ROUNDS: u64 = 2000;
    for flags in [0, SUBSCRIBE_DROP_OLDEST] {
        let slow = Client::open();
        slow.subscribe_with("batch/loss", flags);
        let filtered = Client::open();
        filtered.subscribe_with("batch/loss", flags);
        filtered.filter_tags(2);
        let publisher = Client::open();
        let topic = publisher.advertise("batch/loss");
        for round in 0..ROUNDS {
            publisher.send(&batch(topic, 0..10));
            if round == ROUNDS / 2 {
                slow.receive(Duration::ZERO);
            }
        }
        drop(publisher);
        let events = slow.drain();
        let (mut received, mut lost) = (0, 0);
        for event in &events {
            match event {
                Event::Message { .. } => received += 1,
                Event::Lost { count, .. } => lost += count,
                _ => {}
            }
        }
        let first = seqs(&events)[0];
        // What was received in the middle is missing here.
        let middle = ROUNDS * 10 - received - lost;
        assert!(middle == 10 || middle == 0, "{middle}");
        assert!(lost > 0 && received > 0 && first > 0);
        let numbers = seqs(&events);
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));

        let events = filtered.drain();
        let lost: u64 = events
            .iter()
            .map(|event| match event {
                Event::Lost { count, .. } => *count,
                _ => 0,
            })
            .sum();
        assert_eq!(
            seqs(&events).len() as u64 + lost,
            ROUNDS * 5,
            "flags {flags}"
        );
    }
}

/// A publisher that waits does so once for a batch, which then is one entry of the queue. One that
/// fails fails for each of its messages, and each is told.
pub fn wait_or_fail_together() {
    const COUNT: u32 = 16;
    let slow = Client::open();
    slow.subscribe_with("batch/wait", SUBSCRIBE_BLOCK);
    let careless = Client::open();
    careless.subscribe("batch/wait");
    careless.set_receive_buffer(4 << 20);
    let publisher = Client::open();
    let topic = publisher.advertise_patiently("batch/wait", 20_000);
    let rounds = 200;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                publisher.send(&batch(topic, 0..COUNT));
            }
        });
        let (mut next, mut entries) = (1, 0);
        while next <= u64::from(rounds * COUNT) {
            let events = slow.expect();
            for seq in seqs(&events) {
                assert_eq!(seq, next, "nothing is lost");
                next += 1;
            }
            entries += u32::from(!tags(&events).is_empty());
        }
        assert_eq!(entries, rounds, "an entry for each batch");
    });
    assert_eq!(publisher.drain(), []);
    let all = seqs(&careless.drain());
    assert_eq!(all.len() as u64, u64::from(rounds * COUNT));

    let strict = Client::open();
    strict.subscribe_with("batch/fail", SUBSCRIBE_FAIL);
    let topic = publisher.advertise_patiently("batch/fail", 0);
    while publisher.publish_acked(topic, &[0]).is_ok() {}
    let messages: Vec<_> = (0..3_u32)
        .flat_map(|tag| publish_message(topic, tag, header::REQUEST, 100 + tag, b"12345678"))
        .collect();
    publisher.send(&messages);
    let answers: Vec<_> = publisher
        .drain()
        .into_iter()
        .map(|answer| match answer {
            Event::Ack { seq, errno, .. } => (seq, errno),
            other => panic!("{other:?}"),
        })
        .collect();
    let would_block = Refusal::WouldBlock.errno();
    assert_eq!(
        answers,
        [(100, would_block), (101, would_block), (102, would_block)]
    );
    strict.drain();
    publisher.send(&messages);
    assert_eq!(publisher.drain(), []);
    assert_eq!(strict.expect().len(), 3, "one entry");
    // Where somebody's filter looks at each, they go one by one, and none is lost either.
    let filtered = Client::open();
    filtered.subscribe_with("batch/fail", SUBSCRIBE_BLOCK);
    filtered.filter_tags(2);
    publisher.send(&batch(topic, 0..3));
    assert_eq!(publisher.drain(), []);
    assert_eq!(tags(&filtered.drain()), [0, 2]);
}
