// SPDX-License-Identifier: GPL-2.0

//! Advertise, unadvertise and fingerprints.

use crate::bus::port::Form;
use crate::queue::Item;
use crate::queue::Note;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::received;
use crate::world::World;

#[test]
fn advertise_new_topic_counts_topic_and_client() {
    let world = World::new();
    let (client, id) = world.publisher("a");
    assert_eq!(world.counts(), [1, 1, 0]);
    assert_eq!(world.bus.advertised(&client, name("a")), Some(id));
    assert_eq!(world.bus.advertised(&client, name("b")), None);
    assert_eq!(world.bus.advertised(&world.client(), name("a")), None);
    world.end(vec![client]);
}

#[test]
fn advertise_existing_topic_gives_its_id() {
    let world = World::new();
    let (_, id) = world.publisher("a");
    let (_, same) = world.publisher("a");
    let (_, other) = world.publisher("b");
    assert_eq!(same, id);
    assert_ne!(other, id);
    assert_eq!(world.counts(), [2, 3, 0]);
}

#[test]
fn advertise_twice_is_refused_and_changes_nothing() {
    let world = World::new();
    let watcher = world.watcher("**");
    let (client, id) = world.publisher("a");
    received(&watcher);
    assert_eq!(
        world.advertise_typed(&client, "a", 7),
        Err(Refusal::AlreadyAdvertised)
    );
    assert_eq!(world.counts(), [1, 2, 1]);
    assert_eq!(received(&watcher), "");
    assert_eq!(world.publish(&client, id, 0).seq, 1);
}

#[test]
fn advertise_other_fingerprint_is_refused_and_changes_nothing() {
    let world = World::new();
    let first = world.client();
    let id = world.advertise_typed(&first, "a", 7).unwrap();
    let watcher = world.watcher("**");
    received(&watcher);
    let second = world.client();
    assert_eq!(
        world.advertise_typed(&second, "a", 8),
        Err(Refusal::FingerprintMismatch)
    );
    assert_eq!(world.counts(), [1, 2, 1]);
    assert_eq!(received(&watcher), "");
    assert_eq!(world.bus.advertised(&second, name("a")), None);
    assert_eq!(
        world.bus.publish(&second, id, &mut Note::new(0)),
        Err(Refusal::NotAdvertised)
    );
    assert_eq!(world.advertise_typed(&second, "a", 7), Ok(id));
    world.end(vec![first, second, watcher]);
}

#[test]
fn advertise_untyped_next_to_typed_is_accepted() {
    let world = World::new();
    let (untyped, id) = world.publisher("a");
    let typed = world.client();
    assert_eq!(world.advertise_typed(&typed, "a", 7), Ok(id));
    assert_eq!(
        world.advertise_typed(&world.client(), "a", 8),
        Err(Refusal::FingerprintMismatch)
    );
    let subscriber = world.subscriber("a");
    world.publish(&untyped, id, 0);
    world.publish(&typed, id, 0);
    let fingerprints: Vec<u64> = subscriber
        .port
        .drain()
        .iter()
        .map(|item| match item {
            Item::Topic { fingerprint, .. } | Item::Message { fingerprint, .. } => *fingerprint,
            other => panic!("{other:?}"),
        })
        .collect();
    // The topic's, then what each publisher advertised itself.
    assert_eq!(fingerprints, [7, 0, 7]);
}

#[test]
fn unadvertise_last_publisher_removes_topic() {
    let world = World::new();
    let (one, id) = world.publisher("a");
    let (two, _) = world.publisher("a");
    assert_eq!(world.bus.unadvertise(&one, id), Ok(()));
    assert_eq!(world.counts(), [1, 2, 0]);
    assert_eq!(world.bus.unadvertise(&two, id), Ok(()));
    assert_eq!(world.counts(), [0, 2, 0]);
    world.end(vec![one, two]);
}

#[test]
fn unadvertise_what_is_not_advertised_is_refused() {
    let world = World::new();
    let (one, id) = world.publisher("a");
    let (two, other) = world.publisher("b");
    for (client, topic) in [(&one, 0), (&one, other), (&two, id), (&world.client(), id)] {
        assert_eq!(
            world.bus.unadvertise(client, topic),
            Err(Refusal::NotAdvertised)
        );
    }
    world.bus.unadvertise(&one, id).unwrap();
    assert_eq!(world.bus.unadvertise(&one, id), Err(Refusal::NotAdvertised));
    assert_eq!(world.counts(), [1, 2, 0]);
}

#[test]
fn topic_id_after_removal_is_not_used_again() {
    let world = World::new();
    let client = world.client();
    let mut last = 0;
    for round in 0..20 {
        let id = world.advertise(&client, if round % 2 == 0 { "a" } else { "b" });
        assert!(id > last);
        last = id;
        world.bus.unadvertise(&client, id).unwrap();
        assert_eq!(
            world.bus.publish(&client, id, &mut Note::new(0)),
            Err(Refusal::NotAdvertised)
        );
    }
}

#[test]
fn topic_after_removal_starts_anew() {
    let world = World::new();
    let client = world.client();
    let old = world.advertise_typed(&client, "a", 7).unwrap();
    world.publish(&client, old, 0);
    world.bus.unadvertise(&client, old).unwrap();
    let new = world.advertise_typed(&client, "a", 8).unwrap();
    assert_eq!(world.publish(&client, new, 0).seq, 1);
}

#[test]
fn publications_many_in_any_order_are_all_found() {
    let world = World::new();
    let (client, helper) = (world.client(), world.client());
    let names: Vec<String> = (0..40).map(|n| format!("t/{n}")).collect();
    let ids: Vec<u32> = names.iter().map(|n| world.advertise(&helper, n)).collect();
    // Not in the order of their ids.
    for n in (0..40).map(|n| n * 7 % 40) {
        assert_eq!(world.advertise(&client, &names[n]), ids[n]);
    }
    for n in (0..40).step_by(3) {
        world.bus.unadvertise(&client, ids[n]).unwrap();
    }
    for n in 0..40 {
        let published = world.bus.publish(&client, ids[n], &mut Note::new(0));
        assert_eq!(published.is_ok(), n % 3 != 0);
        assert_eq!(
            world.bus.advertised(&client, name(&names[n])).is_some(),
            n % 3 != 0
        );
    }
    assert!(!world.bus.subscribed(&client, Form::V1));
    world.end(vec![client, helper]);
}
