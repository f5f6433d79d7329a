// SPDX-License-Identifier: GPL-2.0

//! Publishers that come and go, topics that end.

use crate::bus::offer::Offer;
use crate::bus::port::KERNEL;
use crate::queue::Queue;
use crate::world::name;
use crate::world::received;
use crate::world::World;
use crate::world::ROOMY;

#[test]
fn joined_and_gone_come_once_to_those_who_want_them() {
    let world = World::new();
    let (watcher, plain) = (world.watcher("a"), world.subscriber("a"));
    world.subscribe_events(&watcher, "*");
    let (one, id) = world.publisher("a");
    let (two, _) = world.publisher("a");
    world.publish(&one, id, 1);
    world.bus.disconnect(&one);
    world.bus.disconnect(&one);
    world.bus.unadvertise(&two, id).unwrap();
    world.bus.disconnect(&two);
    let (one, two) = (one.port_id, two.port_id);
    assert_eq!(
        received(&watcher),
        format!(
            "topic {id} a, joined {id} {one}, joined {id} {two}, {id}#1=1, \
             gone {id} {one}, gone {id} {two}, removed {id}"
        )
    );
    assert_eq!(
        received(&plain),
        format!("topic {id} a, {id}#1=1, removed {id}")
    );
}

#[test]
fn joined_is_told_of_publishers_that_are_there_already() {
    let world = World::new();
    let (one, a) = world.publisher("a");
    let (two, _) = world.publisher("a");
    let (three, b) = world.publisher("b");
    let watcher = world.watcher("*");
    let (one, two, three) = (one.port_id, two.port_id, three.port_id);
    assert_eq!(
        received(&watcher),
        format!("topic {a} a, joined {a} {one}, joined {a} {two}, topic {b} b, joined {b} {three}")
    );
}

#[test]
fn joined_is_told_once_however_many_subscriptions_want_it() {
    let world = World::new();
    let (publisher, id) = world.publisher("a");
    let client = world.subscriber("a");
    assert_eq!(received(&client), "");
    let first = world.subscribe_events(&client, "*");
    let told = format!("joined {id} {}", publisher.port_id);
    assert_eq!(received(&client), format!("topic {id} a, {told}"));
    world.subscribe_events(&client, "**");
    world.bus.unsubscribe(&client, first).unwrap();
    assert_eq!(received(&client), "");
    world.bus.disconnect(&publisher);
    assert!(received(&client).starts_with("gone"));
}

#[test]
fn events_end_with_the_last_subscription_that_wants_them() {
    let world = World::new();
    let client = world.subscriber("a");
    let events = world.subscribe_events(&client, "a");
    world.bus.unsubscribe(&client, events).unwrap();
    let (publisher, _) = world.publisher("a");
    world.bus.disconnect(&publisher);
    assert_eq!(received(&client), "");
}

#[test]
fn gone_comes_after_the_last_message() {
    let world = World::new();
    let watcher = world.watcher("a");
    let (publisher, id) = world.publisher("a");
    for tag in 0..50 {
        world.publish(&publisher, id, tag);
    }
    world.bus.disconnect(&publisher);
    let all = received(&watcher);
    let end = format!("{id}#50=49, gone {id} {}, removed {id}", publisher.port_id);
    assert!(all.ends_with(&end), "{all}");
}

#[test]
fn removed_comes_to_those_who_knew_the_topic_only() {
    let world = World::new();
    let (publisher, id) = world.publisher("a");
    let knew = world.subscriber("a");
    world.publish(&publisher, id, 1);
    let new = world.subscriber("a");
    world.bus.disconnect(&publisher);
    assert_eq!(
        received(&knew),
        format!("topic {id} a, {id}#1=1, removed {id}")
    );
    assert_eq!(received(&new), "");
}

#[test]
fn topic_that_returns_is_announced_by_its_new_id() {
    let world = World::new();
    let watcher = world.watcher("a");
    let client = world.client();
    let mut want = String::new();
    for _ in 0..2 {
        let id = world.advertise(&client, "a");
        world.bus.unadvertise(&client, id).unwrap();
        let port = client.port_id;
        want += &format!("topic {id} a, joined {id} {port}, gone {id} {port}, removed {id}, ");
    }
    assert_eq!(received(&watcher) + ", ", want);
}

#[test]
fn publishers_of_the_kernel_share_a_port_id_and_leave_each_other_alone() {
    let world = World::new();
    let watcher = world.watcher("a");
    let one = world.client_at(KERNEL, Queue::new(ROOMY, |_| true));
    let two = world.client_at(KERNEL, Queue::new(ROOMY, |_| true));
    let id = world.advertise(&one, "a");
    assert_eq!(world.advertise(&two, "a"), id);
    world.publish(&two, id, 1);
    world.bus.disconnect(&two);
    world.publish(&one, id, 2);
    world.bus.disconnect(&one);
    assert_eq!(
        received(&watcher),
        format!(
            "topic {id} a, joined {id} 0, joined {id} 0, {id}#1=1, gone {id} 0, {id}#2=2, \
             gone {id} 0, removed {id}"
        )
    );
    world.end(vec![one, two, watcher]);
}

#[test]
fn port_id_taken_over_before_release_ends_the_old_publisher_first() {
    let world = World::new();
    let watcher = world.watcher("a");
    let old = world.client_at(7, Queue::new(ROOMY, |_| true));
    let id = world.advertise(&old, "a");
    let new = world.client_at(7, Queue::new(ROOMY, |_| true));
    assert_eq!(world.advertise(&new, "a"), id);
    world.bus.disconnect(&old);
    assert_eq!(
        received(&watcher),
        format!("topic {id} a, joined {id} 7, gone {id} 7, joined {id} 7")
    );
    world.publish(&new, id, 1);
    world.bus.disconnect(&new);
    assert_eq!(
        received(&watcher),
        format!("{id}#1=1, gone {id} 7, removed {id}")
    );
    world.end(vec![old, new, watcher]);
}

#[test]
fn publisher_that_asks_is_told_how_many_subscribers_there_are() {
    let world = World::new();
    let early = world.subscriber("*");
    let publisher = world.client();
    let offer = Offer {
        events: true,
        ..Offer::new(name("a"))
    };
    let id = world.bus.advertise(&publisher, offer).unwrap();
    assert_eq!(received(&publisher), format!("matched {id} 1"));
    let late = world.subscriber("a");
    world.subscribe(&late, "a");
    // Itself does not count.
    world.subscribe(&publisher, "a");
    assert_eq!(
        received(&publisher),
        format!("matched {id} 2, matched {id} 2")
    );
    // Who did not ask is not told.
    let quiet = world.client();
    world.advertise(&quiet, "a");
    world.bus.disconnect(&early);
    world.bus.disconnect(&late);
    assert_eq!(received(&quiet), "");
    let told = received(&publisher);
    assert_eq!(told, format!("matched {id} 1, matched {id} 0"));
    world.end(vec![early, late, publisher, quiet]);
}
