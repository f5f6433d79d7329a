// SPDX-License-Identifier: GPL-2.0

//! Real threads. Every lock checks the lock order; a watchdog ends what hangs.
//!
//! There is no loom here: the bus has no atomics and no memory ordering of its own, only mutexes
//! taken in a fixed order, and that order is checked on every path that any test takes. Where
//! the interleaving of critical sections matters, `races` forces the one in question.

use crate::bus::offer::Offer;
use crate::queue::Item;
use crate::queue::Note;
use crate::world::name;
use crate::world::Client;
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::Arc;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const PUBLISHERS: u32 = 8;
const SUBSCRIBERS: usize = 8;
const MESSAGES: u32 = 500;
const ROUNDS: u32 = 400;

/// Fails if `f` takes longer than [`LIMIT`].
fn watched(f: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        f();
        let _ = sender.send(());
    });
    match receiver.recv_timeout(LIMIT) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("deadlock, or far too slow"),
        // If it panicked, so does the test.
        _ => thread.join().unwrap(),
    }
}

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as u32 % n
    }
}

/// All of the publishers' threads, started at once.
fn publish_all(world: &World, publishers: &[(Client, u32)]) {
    let start = Barrier::new(publishers.len());
    thread::scope(|scope| {
        for (publisher, id) in publishers {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for n in 0..MESSAGES {
                    world.publish(publisher, *id, n);
                }
            });
        }
    });
}

/// Checks one topic's messages and losses for gaps; returns the next number expected.
fn without_gaps(items: &[Item], topic: u32, mut next: u64) -> u64 {
    for item in items.iter().filter(|item| item.topic() == topic) {
        match item {
            Item::Message { seq, .. } => {
                assert_eq!(*seq, next);
                next += 1;
            }
            Item::Lost { first, count, .. } => {
                assert_eq!(*first, next);
                next += count;
            }
            _ => {}
        }
    }
    next
}

#[test]
fn publishers_on_one_topic_are_seen_in_one_order_by_all() {
    watched(|| {
        let world = World::new();
        let subscribers: Vec<Client> = (0..SUBSCRIBERS).map(|_| world.subscriber("a")).collect();
        let publishers: Vec<_> = (0..PUBLISHERS).map(|_| world.publisher("a")).collect();
        publish_all(&world, &publishers);
        let first = subscribers[0].port.drain();
        assert_eq!(
            without_gaps(&first, publishers[0].1, 1),
            u64::from(PUBLISHERS * MESSAGES) + 1
        );
        let mut next = BTreeMap::new();
        for item in &first[1..] {
            let Item::Message { port, tag, .. } = item else {
                panic!("{item:?}")
            };
            let next = next.entry(*port).or_insert(0);
            assert_eq!(*tag, *next, "one publisher's messages are in its own order");
            *next += 1;
        }
        for subscriber in &subscribers[1..] {
            assert!(subscriber.port.drain() == first);
        }
        let mut all = subscribers;
        all.extend(publishers.into_iter().map(|(client, _)| client));
        for client in &all {
            world.bus.disconnect(client);
        }
        assert_eq!(world.counts(), [0, 0, 0]);
        assert!(all.iter().all(|client| Arc::strong_count(client) == 1));
    });
}

#[test]
fn slow_subscribers_receive_or_learn_of_every_message() {
    watched(|| {
        let world = World::new();
        let publishers: Vec<_> = (0..PUBLISHERS).map(|_| world.publisher("a")).collect();
        let id = publishers[0].1;
        let subscribers: Vec<Client> = (0..SUBSCRIBERS).map(|n| world.small(3 + n)).collect();
        for subscriber in &subscribers {
            world.subscribe(subscriber, "a");
        }
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let readers: Vec<_> = subscribers
                .iter()
                .map(|subscriber| {
                    let over = &over;
                    scope.spawn(move || {
                        let mut next = 1;
                        loop {
                            let last = over.load(Ordering::Acquire);
                            next = without_gaps(&subscriber.port.receive(2), id, next);
                            if last {
                                return without_gaps(&subscriber.port.drain(), id, next);
                            }
                            thread::yield_now();
                        }
                    })
                })
                .collect();
            publish_all(&world, &publishers);
            over.store(true, Ordering::Release);
            for (reader, subscriber) in readers.into_iter().zip(&subscribers) {
                let next = reader.join().unwrap();
                // The last of them may have been lost, which the topic's end tells.
                for (publisher, _) in &publishers {
                    let _ = world.bus.unadvertise(publisher, id);
                }
                let end = without_gaps(&subscriber.port.drain(), id, next);
                assert_eq!(end, u64::from(PUBLISHERS * MESSAGES) + 1);
            }
        });
    });
}

/// Every message lies between its publisher's `Joined` and `Gone`, which alternate.
fn check_lives(items: &[Item]) {
    let mut there = BTreeMap::new();
    for item in items {
        match item {
            Item::Joined { topic, port } => {
                let twice = there.insert((*topic, *port), ());
                assert!(twice.is_none(), "joined twice: {item:?}");
            }
            Item::Gone { topic, port } => {
                let left = there.remove(&(*topic, *port));
                assert!(left.is_some(), "gone, but was not there: {item:?}");
            }
            Item::Message { topic, port, .. } => {
                assert!(there.contains_key(&(*topic, *port)), "dead: {item:?}");
            }
            Item::Removed { topic } => {
                assert!(there.keys().all(|(other, _)| other != topic));
            }
            _ => {}
        }
    }
    assert!(there.is_empty(), "never gone: {there:?}");
}

const TOPICS: [&str; 4] = ["hot", "a", "a/b", "b/c"];
const PATTERNS: [&str; 5] = ["**", "a/**", "*", "hot", "b/c"];

/// Does this and that with one client, which other threads may use as well.
fn churn(world: &World, client: &Client, random: &mut Random) {
    let topic = name(TOPICS[random.below(4) as usize]);
    let id = world.bus.advertised(client, topic);
    match (random.below(7), id) {
        (0 | 1, None) => {
            let _ = world.bus.advertise(client, Offer::new(topic));
        }
        (0, Some(id)) => {
            let _ = world.bus.unadvertise(client, id);
        }
        (2 | 3, Some(id)) => {
            let _ = world.bus.publish(client, id, &mut Note::new(0));
        }
        (4, _) => {
            let subscription = world.subscribe(client, PATTERNS[random.below(5) as usize]);
            let _ = world.bus.unsubscribe(client, subscription.wrapping_sub(1));
        }
        (5, _) => {
            let subscription = world.subscribe_events(client, PATTERNS[random.below(5) as usize]);
            // Another thread with the same client may have been faster.
            let _ = world.bus.unsubscribe(client, subscription);
        }
        _ => {
            client.port.drain();
        }
    }
}

#[test]
fn storm_of_changes_during_publishes_keeps_every_promise() {
    watched(|| {
        let world = World::new();
        let watcher = world.watcher("**");
        let (publisher, hot) = world.publisher("hot");
        let shared: Vec<Client> = (0..2).map(|_| world.client()).collect();
        thread::scope(|scope| {
            let world = &world;
            let (publisher, shared) = (&publisher, &shared);
            for seed in 0..8 {
                scope.spawn(move || {
                    let mut random = Random(seed);
                    for _ in 0..ROUNDS / 20 {
                        let own = world.small(random.below(30) as usize + 1);
                        for _ in 0..20 {
                            churn(world, &own, &mut random);
                            churn(world, &shared[seed as usize % 2], &mut random);
                        }
                        world.bus.disconnect(&own);
                        assert_eq!(Arc::strong_count(&own), 1);
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(move || {
                    for tag in 0..ROUNDS {
                        world.publish(publisher, hot, tag);
                    }
                });
            }
        });
        // What the shared clients still publish exists, and nothing else does.
        let mut topics = 0;
        for topic in TOPICS {
            let ids: Vec<u32> = shared
                .iter()
                .chain([&publisher])
                .filter_map(|client| world.bus.advertised(client, name(topic)))
                .collect();
            assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
            topics += usize::from(!ids.is_empty());
        }
        assert_eq!(world.counts()[0], topics);
        for client in shared.iter().chain([&publisher]) {
            world.bus.disconnect(client);
        }
        let items = watcher.port.drain();
        without_gaps(&items, hot, 1);
        check_lives(&items);
        world.bus.disconnect(&watcher);
        assert_eq!(world.counts(), [0, 0, 0]);
        for client in shared.iter().chain([&publisher, &watcher]) {
            assert_eq!(Arc::strong_count(client), 1);
        }
    });
}
