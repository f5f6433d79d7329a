// SPDX-License-Identifier: GPL-2.0

//! Order, numbers and contents of what subscribers get.

use crate::client::Client;
use crate::client::Event;
use crate::client::publish_message;
use crate::kernel;
use crate::wire::header;
use std::sync::Barrier;
use std::time::Duration;

/// 1, 2, 3, … with the publisher's tag, port and payload.
pub fn is_numbered_without_gaps() {
    let subscriber = Client::open();
    subscriber.subscribe("numbers");
    let publisher = Client::open();
    let topic = publisher
        .try_advertise("numbers", 0xfeed)
        .expect("advertise");
    for number in 1..=100_u32 {
        let payload = number.to_ne_bytes();
        publisher.send(&publish_message(
            topic,
            number,
            header::REQUEST,
            0,
            &payload,
        ));
    }
    assert_eq!(publisher.drain(), [], "nothing asked for, nothing answered");
    let mut events = subscriber.drain().into_iter();
    let name = "numbers".to_owned();
    assert_eq!(
        events.next(),
        Some(Event::Topic {
            topic,
            name,
            fingerprint: 0xfeed
        })
    );
    for number in 1..=100_u32 {
        let want = Event::Message {
            topic,
            seq: number.into(),
            port: publisher.port(),
            tag: number,
            fingerprint: 0xfeed,
            payload: number.to_ne_bytes().to_vec(),
        };
        assert_eq!(events.next(), Some(want));
    }
    assert_eq!(events.next(), None);
}

/// 8 publishers and 8 subscribers at the same time: all agree on who said what when.
pub fn has_one_order_for_all() {
    const PUBLISHERS: u64 = 8;
    let each = u64::from(kernel::times(1000));
    let subscribers: Vec<Client> = (0..8).map(|_| Client::open()).collect();
    for subscriber in &subscribers {
        subscriber.set_receive_buffer(16 << 20);
        subscriber.subscribe("order");
    }
    let start = Barrier::new(PUBLISHERS as usize);
    std::thread::scope(|scope| {
        for _ in 0..PUBLISHERS {
            scope.spawn(|| {
                let publisher = Client::open();
                let topic = publisher.advertise("order");
                start.wait();
                for number in 0..each {
                    publisher.publish(topic, &number.to_ne_bytes());
                }
                // Nobody leaves before all are heard, so that the topic stays the same.
                start.wait();
            });
        }
    });
    let heard = |subscriber: &Client| -> Vec<Event> {
        let messages = |event: &Event| matches!(event, Event::Message { .. });
        subscriber.drain().into_iter().filter(messages).collect()
    };
    let first = heard(&subscribers[0]);
    for (index, event) in first.iter().enumerate() {
        assert!(matches!(event, Event::Message { seq, .. } if *seq == index as u64 + 1));
    }
    assert_eq!(first.len() as u64, PUBLISHERS * each);
    for other in &subscribers[1..] {
        assert_eq!(heard(other), first);
    }
}

/// Beyond a page an sk_buff's data comes from vmalloc; it has rules of its own.
pub fn of_large_messages() {
    let subscribers: Vec<Client> = (0..3).map(|_| Client::open()).collect();
    for subscriber in &subscribers {
        subscriber.set_receive_buffer(4 << 20);
        subscriber.subscribe("large");
    }
    let publisher = Client::open();
    let topic = publisher.advertise("large");
    for len in [0, 1, 4000, 5000, 32 << 10, 64 << 10, 128 << 10, 200 << 10] {
        let payload: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
        let (_, delivered, dropped) = publisher.publish_acked(topic, &payload).expect("publish");
        assert_eq!((delivered, dropped), (3, 0), "{len} bytes");
        for subscriber in &subscribers {
            let got = subscriber
                .drain()
                .into_iter()
                .find_map(|event| match event {
                    Event::Message { payload, .. } => Some(payload),
                    _ => None,
                });
            assert!(
                got.as_ref() == Some(&payload),
                "{len} bytes arrive unchanged"
            );
        }
    }
    // One that stays queued when its socket closes.
    publisher.publish(topic, &vec![1; 100 << 10]);
}

/// Several messages in one sendmsg(), to different topics, with errors in between.
pub fn datagram_with_several_messages() {
    let subscriber = Client::open();
    subscriber.subscribe("several/*");
    let publisher = Client::open();
    let topics = [
        publisher.advertise("several/a"),
        publisher.advertise("several/b"),
    ];
    let mut datagram = Vec::new();
    for number in 0..10_u8 {
        // Odd lengths, so that there is padding between the messages.
        let payload = vec![number; 1 + usize::from(number)];
        let topic = topics[usize::from(number % 2)];
        let mut message = publish_message(topic, 0, header::REQUEST, u32::from(number), &payload);
        message.resize(message.len().next_multiple_of(4), 0);
        datagram.extend(message);
        datagram.extend(publish_message(99_999, 0, header::REQUEST, 1000, b"bad!"));
    }
    publisher.send(&datagram);
    let refusals = publisher.drain();
    assert_eq!(refusals.len(), 10);
    assert!(refusals.iter().all(|r| matches!(
        r,
        Event::Ack {
            errno: 2,
            seq: 1000,
            ..
        }
    )));
    std::thread::sleep(Duration::from_millis(1));
    let payloads: Vec<Vec<u8>> = subscriber
        .drain()
        .into_iter()
        .filter_map(|event| match event {
            Event::Message { payload, .. } => Some(payload),
            _ => None,
        })
        .collect();
    let want: Vec<Vec<u8>> = (0..10_u8).map(|n| vec![n; 1 + usize::from(n)]).collect();
    assert_eq!(payloads, want);
}
