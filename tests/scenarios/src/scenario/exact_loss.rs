// SPDX-License-Identifier: GPL-2.0

//! received + lost = published, under a random load with random stalls.

use crate::client::Client;
use crate::client::Event;
use crate::client::publish_message;
use crate::kernel;
use crate::wire::header;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use std::sync::Barrier;
use std::time::Duration;

const PUBLISHERS: u64 = 2;
const EACH: u32 = 250_000;
const SEED: u64 = 0x6b69_7063;

/// Numbers that look random and are the same each time (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Publishes so many messages in bursts of random length, half of them in batches, with tags from
/// 0 to 5 in turn.
fn publisher(topic: &str, seed: u64, each: u64, start: &Barrier) {
    let client = Client::open();
    let topic = client.advertise(topic);
    let mut random = Random(seed);
    start.wait();
    let mut sent = 0;
    while sent < each {
        let burst = random.below(20).min(each - sent) + u64::from(sent == each - 1);
        let message = |n: u64| publish_message(topic, (n % 6) as u32, header::REQUEST, 0, &[0; 8]);
        if random.below(2) == 0 {
            let datagram: Vec<u8> = (sent..sent + burst).flat_map(message).collect();
            if burst > 0 {
                client.send(&datagram);
            }
        } else {
            (sent..sent + burst).for_each(|n| client.send(&message(n)));
        }
        sent += burst;
    }
    // Nobody leaves before all are done, so that the topic stays the same.
    start.wait();
}

/// Reads with random stalls until the topic ends; how many came and how many were lost.
fn reader(client: &Client, seed: u64) -> (u64, u64) {
    let mut random = Random(seed);
    let (mut received, mut lost, mut last) = (0, 0, 0);
    loop {
        if random.below(400) == 0 {
            std::thread::sleep(Duration::from_millis(random.below(20)));
        }
        for event in client.expect() {
            match event {
                Event::Message { seq, .. } => {
                    assert!(seq > last, "{seq} behind {last}");
                    last = seq;
                    received += 1;
                }
                Event::Lost { first, count, .. } => {
                    assert!(first > last, "loss of {first} behind {last}");
                    last = first;
                    lost += count;
                }
                Event::Topic { .. } => {}
                Event::Removed { .. } => return (received, lost),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Four subscribers, drop newest and drop oldest, each with and without a filter; half a million
/// messages for each, so that two million fates are accounted for.
pub fn accounts_for_every_message() {
    let subscribers: Vec<(Client, &str, u64)> = [
        (0, "drop newest", 1),
        (0, "drop newest, filtered", 3),
        (SUBSCRIBE_DROP_OLDEST, "drop oldest", 1),
        (SUBSCRIBE_DROP_OLDEST, "drop oldest, filtered", 2),
    ]
    .into_iter()
    .map(|(flags, name, divisor)| {
        let client = Client::open();
        client.subscribe_with("exact", flags);
        if divisor > 1 {
            client.filter_tags(divisor as u32);
        }
        (client, name, divisor)
    })
    .collect();
    let each = u64::from(kernel::times(EACH));
    let start = Barrier::new(PUBLISHERS as usize);
    std::thread::scope(|scope| {
        for number in 0..PUBLISHERS {
            let start = &start;
            scope.spawn(move || publisher("exact", SEED + number, each, start));
        }
        for (index, (client, name, divisor)) in subscribers.iter().enumerate() {
            scope.spawn(move || {
                let (received, lost) = reader(client, SEED * 31 + index as u64);
                println!("# {name}: received {received}, lost {lost}");
                // Tags run from 0 to 5 in turn, so a divisor of 6 halves or thirds them.
                let wanted: u64 = (0..each).filter(|n| n % 6 % divisor == 0).count() as u64;
                assert_eq!(received + lost, wanted * PUBLISHERS, "{name}");
                // However slow, a reader gets a message for each loss that it is told of.
                assert!(received > each / 250, "{name}");
            });
        }
    });
}
