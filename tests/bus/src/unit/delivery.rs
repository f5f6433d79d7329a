// SPDX-License-Identifier: GPL-2.0

//! Who gets a message, how often, in which form and with which stamp.

use crate::bus::port::Receipt;
use crate::queue::Note;
use crate::wire::refusal::Refusal;
use crate::wire::seed;
use crate::world::received;
use crate::world::World;

#[test]
fn publish_not_advertised_is_refused_and_not_stamped() {
    let world = World::new();
    let (_, id) = world.publisher("a");
    let mut note = Note::new(0);
    assert_eq!(
        world.bus.publish(&world.client(), id, &mut note),
        Err(Refusal::NotAdvertised)
    );
    assert_eq!(note.stamp(), None);
}

#[test]
fn publish_stamps_topic_number_time_type_and_publisher() {
    let world = World::new();
    let publisher = world.client();
    let id = world.advertise_typed(&publisher, "a", 7).unwrap();
    let mut time = 0;
    for seq in 1..4 {
        let mut note = Note::new(0);
        world.bus.publish(&publisher, id, &mut note).unwrap();
        let stamp = note.stamp().unwrap();
        assert_eq!((stamp.topic_id, stamp.seq), (id, seq));
        assert_eq!((stamp.fingerprint, stamp.port_id), (7, publisher.port_id));
        assert!(stamp.time > time);
        time = stamp.time;
    }
}

#[test]
fn publish_receipt_counts_everybody_else() {
    let world = World::new();
    let (publisher, id) = world.publisher("a");
    let receipt = |seq, delivered, dropped| Receipt {
        seq,
        delivered,
        dropped,
    };
    assert_eq!(world.publish(&publisher, id, 0), receipt(1, 0, 0));
    let (_one, _two) = (world.subscriber("a"), world.subscriber("**"));
    let full = world.small(2);
    world.subscribe(&full, "a");
    assert_eq!(world.publish(&publisher, id, 0), receipt(2, 3, 0));
    assert_eq!(world.publish(&publisher, id, 0), receipt(3, 2, 1));
}

#[test]
fn sender_that_subscribes_never_hears_itself() {
    let world = World::new();
    let (client, id) = world.publisher("a");
    world.subscribe_events(&client, "**");
    world.subscribe_seed(&client, "a");
    let (other, _) = world.publisher("a");
    received(&client);
    world.publish(&client, id, 1);
    assert_eq!(received(&client), "");
    world.publish(&other, id, 2);
    assert_eq!(received(&client), format!("{id}#2=2, seed 2"));
    world.bus.unadvertise(&client, id).unwrap();
    assert_eq!(received(&client), "");
}

#[test]
fn overlapping_subscriptions_deliver_once() {
    let world = World::new();
    let client = world.client();
    for pattern in ["a/b", "a/*", "**", "a/b", "*/b"] {
        world.subscribe(&client, pattern);
    }
    let (publisher, id) = world.publisher("a/b");
    assert_eq!(world.publish(&publisher, id, 3).delivered, 1);
    assert_eq!(received(&client), format!("topic {id} a/b, {id}#1=3"));
}

#[test]
fn both_forms_on_one_socket_deliver_in_each() {
    let world = World::new();
    let client = world.client();
    world.subscribe_seed(&client, seed::TOPIC);
    world.subscribe_seed(&client, seed::TOPIC);
    world.subscribe(&client, seed::TOPIC);
    let (publisher, id) = world.publisher(seed::TOPIC);
    assert_eq!(world.publish(&publisher, id, 3).delivered, 2);
    // Which of them comes first is open.
    let (seed, v1) = ("seed 3", format!("topic {id} default, {id}#1=3"));
    let got = received(&client);
    assert!(
        got == format!("{seed}, {v1}") || got == format!("{v1}, {seed}"),
        "{got}"
    );
}

#[test]
fn seed_subscriber_gets_messages_and_no_records() {
    let world = World::new();
    let client = world.small(1);
    world.subscribe_seed(&client, seed::TOPIC);
    let (publisher, id) = world.publisher(seed::TOPIC);
    for tag in 1..4 {
        world.publish(&publisher, id, tag);
    }
    assert_eq!(received(&client), "seed 1");
    world.publish(&publisher, id, 4);
    world.bus.disconnect(&publisher);
    assert_eq!(received(&client), "seed 4");
}

#[test]
fn seed_subscriber_that_wants_events_gets_none() {
    use crate::bus::port::Form;
    use crate::wire::message::SUBSCRIBE_EVENTS;
    let world = World::new();
    let client = world.client();
    let pattern = crate::world::pattern(seed::TOPIC);
    let subscribed = world
        .bus
        .subscribe(&client, pattern, SUBSCRIBE_EVENTS, Form::Seed);
    assert!(subscribed.is_ok());
    let (publisher, _) = world.publisher(seed::TOPIC);
    world.bus.disconnect(&publisher);
    assert_eq!(received(&client), "");
}

#[test]
fn topic_record_comes_once_and_first() {
    let world = World::new();
    let client = world.subscriber("**");
    let (one, a) = world.publisher("a");
    let (two, b) = world.publisher("b");
    assert_eq!(received(&client), "");
    for (publisher, id) in [(&one, a), (&two, b), (&one, a), (&two, b)] {
        world.publish(publisher, id, 0);
    }
    assert_eq!(
        received(&client),
        format!("topic {a} a, {a}#1=0, topic {b} b, {b}#1=0, {a}#2=0, {b}#2=0")
    );
}

#[test]
fn filtered_message_is_neither_delivered_nor_lost() {
    let world = World::new();
    let even = world.client_with(crate::world::ROOMY, |tag| tag % 2 == 0);
    world.subscribe(&even, "a");
    let (publisher, id) = world.publisher("a");
    for tag in 1..6 {
        let receipt = world.publish(&publisher, id, tag);
        assert_eq!(receipt.delivered, 1 - tag % 2);
        assert_eq!(receipt.dropped, 0);
    }
    assert_eq!(received(&even), format!("topic {id} a, {id}#2=2, {id}#4=4"));
}
