// SPDX-License-Identifier: GPL-2.0

//! Full queues: what was lost is told exactly, at its very place.

use crate::queue::News;
use crate::world::received;
use crate::world::Client;
use crate::world::World;

/// A subscriber with a queue of this capacity, full of the messages of a topic, and `lost` more.
fn overflown(world: &World, capacity: usize, lost: u32) -> (Client, Client, u32) {
    let client = world.small(capacity);
    world.subscribe_events(&client, "a");
    let (publisher, id) = world.publisher("a");
    assert_eq!(
        received(&client),
        format!("topic {id} a, joined {id} {}", publisher.port_id)
    );
    for tag in 1..=capacity as u32 + lost {
        world.publish(&publisher, id, tag);
    }
    (client, publisher, id)
}

#[test]
fn lost_after_drain_comes_before_the_next_message() {
    let world = World::new();
    let (client, publisher, id) = overflown(&world, 2, 3);
    assert_eq!(received(&client), format!("{id}#1=1, {id}#2=2"));
    world.publish(&publisher, id, 6);
    world.publish(&publisher, id, 7);
    assert_eq!(received(&client), format!("lost {id}#3+3, {id}#6=6"));
    world.publish(&publisher, id, 8);
    assert_eq!(received(&client), format!("lost {id}#7+1, {id}#8=8"));
}

#[test]
fn lost_record_takes_no_room_from_its_message() {
    let world = World::new();
    let (client, publisher, id) = overflown(&world, 3, 2);
    assert_eq!(client.port.receive(1).len(), 1);
    // Room for one: the message. The record comes along.
    assert_eq!(world.publish(&publisher, id, 6).delivered, 1);
    assert_eq!(
        received(&client),
        format!("{id}#2=2, {id}#3=3, lost {id}#4+2, {id}#6=6")
    );
    world.publish(&publisher, id, 7);
    assert_eq!(received(&client), format!("{id}#7=7"));
}

#[test]
fn lost_record_is_kept_until_its_message_has_room() {
    let world = World::new();
    let (client, publisher, id) = overflown(&world, 2, 1);
    world.publish(&publisher, id, 4);
    assert_eq!(received(&client), format!("{id}#1=1, {id}#2=2"));
    world.publish(&publisher, id, 5);
    assert_eq!(received(&client), format!("lost {id}#3+2, {id}#5=5"));
}

#[test]
fn lost_is_flushed_before_gone_and_removed() {
    let world = World::new();
    let (client, publisher, id) = overflown(&world, 4, 3);
    world.bus.disconnect(&publisher);
    assert_eq!(
        received(&client),
        format!(
            "{id}#1=1, {id}#2=2, {id}#3=3, {id}#4=4, lost {id}#5+3, gone {id} {}, removed {id}",
            publisher.port_id
        )
    );
}

#[test]
fn lost_without_events_is_flushed_before_removed() {
    let world = World::new();
    let client = world.small(2);
    world.subscribe(&client, "a");
    let (publisher, id) = world.publisher("a");
    for tag in 1..4 {
        world.publish(&publisher, id, tag);
    }
    world.bus.disconnect(&publisher);
    assert_eq!(
        received(&client),
        format!("topic {id} a, {id}#1=1, lost {id}#2+2, removed {id}")
    );
}

#[test]
fn lost_is_flushed_before_joined() {
    let world = World::new();
    let (client, _publisher, id) = overflown(&world, 3, 1);
    let (other, _) = world.publisher("a");
    client.port.receive(3);
    assert_eq!(
        received(&client),
        format!("lost {id}#4+1, joined {id} {}", other.port_id)
    );
}

#[test]
fn lost_at_unsubscribe_is_told() {
    let world = World::new();
    let client = world.small(2);
    let subscription = world.subscribe(&client, "a");
    let second = world.subscribe(&client, "*");
    let (publisher, id) = world.publisher("a");
    for tag in 1..4 {
        world.publish(&publisher, id, tag);
    }
    world.bus.unsubscribe(&client, subscription).unwrap();
    assert_eq!(received(&client), format!("topic {id} a, {id}#1=1"));
    world.bus.unsubscribe(&client, second).unwrap();
    assert_eq!(received(&client), format!("lost {id}#2+2"));
}

#[test]
fn unsubscribe_without_loss_says_nothing() {
    let world = World::new();
    let client = world.client();
    let subscription = world.subscribe(&client, "a");
    let (publisher, id) = world.publisher("a");
    world.publish(&publisher, id, 1);
    received(&client);
    world.bus.unsubscribe(&client, subscription).unwrap();
    assert_eq!(received(&client), "");
}

#[test]
fn first_message_into_a_full_queue_is_lost_by_name() {
    let world = World::new();
    let client = world.small(2);
    world.subscribe(&client, "*");
    let (one, a) = world.publisher("a");
    let (two, b) = world.publisher("b");
    world.publish(&one, a, 1);
    world.publish(&two, b, 2);
    assert_eq!(received(&client), format!("topic {a} a, {a}#1=1"));
    world.bus.disconnect(&two);
    assert_eq!(
        received(&client),
        format!("topic {b} b, lost {b}#1+1, removed {b}")
    );
}

#[test]
fn loss_of_one_subscriber_is_not_that_of_another() {
    let world = World::new();
    let (slow, publisher, id) = overflown(&world, 2, 1);
    let fast = world.subscriber("a");
    world.publish(&publisher, id, 4);
    assert_eq!(received(&fast), format!("topic {id} a, {id}#4=4"));
    received(&slow);
    world.publish(&publisher, id, 5);
    assert_eq!(received(&fast), format!("{id}#5=5"));
    assert_eq!(received(&slow), format!("lost {id}#3+2, {id}#5=5"));
}

#[test]
fn no_memory_for_a_message_is_a_loss_too() {
    let world = World::new();
    let client = world.subscriber("a");
    let (publisher, id) = world.publisher("a");
    client.port.set_no_memory(true);
    assert_eq!(world.publish(&publisher, id, 1).dropped, 1);
    client.port.set_no_memory(false);
    world.publish(&publisher, id, 2);
    // The first had no memory for the topic's record, this one has none for the message itself.
    client.port.set_no_memory(true);
    assert_eq!(world.publish(&publisher, id, 3).dropped, 1);
    client.port.set_no_memory(false);
    world.publish(&publisher, id, 4);
    assert_eq!(
        received(&client),
        format!("topic {id} a, lost {id}#1+1, {id}#2=2, lost {id}#3+1, {id}#4=4")
    );
}

#[test]
fn events_beyond_the_reserve_overrun_but_keep_the_loss() {
    let world = World::new();
    let (client, publisher, id) = overflown(&world, 2, 3);
    client.port.news();
    // The reserve is 2: the loss and one event.
    let (one, _) = world.publisher("a");
    world.publish(&publisher, id, 9);
    let (two, _) = world.publisher("a");
    let News { overrun, .. } = client.port.news();
    assert!(overrun > 0);
    assert_eq!(
        received(&client),
        format!(
            "{id}#1=1, {id}#2=2, lost {id}#3+3, joined {id} {}",
            one.port_id
        )
    );
    world.bus.disconnect(&two);
    assert_eq!(
        received(&client),
        format!("lost {id}#6+1, gone {id} {}", two.port_id)
    );
}

/// A queue for a single item, read whenever something is in it, must not stay deaf.
#[test]
fn smallest_queue_that_is_drained_gets_messages() {
    let world = World::new();
    let client = world.small(1);
    world.subscribe(&client, "a");
    let (publisher, id) = world.publisher("a");
    let mut messages = 0;
    for tag in 0..10 {
        world.publish(&publisher, id, tag);
        messages += received(&client).matches('=').count();
    }
    assert!(messages > 0);
}

/// What the filter does not want was not lost, even while nothing else fits either.
#[test]
fn unwanted_message_into_a_full_queue_is_not_lost() {
    let world = World::new();
    let client = world.client_with(2, |tag| tag % 2 == 0);
    world.subscribe(&client, "a");
    let (publisher, id) = world.publisher("a");
    for tag in [2, 4, 5, 7, 8] {
        world.publish(&publisher, id, tag);
    }
    received(&client);
    world.publish(&publisher, id, 10);
    // 4 and 8 were lost; 5 and 7 were not wanted.
    assert_eq!(received(&client), format!("lost {id}#2+2, {id}#6=10"));
}
