// SPDX-License-Identifier: GPL-2.0

//! What a user has, over all sockets and buses, and for whom another one answers.

use crate::bus::account::Accounts;
use crate::bus::limits::Limits;
use crate::bus::offer::Offer;
use crate::bus::port::Form;
use crate::person::Person;
use crate::queue::Note;
use crate::queue::NOTE_BYTES;
use crate::sys;
use crate::sys::Arc;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::pattern;
use crate::world::received;
use crate::world::Client;
use crate::world::World;
use crate::world::LIMITS;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

fn accounts(limits: Limits) -> Arc<Accounts> {
    Arc::new(Accounts::new(limits).unwrap())
}

/// An offer of a topic on which anybody may publish, and which retains so many messages.
fn open(topic: &str, history: u32) -> Offer<'_> {
    Offer {
        history: Some(history),
        mode: Some(0o666),
        ..Offer::new(name(topic))
    }
}

fn will(world: &World, client: &Client, id: u32, bytes: u64) -> Result<(), Refusal> {
    let message = Some(Note::of_size(9, bytes));
    world.bus.set_last_will(client, id, message)
}

#[test]
fn limits_count_over_all_buses() {
    let live = sys::live();
    let accounts = accounts(Limits {
        topics_per_user: 2,
        subscriptions_per_user: 1,
        ..LIMITS
    });
    let (here, there) = (World::sharing(&accounts), World::sharing(&accounts));
    let (one, a) = here.publisher("a");
    let (two, _) = there.publisher("a");
    for (world, client) in [(&here, &one), (&there, &two)] {
        let over = world.advertise_typed(client, "b", 0);
        assert_eq!(over, Err(Refusal::TooManyTopicsOfUser));
    }
    let reader = here.subscriber("a");
    let over = there.bus.subscribe(&two, pattern("a"), 0, Form::V1);
    assert_eq!(over, Err(Refusal::TooManySubscriptionsOfUser));
    // Buses have nothing in common but that.
    let stranger = there.client_of(Person::numbered(7));
    there.advertise(&stranger, "b");
    here.publish(&one, a, 1);
    assert_eq!(received(&reader), format!("topic {a} a, {a}#1=1"));
    here.bus.unadvertise(&one, a).unwrap();
    assert!(there.advertise_typed(&two, "c", 0).is_ok());
    for (world, client) in [
        (&here, &one),
        (&here, &reader),
        (&there, &two),
        (&there, &stranger),
    ] {
        world.bus.disconnect(client);
    }
    drop((one, two, reader, stranger));
    drop((here, there, accounts));
    assert_eq!(sys::live(), live);
}

#[test]
fn sponsor_answers_for_all_whom_it_made_possible() {
    let live = sys::live();
    let accounts = accounts(Limits {
        topics_per_user: 3,
        retained_bytes_per_user: 3 * NOTE_BYTES as u32,
        ..LIMITS
    });
    let (here, there) = (World::sharing(&accounts), World::sharing(&accounts));
    let one = here.client_of(Person::sponsored(70_001, 7));
    let two = there.client_of(Person::sponsored(70_002, 7));
    let sponsor = here.client_of(Person::numbered(7));
    // The same number, with which the sponsor has nothing to do.
    let namesake = here.client_of(Person::numbered(70_001));
    let id = here.advertise(&one, "one");
    let other = there.advertise(&two, "two");
    here.advertise(&sponsor, "three");
    let over = Err(Refusal::TooManyTopicsOfUser);
    assert_eq!(here.advertise_typed(&one, "x", 0), over);
    assert_eq!(there.advertise_typed(&two, "x", 0), over);
    assert_eq!(here.advertise_typed(&sponsor, "x", 0), over);
    for topic in ["n/1", "n/2", "n/3"] {
        here.advertise(&namesake, topic);
    }
    // What is refused was not charged to anybody.
    assert_eq!(will(&here, &one, id, 2 * NOTE_BYTES), Ok(()));
    let refused = will(&there, &two, other, 2 * NOTE_BYTES);
    assert_eq!(refused, Err(Refusal::TooMuchRetained));
    assert_eq!(will(&there, &two, other, NOTE_BYTES), Ok(()));
    here.bus.unadvertise(&one, id).unwrap();
    assert_eq!(will(&there, &two, other, 3 * NOTE_BYTES), Ok(()));
    assert!(here.advertise_typed(&sponsor, "x", 0).is_ok());
    assert_eq!(there.advertise_typed(&two, "y", 0), over);
    there.bus.disconnect(&two);
    assert!(here.advertise_typed(&one, "v", 0).is_ok());
    for client in [&one, &sponsor, &namesake] {
        here.bus.disconnect(client);
    }
    drop((one, two, sponsor, namesake));
    drop((here, there, accounts));
    assert_eq!(sys::live(), live);
}

#[test]
fn account_is_forgotten_with_the_last_that_its_user_has() {
    let world = World::new();
    let live = sys::live();
    let idle = world.client_of(Person::sponsored(70_001, 7));
    assert!(sys::live() > live);
    drop(idle);
    assert_eq!(sys::live(), live, "a client that owned nothing");
    let client = world.client_of(Person::sponsored(70_001, 7));
    let id = world.advertise(&client, "a");
    world.subscribe(&client, "**");
    will(&world, &client, id, 1).unwrap();
    world.bus.disconnect(&client);
    drop(client);
    assert_eq!(sys::live(), live);
    world.end(vec![]);
}

#[test]
fn user_who_comes_again_finds_what_was_charged() {
    let world = World::with(Limits {
        retained_bytes_per_user: 2 * NOTE_BYTES as u32,
        ..LIMITS
    });
    let owner = world.client();
    let id = world.bus.advertise(&owner, open("a", 8)).unwrap();
    let guest = || {
        let client = world.client_of(Person::numbered(7));
        assert_eq!(world.advertise(&client, "a"), id);
        client
    };
    let first = guest();
    world.publish(&first, id, 1);
    world.publish(&owner, id, 2);
    world.publish(&first, id, 3);
    world.bus.disconnect(&first);
    // Nobody but the messages has the account now.
    assert_eq!(Arc::strong_count(&first), 1);
    drop(first);
    let again = guest();
    let own = world.advertise(&again, "own");
    assert_eq!(
        will(&world, &again, own, NOTE_BYTES),
        Err(Refusal::TooMuchRetained)
    );
    // The oldest message is the guest's: it makes room for the next one.
    world.publish(&again, id, 4);
    world.publish(&again, id, 5);
    let late = world.client();
    world
        .bus
        .subscribe(&late, pattern("a"), SUBSCRIBE_HISTORY, Form::V1)
        .unwrap();
    // Before the owner's message there was nothing of the guest's left to let go of.
    assert_eq!(
        received(&late),
        format!("topic {id} a, {id}#2=2, {id}#3=3, {id}#4=4, lost {id}#5+1")
    );
    world.bus.clear(&Person::default(), name("a")).unwrap();
    assert_eq!(will(&world, &again, own, 2 * NOTE_BYTES), Ok(()));
    world.end(vec![owner, again, late]);
}

/// While others ask for more than there is, who asks for what there is gets it.
fn never_refused(greedy: &Person, greed: u64, modest: &Person, other: Option<Person>) {
    let world = World::with(Limits {
        retained_bytes_per_user: 250,
        ..LIMITS
    });
    let publisher = |person: Person, topic: &str| {
        let client = world.client_of(person);
        let id = world.advertise(&client, topic);
        (client, id)
    };
    if let Some(other) = other {
        let (client, id) = publisher(other, "other");
        will(&world, &client, id, 100).unwrap();
    }
    let (greedy, all) = publisher(greedy.clone(), "all");
    let (modest, some) = publisher(modest.clone(), "some");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let refused = will(&world, &greedy, all, greed);
                assert_eq!(refused, Err(Refusal::TooMuchRetained));
            }
        });
        let asks: Vec<_> = (0..20_000)
            .map(|_| {
                let result = will(&world, &modest, some, 100);
                world.bus.set_last_will(&modest, some, None).unwrap();
                result
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        assert!(asks.iter().all(Result::is_ok));
    });
}

#[test]
fn what_is_refused_stands_in_nobodys_way_meanwhile() {
    let user = Person::default();
    never_refused(&user, 251, &user, None);
}

#[test]
fn what_a_sponsor_refuses_stands_in_nobodys_way_meanwhile() {
    let one = Person::sponsored(70_001, 7);
    let two = Person::sponsored(70_002, 7);
    never_refused(&one, 200, &one, Some(two.clone()));
    never_refused(&one, 200, &two, Some(two.clone()));
}
