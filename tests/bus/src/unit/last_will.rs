// SPDX-License-Identifier: GPL-2.0

//! Last wills.

use super::history::clear;
use super::history::history;
use super::history::late;
use super::history::limited;
use super::history::publisher;
use crate::queue::Note;
use crate::queue::NOTE_BYTES;
use crate::wire::refusal::Refusal;
use crate::world::received;
use crate::world::Client;
use crate::world::World;

#[test]
fn last_will_takes_the_place_of_another_at_the_limit() {
    let world = limited(2);
    let watcher = world.watcher("a");
    let (publisher, id) = publisher(&world, "a", 1);
    let will = |tag, bytes| {
        let message = Some(Note::of_size(tag, bytes));
        world.bus.set_last_will(&publisher, id, message)
    };
    assert_eq!(will(1, 2 * NOTE_BYTES), Ok(()));
    assert_eq!(will(2, 2 * NOTE_BYTES), Ok(()));
    // A larger one is refused, and leaves the old one.
    assert_eq!(will(3, 2 * NOTE_BYTES + 1), Err(Refusal::TooMuchRetained));
    assert_eq!(will(4, 1), Ok(()));
    assert_eq!(will(5, 2 * NOTE_BYTES), Ok(()));
    assert_eq!(will(6, 3 * NOTE_BYTES), Err(Refusal::TooMuchRetained));
    // What is retained and last wills count together.
    world.publish(&publisher, id, 7);
    assert_eq!(history(&world, "a"), format!("topic {id} a, lost {id}#1+1"));
    // It was paid for: it is retained.
    world.bus.disconnect(&publisher);
    assert_eq!(history(&world, "a"), format!("topic {id} a, {id}#2=5"));
    let all = received(&watcher);
    assert!(all.contains(&format!("{id}#1=7, {id}#2=5")), "{all}");
    clear(&world, "a").unwrap();
    // Nothing of it is charged any more.
    let (next, id) = world.publisher("a");
    let message = Some(Note::of_size(8, 2 * NOTE_BYTES));
    assert_eq!(world.bus.set_last_will(&next, id, message), Ok(()));
    world.end(vec![publisher, watcher, next]);
}

#[test]
fn last_will_comes_before_the_end_and_only_once() {
    let world = World::new();
    let watcher = world.watcher("*");
    let will = |client: &Client, id, message| world.bus.set_last_will(client, id, message);
    let (publisher, id) = world.publisher("a");
    let port = publisher.port_id;
    assert_eq!(
        will(&publisher, id + 1, Some(Note::new(1))),
        Err(Refusal::NotAdvertised)
    );
    will(&publisher, id, Some(Note::new(8))).unwrap();
    will(&publisher, id, Some(Note::new(9))).unwrap();
    world.publish(&publisher, id, 1);
    world.bus.disconnect(&publisher);
    assert_eq!(
        received(&watcher),
        format!(
            "topic {id} a, joined {id} {port}, {id}#1=1, {id}#2=9, gone {id} {port}, removed {id}"
        )
    );
    // Cancelled, or with the advertisement.
    let (changed, id) = world.publisher("b");
    will(&changed, id, Some(Note::new(9))).unwrap();
    will(&changed, id, None).unwrap();
    let other = world.advertise(&changed, "c");
    will(&changed, other, Some(Note::new(9))).unwrap();
    world.bus.unadvertise(&changed, other).unwrap();
    world.bus.disconnect(&changed);
    assert!(!received(&watcher).contains("=9"));
    world.end(vec![watcher, publisher, changed]);
}

#[test]
fn last_will_is_retained_like_any_message() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a", 1);
    world.publish(&publisher, id, 1);
    let message = Some(Note::new(9));
    world.bus.set_last_will(&publisher, id, message).unwrap();
    world.bus.disconnect(&publisher);
    let client = late(&world, world.client(), "a", 0);
    assert_eq!(received(&client), format!("topic {id} a, {id}#2=9"));
    assert_eq!(clear(&world, "a"), Ok(()));
    world.end(vec![publisher, client]);
}
