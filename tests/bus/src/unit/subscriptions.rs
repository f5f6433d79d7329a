// SPDX-License-Identifier: GPL-2.0

//! Subscribe and unsubscribe.

use crate::bus::port::Form;
use crate::wire::refusal::Refusal;
use crate::world::received;
use crate::world::World;

#[test]
fn subscribe_counts_subscription_and_client() {
    let world = World::new();
    let client = world.client();
    assert!(!world.bus.subscribed(&client, Form::V1));
    world.subscribe(&client, "a");
    world.subscribe(&client, "a");
    assert_eq!(world.counts(), [0, 1, 2]);
    assert!(world.bus.subscribed(&client, Form::V1));
    assert!(!world.bus.subscribed(&client, Form::Seed));
    world.end(vec![client]);
}

#[test]
fn subscribe_before_and_after_topic_both_receive() {
    let world = World::new();
    let before = world.subscriber("a/*");
    let (publisher, id) = world.publisher("a/b");
    let after = world.subscriber("a/*");
    world.publish(&publisher, id, 5);
    for subscriber in [before, after] {
        assert_eq!(received(&subscriber), format!("topic {id} a/b, {id}#1=5"));
    }
}

#[test]
fn subscribe_pattern_that_does_not_match_receives_nothing() {
    let world = World::new();
    let others = ["b", "a/b", "a/*/**", "*/*"].map(|pattern| world.subscriber(pattern));
    let (publisher, id) = world.publisher("a");
    assert_eq!(world.publish(&publisher, id, 0).delivered, 0);
    for other in others {
        assert_eq!(received(&other), "");
    }
}

#[test]
fn subscription_ids_are_not_used_again() {
    let world = World::new();
    let client = world.client();
    let one = world.subscribe(&client, "a");
    let two = world.subscribe(&client, "a");
    assert_ne!(one, two);
    world.bus.unsubscribe(&client, two).unwrap();
    let three = world.subscribe(&client, "a");
    assert!(three != one && three != two);
}

#[test]
fn unsubscribe_one_of_two_still_receives_once() {
    let world = World::new();
    let (publisher, id) = world.publisher("a/b");
    let client = world.client();
    let one = world.subscribe(&client, "a/b");
    let two = world.subscribe(&client, "a/*");
    world.publish(&publisher, id, 1);
    world.bus.unsubscribe(&client, one).unwrap();
    world.publish(&publisher, id, 2);
    world.bus.unsubscribe(&client, two).unwrap();
    world.publish(&publisher, id, 3);
    assert_eq!(
        received(&client),
        format!("topic {id} a/b, {id}#1=1, {id}#2=2")
    );
    assert_eq!(world.counts(), [1, 2, 0]);
    world.end(vec![publisher, client]);
}

#[test]
fn unsubscribe_unknown_id_is_refused() {
    let world = World::new();
    let client = world.client();
    let (one, other) = (world.subscribe(&client, "a"), world.client());
    for (client, id) in [(&client, 0), (&client, one + 1), (&other, one)] {
        assert_eq!(
            world.bus.unsubscribe(client, id),
            Err(Refusal::NoSuchSubscription)
        );
    }
    world.bus.unsubscribe(&client, one).unwrap();
    assert_eq!(
        world.bus.unsubscribe(&client, one),
        Err(Refusal::NoSuchSubscription)
    );
    assert_eq!(world.counts(), [0, 1, 0]);
}

#[test]
fn subscribe_again_is_told_of_the_topic_again() {
    let world = World::new();
    let (publisher, id) = world.publisher("a");
    let client = world.client();
    for round in 1..3 {
        let subscription = world.subscribe(&client, "a");
        world.publish(&publisher, id, 0);
        assert_eq!(received(&client), format!("topic {id} a, {id}#{round}=0"));
        world.bus.unsubscribe(&client, subscription).unwrap();
    }
}
