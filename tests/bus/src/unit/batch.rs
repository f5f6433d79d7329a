// SPDX-License-Identifier: GPL-2.0

//! Several messages at once.

use crate::bus::port::Receipt;
use crate::queue::Note;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::world::pattern;
use crate::world::received;
use crate::world::Client;
use crate::world::World;

fn publish(world: &World, publisher: &Client, id: u32, tags: &[u32]) -> Receipt {
    world
        .bus
        .publish(publisher, id, &mut Note::batch(tags))
        .unwrap()
}

#[test]
fn batch_takes_numbers_in_a_row() {
    let world = World::new();
    let client = world.subscriber("a");
    let (publisher, id) = world.publisher("a");
    world.publish(&publisher, id, 1);
    let receipt = publish(&world, &publisher, id, &[2, 3, 4]);
    assert_eq!((receipt.seq, receipt.delivered), (4, 1));
    world.publish(&publisher, id, 5);
    assert_eq!(
        received(&client),
        format!("topic {id} a, {id}#1=1, {id}#2=2, {id}#3=3, {id}#4=4, {id}#5=5")
    );
}

#[test]
fn batch_is_filtered_message_by_message() {
    let world = World::new();
    let client = world.client_with(100, |tag| tag % 2 == 0);
    world.subscribe(&client, "a");
    let (publisher, id) = world.publisher("a");
    let receipt = publish(&world, &publisher, id, &[1, 2, 3, 4, 5]);
    assert_eq!((receipt.delivered, receipt.dropped), (1, 0));
    assert_eq!(
        received(&client),
        format!("topic {id} a, {id}#2=2, {id}#4=4")
    );
    let receipt = publish(&world, &publisher, id, &[1, 3]);
    assert_eq!((receipt.seq, receipt.delivered, receipt.dropped), (7, 0, 0));
}

#[test]
fn batch_reaches_seed_subscribers_one_by_one() {
    let world = World::new();
    let client = world.client();
    world.subscribe_seed(&client, "a");
    let (publisher, id) = world.publisher("a");
    publish(&world, &publisher, id, &[7, 8]);
    assert_eq!(received(&client), "seed 7, seed 8");
}

#[test]
fn batch_that_finds_no_room_is_lost_as_a_whole() {
    let world = World::new();
    let client = world.small(2);
    world.subscribe(&client, "a");
    let (publisher, id) = world.publisher("a");
    publish(&world, &publisher, id, &[1, 2]);
    assert_eq!(publish(&world, &publisher, id, &[3, 4, 5]).dropped, 1);
    world.publish(&publisher, id, 6);
    received(&client);
    world.publish(&publisher, id, 7);
    assert_eq!(received(&client), format!("lost {id}#3+4, {id}#7=7"));
}

#[test]
fn batch_split_by_a_filter_loses_what_was_wanted() {
    let world = World::new();
    let client = world.client_with(2, |tag| tag % 2 == 0);
    world.subscribe(&client, "a");
    let (publisher, id) = world.publisher("a");
    publish(&world, &publisher, id, &[1, 2, 3, 4, 5, 6]);
    // Topic and 2 fill the queue; 4 and 6 are lost, 3 and 5 were not wanted.
    assert_eq!(received(&client), format!("topic {id} a, {id}#2=2"));
    world.publish(&publisher, id, 8);
    assert_eq!(received(&client), format!("lost {id}#4+2, {id}#7=8"));
}

#[test]
fn batch_takes_the_room_of_the_oldest() {
    let world = World::new();
    let client = world.small(4);
    world
        .bus
        .subscribe(
            &client,
            pattern("a"),
            SUBSCRIBE_DROP_OLDEST,
            crate::bus::port::Form::V1,
        )
        .unwrap();
    let (publisher, id) = world.publisher("a");
    for tags in [[1, 2], [3, 4], [5, 6]] {
        assert_eq!(publish(&world, &publisher, id, &tags).dropped, 0);
    }
    assert!(received(&client).ends_with(&format!("{id}#5=5, {id}#6=6")));
}
