// SPDX-License-Identifier: GPL-2.0

//! Retained messages.

use crate::bus::limits::Limits;
use crate::bus::offer::Offer;
use crate::bus::port::Form;
use crate::person::Person;
use crate::queue::Note;
use crate::queue::NOTE_BYTES;
use crate::sys;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::pattern;
use crate::world::received;
use crate::world::Client;
use crate::world::World;
use crate::world::LIMITS;
use proptest::prelude::*;

fn offer(topic: &str, history: u32) -> Offer<'_> {
    Offer {
        history: Some(history),
        mode: Some(0o666),
        ..Offer::new(name(topic))
    }
}

fn publisher(world: &World, topic: &str, history: u32) -> (Client, u32) {
    let client = world.client();
    let id = world.bus.advertise(&client, offer(topic, history)).unwrap();
    (client, id)
}

fn late(world: &World, client: Client, text: &str, flags: u32) -> Client {
    let flags = flags | SUBSCRIBE_HISTORY;
    world
        .bus
        .subscribe(&client, pattern(text), flags, Form::V1)
        .unwrap();
    client
}

fn clear(world: &World, topic: &str) -> Result<(), Refusal> {
    world.bus.clear(&Person::default(), name(topic))
}

#[test]
fn late_subscriber_gets_the_last_messages_and_then_the_live_ones() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a", 2);
    let early = late(&world, world.client(), "*", 0);
    for tag in [1, 2, 3] {
        world.publish(&publisher, id, tag);
    }
    let after = late(&world, world.client(), "*", 0);
    let without = world.subscriber("*");
    world.publish(&publisher, id, 4);
    assert_eq!(
        received(&early),
        format!("topic {id} a, {id}#1=1, {id}#2=2, {id}#3=3, {id}#4=4")
    );
    assert_eq!(
        received(&after),
        format!("topic {id} a, {id}#2=2, {id}#3=3, {id}#4=4")
    );
    assert_eq!(received(&without), format!("topic {id} a, {id}#4=4"));
    assert_eq!(clear(&world, "a"), Ok(()));
    world.end(vec![publisher, early, after, without]);
}

#[test]
fn second_subscription_does_not_repeat_what_the_client_gets_already() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a", 8);
    world.publish(&publisher, id, 1);
    let client = late(&world, world.client(), "a", 0);
    let client = late(&world, client, "*", 0);
    assert_eq!(received(&client), format!("topic {id} a, {id}#1=1"));
}

#[test]
fn history_outlives_its_publisher_and_the_next_one_goes_on() {
    let world = World::new();
    let watcher = world.watcher("a");
    let (first, id) = publisher(&world, "a", 1);
    world.publish(&first, id, 1);
    world.bus.disconnect(&first);
    assert_eq!(world.counts()[0], 1, "the topic stays");
    let port = first.port_id;
    let client = late(&world, world.client(), "a", 0);
    assert_eq!(received(&client), format!("topic {id} a, {id}#1=1"));
    let second = world.client();
    assert_eq!(world.advertise(&second, "a"), id);
    world.publish(&second, id, 2);
    let next = second.port_id;
    assert_eq!(
        received(&watcher),
        format!("topic {id} a, joined {id} {port}, {id}#1=1, gone {id} {port}, joined {id} {next}, {id}#2=2")
    );
    world.bus.disconnect(&second);
    assert_eq!(clear(&world, "a"), Ok(()));
    assert_eq!(world.counts()[0], 0);
    assert_eq!(
        received(&watcher),
        format!("gone {id} {next}, removed {id}")
    );
    assert_eq!(clear(&world, "a"), Err(Refusal::NoSuchTopic));
    world.end(vec![first, second, watcher, client]);
}

#[test]
fn small_queue_is_told_what_it_lost() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a", 8);
    for tag in 1..=5 {
        world.publish(&publisher, id, tag);
    }
    // The topic's name comes along with the first message, which alone takes room.
    let newest_lost = late(&world, world.small(3), "a", 0);
    assert_eq!(
        received(&newest_lost),
        format!("topic {id} a, {id}#1=1, {id}#2=2, lost {id}#3+3")
    );
    let oldest_lost = late(&world, world.small(4), "a", SUBSCRIBE_DROP_OLDEST);
    let got = received(&oldest_lost);
    assert!(got.contains(&format!("lost {id}#1+")), "{got}");
    assert!(got.ends_with(&format!("{id}#5=5")), "{got}");
}

#[test]
fn whoever_pays_decides() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a", 4);
    for tag in 1..=4 {
        world.publish(&publisher, id, tag);
    }
    let other = Person {
        uid: 7,
        ..Person::default()
    };
    let admin = Person {
        admin: true,
        ..other.clone()
    };
    let stranger = world.client_of(other.clone());
    let advertise = |client: &Client, depth| world.bus.advertise(client, offer("a", depth));
    assert_eq!(advertise(&stranger, 5), Err(Refusal::HistoryOfOther));
    assert_eq!(
        world.bus.clear(&other, name("a")),
        Err(Refusal::HistoryOfOther)
    );
    assert_eq!(advertise(&stranger, 4), Ok(id), "as it is");
    assert_eq!(
        advertise(&world.client_of(admin.clone()), 2),
        Ok(id),
        "less"
    );
    let client = late(&world, world.client(), "a", 0);
    assert_eq!(
        received(&client),
        format!("topic {id} a, {id}#3=3, {id}#4=4")
    );
    assert_eq!(world.bus.clear(&admin, name("a")), Ok(()));
    assert_eq!(received(&late(&world, world.client(), "a", 0)), "");
    // None at all, from now on.
    assert_eq!(advertise(&world.client(), 0), Ok(id));
    world.publish(&publisher, id, 5);
    assert_eq!(received(&late(&world, world.client(), "a", 0)), "");
}

#[test]
fn limit_of_bytes_is_never_exceeded_and_leaves_the_newest() {
    let limit = 3 * NOTE_BYTES as u32;
    let world = World::with(Limits {
        retained_bytes_per_user: limit,
        ..LIMITS
    });
    let (a, topic) = publisher(&world, "a", 4);
    for tag in 1..=4 {
        world.publish(&a, topic, tag);
    }
    let history = |text: &str| received(&late(&world, world.client(), text, 0));
    assert_eq!(
        history("a"),
        format!("topic {topic} a, {topic}#2=2, {topic}#3=3, {topic}#4=4"),
        "at the limit"
    );
    // Nothing is left for another topic, and nothing old stands there in its place.
    let (b, other) = publisher(&world, "b", 4);
    world.publish(&b, other, 1);
    assert_eq!(history("b"), "");
    let will = || {
        let message = Some(Note::new(9));
        world.bus.set_last_will(&b, other, message)
    };
    assert_eq!(will(), Err(Refusal::TooMuchRetained));
    // A batch larger than the history.
    let batch = &mut Note::batch(&[5, 6, 7, 8, 9, 10]);
    world.bus.publish(&a, topic, batch).unwrap();
    assert_eq!(
        history("a"),
        format!("topic {topic} a, {topic}#8=8, {topic}#9=9, {topic}#10=10")
    );
    assert_eq!(clear(&world, "a"), Ok(()));
    assert_eq!(will(), Ok(()));
    world.publish(&b, other, 2);
    assert_eq!(history("b"), format!("topic {other} b, {other}#2=2"));
}

#[test]
fn message_that_cannot_be_kept_leaves_no_older_one_in_its_place() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a", 4);
    for n in 1.. {
        world.publish(&publisher, id, 1);
        let (receipt, failed) = sys::failing(n, || world.publish(&publisher, id, 2));
        let got = received(&late(&world, world.client(), "a", 0));
        if !failed {
            assert!(n > 2, "it takes memory to retain");
            assert!(got.ends_with(&format!("{id}#{}=2", receipt.seq)), "{got}");
            return;
        }
        assert_eq!(got, "", "allocation {n}");
    }
}

#[test]
fn last_will_comes_before_the_end_and_only_once() {
    let world = World::new();
    let watcher = world.watcher("*");
    let will = |client: &Client, id, message| world.bus.set_last_will(client, id, message);
    let (publisher, id) = world.publisher("a");
    let port = publisher.port_id;
    assert_eq!(
        will(&publisher, id + 1, Some(Note::new(1))),
        Err(Refusal::NotAdvertised)
    );
    will(&publisher, id, Some(Note::new(8))).unwrap();
    will(&publisher, id, Some(Note::new(9))).unwrap();
    world.publish(&publisher, id, 1);
    world.bus.disconnect(&publisher);
    assert_eq!(
        received(&watcher),
        format!(
            "topic {id} a, joined {id} {port}, {id}#1=1, {id}#2=9, gone {id} {port}, removed {id}"
        )
    );
    // Cancelled, or with the advertisement.
    let (changed, id) = world.publisher("b");
    will(&changed, id, Some(Note::new(9))).unwrap();
    will(&changed, id, None).unwrap();
    let other = world.advertise(&changed, "c");
    will(&changed, other, Some(Note::new(9))).unwrap();
    world.bus.unadvertise(&changed, other).unwrap();
    world.bus.disconnect(&changed);
    assert!(!received(&watcher).contains("=9"));
    world.end(vec![watcher, publisher, changed]);
}

#[test]
fn last_will_is_retained_like_any_message() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a", 1);
    world.publish(&publisher, id, 1);
    let message = Some(Note::new(9));
    world.bus.set_last_will(&publisher, id, message).unwrap();
    world.bus.disconnect(&publisher);
    let client = late(&world, world.client(), "a", 0);
    assert_eq!(received(&client), format!("topic {id} a, {id}#2=9"));
    assert_eq!(clear(&world, "a"), Ok(()));
    world.end(vec![publisher, client]);
}

#[derive(Clone, Debug)]
enum Step {
    Publish(u32),
    Subscribe,
    Depth(u32),
    Clear,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..5_u32).prop_map(Step::Publish),
        3 => Just(Step::Subscribe),
        1 => (1..6_u32).prop_map(Step::Depth),
        1 => Just(Step::Clear),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Whatever happened before, a late subscriber gets the last messages, as many as are
    /// retained, and then every one that follows.
    #[test]
    fn history_and_live_messages_have_no_gap(steps in prop::collection::vec(step(), 1..60)) {
        let world = World::new();
        let (mut publisher, id) = publisher(&world, "a", 3);
        let (mut depth, mut retained, mut seq) = (3, 0, 0);
        let mut subscribers = Vec::new();
        let mut gone = Vec::new();
        for step in steps {
            match step {
                Step::Publish(count) => {
                    let tags: Vec<u32> = (1..=count).map(|n| seq + n).collect();
                    world.bus.publish(&publisher, id, &mut Note::batch(&tags)).unwrap();
                    seq += count;
                    retained = (retained + count).min(depth);
                }
                Step::Subscribe => {
                    subscribers.push((seq - retained, late(&world, world.client(), "a", 0)));
                }
                Step::Depth(new) => {
                    let client = world.client();
                    prop_assert_eq!(world.bus.advertise(&client, offer("a", new)), Ok(id));
                    world.bus.disconnect(&client);
                    gone.push(client);
                    depth = new;
                    retained = retained.min(depth);
                }
                Step::Clear => {
                    clear(&world, "a").unwrap();
                    retained = 0;
                }
                Step::Restart if retained > 0 => {
                    world.bus.disconnect(&publisher);
                    gone.push(publisher);
                    publisher = world.client();
                    prop_assert_eq!(world.advertise(&publisher, "a"), id);
                }
                Step::Restart => {}
            }
        }
        for (before, client) in &subscribers {
            let mut expected: Vec<String> = (before + 1..=seq).map(|n| format!("{id}#{n}={n}")).collect();
            if !expected.is_empty() {
                expected.insert(0, format!("topic {id} a"));
            }
            prop_assert_eq!(received(client), expected.join(", "));
        }
        clear(&world, "a").unwrap();
        gone.push(publisher);
        gone.extend(subscribers.into_iter().map(|(_, client)| client));
        world.end(gone);
    }
}
