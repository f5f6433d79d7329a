// SPDX-License-Identifier: GPL-2.0

//! Dumps, told in parts while the bus changes.

use crate::bus::dump::Dump;
use crate::bus::offer::Offer;
use crate::bus::port::Form;
use crate::queue::Queue;
use crate::sys;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::record::Record;
use crate::world::name;
use crate::world::pattern;
use crate::world::Client;
use crate::world::World;
use crate::world::ROOMY;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The next part, of so many records at most, in short.
fn part(world: &World, dump: &mut Dump, most: usize) -> Vec<String> {
    let mut told = Vec::new();
    let result = world.bus.dump(dump, &mut |record| {
        if told.len() == most {
            return false;
        }
        told.push(match record {
            Record::TopicInfo(topic) => format!(
                "{} {} {:o} {}<{} {}/{}",
                topic.name.as_str(),
                topic.uid,
                topic.mode,
                topic.publishers,
                topic.subscribers,
                topic.retained,
                topic.history
            ),
            Record::Statistics(s) => {
                format!(
                    "{} {} {} {}",
                    s.name.as_str(),
                    s.seq,
                    s.delivered,
                    s.dropped
                )
            }
            Record::ClientInfo(c) => format!("{} {} {} {}", c.port, c.uid, c.pid, c.comm),
            Record::SubscriptionInfo(s) => {
                format!(
                    "{} {} {} {}",
                    s.port,
                    s.subscription_id,
                    s.pattern.as_str(),
                    s.flags
                )
            }
            other => panic!("{other:?}"),
        });
        true
    });
    result.unwrap();
    told
}

fn all(world: &World, mut dump: Dump) -> Vec<String> {
    let mut told = Vec::new();
    while !dump.is_done() {
        told.extend(part(world, &mut dump, 2));
    }
    assert!(part(world, &mut dump, 2).is_empty());
    told
}

#[test]
fn dumps_tell_what_is_there_and_nothing_else() {
    let world = World::new();
    let publisher = world.client();
    let offer = Offer {
        history: Some(4),
        mode: Some(0o644),
        ..Offer::new(name("a/b"))
    };
    let id = world.bus.advertise(&publisher, offer).unwrap();
    world.advertise(&publisher, "a");
    let small = world.small(2);
    world.subscribe(&small, "a/*");
    let other = world.client();
    world
        .bus
        .subscribe(&other, pattern("**"), SUBSCRIBE_EVENTS, Form::V1)
        .unwrap();
    for tag in 0..3 {
        world.publish(&publisher, id, tag);
    }
    let [first, second, third] = [&publisher, &small, &other].map(|client| client.port_id);
    assert_eq!(
        all(&world, Dump::Topics(None)),
        ["a 1000 600 1<1 0/0", "a/b 1000 644 1<2 3/4"]
    );
    // The small queue took the topic's name and one message.
    assert_eq!(
        all(&world, Dump::Statistics(None)),
        ["a 0 0 0", "a/b 3 4 2"]
    );
    let clients = [first, second, third].map(|port| format!("{port} 1000 1001 person"));
    assert_eq!(all(&world, Dump::Clients(None)), clients);
    assert_eq!(
        all(&world, Dump::Subscriptions(None)),
        [format!("{third} 1 ** 1"), format!("{second} 1 a/* 0")]
    );
    world
        .bus
        .clear(&crate::person::Person::default(), name("a/b"))
        .unwrap();
    for client in [&publisher, &small, &other] {
        world.bus.disconnect(client);
    }
    for dump in [
        Dump::Topics(None),
        Dump::Statistics(None),
        Dump::Clients(None),
        Dump::Subscriptions(None),
    ] {
        assert!(all(&world, dump).is_empty());
    }
    world.end(vec![publisher, small, other]);
}

#[test]
fn subscriptions_under_one_prefix_are_told_by_the_age_of_their_sockets() {
    let world = World::new();
    // Made one after the other; neither port ids nor the order of their requests count.
    let ports = [9, 5, 7, 6, 8];
    let clients = ports.map(|port| world.client_at(port, Queue::new(ROOMY, |_| true)));
    for index in [3, 0, 4, 1, 2] {
        for text in ["a/*", "a/**", "a", "a/*"] {
            world.subscribe(&clients[index], text);
        }
    }
    let told = all(&world, Dump::Subscriptions(None));
    let literal = ports.map(|port| format!("{port} 3 a 0"));
    let wild = ports.iter().flat_map(|port| {
        [(1, "a/*"), (2, "a/**"), (4, "a/*")].map(|(id, text)| format!("{port} {id} {text} 0"))
    });
    let want: Vec<String> = literal.into_iter().chain(wild).collect();
    assert_eq!(told, want);
    world.end(clients.into());
}

#[test]
fn part_that_fails_for_memory_says_so() {
    let world = World::new();
    let publishers: Vec<Client> = (0..4)
        .map(|n| world.publisher(&format!("t/{n}")).0)
        .collect();
    let mut dump = Dump::Topics(None);
    let (result, failed) = sys::failing(1, || {
        let mut count = 0;
        world.bus.dump(&mut dump, &mut |_| {
            count += 1;
            count < 3
        })
    });
    assert!(failed && result.is_err());
    world.end(publishers);
}

proptest! {
    /// Topics that are there from the first to the last part are told once each, in order.
    #[test]
    fn what_stays_is_told_once_whatever_comes_and_goes(
        stay in prop::collection::btree_set("[a-c](/[a-c]){0,2}", 0..12),
        changes in prop::collection::vec(("[a-c](/[a-c]){0,2}", any::<bool>()), 0..40),
        most in 1..4_usize,
    ) {
        let world = World::new();
        let keeper = world.client();
        for topic in &stay {
            world.advertise(&keeper, topic);
        }
        let mut others: Vec<(String, Client)> = Vec::new();
        let mut gone = Vec::new();
        let mut changes = changes.into_iter();
        let mut told = Vec::new();
        let mut dump = Dump::Topics(None);
        while !dump.is_done() {
            told.extend(part(&world, &mut dump, most));
            for (topic, appears) in changes.by_ref().take(3) {
                if appears {
                    others.push((topic.clone(), world.publisher(&topic).0));
                } else if !others.is_empty() {
                    let (_, client) = others.swap_remove(0);
                    world.bus.disconnect(&client);
                    gone.push(client);
                }
            }
        }
        let names: Vec<String> = told
            .iter()
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect();
        let set: BTreeSet<&String> = names.iter().collect();
        prop_assert_eq!(set.len(), names.len(), "told twice");
        prop_assert!(stay.iter().all(|topic| set.contains(topic)));
        gone.push(keeper);
        gone.extend(others.into_iter().map(|(_, client)| client));
        world.end(gone);
    }
}
