// SPDX-License-Identifier: GPL-2.0

//! Places in audiences: how many a user has, what happens where there is none, and that nobody
//! loses his because of it.

use crate::bus::dump::Dump;
use crate::bus::limits;
use crate::bus::limits::Limits;
use crate::bus::offer::Offer;
use crate::bus::policy::Policy;
use crate::bus::port::Form;
use crate::person::Person;
use crate::sys;
use crate::wire::message::SUBSCRIBE_FAIL;
use crate::wire::record::Record;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::overrun;
use crate::world::pattern;
use crate::world::received;
use crate::world::Client;
use crate::world::World;
use crate::world::LIMITS;

const MOST: usize = limits::MEMBERS_PER_TOPIC_OF_USER as usize;

fn subscribe(world: &World, client: &Client, text: &str) -> Result<u32, Refusal> {
    world.bus.subscribe(client, pattern(text), 0, Form::V1)
}

/// A new topic on which, and from which, anybody may publish and receive.
fn publisher(world: &World, topic: &str) -> (Client, u32) {
    let client = world.client_of(Person::numbered(1));
    let offer = Offer {
        mode: Some(0o666),
        ..Offer::new(name(topic))
    };
    let id = world.bus.advertise(&client, offer).unwrap();
    (client, id)
}

/// How many subscribers a topic has, as the dump tells it.
fn subscribers(world: &World, topic: &str) -> u32 {
    let mut found = None;
    let mut dump = Dump::Topics(None);
    let told = world.bus.dump(&mut dump, &mut |record| {
        match record {
            Record::TopicInfo(info) if info.name.as_str() == topic => {
                found = Some(info.subscribers);
            }
            _ => {}
        }
        true
    });
    told.unwrap();
    found.unwrap()
}

#[test]
fn one_subscriber_of_a_user_too_many_is_refused_and_nothing_changes() {
    let world = World::new();
    let (publisher_a, a) = publisher(&world, "a");
    let (publisher_b, b) = publisher(&world, "b");
    let members: Vec<Client> = (0..MOST).map(|_| world.subscriber("a")).collect();
    let over = world.client();
    let counts = world.counts();
    // It would have a place on `b`, which may not stay.
    for text in ["a", "*"] {
        let refused = subscribe(&world, &over, text);
        assert_eq!(refused, Err(Refusal::TooManyMembersOfUser), "{text}");
    }
    assert_eq!(world.counts(), counts);
    assert_eq!(subscribers(&world, "a"), MOST as u32);
    assert_eq!(subscribers(&world, "b"), 0);
    // The socket has a place in another form, or it has not: it is the limit of the topic.
    let seed = world
        .bus
        .subscribe(&members[0], pattern("a"), 0, Form::Seed);
    assert_eq!(seed, Err(Refusal::TooManyMembersOfUser));
    // Who has a place needs none.
    subscribe(&world, &members[0], "a").unwrap();
    // Others have room of their own.
    let stranger = world.client_of(Person::numbered(7));
    subscribe(&world, &stranger, "*").unwrap();
    assert_eq!(world.publish(&publisher_a, a, 1).delivered, MOST as u32 + 1);
    assert_eq!(world.publish(&publisher_b, b, 1).delivered, 1);
    assert_eq!(received(&over), "");
    assert!(!overrun(&over));
    world.bus.disconnect(&members[7]);
    subscribe(&world, &over, "*").unwrap();
    assert_eq!(world.publish(&publisher_a, a, 2).delivered, MOST as u32 + 1);
    assert_eq!(received(&over), format!("topic {a} a, {a}#2=2"));
    let others = [publisher_a, publisher_b, over, stranger];
    world.end(members.into_iter().chain(others).collect());
}

#[test]
fn one_subscriber_too_many_for_a_topic_that_appears_is_told_so() {
    let world = World::new();
    let subscribers: Vec<Client> = (0..=MOST).map(|_| world.subscriber("a")).collect();
    let stranger = world.client_of(Person::numbered(7));
    subscribe(&world, &stranger, "a").unwrap();
    let (publisher, id) = publisher(&world, "a");
    let told: Vec<&Client> = subscribers.iter().filter(|c| overrun(c)).collect();
    assert_eq!(told.len(), 1);
    assert!(!overrun(&stranger));
    assert_eq!(world.publish(&publisher, id, 1).delivered, MOST as u32 + 1);
    for client in &subscribers {
        let missed = told[0].port_id == client.port_id;
        let want = format!("topic {id} a, {id}#1=1");
        assert_eq!(received(client), if missed { "" } else { &want });
    }
    // It goes without leaving a trace, and has a place as soon as there is one.
    let late = told[0];
    world.bus.unsubscribe(late, 1).unwrap();
    assert_eq!(
        subscribe(&world, late, "a"),
        Err(Refusal::TooManyMembersOfUser)
    );
    let gone = subscribers.iter().find(|c| c.port_id != late.port_id);
    world.bus.disconnect(gone.unwrap());
    subscribe(&world, late, "a").unwrap();
    world.publish(&publisher, id, 2);
    assert_eq!(received(late), format!("topic {id} a, {id}#2=2"));
    let others = [stranger, publisher];
    world.end(subscribers.into_iter().chain(others).collect());
}

#[test]
fn sponsored_users_share_the_places_of_one_user() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a");
    let mut clients: Vec<Client> = (0..MOST as u32)
        .map(|n| world.client_of(Person::sponsored(70_000 + n, 7)))
        .collect();
    for client in &clients {
        subscribe(&world, client, "a").unwrap();
    }
    let over = Err(Refusal::TooManyMembersOfUser);
    for person in [Person::sponsored(80_000, 7), Person::numbered(7)] {
        let client = world.client_of(person);
        assert_eq!(subscribe(&world, &client, "a"), over);
        clients.push(client);
    }
    assert_eq!(world.publish(&publisher, id, 1).delivered, MOST as u32);
    clients.push(publisher);
    world.end(clients);
}

#[test]
fn members_of_many_chunks_come_and_go_in_any_order() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a");
    let clients: Vec<Client> = (0..101).map(|_| world.client()).collect();
    let mut there = vec![false; clients.len()];
    let mut at = 0;
    // Every number comes up; each is there after an odd number of times.
    for step in 0..700 {
        at = (at + 37 + step % 5) % clients.len();
        if there[at] {
            let id = world.bus.subscribed(&clients[at], Form::V1);
            assert!(id);
            let last = (1..=700).rev();
            let ended = last
                .into_iter()
                .find(|id| world.bus.unsubscribe(&clients[at], *id).is_ok());
            assert!(ended.is_some());
        } else {
            subscribe(&world, &clients[at], "a").unwrap();
        }
        there[at] = !there[at];
        let count = there.iter().filter(|there| **there).count() as u32;
        assert_eq!(subscribers(&world, "a"), count);
        assert_eq!(world.publish(&publisher, id, 1).delivered, count);
        for (client, there) in clients.iter().zip(&there) {
            assert_eq!(received(client).matches("=1").count(), usize::from(*there));
        }
    }
    world.end(clients.into_iter().chain([publisher]).collect());
}

#[test]
fn memberships_of_a_user_have_a_limit() {
    let world = World::with(Limits {
        memberships_per_user: 3,
        ..LIMITS
    });
    let topics: Vec<(Client, u32)> = ["a", "b", "c", "d"]
        .map(|topic| publisher(&world, topic))
        .into();
    let client = world.client();
    let over = Err(Refusal::TooManyMembershipsOfUser);
    assert_eq!(subscribe(&world, &client, "*"), over);
    let [a, b, _] = ["a", "b", "c"].map(|text| subscribe(&world, &client, text).unwrap());
    let other = world.client();
    assert_eq!(subscribe(&world, &other, "d"), over);
    assert_eq!(
        ["a", "b", "c", "d"].map(|topic| subscribers(&world, topic)),
        [1, 1, 1, 0]
    );
    // A second subscription of the socket takes no second place; in the other form it does.
    let again = subscribe(&world, &client, "a").unwrap();
    let seed = world.bus.subscribe(&client, pattern("a"), 0, Form::Seed);
    assert_eq!(seed, over);
    world.bus.unsubscribe(&client, a).unwrap();
    assert_eq!(subscribe(&world, &other, "d"), over);
    world.bus.unsubscribe(&client, again).unwrap();
    let d = subscribe(&world, &other, "d").unwrap();
    // Nothing that exists is needed to subscribe to what does not exist yet.
    subscribe(&world, &other, "e").unwrap();
    let (e, _) = publisher(&world, "e");
    assert!(overrun(&other));
    world.bus.unsubscribe(&client, b).unwrap();
    let (f, _) = publisher(&world, "f");
    assert!(!overrun(&other));
    // With a topic, its audience goes.
    world.bus.disconnect(&topics[2].0);
    subscribe(&world, &client, "a").unwrap();
    subscribe(&world, &client, "f").unwrap();
    assert_eq!(subscribe(&world, &client, "b"), over);
    world.bus.unsubscribe(&other, d).unwrap();
    subscribe(&world, &client, "b").unwrap();
    let clients = topics.into_iter().map(|(client, _)| client);
    world.end(clients.chain([client, other, e, f]).collect());
}

#[test]
fn whom_a_rule_lets_in_and_who_finds_no_place_is_told_so() {
    let world = World::with(Limits {
        memberships_per_user: 1,
        ..LIMITS
    });
    let closed = world.client_of(Person::numbered(1));
    let id = world.advertise(&closed, "a");
    let (other, _) = publisher(&world, "b");
    let client = world.client();
    subscribe(&world, &client, "**").unwrap();
    let mut policy = Policy::new();
    let access = crate::bus::access::Access {
        uid: 1,
        gid: 1,
        mode: 0o666,
    };
    policy.add("a", access).unwrap();
    assert_eq!(world.bus.set_policy(policy), Ok(()));
    assert!(overrun(&client));
    assert_eq!(world.publish(&closed, id, 1).delivered, 0);
    world.end(vec![closed, other, client]);
}

/// Subscribes twice, has no place on a topic that appears, and one later.
fn missed(end_first: bool) {
    let world = World::with(Limits {
        memberships_per_user: 1,
        ..LIMITS
    });
    let (elsewhere, _) = publisher(&world, "elsewhere");
    let client = world.client();
    let place = subscribe(&world, &client, "elsewhere").unwrap();
    let old = subscribe(&world, &client, "a").unwrap();
    let (publisher, id) = publisher(&world, "a");
    assert!(overrun(&client));
    world.bus.unsubscribe(&client, place).unwrap();
    let new = subscribe(&world, &client, "*").is_ok();
    assert!(!new, "`*` is more than there is room for");
    let new = subscribe(&world, &client, "a").unwrap();
    let (first, second) = if end_first { (old, new) } else { (new, old) };
    world.bus.unsubscribe(&client, first).unwrap();
    world.publish(&publisher, id, 1);
    let want = format!("topic {id} a, {id}#1=1");
    // It asked for the topic again, and was not told that it does not get it.
    assert_eq!(received(&client), if end_first { &want } else { "" });
    world.bus.unsubscribe(&client, second).unwrap();
    assert_eq!(world.publish(&publisher, id, 2).delivered, 0);
    assert_eq!(subscribers(&world, "a"), 0);
    world.end(vec![elsewhere, client, publisher]);
}

#[test]
fn end_of_a_subscription_that_had_no_place_leaves_the_next_one_alone() {
    missed(true);
    missed(false);
}

#[test]
fn subscriptions_of_a_client_come_into_an_audience_together() {
    for n in 1.. {
        let world = World::new();
        let client = world.client();
        let texts = ["a/b", "a/*", "**"];
        let ids = texts.map(|text| subscribe(&world, &client, text).unwrap());
        let publisher = world.client();
        let (result, failed) = sys::failing(n, || world.advertise_typed(&publisher, "a/b", 0));
        let told = overrun(&client);
        let Ok(id) = result else {
            assert!(failed);
            world.end(vec![client, publisher]);
            continue;
        };
        // Whoever is told gets nothing; who is not gets it until the last subscription ends.
        let has_place = subscribers(&world, "a/b") == 1;
        assert!(has_place != told, "allocation {n}");
        for (ended, subscription) in ids.into_iter().enumerate() {
            let delivered = world.publish(&publisher, id, 1).delivered;
            assert_eq!(delivered, u32::from(has_place), "{n}, {ended} ended");
            world.bus.unsubscribe(&client, subscription).unwrap();
        }
        assert_eq!(world.publish(&publisher, id, 1).delivered, 0);
        assert_eq!(subscribers(&world, "a/b"), 0);
        world.end(vec![client, publisher]);
        if !failed {
            return;
        }
    }
}

#[test]
fn policy_of_a_subscription_that_had_no_place_does_not_count() {
    let world = World::with(Limits {
        memberships_per_user: 1,
        ..LIMITS
    });
    let (elsewhere, _) = publisher(&world, "elsewhere");
    let client = world.small(1);
    let place = subscribe(&world, &client, "elsewhere").unwrap();
    let strict = world
        .bus
        .subscribe(&client, pattern("a"), SUBSCRIBE_FAIL, Form::V1)
        .unwrap();
    let (publisher, id) = publisher(&world, "a");
    world.bus.unsubscribe(&client, place).unwrap();
    let lax = subscribe(&world, &client, "a").unwrap();
    world.publish(&publisher, id, 1);
    world.bus.unsubscribe(&client, strict).unwrap();
    assert_eq!(world.publish(&publisher, id, 2).dropped, 1);
    world.bus.unsubscribe(&client, lax).unwrap();
    world.end(vec![elsewhere, client, publisher]);
}
