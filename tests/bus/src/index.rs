// SPDX-License-Identifier: GPL-2.0

//! The index: finds what trying every pattern on every name finds, and tries few.

use crate::queue::Item;
use crate::sys;
use crate::world::name;
use crate::world::pattern;
use crate::world::Client;
use crate::world::World;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Segments that differ from each other in front of a slash and behind it.
fn path(segments: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(segments), 1..5)
        .prop_map(|path| path.join("/"))
}

/// How many messages the client got since the last call.
fn heard(client: &Client) -> usize {
    let messages = |item: &Item| matches!(item, Item::Message { .. });
    client.port.drain().iter().filter(|i| messages(i)).count()
}

proptest! {
    #[test]
    fn index_agrees_with_trying_every_pattern_on_every_name(
        names in proptest::collection::btree_set(path(&["a", "b", "a!", "a0", "ä"]), 1..12),
        before in proptest::collection::vec(path(&["a", "b", "a!", "*", "**"]), 0..8),
        after in proptest::collection::vec(path(&["a", "b", "a0", "*", "**"]), 0..8),
    ) {
        let world = World::new();
        let mut clients: Vec<(String, Client)> = Vec::new();
        for text in before {
            let client = world.subscriber(&text);
            clients.push((text, client));
        }
        let publisher = world.client();
        let names: BTreeSet<String> = names;
        let ids: Vec<u32> = names.iter().map(|name| world.advertise(&publisher, name)).collect();
        for text in after {
            let client = world.subscriber(&text);
            clients.push((text, client));
        }
        // Half of them end, so that removal is compared, too.
        for round in 0..2 {
            for (text, id) in names.iter().zip(&ids) {
                world.publish(&publisher, *id, 0);
                for (index, (wanted, client)) in clients.iter().enumerate() {
                    let stays = round == 0 || index % 2 == 0;
                    let want = stays && pattern(wanted).matches(name(text));
                    prop_assert_eq!(heard(client), usize::from(want), "{} on {}", wanted, text);
                }
            }
            for (_, client) in clients.iter().skip(1).step_by(2) {
                let _ = world.bus.unsubscribe(client, 1);
            }
        }
        let mut clients: Vec<Client> = clients.into_iter().map(|(_, client)| client).collect();
        clients.push(publisher);
        world.end(clients);
    }
}

/// Many topics and subscriptions, each of which concerns few others.
const MANY: usize = 1000;

#[test]
fn many_topics_and_subscriptions_are_made_and_removed_in_few_steps() {
    let world = World::new();
    let (early, late) = (world.client(), world.client());
    // Each looks through what it publishes itself, which is not meant here.
    let publishers: Vec<Client> = (0..MANY / 4).map(|_| world.client()).collect();
    let subscribe = |client: &Client| {
        for n in 0..MANY {
            world.subscribe(
                client,
                &match n % 3 {
                    0 => format!("group/{n}/x"),
                    1 => format!("group/{n}/*"),
                    _ => format!("group/{n}/**"),
                },
            );
        }
    };
    let steps = sys::visits(|| {
        subscribe(&early);
        for n in 0..MANY {
            world.advertise(&publishers[n / 4], &format!("group/{n}/x"));
        }
        subscribe(&late);
        for client in publishers.iter().chain([&early, &late]) {
            world.bus.disconnect(client);
        }
    });
    // All pairs would be 5,000,000. A topic goes to its subscriptions twice: all are invited
    // before one is added.
    assert!(steps <= 22 * MANY, "{steps} steps");
    world.end(publishers.into_iter().chain([early, late]).collect());
}

#[test]
fn literal_subscription_is_passed_by_topics_below_it() {
    let world = World::new();
    let clients: Vec<Client> = (0..100).map(|_| world.subscriber("a")).collect();
    let publisher = world.client();
    let steps = sys::visits(|| {
        world.advertise(&publisher, "a/b");
    });
    assert!(steps <= 6, "{steps} steps");
    world.end(clients.into_iter().chain([publisher]).collect());
}
