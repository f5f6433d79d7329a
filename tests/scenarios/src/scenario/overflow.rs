// SPDX-License-Identifier: GPL-2.0

//! What happens when a queue is full, by the subscriber's choice.

use crate::client::Client;
use crate::client::Event;
use crate::client::publish_message;
use crate::kernel;
use crate::process::Process;
use crate::wire::data::PUBLISH_NOWAIT;
use crate::wire::header;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_FAIL;
use crate::wire::refusal::Refusal;
use std::time::Duration;
use std::time::Instant;

/// Long enough that whoever waits for it instead of being woken is noticed.
const PATIENCE: u32 = 20_000;

fn subscriber(pattern: &str, flags: u32) -> Client {
    let client = Client::open();
    client.subscribe_with(pattern, flags);
    client
}

/// The numbers of the messages of a topic; losses must fill the gaps between them exactly.
fn numbers(events: &[Event], topic: u32) -> (Vec<u64>, u64) {
    let (mut received, mut lost, mut next) = (Vec::new(), 0, 1);
    for event in events {
        match event {
            Event::Message { topic: t, seq, .. } if *t == topic => {
                assert_eq!(*seq, next, "{received:?}");
                received.push(*seq);
                next += 1;
            }
            Event::Lost {
                topic: t,
                first,
                count,
            } if *t == topic => {
                assert_eq!(*first, next, "a loss stands where messages are missing");
                lost += count;
                next += count;
            }
            _ => {}
        }
    }
    (received, lost)
}

/// The newest are there, in order, behind one word of what is missing; the other topic of the
/// same queue is evicted by the same rule.
pub fn drop_oldest_keeps_the_newest() {
    const COUNT: u64 = 3000;
    let client = subscriber("oldest/*", SUBSCRIBE_DROP_OLDEST);
    let fast = subscriber("oldest/*", 0);
    let publisher = Client::open();
    let topics = [
        publisher.advertise("oldest/a"),
        publisher.advertise("oldest/b"),
    ];
    for number in 0..COUNT {
        for topic in topics {
            let receipt = publisher.publish_acked(topic, &number.to_ne_bytes());
            assert_eq!(
                receipt.map(|(seq, _, dropped)| (seq, dropped)),
                Ok((number + 1, 0))
            );
        }
        fast.drain();
    }
    let events = client.drain();
    for topic in topics {
        let (received, lost) = numbers(&events, topic);
        assert_eq!(received.len() as u64 + lost, COUNT);
        assert_eq!(received.last(), Some(&COUNT));
        assert!(received.len() > 50, "{} are left", received.len());
    }
    let losses = events
        .iter()
        .filter(|e| matches!(e, Event::Lost { .. }))
        .count();
    assert_eq!(losses, 2, "losses in a row are one");
    assert!(kernel::drops(client.port()) > 0);
}

/// While a reader reads as fast as it can, nothing is told wrong: 200,000 messages.
pub fn drop_oldest_is_exact_under_load() {
    let count = u64::from(kernel::times(200_000));
    let client = subscriber("oldest/load", SUBSCRIBE_DROP_OLDEST);
    let events = std::thread::scope(|scope| {
        scope.spawn(|| {
            let publisher = Client::open();
            let topic = publisher.advertise("oldest/load");
            for number in 0..count {
                publisher.publish(topic, &number.to_ne_bytes());
            }
        });
        let mut events = Vec::new();
        while !matches!(events.last(), Some(Event::Removed { .. })) {
            events.extend(client.expect());
        }
        events
    });
    let Some(Event::Topic { topic, .. }) = events.first() else {
        panic!("{:?}", events.first());
    };
    let (received, lost) = numbers(&events, *topic);
    assert_eq!(received.len() as u64 + lost, count);
    assert_eq!(received.last(), Some(&count));
    println!("# received {}, lost {lost}", received.len());
}

/// EAGAIN for the publisher, nothing for anybody, until there is room again.
pub fn fail_publishes_to_all_or_none() {
    let strict = subscriber("fail", SUBSCRIBE_FAIL);
    let other = subscriber("fail", 0);
    other.set_receive_buffer(4 << 20);
    let publisher = Client::open();
    let topic = publisher.advertise_patiently("fail", 0);
    let mut published = 0;
    let refused = loop {
        match publisher.publish_acked(topic, b"x") {
            Ok((seq, 2, 0)) => published = seq,
            Ok(receipt) => panic!("{receipt:?}"),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.errno, Refusal::WouldBlock.errno());
    assert!(publisher.publish_acked(topic, b"x").is_err());
    assert_eq!(numbers(&other.drain(), topic).0.len() as u64, published);
    assert_eq!(strict.drain().len() as u64, published + 1);
    assert_eq!(
        publisher.publish_acked(topic, b"y"),
        Ok((published + 1, 2, 0))
    );
    assert_eq!(other.drain().len(), 1);
    // Who did not agree to fail does not.
    let careless = Client::open();
    assert_eq!(careless.advertise("fail"), topic);
    for _ in 0..1000 {
        assert!(careless.publish_acked(topic, b"x").is_ok());
    }
}

/// A patient publisher and a slow reader: nothing is lost, and the fast reader gets all of it.
pub fn block_loses_nothing() {
    const COUNT: u64 = 5000;
    let slow = subscriber("block", SUBSCRIBE_BLOCK);
    let fast = subscriber("block", 0);
    fast.set_receive_buffer(16 << 20);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let publisher = Client::open();
            let topic = publisher.advertise_patiently("block", PATIENCE);
            for number in 0..COUNT {
                let receipt = publisher.publish_acked(topic, &number.to_ne_bytes());
                assert_eq!(receipt, Ok((number + 1, 2, 0)));
            }
        });
        let mut received = 0;
        while received < COUNT {
            if received % 500 == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            for event in slow.expect() {
                match event {
                    Event::Message { seq, .. } => {
                        received += 1;
                        assert_eq!(seq, received);
                    }
                    other => assert!(matches!(other, Event::Topic { .. }), "{other:?}"),
                }
            }
        }
    });
    let got = fast.drain();
    let messages = got.iter().filter(|e| matches!(e, Event::Message { .. }));
    assert_eq!(messages.count() as u64, COUNT);
}

/// Whoever waits is woken when a quarter of the queue is free; but a reader that is slower than
/// that holds nobody up for long.
pub fn block_goes_on_with_a_slow_reader() {
    let publisher = Client::open();
    let (receipt, took) = Blocked::new(&publisher, "block/slow", PATIENCE).publish(|subscriber| {
        let subscriber = subscriber.as_ref().expect("it is open");
        // The topic's name, which is an entry of its own, and one of hundreds of messages.
        subscriber.expect();
        subscriber.expect();
    });
    assert_eq!(receipt.map(|r| (r.1, r.2)), Ok((1, 0)));
    // Some 100 ms without room, as much again at most, and what a slow machine adds.
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// A publisher that waits on another thread, and what ends its wait.
struct Blocked<'a> {
    subscriber: Client,
    publisher: &'a Client,
    topic: u32,
}

impl<'a> Blocked<'a> {
    fn new(publisher: &'a Client, name: &str, patience: u32) -> Self {
        let subscriber = subscriber(name, SUBSCRIBE_BLOCK);
        let topic = publisher.advertise_patiently(name, patience);
        // Fill the queue without waiting.
        let message = publish_message(topic, 0, header::REQUEST, 0, b"x");
        let mut nowait = message.clone();
        nowait[header::LEN + 36..][..4].copy_from_slice(&PUBLISH_NOWAIT.to_ne_bytes());
        loop {
            publisher.send(&nowait);
            match publisher.drain()[..] {
                [] => {}
                [Event::Ack { errno, .. }] => {
                    assert_eq!(errno, Refusal::WouldBlock.errno());
                    break;
                }
                ref other => panic!("{other:?}"),
            }
        }
        Self {
            subscriber,
            publisher,
            topic,
        }
    }

    /// Publishes, does something while that waits, and returns the receipt and how long it took.
    fn publish(
        self,
        action: impl FnOnce(&mut Option<Client>),
    ) -> (Result<(u64, u32, u32), crate::client::Refused>, Duration) {
        let Self {
            subscriber,
            publisher,
            topic,
        } = self;
        std::thread::scope(|scope| {
            let start = Instant::now();
            let waiting = scope.spawn(move || publisher.publish_acked(topic, b"late"));
            std::thread::sleep(Duration::from_millis(100));
            assert!(!waiting.is_finished(), "it waits");
            let mut subscriber = Some(subscriber);
            action(&mut subscriber);
            let receipt = waiting.join().expect("the publisher");
            (receipt, start.elapsed())
        })
    }
}

/// The end of each wait: room, the subscriber's close, time, and nothing else on the bus stands
/// still meanwhile.
pub fn block_ends_when_it_should() {
    const SOON: Duration = Duration::from_secs(5);
    let publisher = Client::open();
    let (receipt, took) = Blocked::new(&publisher, "block/room", PATIENCE).publish(|subscriber| {
        let subscriber = subscriber.as_ref().expect("it is open");
        let mut events = subscriber.drain();
        std::thread::sleep(Duration::from_millis(50));
        events.extend(subscriber.drain());
        assert!(
            matches!(events.last(), Some(Event::Message { payload, .. }) if payload == b"late")
        );
    });
    assert_eq!(receipt.map(|r| (r.1, r.2)), Ok((1, 0)));
    assert!(took < SOON);

    let (receipt, took) =
        Blocked::new(&publisher, "block/close", PATIENCE).publish(|subscriber| *subscriber = None);
    assert_eq!(receipt.map(|r| (r.1, r.2)), Ok((0, 0)));
    assert!(took < SOON);

    let (receipt, took) = Blocked::new(&publisher, "block/time", 300).publish(|_| {
        // Others publish, advertise and close on the same bus, and on the same topic.
        let other = Client::open();
        let topic = other.advertise("block/time");
        let receipt = other.publish_acked(topic, b"x").map(|r| (r.1, r.2));
        assert_eq!(receipt, Ok((0, 1)), "who did not agree to wait does not");
        drop(other);
    });
    assert_eq!(receipt.map(|r| (r.1, r.2)), Ok((0, 1)));
    assert!(
        took >= Duration::from_millis(300) && took < SOON,
        "{took:?}"
    );
}

/// SIGKILL ends a waiting publisher at once, and its end is told.
pub fn block_ends_with_the_publishers_death() {
    let subscriber = Client::open();
    subscriber.subscribe_with(
        "block/forever",
        SUBSCRIBE_BLOCK | crate::wire::message::SUBSCRIBE_EVENTS,
    );
    let mut publisher = Process::role(&["publish-forever-patiently", "block/forever"]);
    let port: u32 = publisher.line().parse().expect("a port id");
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    publisher.kill();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    let events = subscriber.drain();
    assert!(!events.iter().any(|e| matches!(e, Event::Lost { .. })));
    let [
        ..,
        Event::Message { .. },
        Event::Gone { port: gone, .. },
        Event::Removed { .. },
    ] = events[..]
    else {
        panic!("{:?}", events.last());
    };
    assert_eq!(gone, port);
}
