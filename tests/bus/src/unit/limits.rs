// SPDX-License-Identifier: GPL-2.0

//! Each limit: reached it holds, one over it is refused, and below it there is room again.

use crate::bus::limits;
use crate::bus::port::Form;
use crate::wire::refusal::Refusal;
use crate::world::pattern;
use crate::world::World;

#[test]
fn advertisements_one_over_the_limit_are_refused() {
    let world = World::new();
    let client = world.client();
    let mut last = 0;
    for n in 0..limits::ADVERTISEMENTS_PER_SOCKET {
        last = world.advertise(&client, &format!("t/{n}"));
    }
    let counts = world.counts();
    assert_eq!(
        world.advertise_typed(&client, "over", 0),
        Err(Refusal::TooManyAdvertisements)
    );
    assert_eq!(world.counts(), counts);
    world.advertise(&world.client(), "over");
    world.bus.unadvertise(&client, last).unwrap();
    assert!(world.advertise_typed(&client, "over", 0).is_ok());
}

#[test]
fn subscriptions_one_over_the_limit_are_refused() {
    let world = World::new();
    let client = world.client();
    let mut last = 0;
    for n in 0..limits::SUBSCRIPTIONS_PER_SOCKET {
        last = world.subscribe(&client, &format!("t/{n}"));
    }
    let over = || world.bus.subscribe(&client, pattern("t"), 0, Form::V1);
    assert_eq!(over(), Err(Refusal::TooManySubscriptions));
    assert_eq!(world.counts(), [0, 1, limits::SUBSCRIPTIONS_PER_SOCKET]);
    world.subscribe(&world.client(), "t");
    world.bus.unsubscribe(&client, last).unwrap();
    assert!(over().is_ok());
}

#[test]
fn topics_one_over_the_limit_are_refused() {
    let world = World::new();
    let watcher = world.watcher("over");
    let mut clients = vec![watcher.clone()];
    let mut last = 0;
    // One short of each socket's own limit, so that each could advertise one more.
    let share = limits::ADVERTISEMENTS_PER_SOCKET - 1;
    for n in 0..limits::TOPICS_PER_BUS {
        if n % share == 0 {
            clients.push(world.client());
        }
        last = world.advertise(clients.last().unwrap(), &format!("t/{n}"));
    }
    let client = clients.last().unwrap().clone();
    let counts = world.counts();
    assert_eq!(counts[0], limits::TOPICS_PER_BUS);
    assert_eq!(
        world.advertise_typed(&client, "over", 0),
        Err(Refusal::TooManyTopics)
    );
    assert_eq!(world.counts(), counts);
    assert!(watcher.port.drain().is_empty());
    // A topic that exists has room for another publisher.
    assert!(world.advertise_typed(&client, "t/0", 0).is_ok());
    world.bus.unadvertise(&client, last).unwrap();
    assert!(world.advertise_typed(&client, "over", 0).is_ok());
    drop(client);
    drop(watcher);
    world.end(clients);
}
