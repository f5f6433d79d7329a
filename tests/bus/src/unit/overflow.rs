// SPDX-License-Identifier: GPL-2.0

//! What happens when a queue is full, by the subscriber's choice.

use crate::bus::offer::Offer;
use crate::bus::overflow::Patience;
use crate::bus::port::Form;
use crate::queue::Note;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_FAIL;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::pattern;
use crate::world::received;
use crate::world::Client;
use crate::world::World;
use std::thread;
use std::time::Duration;
use std::time::Instant;

const LONG: Patience = Patience::Nanoseconds(30_000_000_000);

fn subscriber(world: &World, capacity: usize, flags: u32) -> Client {
    let client = world.small(capacity);
    world
        .bus
        .subscribe(&client, pattern("a"), flags, Form::V1)
        .unwrap();
    client
}

fn publisher(world: &World, patience: Patience) -> (Client, u32) {
    let client = world.client();
    let id = world
        .bus
        .advertise(
            &client,
            Offer {
                patience,
                ..Offer::new(name("a"))
            },
        )
        .unwrap();
    (client, id)
}

#[test]
fn drop_oldest_keeps_the_newest_and_tells_what_was_lost_at_its_place() {
    let world = World::new();
    let client = subscriber(&world, 3, SUBSCRIBE_DROP_OLDEST);
    let (publisher, id) = publisher(&world, Patience::None);
    for tag in 1..=6 {
        assert_eq!(world.publish(&publisher, id, tag).delivered, 1);
    }
    // The word of the loss takes a place, too.
    let got = received(&client);
    assert_eq!(got, format!("topic {id} a, lost {id}#1+5, {id}#6=6"));
}

#[test]
fn drop_oldest_of_one_leaves_the_other_alone() {
    let world = World::new();
    let small = subscriber(&world, 3, SUBSCRIBE_DROP_OLDEST);
    let roomy = subscriber(&world, 100, 0);
    let (publisher, id) = publisher(&world, LONG);
    for tag in 1..=9 {
        world.publish(&publisher, id, tag);
    }
    assert!(received(&small).ends_with(&format!("{id}#9=9")));
    assert_eq!(received(&roomy).matches('=').count(), 9);
}

#[test]
fn fail_of_one_publishes_to_nobody_and_takes_no_number() {
    let world = World::new();
    let full = subscriber(&world, 2, SUBSCRIBE_FAIL);
    let other = subscriber(&world, 100, SUBSCRIBE_BLOCK);
    let (publisher, id) = publisher(&world, LONG);
    let publish = |tag| world.bus.publish(&publisher, id, &mut Note::new(tag));
    let mut published = 0;
    while publish(0).is_ok() {
        published += 1;
    }
    assert_eq!(publish(1), Err(Refusal::WouldBlock));
    assert_eq!(received(&other).matches('=').count(), published);
    received(&full);
    let receipt = publish(2).unwrap();
    assert_eq!(receipt.seq, published as u64 + 1);
    assert_eq!(receipt.delivered, 2);
    // What the failed attempts had reserved was given back.
    assert_eq!(received(&other), format!("{id}#{}=2", receipt.seq));
}

#[test]
fn message_for_which_one_has_no_memory_goes_to_nobody() {
    for flags in [SUBSCRIBE_BLOCK, SUBSCRIBE_FAIL] {
        let world = World::new();
        let careless = subscriber(&world, 100, 0);
        let before = subscriber(&world, 100, flags);
        let poor = subscriber(&world, 100, flags);
        let after = subscriber(&world, 100, flags);
        // Also if nobody is waited for.
        for patience in [LONG, Patience::Nanoseconds(0)] {
            let (publisher, id) = publisher(&world, patience);
            let first = world.publish(&publisher, id, 1).seq;
            for message in [&mut Note::new(2), &mut Note::batch(&[2, 3])] {
                poor.port.set_no_memory(true);
                let refused = world.bus.publish(&publisher, id, message);
                poor.port.set_no_memory(false);
                assert_eq!(refused, Err(Refusal::NoMemory));
            }
            let receipt = world.publish(&publisher, id, 4);
            assert_eq!((receipt.seq, receipt.delivered), (first + 1, 4));
            for client in [&careless, &before, &poor, &after] {
                let got = received(client);
                let want = format!("{id}#{first}=1, {id}#{}=4", receipt.seq);
                assert!(got.ends_with(&want), "{got}");
            }
            world.bus.disconnect(&publisher);
            for client in [&careless, &before, &poor, &after] {
                client.port.drain();
            }
        }
        world.end(vec![careless, before, poor, after]);
    }
}

#[test]
fn message_whose_topic_cannot_be_announced_for_want_of_memory_goes_to_nobody() {
    let world = World::new();
    let other = subscriber(&world, 100, 0);
    let poor = subscriber(&world, 100, SUBSCRIBE_FAIL);
    let (publisher, id) = publisher(&world, LONG);
    poor.port.set_no_memory_for_records(true);
    let publish = |tag| world.bus.publish(&publisher, id, &mut Note::new(tag));
    assert_eq!(publish(1), Err(Refusal::NoMemory));
    assert_eq!(received(&other), "");
    poor.port.set_no_memory_for_records(false);
    assert_eq!(publish(2).unwrap().delivered, 2);
    for client in [&other, &poor] {
        assert_eq!(received(client), format!("topic {id} a, {id}#1=2"));
    }
    world.end(vec![other, poor, publisher]);
}

#[test]
fn publisher_that_did_not_agree_neither_waits_nor_fails() {
    for flags in [SUBSCRIBE_BLOCK, SUBSCRIBE_FAIL] {
        let world = World::new();
        let client = subscriber(&world, 1, flags);
        let (publisher, id) = publisher(&world, Patience::None);
        let dropped: u32 = (0..3)
            .map(|n| world.publish(&publisher, id, n).dropped)
            .sum();
        assert!(dropped >= 2);
        received(&client);
        world.publish(&publisher, id, 9);
        assert!(received(&client).ends_with("=9"));
    }
}

#[test]
fn block_times_out_and_the_message_is_lost() {
    let world = World::new();
    let client = subscriber(&world, 1, SUBSCRIBE_BLOCK);
    let (publisher, id) = publisher(&world, Patience::Nanoseconds(20_000_000));
    world.publish(&publisher, id, 1);
    let start = Instant::now();
    assert_eq!(world.publish(&publisher, id, 2).dropped, 1);
    assert!(start.elapsed() >= Duration::from_millis(20));
    received(&client);
    world.publish(&publisher, id, 3);
    assert_eq!(received(&client), format!("lost {id}#2+1, {id}#3=3"));
}

#[test]
fn block_with_nowait_fails_at_once() {
    let world = World::new();
    let _client = subscriber(&world, 1, SUBSCRIBE_BLOCK);
    let (publisher, id) = publisher(&world, LONG);
    world.publish(&publisher, id, 1);
    let again = world.bus.publish(&publisher, id, &mut Note::impatient(2));
    assert_eq!(again, Err(Refusal::WouldBlock));
}

/// Publishes into a full queue on another thread, does something, and returns the result.
fn while_blocked(
    world: &World,
    client: &Client,
    action: impl FnOnce(),
) -> Result<crate::bus::port::Receipt, Refusal> {
    while_blocked_with(world, client, Note::new(2), action)
}

fn while_blocked_with(
    world: &World,
    client: &Client,
    mut note: Note,
    action: impl FnOnce(),
) -> Result<crate::bus::port::Receipt, Refusal> {
    let (publisher, id) = publisher(world, LONG);
    world.publish(&publisher, id, 1);
    assert_eq!(client.port.receive(0).len(), 0);
    let start = Instant::now();
    let result = thread::scope(|scope| {
        let blocked = scope.spawn(|| world.bus.publish(&publisher, id, &mut note));
        thread::sleep(Duration::from_millis(30));
        // Others are not held up: neither another publisher's control requests, nor his topics.
        let (other, _) = world.publisher("other");
        world.bus.disconnect(&other);
        assert!(!blocked.is_finished());
        action();
        blocked.join().unwrap()
    });
    assert!(start.elapsed() < Duration::from_secs(20), "it was woken");
    result
}

#[test]
fn block_ends_when_the_reader_makes_room() {
    let world = World::new();
    let client = subscriber(&world, 1, SUBSCRIBE_BLOCK);
    let receipt = while_blocked(&world, &client, || drop(client.port.drain()));
    assert_eq!(receipt.unwrap().delivered, 1);
    assert!(received(&client).ends_with("#2=2"));
}

#[test]
fn block_ends_when_the_reader_is_gone() {
    let world = World::new();
    let client = subscriber(&world, 1, SUBSCRIBE_BLOCK);
    let receipt = while_blocked(&world, &client, || world.bus.disconnect(&client));
    assert_eq!(receipt.unwrap().delivered, 0);
}

#[test]
fn block_ends_by_a_signal_and_nothing_is_published() {
    let world = World::new();
    let client = subscriber(&world, 1, SUBSCRIBE_BLOCK);
    let result = while_blocked(&world, &client, || client.port.interrupt());
    assert_eq!(result, Err(Refusal::Interrupted));
    assert!(received(&client).ends_with("#1=1"));
}

#[test]
fn block_holds_a_batch_together() {
    let world = World::new();
    let client = subscriber(&world, 1, SUBSCRIBE_BLOCK);
    let careless = subscriber(&world, 1, 0);
    let receipt = while_blocked_with(&world, &client, Note::batch(&[2, 3]), || {
        drop(client.port.drain());
    });
    let receipt = receipt.unwrap();
    // The number of the last message; subscribers count once.
    assert_eq!((receipt.seq, receipt.delivered, receipt.dropped), (3, 1, 1));
    assert!(received(&client).ends_with("#2=2, 1#3=3"));
    assert!(received(&careless).ends_with("#1=1"));
}

#[test]
fn batch_that_is_refused_is_not_stamped() {
    let world = World::new();
    let _full = subscriber(&world, 1, SUBSCRIBE_FAIL);
    let (publisher, id) = publisher(&world, LONG);
    world.publish(&publisher, id, 1);
    let mut batch = Note::batch(&[2, 3]);
    let result = world.bus.publish(&publisher, id, &mut batch);
    assert_eq!(result, Err(Refusal::WouldBlock));
    assert_eq!(batch.stamp(), None);
    // Its messages are published one by one, then.
    let result = world.bus.publish(&publisher, id, &mut Note::new(2));
    assert_eq!(result, Err(Refusal::WouldBlock));
}

#[test]
fn batch_is_refused_where_a_reliable_subscriber_must_have_it_split() {
    let world = World::new();
    let client = world.client_with(100, |tag| tag % 2 == 0);
    world
        .bus
        .subscribe(&client, pattern("a"), SUBSCRIBE_BLOCK, Form::V1)
        .unwrap();
    let (publisher, id) = publisher(&world, LONG);
    let mut batch = Note::batch(&[2, 3]);
    let result = world.bus.publish(&publisher, id, &mut batch);
    assert_eq!(result, Err(Refusal::WouldBlock));
    assert_eq!(batch.stamp(), None);
    assert_eq!(received(&client), "");
}

#[test]
fn block_is_forgotten_with_its_last_subscription() {
    let world = World::new();
    let client = subscriber(&world, 1, 0);
    let strict = world
        .bus
        .subscribe(&client, pattern("*"), SUBSCRIBE_FAIL, Form::V1)
        .unwrap();
    let (publisher, id) = publisher(&world, LONG);
    world.publish(&publisher, id, 1);
    let publish = || world.bus.publish(&publisher, id, &mut Note::new(2));
    assert_eq!(publish(), Err(Refusal::WouldBlock));
    world.bus.unsubscribe(&client, strict).unwrap();
    assert_eq!(publish().unwrap().dropped, 1);
}
