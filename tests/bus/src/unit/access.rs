// SPDX-License-Identifier: GPL-2.0

//! Who may do what with a topic.

use crate::bus::access::Access;
use crate::bus::access::Right;
use crate::bus::offer::Offer;
use crate::bus::policy::Policy;
use crate::bus::port::Form;
use crate::person::Person;
use crate::queue::Note;
use crate::sys;
use crate::wire::message::DEFAULT_MODE;
use crate::wire::message::MAX_RULES;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::overrun;
use crate::world::pattern;
use crate::world::received;
use crate::world::Client;
use crate::world::World;
use proptest::prelude::*;

const OWNER: u32 = 1;
const GROUP: u32 = 50;

fn person(uid: u32, groups: &[u32]) -> Person {
    Person {
        uid,
        gid: uid,
        groups: groups.to_vec(),
        ..Person::default()
    }
}

fn owner() -> Person {
    person(OWNER, &[GROUP])
}

fn admin() -> Person {
    Person {
        admin: true,
        ..person(9, &[])
    }
}

fn rule(uid: u32, gid: u32, mode: u32) -> Access {
    Access { uid, gid, mode }
}

fn policy(rules: &[(&str, Access)]) -> Policy {
    let mut policy = Policy::new();
    for (prefix, access) in rules {
        policy.add(prefix, *access).unwrap();
    }
    policy
}

fn subscribe(world: &World, client: &Client, text: &str) -> Result<u32, Refusal> {
    world
        .bus
        .subscribe(client, pattern(text), SUBSCRIBE_EVENTS, Form::V1)
}

fn advertise(world: &World, client: &Client, topic: &str) -> Result<u32, Refusal> {
    world.bus.advertise(client, Offer::new(name(topic)))
}

/// A client of the owner that publishes topic `a` with this mode, for the group.
fn publisher(world: &World, mode: u32) -> (Client, u32) {
    let client = world.client_of(owner());
    let offer = Offer {
        mode: Some(mode),
        gid: Some(GROUP),
        ..Offer::new(name("a"))
    };
    let id = world.bus.advertise(&client, offer).unwrap();
    (client, id)
}

#[test]
fn classes_are_those_of_files() {
    let cases = [
        (owner(), 6),
        (person(2, &[GROUP]), 3),
        (person(GROUP, &[]), 3),
        (person(3, &[7]), 0),
    ];
    for mode in 0..=0o777 {
        let access = rule(OWNER, GROUP, mode);
        for (user, shift) in &cases {
            for right in [Right::Publish, Right::Subscribe] {
                let expected = mode >> shift & right as u32 != 0;
                assert_eq!(access.allows(user, right), expected, "{mode:o} {user:?}");
                assert!(access.allows(&admin(), right));
            }
        }
    }
}

#[test]
fn mode_decides_who_publishes_and_who_subscribes() {
    let users = [owner(), person(2, &[GROUP]), person(3, &[]), admin()];
    for (mode, expected) in [
        (DEFAULT_MODE, ["rw", "", "", "rw"]),
        (0o640, ["rw", "r", "", "rw"]),
        (0o624, ["rw", "w", "r", "rw"]),
        (0o066, ["", "rw", "rw", "rw"]),
    ] {
        // Whoever creates a topic must be able to publish on it.
        let world = World::new();
        let (publisher, id) = if mode & 0o200 == 0 {
            let client = world.client_of(admin());
            let offer = Offer {
                mode: Some(mode),
                gid: Some(GROUP),
                ..Offer::new(name("a"))
            };
            (client.clone(), world.bus.advertise(&client, offer).unwrap())
        } else {
            publisher(&world, mode)
        };
        for (user, expected) in users.iter().zip(expected) {
            if mode & 0o200 == 0 && user.uid == OWNER {
                continue;
            }
            let (may_read, may_write) = (expected.contains('r'), expected.contains('w'));
            let client = world.client_of(user.clone());
            let literal = subscribe(&world, &client, "a");
            let denied = Err(Refusal::SubscribeDenied);
            assert_eq!(literal.is_ok(), may_read, "{mode:o} {user:?}");
            assert!(may_read || literal == denied);
            let other = world.client_of(user.clone());
            subscribe(&world, &other, "*").unwrap();
            world.publish(&publisher, id, 7);
            assert_eq!(
                received(&other).contains("=7"),
                may_read,
                "{mode:o} {user:?}"
            );
            let writes = advertise(&world, &client, "a");
            let denied = Err(Refusal::PublishDenied);
            assert_eq!(writes, if may_write { Ok(id) } else { denied });
            world.bus.disconnect(&client);
            world.bus.disconnect(&other);
        }
    }
}

#[test]
fn settings_of_an_existing_topic_are_not_ignored_silently() {
    let world = World::new();
    let (first, id) = publisher(&world, 0o660);
    let with = |mode, gid| {
        let client = world.client_of(owner());
        let offer = Offer {
            mode,
            gid,
            ..Offer::new(name("a"))
        };
        let result = world.bus.advertise(&client, offer);
        world.bus.disconnect(&client);
        result
    };
    assert_eq!(with(None, None), Ok(id));
    assert_eq!(with(Some(0o660), Some(GROUP)), Ok(id));
    assert_eq!(with(Some(0o666), None), Err(Refusal::AccessDiffers));
    assert_eq!(with(None, Some(OWNER)), Err(Refusal::AccessDiffers));
    world.bus.disconnect(&first);
    assert!(with(Some(0o666), None).is_ok());
    assert_eq!(with(None, Some(51)), Err(Refusal::NotInGroup));
}

#[test]
fn subscriber_that_waits_for_a_topic_learns_that_it_is_denied() {
    let world = World::new();
    let (names_it, matches_it) = (
        world.client_of(person(3, &[])),
        world.client_of(person(3, &[])),
    );
    subscribe(&world, &names_it, "a").unwrap();
    subscribe(&world, &matches_it, "*").unwrap();
    let (client, id) = publisher(&world, DEFAULT_MODE);
    world.publish(&client, id, 1);
    assert_eq!(received(&names_it), "denied a");
    assert_eq!(received(&matches_it), "");
    world.end(vec![names_it, matches_it, client]);
}

#[test]
fn rules_replace_what_creators_say_also_live() {
    let world = World::new();
    let (first, id) = publisher(&world, 0o660);
    let port = first.port_id;
    let member = world.client_of(person(2, &[GROUP]));
    let outsider = world.client_of(person(3, &[]));
    for client in [&member, &outsider] {
        subscribe(&world, client, "**").unwrap();
    }
    let will = Some(Note::new(99));
    world.bus.set_last_will(&first, id, will).unwrap();
    world.publish(&first, id, 1);
    received(&member);
    // The outsider owns everything now; the owner may not even publish.
    let rules = [("", rule(0, 0, 0)), ("a", rule(3, 3, 0o600))];
    world.bus.set_policy(policy(&rules)).unwrap();
    assert_eq!(received(&member), format!("removed {id}"));
    let error = world.bus.publish(&first, id, &mut Note::new(2));
    assert_eq!(error, Err(Refusal::NotAdvertised));
    assert_eq!(advertise(&world, &first, "a"), Err(Refusal::PublishDenied));
    assert_eq!(advertise(&world, &first, "b"), Err(Refusal::PublishDenied));
    // It came into the audience before the publisher went.
    assert_eq!(
        received(&outsider),
        format!("topic {id} a, joined {id} {port}, gone {id} {port}, removed {id}")
    );
    let second = world.client_of(person(3, &[]));
    let next = advertise(&world, &second, "a").unwrap();
    world.publish(&second, next, 3);
    assert!(received(&outsider).ends_with(&format!("{next}#1=3")));
    assert_eq!(received(&member), "");
    // Back to what the creator said, who is now somebody else.
    world.bus.set_policy(Policy::new()).unwrap();
    world.publish(&second, next, 4);
    assert!(received(&outsider).ends_with(&format!("{next}#2=4")));
    world.end(vec![first, member, outsider, second]);
}

#[test]
fn policy_that_fails_changes_nothing() {
    let mut twice = policy(&[("a", rule(1, 1, 0))]);
    assert_eq!(twice.add("a", rule(2, 2, 0)), Err(Refusal::RuleTwice));
    let mut full = Policy::new();
    for n in 0..MAX_RULES {
        full.add(&format!("r/{n}"), rule(0, 0, 0)).unwrap();
    }
    assert_eq!(full.add("over", rule(0, 0, 0)), Err(Refusal::TooManyRules));
    for n in 1.. {
        let world = World::new();
        let (client, id) = publisher(&world, 0o666);
        let readers: Vec<Client> = (2..5)
            .map(|uid| world.client_of(person(uid, &[])))
            .collect();
        for reader in &readers {
            subscribe(&world, reader, "**").unwrap();
        }
        let rules = policy(&[("a", rule(3, 3, 0o600))]);
        let (result, failed) = sys::failing(n, || world.bus.set_policy(rules));
        assert_eq!(result.is_err(), failed, "allocation {n}");
        let error = world.bus.publish(&client, id, &mut Note::new(1)).err();
        if !failed {
            assert_eq!(error, Some(Refusal::NotAdvertised));
            return;
        }
        assert_eq!((result, error), (Err(Refusal::NoMemory), None));
        for reader in &readers {
            assert!(received(reader).ends_with("#1=1"), "allocation {n}");
        }
    }
}

/// What a policy needs itself: two texts with which it looks for rules and subscriptions.
const ALLOCATIONS_OF_A_POLICY: usize = 2;

#[test]
fn policy_that_has_its_own_memory_does_not_fail_for_that_of_others() {
    for n in 1.. {
        let world = World::new();
        let publishers = ["a", "b", "c/d"].map(|topic| {
            let client = world.client_of(owner());
            let id = advertise(&world, &client, topic).unwrap();
            (client, id)
        });
        let insider = world.client_of(owner());
        let outsiders = [person(2, &[]), person(3, &[])].map(|person| world.client_of(person));
        for client in outsiders.iter().chain([&insider]) {
            subscribe(&world, client, "**").unwrap();
            subscribe(&world, client, "*").unwrap();
        }
        for client in outsiders.iter().chain([&insider]) {
            client.port.news();
        }
        // The outsiders may have everything but `b`, whose publisher must go.
        let rules = [("", rule(OWNER, OWNER, 0o666)), ("b", rule(9, 9, 0o600))];
        let rules = policy(&rules);
        let (result, failed) = sys::exhausting(n, || world.bus.set_policy(rules));
        let told = outsiders.each_ref().map(overrun);
        let published = publishers
            .each_ref()
            .map(|(client, id)| world.bus.publish(client, *id, &mut Note::new(1)));
        let heard = |client: &Client| received(client).matches("=1").count();
        if n <= ALLOCATIONS_OF_A_POLICY {
            assert_eq!(result, Err(Refusal::NoMemory));
            assert_eq!(told, [false, false]);
            assert!(published.iter().all(Result::is_ok));
            assert_eq!(heard(&insider), 3);
            assert_eq!(outsiders.each_ref().map(heard), [0, 0]);
        } else {
            assert_eq!(result, Ok(()), "allocation {n}");
            let refused = published[1].as_ref().err();
            assert_eq!(refused, Some(&Refusal::NotAdvertised), "allocation {n}");
            assert!(published[0].is_ok() && published[2].is_ok());
            assert_eq!(heard(&insider), 2);
            for (client, told) in outsiders.iter().zip(told) {
                let heard = heard(client);
                assert!(heard == 2 || told, "allocation {n}: {heard}");
            }
            // Later rules find everything in order.
            world.bus.set_policy(Policy::new()).unwrap();
            for client in &outsiders {
                client.port.drain();
            }
            for (client, id) in [&publishers[0], &publishers[2]] {
                assert_eq!(world.publish(client, *id, 2).delivered, 1);
            }
            assert!(outsiders
                .iter()
                .all(|client| !received(client).contains("=2")));
        }
        let clients = publishers.into_iter().map(|(client, _)| client);
        world.end(clients.chain(outsiders).chain([insider]).collect());
        if !failed {
            assert!(n > ALLOCATIONS_OF_A_POLICY && told == [false, false]);
            return;
        }
    }
}

#[test]
fn all_publishers_that_a_rule_forbids_go_and_the_others_stay() {
    let world = World::new();
    let watcher = world.client_of(admin());
    subscribe(&world, &watcher, "**").unwrap();
    // On each topic some who may stay lie between those who must go; the last topic is a new one
    // for whoever is looked for there.
    let topics = ["a", "a/b", "c", "d"];
    let uid = |n: u32| {
        if n.is_multiple_of(5) {
            OWNER
        } else {
            100 + n % 7
        }
    };
    let clients: Vec<(u32, Client)> = (0..48)
        .map(|n| (uid(n), world.client_of(person(uid(n), &[]))))
        .collect();
    let mut ids = Vec::new();
    for topic in topics {
        let offer = Offer {
            mode: Some(0o666),
            ..Offer::new(name(topic))
        };
        let mut id = 0;
        for (_, client) in &clients {
            id = world.bus.advertise(client, offer).unwrap();
        }
        ids.push(id);
    }
    received(&watcher);
    let only_owner = rule(OWNER, OWNER, 0o600);
    let rules = [("a", only_owner), ("d", only_owner)];
    world.bus.set_policy(policy(&rules)).unwrap();
    let gone = received(&watcher).matches("gone").count();
    let intruders = clients.iter().filter(|(uid, _)| *uid != OWNER).count();
    assert_eq!(gone, 3 * intruders);
    for (uid, client) in &clients {
        for (topic, id) in topics.iter().zip(&ids) {
            let stays = *topic == "c" || *uid == OWNER;
            let published = world.bus.publish(client, *id, &mut Note::new(1));
            assert_eq!(published.is_ok(), stays, "{topic}");
            let there = world.bus.advertised(client, name(topic));
            assert_eq!(there.is_some(), stays, "{topic}");
        }
    }
    // Nobody may: the topics end with their last publishers.
    let nobody = rule(0, 0, 0);
    world.bus.set_policy(policy(&[("", nobody)])).unwrap();
    assert_eq!(world.counts()[0], 0);
    let clients = clients.into_iter().map(|(_, client)| client);
    world.end(clients.chain([watcher]).collect());
}

proptest! {
    #[test]
    fn longest_prefix_decides(
        prefixes in prop::collection::btree_set("[ab](/[ab]){0,3}", 0..6),
        all in any::<bool>(),
        topic in "[ab](/[ab]){0,4}",
    ) {
        let mut rules: Vec<(&str, Access)> = prefixes
            .iter()
            .zip(100..)
            .map(|(prefix, uid)| (&prefix[..], rule(uid, 0, 0o600)))
            .collect();
        if all {
            rules.push(("", rule(99, 0, 0o600)));
        }
        let world = World::new();
        world.bus.set_policy(policy(&rules)).unwrap();
        let below = |prefix: &str| {
            prefix.is_empty() || topic == prefix || topic.starts_with(&format!("{prefix}/"))
        };
        let deciding = rules
            .iter()
            .filter(|(prefix, _)| below(prefix))
            .max_by_key(|(prefix, _)| prefix.len());
        for uid in 98..106 {
            let expected = deciding.is_none_or(|(_, access)| access.uid == uid);
            let client = world.client_of(person(uid, &[]));
            prop_assert_eq!(advertise(&world, &client, &topic).is_ok(), expected);
            world.bus.disconnect(&client);
        }
    }
}
