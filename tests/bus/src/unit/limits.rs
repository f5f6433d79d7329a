// SPDX-License-Identifier: GPL-2.0

//! Each limit: reached it holds, one over it is refused, and below it there is room again.

use crate::bus::limits;
use crate::bus::limits::Limits;
use crate::bus::port::Form;
use crate::person::Person;
use crate::wire::refusal::Refusal;
use crate::world::pattern;
use crate::world::World;
use crate::world::LIMITS;

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
    let of_users = limits::TOPICS_PER_BUS - limits::TOPICS_OF_ADMINISTRATORS;
    let admin = Person {
        admin: true,
        ..Person::default()
    };
    for n in 0..limits::TOPICS_PER_BUS {
        if n == of_users {
            // The rest is kept for administrators.
            let user = world.client();
            let over = world.advertise_typed(&user, "over", 0);
            assert_eq!(over, Err(Refusal::TooManyTopics));
            clients.push(user);
            clients.push(world.client_of(admin.clone()));
        } else if n % share == 0 {
            clients.push(match n < of_users {
                true => world.client(),
                false => world.client_of(admin.clone()),
            });
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

#[test]
fn patterns_of_a_user_have_a_limit_of_their_own() {
    let world = World::with(Limits {
        subscriptions_per_user: 3,
        patterns_per_user: 1,
        ..LIMITS
    });
    let client = world.client();
    let subscribe = |text| world.bus.subscribe(&client, pattern(text), 0, Form::V1);
    let wild = subscribe("a/*").unwrap();
    assert_eq!(subscribe("**"), Err(Refusal::TooManyPatternsOfUser));
    // What was refused counts for nothing: there is room for two more without a wildcard.
    subscribe("a").unwrap();
    subscribe("b").unwrap();
    assert_eq!(subscribe("c"), Err(Refusal::TooManySubscriptionsOfUser));
    world.bus.unsubscribe(&client, wild).unwrap();
    subscribe("*/b").unwrap();
    world.end(vec![client]);
}

#[test]
fn limits_of_a_user_count_over_all_sockets_and_for_each_user() {
    let world = World::with(Limits {
        topics_per_user: 2,
        subscriptions_per_user: 2,
        ..LIMITS
    });
    let [first, second] = [(); 2].map(|()| world.client());
    world.advertise(&first, "a");
    world.advertise(&second, "b");
    let over = || world.advertise_typed(&second, "c", 0);
    assert_eq!(over(), Err(Refusal::TooManyTopicsOfUser));
    // Topics that exist cost nothing; another user has limits of his own.
    world.advertise(&second, "a");
    let stranger = world.client_of(Person {
        uid: 7,
        ..Person::default()
    });
    world.advertise(&stranger, "d");
    world.subscribe(&first, "a");
    let subscription = world.subscribe(&second, "b");
    let over_subscription = || world.bus.subscribe(&first, pattern("c"), 0, Form::V1);
    assert_eq!(
        over_subscription(),
        Err(Refusal::TooManySubscriptionsOfUser)
    );
    world.subscribe(&stranger, "d");
    world.bus.unsubscribe(&second, subscription).unwrap();
    assert!(over_subscription().is_ok());
    // `a` lives on with its second publisher, and still counts for its creator.
    world.bus.disconnect(&first);
    assert_eq!(over(), Err(Refusal::TooManyTopicsOfUser));
    world.bus.disconnect(&second);
    let last = world.client();
    for topic in ["x", "y"] {
        world.advertise(&last, topic);
    }
    world.end(vec![first, second, stranger, last]);
}

#[test]
fn sockets_of_a_user_have_a_limit() {
    let world = World::with(Limits {
        sockets_per_user: 2,
        ..LIMITS
    });
    let (one, id) = world.publisher("a");
    let two = world.subscriber("a");
    let over = world.client();
    let counts = world.counts();
    let refused = Err(Refusal::TooManySocketsOfUser);
    assert_eq!(world.advertise_typed(&over, "b", 0), refused);
    let subscribed = world.bus.subscribe(&over, pattern("a"), 0, Form::V1);
    assert_eq!(subscribed, refused);
    assert_eq!(world.counts(), counts);
    // Who counts already, counts once; others have a limit of their own.
    world.advertise(&two, "b");
    world.subscribe(&one, "b");
    let stranger = world.client_of(Person::numbered(7));
    world.advertise(&stranger, "c");
    // A socket that has nothing any more counts until it is closed.
    world.bus.unadvertise(&one, id).unwrap();
    world.bus.unsubscribe(&one, 1).unwrap();
    assert_eq!(world.advertise_typed(&over, "d", 0), refused);
    world.bus.disconnect(&one);
    world.advertise(&over, "d");
    world.end(vec![one, two, over, stranger]);
}

#[test]
fn advertisements_of_a_user_have_a_limit() {
    let world = World::with(Limits {
        advertisements_per_user: 2,
        ..LIMITS
    });
    let (one, a) = world.publisher("a");
    let (two, _) = world.publisher("a");
    let refused = Err(Refusal::TooManyAdvertisementsOfUser);
    for (client, topic) in [(&one, "b"), (&two, "b"), (&world.client(), "a")] {
        assert_eq!(world.advertise_typed(client, topic, 0), refused);
    }
    let stranger = world.client_of(Person::numbered(7));
    world.advertise(&stranger, "b");
    assert_eq!(world.counts(), [2, 3, 0]);
    world.bus.unadvertise(&one, a).unwrap();
    world.advertise(&two, "c");
    assert_eq!(world.advertise_typed(&one, "a", 0), refused);
    world.bus.disconnect(&two);
    world.advertise(&one, "a");
    world.end(vec![one, two, stranger]);
}

#[test]
fn publishers_of_one_topic_by_one_user_have_a_limit() {
    let world = World::new();
    let (first, id) = world.publisher("a");
    let mut clients: Vec<_> = (1..limits::PUBLISHERS_PER_TOPIC_OF_USER)
        .map(|_| world.publisher("a").0)
        .collect();
    let over = world.client();
    let counts = world.counts();
    let refused = Err(Refusal::TooManyPublishersOfUser);
    assert_eq!(world.advertise_typed(&over, "a", 0), refused);
    assert_eq!(world.counts(), counts);
    assert_eq!(world.bus.advertised(&over, crate::world::name("a")), None);
    let admin = world.client_of(Person {
        admin: true,
        ..Person::numbered(7)
    });
    world.advertise(&admin, "a");
    world.bus.unadvertise(&first, id).unwrap();
    world.advertise(&over, "a");
    assert_eq!(world.advertise_typed(&first, "a", 0), refused);
    clients.extend([first, over, admin]);
    world.end(clients);
}
