// SPDX-License-Identifier: GPL-2.0

//! Disconnect, and what is left afterwards: nothing.

use crate::sys::Arc;
use crate::world::received;
use crate::world::World;

#[test]
fn disconnect_removes_all_that_the_client_owned() {
    let world = World::new();
    let client = world.client();
    for topic in ["a", "b", "c/d"] {
        world.advertise(&client, topic);
        world.subscribe_events(&client, topic);
    }
    world.subscribe_seed(&client, "default");
    let stays = world.watcher("b");
    let (other, b) = world.publisher("b");
    assert_eq!(world.counts(), [3, 3, 5]);
    received(&stays);
    world.bus.disconnect(&client);
    assert_eq!(world.counts(), [1, 2, 1]);
    assert_eq!(received(&stays), format!("gone {b} {}", client.port_id));
    assert_eq!(Arc::strong_count(&client), 1);
    drop(client);
    world.end(vec![stays, other]);
}

#[test]
fn disconnect_queues_nothing_on_the_client_itself() {
    let world = World::new();
    let (client, id) = world.publisher("a");
    world.subscribe_events(&client, "**");
    let (other, _) = world.publisher("a");
    world.publish(&other, id, 1);
    world.bus.disconnect(&other);
    received(&client);
    world.bus.disconnect(&client);
    assert_eq!(received(&client), "");
}

#[test]
fn disconnect_of_a_lossy_client_queues_nothing_on_it() {
    let world = World::new();
    let client = world.small(2);
    world.subscribe_events(&client, "a");
    let (publisher, id) = world.publisher("a");
    for tag in 0..5 {
        world.publish(&publisher, id, tag);
    }
    received(&client);
    world.bus.disconnect(&client);
    assert_eq!(received(&client), "");
    assert_eq!(world.publish(&publisher, id, 9).delivered, 0);
    world.end(vec![publisher, client]);
}

#[test]
fn disconnect_of_an_idle_client_changes_nothing() {
    let world = World::new();
    let (publisher, _) = world.publisher("a");
    let idle = world.client();
    world.bus.disconnect(&idle);
    assert_eq!(world.counts(), [1, 1, 0]);
    world.end(vec![publisher, idle]);
}

#[test]
fn clients_that_own_nothing_any_more_count_until_they_disconnect() {
    let world = World::new();
    let (publisher, id) = world.publisher("a");
    let subscriber = world.client();
    let subscription = world.subscribe(&subscriber, "a");
    world.bus.unadvertise(&publisher, id).unwrap();
    world.bus.unsubscribe(&subscriber, subscription).unwrap();
    assert_eq!(world.counts(), [0, 2, 0]);
    world.end(vec![publisher, subscriber]);
}

#[test]
fn refused_first_request_does_not_count_a_client() {
    let world = World::new();
    let typed = world.client();
    world.advertise_typed(&typed, "a", 1).unwrap();
    let refused = world.client();
    assert!(world.advertise_typed(&refused, "a", 2).is_err());
    assert_eq!(world.counts(), [1, 1, 0]);
    world.end(vec![typed, refused]);
}
