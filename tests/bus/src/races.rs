// SPDX-License-Identifier: GPL-2.0

//! Two threads that use one socket, interleaved where it matters: requests of one socket are
//! carried out one after the other.

use crate::queue::Note;
use crate::sys;
use crate::world::received;
use crate::world::World;
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
