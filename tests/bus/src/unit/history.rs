// SPDX-License-Identifier: GPL-2.0

//! Retained messages.

use crate::bus::access::Access;
use crate::bus::limits::Limits;
use crate::bus::offer::Offer;
use crate::bus::policy::Policy;
use crate::bus::port::Form;
use crate::person::Person;
use crate::queue::Note;
use crate::queue::Queue;
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
use crate::world::ROOMY;
use proptest::prelude::*;

fn offer(topic: &str, history: u32) -> Offer<'_> {
    Offer {
        history: Some(history),
        mode: Some(0o666),
        ..Offer::new(name(topic))
    }
}

pub(super) fn publisher(world: &World, topic: &str, history: u32) -> (Client, u32) {
    let client = world.client();
    let id = world.bus.advertise(&client, offer(topic, history)).unwrap();
    (client, id)
}

pub(super) fn late(world: &World, client: Client, text: &str, flags: u32) -> Client {
    let flags = flags | SUBSCRIBE_HISTORY;
    world
        .bus
        .subscribe(&client, pattern(text), flags, Form::V1)
        .unwrap();
    client
}

pub(super) fn clear(world: &World, topic: &str) -> Result<(), Refusal> {
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

fn guest() -> Person {
    Person::numbered(7)
}

fn admin() -> Person {
    Person {
        admin: true,
        ..Person::numbered(9)
    }
}

/// What a late subscriber gets.
pub(super) fn history(world: &World, text: &str) -> String {
    let client = late(world, world.client_of(admin()), text, 0);
    let got = received(&client);
    world.bus.disconnect(&client);
    got
}

#[test]
fn owner_decides() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a", 4);
    for tag in 1..=4 {
        world.publish(&publisher, id, tag);
    }
    let advertise = |person: Person, history| {
        let client = world.client_of(person);
        let offer = Offer {
            history,
            ..offer("a", 0)
        };
        let result = world.bus.advertise(&client, offer);
        world.bus.disconnect(&client);
        result
    };
    for other in [5, 3, 0] {
        let refused = Err(Refusal::HistoryOfOther);
        assert_eq!(advertise(guest(), Some(other)), refused, "{other}");
    }
    assert_eq!(
        world.bus.clear(&guest(), name("a")),
        Err(Refusal::HistoryOfOther)
    );
    assert_eq!(advertise(guest(), Some(4)), Ok(id), "as it is");
    assert_eq!(advertise(guest(), None), Ok(id), "whatever it is");
    let all = format!("topic {id} a, {id}#1=1, {id}#2=2, {id}#3=3, {id}#4=4");
    assert_eq!(history(&world, "a"), all);
    assert_eq!(advertise(admin(), Some(2)), Ok(id), "less");
    let rest = format!("topic {id} a, {id}#3=3, {id}#4=4");
    assert_eq!(history(&world, "a"), rest);
    // More again: what is gone is gone, and was not lost.
    assert_eq!(advertise(Person::default(), Some(8)), Ok(id));
    assert_eq!(history(&world, "a"), rest);
    assert_eq!(world.bus.clear(&admin(), name("a")), Ok(()));
    assert_eq!(history(&world, "a"), "");
    // None at all, from now on.
    assert_eq!(advertise(Person::default(), Some(0)), Ok(id));
    world.publish(&publisher, id, 5);
    assert_eq!(history(&world, "a"), "");
    // That is a number like any other.
    assert_eq!(advertise(guest(), Some(0)), Ok(id));
    assert_eq!(
        advertise(guest(), Some(1)),
        Err(Refusal::HistoryOfOther),
        "nobody but the owner has it begin"
    );
    assert_eq!(
        world.bus.clear(&guest(), name("a")),
        Err(Refusal::HistoryOfOther),
        "though there is nothing"
    );
    world.end(vec![publisher]);
}

#[test]
fn creator_decides_where_a_rule_names_another_owner_until_that_one_does() {
    let world = World::new();
    let owner = Person::numbered(5);
    let rule = |uid| {
        let mut policy = Policy::new();
        let access = Access {
            uid,
            gid: 5,
            mode: 0o666,
        };
        policy.add("a", access).unwrap();
        world.bus.set_policy(policy).unwrap();
    };
    rule(5);
    let creator = world.client();
    let id = world.bus.advertise(&creator, offer("a", 4)).unwrap();
    let decide = |person: &Person, depth| {
        let client = world.client_of(person.clone());
        let result = world.bus.advertise(&client, offer("a", depth));
        world.bus.disconnect(&client);
        result.map(|_| ())
    };
    let clear = |person: &Person| world.bus.clear(person, name("a"));
    let creators = Person::default();
    let refused = Err(Refusal::HistoryOfOther);
    assert_eq!(decide(&guest(), 3), refused);
    assert_eq!(decide(&creators, 3), Ok(()));
    assert_eq!(clear(&creators), Ok(()));
    // The same number by the owner's will.
    assert_eq!(decide(&owner, 3), Ok(()));
    assert_eq!(decide(&creators, 4), refused);
    assert_eq!(decide(&creators, 0), refused);
    assert_eq!(decide(&creators, 3), Ok(()), "as it is");
    world.publish(&creator, id, 1);
    assert_eq!(clear(&creators), refused);
    assert_eq!(clear(&guest()), refused);
    assert_eq!(clear(&owner), Ok(()));
    assert_eq!(decide(&owner, 0), Ok(()));
    assert_eq!(decide(&creators, 1), refused, "none, by the owner's will");
    assert_eq!(decide(&admin(), 1), Ok(()));
    // The next owner decides, too; without a rule, the creator is the owner.
    rule(6);
    assert_eq!(decide(&owner, 2), refused);
    assert_eq!(decide(&Person::numbered(6), 2), Ok(()));
    world.bus.set_policy(Policy::new()).unwrap();
    assert_eq!(decide(&creators, 7), Ok(()));
    world.end(vec![creator]);
}

#[test]
fn socket_does_not_get_its_own_retained_messages() {
    let world = World::new();
    let (one, id) = publisher(&world, "a", 8);
    let (two, _) = world.publisher("a");
    world.publish(&one, id, 1);
    world.publish(&two, id, 2);
    world.publish(&one, id, 3);
    let one = late(&world, one, "a", 0);
    let two = late(&world, two, "**", 0);
    assert_eq!(received(&one), format!("topic {id} a, {id}#2=2"));
    assert_eq!(
        received(&two),
        format!("topic {id} a, {id}#1=1, {id}#3=3"),
        "its own is nothing that it lost"
    );
    // Another socket is another one, also with the same port id.
    let next = world.client_at(one.port_id, Queue::new(ROOMY, |_| true));
    world.bus.disconnect(&one);
    let next = late(&world, next, "a", 0);
    assert_eq!(
        received(&next),
        format!("topic {id} a, {id}#1=1, {id}#2=2, {id}#3=3")
    );
    clear(&world, "a").unwrap();
    world.end(vec![one, two, next]);
}

pub(super) fn limited(messages: u64) -> World {
    World::with(Limits {
        retained_bytes_per_user: (messages * NOTE_BYTES) as u32,
        ..LIMITS
    })
}

#[test]
fn limit_of_bytes_is_never_exceeded_and_leaves_the_newest() {
    let world = limited(3);
    let (a, topic) = publisher(&world, "a", 4);
    for tag in 1..=4 {
        world.publish(&a, topic, tag);
    }
    assert_eq!(
        history(&world, "a"),
        format!("topic {topic} a, {topic}#2=2, {topic}#3=3, {topic}#4=4"),
        "at the limit"
    );
    // Nothing is left for another topic, and nothing old stands there in its place.
    let (b, other) = publisher(&world, "b", 4);
    world.publish(&b, other, 1);
    assert_eq!(
        history(&world, "b"),
        format!("topic {other} b, lost {other}#1+1")
    );
    let will = || {
        let message = Some(Note::new(9));
        world.bus.set_last_will(&b, other, message)
    };
    assert_eq!(will(), Err(Refusal::TooMuchRetained));
    // A batch larger than the history.
    let batch = &mut Note::batch(&[5, 6, 7, 8, 9, 10]);
    world.bus.publish(&a, topic, batch).unwrap();
    assert_eq!(
        history(&world, "a"),
        format!("topic {topic} a, {topic}#8=8, {topic}#9=9, {topic}#10=10")
    );
    assert_eq!(clear(&world, "a"), Ok(()));
    assert_eq!(will(), Ok(()));
    world.publish(&b, other, 2);
    assert_eq!(
        history(&world, "b"),
        format!("topic {other} b, lost {other}#1+1, {other}#2=2")
    );
    world.bus.set_last_will(&b, other, None).unwrap();
    clear(&world, "b").unwrap();
    world.end(vec![a, b]);
}

#[test]
fn guest_at_the_limit_leaves_the_messages_of_others_alone() {
    let world = limited(2);
    let (owner, id) = publisher(&world, "a", 8);
    let guest = world.client_of(guest());
    assert_eq!(world.advertise(&guest, "a"), id);
    world.publish(&owner, id, 1);
    for tag in 2..=5 {
        world.publish(&guest, id, tag);
    }
    // The oldest one is the owner's.
    let gap = format!("{id}#1=1, {id}#2=2, {id}#3=3, lost {id}#4+2");
    assert_eq!(history(&world, "a"), format!("topic {id} a, {gap}"));
    world.publish(&owner, id, 6);
    assert_eq!(
        history(&world, "a"),
        format!("topic {id} a, {gap}, {id}#6=6"),
        "told at its place"
    );
    // The owner's own, and no more than it takes: the guest's are the oldest now.
    world.publish(&owner, id, 7);
    let rest = format!("{id}#2=2, {id}#3=3, lost {id}#4+2, {id}#6=6, {id}#7=7");
    assert_eq!(history(&world, "a"), format!("topic {id} a, {rest}"));
    world.publish(&owner, id, 8);
    assert_eq!(
        history(&world, "a"),
        format!("topic {id} a, {rest}, lost {id}#8+1")
    );
    // The guest's oldest go for the guest's newest; what is missing before them is not told.
    world.publish(&guest, id, 9);
    world.publish(&guest, id, 10);
    world.publish(&guest, id, 11);
    assert_eq!(
        history(&world, "a"),
        format!("topic {id} a, lost {id}#4+2, {id}#6=6, {id}#7=7, lost {id}#8+1, {id}#9=9, {id}#10=10, lost {id}#11+1")
    );
    clear(&world, "a").unwrap();
    world.end(vec![owner, guest]);
}

#[test]
fn gap_leaves_with_its_turn() {
    let world = limited(1);
    let (owner, id) = publisher(&world, "a", 3);
    let (other, b) = publisher(&world, "b", 1);
    world.publish(&other, b, 1);
    world.publish(&owner, id, 1);
    world.publish(&owner, id, 2);
    assert_eq!(history(&world, "a"), format!("topic {id} a, lost {id}#1+2"));
    clear(&world, "b").unwrap();
    world.publish(&owner, id, 3);
    assert_eq!(
        history(&world, "a"),
        format!("topic {id} a, lost {id}#1+2, {id}#3=3")
    );
    // It lets its own oldest go, and whatever was before.
    world.publish(&owner, id, 4);
    assert_eq!(history(&world, "a"), format!("topic {id} a, {id}#4=4"));
    world.publish(&other, b, 2);
    let large = &mut Note::of_size(5, 2 * NOTE_BYTES);
    world.bus.publish(&owner, id, large).unwrap();
    assert_eq!(history(&world, "a"), format!("topic {id} a, lost {id}#5+1"));
    for tag in 6..=8 {
        world.publish(&owner, id, tag);
    }
    let at_last = format!("topic {id} a, {id}#8=8");
    assert_eq!(history(&world, "a"), at_last);
    clear(&world, "a").unwrap();
    assert_eq!(history(&world, "a"), "");
    let _ = clear(&world, "b");
    world.end(vec![owner, other]);
}

#[test]
fn gap_in_a_history_is_told_where_there_is_little_room() {
    let world = limited(2);
    let (owner, id) = publisher(&world, "a", 8);
    let guest = world.client_of(guest());
    world.advertise(&guest, "a");
    world.publish(&owner, id, 1);
    for tag in 2..=5 {
        world.publish(&guest, id, tag);
    }
    world.publish(&owner, id, 6);
    // Room for one message beside the topic's name: what did not fit and what is missing is one row.
    let client = late(&world, world.small(2), "a", 0);
    assert_eq!(
        received(&client),
        format!("topic {id} a, {id}#1=1, lost {id}#2+4, lost {id}#6+1")
    );
    clear(&world, "a").unwrap();
    world.end(vec![owner, guest, client]);
}

#[test]
fn message_that_cannot_be_kept_is_told_at_its_place() {
    let world = World::new();
    let (publisher, id) = publisher(&world, "a", 4);
    let mut last = 0;
    for n in 1.. {
        world.publish(&publisher, id, 1);
        let (receipt, failed) = sys::failing(n, || world.publish(&publisher, id, 2));
        let got = history(&world, "a");
        last += 2;
        assert_eq!(receipt.seq, last);
        if !failed {
            assert!(n > 2, "it takes memory to retain");
            assert!(got.ends_with(&format!("{id}#{last}=2")), "{got}");
            clear(&world, "a").unwrap();
            world.end(vec![publisher]);
            return;
        }
        let end = format!("{id}#{}=1, lost {id}#{last}+1", last - 1);
        assert!(got.ends_with(&end), "allocation {n}: {got}");
    }
}

#[test]
fn message_of_a_batch_that_cannot_be_kept_is_told_at_its_place() {
    for n in 1..=3 {
        let world = World::new();
        let (publisher, id) = publisher(&world, "a", 4);
        let batch = &mut Note::batch(&[1, 2, 3, 4, 5]);
        // Two for each message, of which the first is not to be retained.
        let (_, failed) = sys::failing(2 * n, || world.bus.publish(&publisher, id, batch));
        assert!(failed);
        let missing = 1 + n;
        let want: Vec<String> = (2..=5)
            .map(|seq| match seq == missing {
                true => format!("lost {id}#{seq}+1"),
                false => format!("{id}#{seq}={seq}"),
            })
            .collect();
        let want = format!("topic {id} a, {}", want.join(", "));
        assert_eq!(history(&world, "a"), want);
        clear(&world, "a").unwrap();
        world.end(vec![publisher]);
    }
}

#[test]
fn whom_a_rule_lets_in_gets_what_is_retained_and_then_the_live_ones() {
    let world = World::new();
    let owner = world.client();
    let closed = Offer {
        mode: Some(0o600),
        ..offer("a", 2)
    };
    let id = world.bus.advertise(&owner, closed).unwrap();
    let guest = late(&world, world.client_of(guest()), "*", 0);
    for tag in 1..=3 {
        world.publish(&owner, id, tag);
    }
    assert_eq!(received(&guest), "");
    let mut policy = Policy::new();
    let access = Access {
        uid: 1000,
        gid: 1000,
        mode: 0o644,
    };
    policy.add("a", access).unwrap();
    world.bus.set_policy(policy).unwrap();
    world.publish(&owner, id, 4);
    assert_eq!(
        received(&guest),
        format!("topic {id} a, {id}#2=2, {id}#3=3, {id}#4=4")
    );
    clear(&world, "a").unwrap();
    world.end(vec![owner, guest]);
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
