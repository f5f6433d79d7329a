// SPDX-License-Identifier: GPL-2.0

//! Two threads that use one socket, interleaved where it matters: requests of one socket are
//! carried out one after the other.

use crate::bus::access::Access;
use crate::bus::policy::Policy;
use crate::queue::Note;
use crate::queue::Queue;
use crate::sys;
use crate::world::received;
use crate::world::World;
use crate::world::ROOMY;
use std::sync::mpsc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const REGISTRY: &str = "kipc::Bus::registry";
const TAIL: &str = "kipc::Topic::tail";

/// Long enough for a thread that does not have to wait.
const SOON: Duration = Duration::from_millis(200);

/// Runs `first` and, when that is about to take the lock, `second` in another thread, until it is
/// done or has to wait; returns when both are done.
fn interleave<R: Send + 'static>(
    lock: &'static str,
    first: impl FnOnce(),
    second: impl FnOnce() -> R + Send + 'static,
) -> R {
    let (sender, receiver) = mpsc::channel();
    let (done, finished) = mpsc::channel();
    sys::before_lock(lock, move || {
        thread::spawn(move || {
            let result = second();
            let _ = done.send(());
            let _ = sender.send(result);
        });
        let _ = finished.recv_timeout(SOON);
    });
    first();
    receiver.recv().unwrap()
}

#[test]
fn advertise_during_unadvertise_of_the_same_topic_stays() {
    let world = Arc::new(World::new());
    let watcher = world.watcher("a");
    let (client, id) = world.publisher("a");
    let again = {
        let (world, client) = (world.clone(), client.clone());
        move || world.advertise_typed(&client, "a", 0)
    };
    let id = interleave(
        REGISTRY,
        || world.bus.unadvertise(&client, id).unwrap(),
        again,
    )
    .unwrap();
    assert_eq!(world.counts(), [1, 2, 1]);
    assert!(received(&watcher).ends_with(&format!("joined {id} {}", client.port_id)));
    world.publish(&client, id, 5);
    assert_eq!(received(&watcher), format!("{id}#1=5"));
}

#[test]
fn publish_during_unadvertise_is_refused_or_comes_before_gone() {
    let world = Arc::new(World::new());
    let watcher = world.watcher("a");
    let (client, id) = world.publisher("a");
    received(&watcher);
    let publish = {
        let (world, client) = (world.clone(), client.clone());
        move || world.bus.publish(&client, id, &mut Note::new(1)).is_ok()
    };
    let published = interleave(
        REGISTRY,
        || world.bus.unadvertise(&client, id).unwrap(),
        publish,
    );
    let message = if published {
        format!("{id}#1=1, ")
    } else {
        String::new()
    };
    assert_eq!(
        received(&watcher),
        format!("{message}gone {id} {}, removed {id}", client.port_id)
    );
}

#[test]
fn unsubscribe_during_subscribe_of_the_same_socket_waits() {
    let world = Arc::new(World::new());
    let client = world.client();
    let old = world.subscribe(&client, "a");
    let unsubscribe = {
        let (world, client) = (world.clone(), client.clone());
        move || world.bus.unsubscribe(&client, old)
    };
    let new = || {
        world.subscribe(&client, "a");
    };
    assert_eq!(interleave(REGISTRY, new, unsubscribe), Ok(()));
    assert_eq!(world.counts(), [0, 1, 1]);
    let (publisher, id) = world.publisher("a");
    assert_eq!(world.publish(&publisher, id, 0).delivered, 1);
}

#[test]
fn unadvertise_during_publish_comes_after_the_message() {
    let world = Arc::new(World::new());
    let watcher = world.watcher("a");
    let (client, id) = world.publisher("a");
    received(&watcher);
    let unadvertise = {
        let (world, client) = (world.clone(), client.clone());
        move || world.bus.unadvertise(&client, id)
    };
    let publish = || {
        world.publish(&client, id, 1);
    };
    assert_eq!(interleave(TAIL, publish, unadvertise), Ok(()));
    assert_eq!(
        received(&watcher),
        format!("{id}#1=1, gone {id} {}, removed {id}", client.port_id)
    );
}

#[test]
fn publisher_that_a_later_policy_allows_again_stays() {
    let world = Arc::new(World::new());
    let (client, id) = world.publisher("a");
    let mut forbid = Policy::new();
    let nobody = Access {
        uid: 0,
        gid: 0,
        mode: 0,
    };
    forbid.add("a", nobody).unwrap();
    let allow = {
        let world = world.clone();
        move || world.bus.set_policy(Policy::new()).unwrap()
    };
    // The first policy found an intruder, and is about to remove it.
    interleave(
        "kipc::Client::owned",
        || world.bus.set_policy(forbid).unwrap(),
        allow,
    );
    world.publish(&client, id, 1);
    world.bus.disconnect(&client);
    assert_eq!(world.counts(), [0, 0, 0]);
}

#[test]
fn late_end_of_a_publisher_leaves_a_new_topic_of_that_name_alone() {
    let world = World::new();
    // A socket that is being closed, whose port id another one has already.
    let stale = world.client_at(7, Queue::new(ROOMY, |_| true));
    world.advertise(&stale, "a");
    let next = world.client_at(7, Queue::new(ROOMY, |_| true));
    let old = world.advertise(&next, "a");
    world.bus.unadvertise(&next, old).unwrap();
    let (other, id) = world.publisher("a");
    assert_ne!(old, id);
    world.bus.disconnect(&stale);
    let subscriber = world.subscriber("a");
    world.publish(&other, id, 5);
    assert_eq!(received(&subscriber), format!("topic {id} a, {id}#1=5"));
    world.end(vec![stale, next, other, subscriber]);
}
