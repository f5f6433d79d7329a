// SPDX-License-Identifier: GPL-2.0

//! Allocation failures: each allocation of each operation fails once. The refusal is `NoMemory`,
//! nobody notices it, and the operation succeeds afterwards as if it had never failed. Only who
//! receives because of another one's request is left out instead, and told so.

use crate::bus::account::Accounts;
use crate::bus::dump::Dump;
use crate::bus::offer::Offer;
use crate::bus::port::Form;
use crate::bus::Bus;
use crate::person::Person;
use crate::queue::Item;
use crate::queue::Note;
use crate::queue::Queue;
use crate::sys;
use crate::sys::Arc;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::record::Record;
use crate::wire::refusal::Refusal;
use crate::world::name;
use crate::world::overrun;
use crate::world::pattern;
use crate::world::Client;
use crate::world::World;
use crate::world::LIMITS;
use crate::world::ROOMY;
use std::collections::BTreeMap;

/// A bus with some topics and clients, one of which is about to do something.
struct Scene {
    world: World,
    actor: Client,
    others: Vec<Client>,
    /// Somebody who has nothing yet.
    newcomer: Client,
    /// The actor's own topic and subscription.
    topic: u32,
    subscription: u32,
    /// Names of the topics in `seen`: ids differ between a bus with failures and one without.
    names: BTreeMap<u32, String>,
}

type Operation = fn(&Scene) -> Result<u32, Refusal>;

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let actor = world.client_at(7, Queue::new(ROOMY, |_| true));
        let topic = world.advertise(&actor, "own");
        let subscription = world.subscribe(&actor, "b/*");
        let (watcher, seed) = (world.watcher("**"), world.client());
        world.subscribe_seed(&seed, "a");
        let newcomer = world.client();
        let first = world.client();
        for (topic, history) in [("a", None), ("b/c", None), ("b/d", Some(2))] {
            let offer = Offer {
                fingerprint: 9,
                history,
                ..Offer::new(name(topic))
            };
            world.bus.advertise(&first, offer).unwrap();
        }
        // A closed socket whose end has not got here yet, and whose port id the actor has now.
        let stale = world.client_at(7, Queue::new(ROOMY, |_| true));
        world.advertise(&stale, "b/c");
        world.publish(
            &first,
            world.bus.advertised(&first, name("b/d")).unwrap(),
            1,
        );
        let others = vec![watcher, seed, first, stale];
        let mut scene = Self {
            world,
            actor,
            others,
            newcomer,
            topic,
            subscription,
            names: BTreeMap::new(),
        };
        scene.seen();
        scene
    }

    fn clients(&self) -> impl Iterator<Item = &Client> {
        self.others.iter().chain([&self.actor, &self.newcomer])
    }

    /// What everybody received since the last call, without ids.
    fn seen(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        for client in self.others.iter().chain([&self.actor, &self.newcomer]) {
            for item in client.port.drain() {
                if let Item::Topic { topic, name, .. } = &item {
                    self.names.insert(*topic, name.clone());
                }
                let line = match &item {
                    Item::Message { seq, tag, form, .. } => format!("{form:?} {seq} {tag}"),
                    Item::Topic { fingerprint, .. } => format!("topic {fingerprint}"),
                    Item::Lost { first, count, .. } => format!("lost {first} {count}"),
                    Item::Joined { port, .. } => format!("joined {port}"),
                    Item::Gone { port, .. } => format!("gone {port}"),
                    Item::Removed { .. } => "removed".into(),
                    Item::Denied { name } => format!("denied {name}"),
                    Item::Matched { count, .. } => format!("matched {count}"),
                };
                let name = self.names.get(&item.topic());
                seen.push(format!("{}: {line} {name:?}", client.port_id));
            }
        }
        seen
    }

    /// Uses all that there is, so that a difference would show.
    fn exercise(&mut self) -> Vec<String> {
        let clients = self.clients();
        for client in clients {
            for topic in ["own", "a", "b/c", "b/d", "new", "b/new"] {
                if let Some(id) = self.world.bus.advertised(client, name(topic)) {
                    self.world.publish(client, id, id);
                }
            }
        }
        let mut seen = self.seen();
        // Tags are ids, too; whose line it is, their number and their order still tell.
        seen.iter_mut().for_each(|line| {
            let (port, mut rest) = line
                .split_once(": ")
                .map(|(port, rest)| (port.to_string(), rest.to_string()))
                .unwrap();
            rest.retain(|c| !c.is_ascii_digit());
            *line = format!("{port}: {rest}");
        });
        seen
    }

    /// How much there is, and who has to do with each topic.
    fn state(&self) -> (Vec<usize>, Vec<String>) {
        let mut topics = Vec::new();
        let told = self.world.bus.dump(&mut Dump::Topics(None), &mut |record| {
            let Record::TopicInfo(topic) = record else {
                panic!("{record:?}")
            };
            topics.push(format!(
                "{} {}<{} {}/{}",
                topic.name.as_str(),
                topic.publishers,
                topic.subscribers,
                topic.retained,
                topic.history
            ));
            true
        });
        told.unwrap();
        (self.world.counts().into(), topics)
    }

    /// Port ids of those who were told since the last call that they miss something.
    fn told(&self) -> Vec<u32> {
        let clients = self.clients();
        let told = clients.filter(|client| overrun(client));
        told.map(|client| client.port_id).collect()
    }

    fn end(self) {
        let _ = self.world.bus.clear(&Person::default(), name("b/d"));
        let mut clients = self.others;
        clients.extend([self.actor, self.newcomer]);
        self.world.end(clients);
    }
}

/// What everybody but these received.
fn without(seen: &[String], told: &[u32]) -> Vec<String> {
    let told: Vec<String> = told.iter().map(|port| format!("{port}: ")).collect();
    let others = seen
        .iter()
        .filter(|line| !told.iter().any(|port| line.starts_with(port)));
    others.cloned().collect()
}

/// Fails allocation 1, 2, 3, … of the operation; returns how many it makes. Each is refused, and
/// nobody notices, or, if that may be, carried out without one subscriber, who is told.
fn fail_each_or_tell(operation: Operation, topic: Option<&str>) -> (usize, usize) {
    let mut control = Scene::new();
    operation(&control).unwrap();
    assert_eq!(control.told(), []);
    let (state, seen, used) = (control.state(), control.seen(), control.exercise());
    control.end();
    let mut accepted = 0;
    for n in 1.. {
        let mut scene = Scene::new();
        let before = scene.state();
        let (result, failed) = sys::failing(n, || operation(&scene));
        let told = scene.told();
        if failed && result.is_ok() {
            let topic = topic.unwrap_or_else(|| panic!("allocation {n} is not missed"));
            accepted += 1;
            assert_eq!(told.len(), 1, "allocation {n}");
            assert_eq!(scene.world.counts()[..], state.0, "allocation {n}");
            let [now, then] = [scene.seen(), seen.clone()].map(|seen| without(&seen, &told));
            assert_eq!(now, then, "allocation {n}");
            let after = scene.exercise();
            assert_eq!(
                without(&after, &told),
                without(&used, &told),
                "allocation {n}"
            );
            let of_topic = format!("Some({topic:?})");
            assert!(
                !without(&after, &[]).iter().any(|line| {
                    line.starts_with(&format!("{}: ", told[0])) && line.ends_with(&of_topic)
                }),
                "allocation {n}"
            );
            scene.end();
            continue;
        }
        assert_eq!(told, [], "allocation {n}");
        if failed {
            assert_eq!(result, Err(Refusal::NoMemory), "allocation {n}");
            assert_eq!(scene.state(), before, "allocation {n}");
            assert_eq!(scene.seen(), [""; 0], "allocation {n}");
            operation(&scene).unwrap();
        } else {
            result.unwrap();
        }
        assert_eq!(scene.state(), state, "allocation {n}");
        assert_eq!(scene.seen(), seen, "allocation {n}");
        assert_eq!(scene.exercise(), used, "allocation {n}");
        scene.end();
        if !failed {
            return (n - 1, accepted);
        }
    }
    unreachable!()
}

/// Fails allocation 1, 2, 3, … of the operation, which is refused each time; returns how many it
/// makes.
fn fail_each(operation: Operation) -> usize {
    fail_each_or_tell(operation, None).0
}

#[test]
fn advertise_new_topic_without_memory_changes_nothing_or_leaves_a_subscriber_out() {
    let operation: Operation = |s| s.world.advertise_typed(&s.actor, "new", 1);
    let (allocations, left_out) = fail_each_or_tell(operation, Some("new"));
    assert!(allocations >= 12, "{allocations}");
    // The watcher needs a chunk, a place in it, and one among its user's.
    assert_eq!(left_out, 3);
}

#[test]
fn advertise_new_topic_with_own_subscription_without_memory_changes_nothing_or_leaves_one_out() {
    let operation: Operation = |s| s.world.advertise_typed(&s.actor, "b/new", 1);
    let (_, left_out) = fail_each_or_tell(operation, Some("b/new"));
    // The second one needs a place only.
    assert_eq!(left_out, 4);
}

#[test]
fn first_request_of_a_client_without_memory_changes_nothing() {
    fail_each(|s| s.world.advertise_typed(&s.newcomer, "a", 0));
    fail_each(|s| {
        let bus = &s.world.bus;
        bus.subscribe(&s.newcomer, pattern("**"), 0, Form::Seed)
    });
}

#[test]
fn subscribe_with_history_without_memory_changes_nothing() {
    let subscribed: Operation = |s| {
        s.world
            .bus
            .subscribe(&s.actor, pattern("**"), SUBSCRIBE_HISTORY, Form::V1)
            .map(|_| 0)
    };
    assert!(fail_each(subscribed) >= 6);
}

#[test]
fn half_placed_subscription_leaves_no_place_behind() {
    // A pattern on all topics, with a place in each: one after the other fails.
    let subscribed: Operation = |s| {
        s.world
            .bus
            .subscribe(&s.others[2], pattern("**"), 0, Form::V1)
            .map(|_| 0)
    };
    // Itself, and a place on each of the four topics.
    assert!(fail_each(subscribed) >= 8);
}

#[test]
fn clear_without_memory_changes_nothing() {
    let cleared: Operation = |s| {
        let result = s.world.bus.clear(&Person::default(), name("b/d"));
        result.map(|()| 0)
    };
    assert_eq!(fail_each(cleared), 1);
}

#[test]
fn advertise_existing_topic_without_memory_changes_nothing() {
    let allocations = fail_each(|s| s.world.advertise_typed(&s.actor, "a", 0));
    assert!(allocations >= 3, "{allocations}");
}

#[test]
fn advertise_with_taken_over_port_id_without_memory_changes_nothing() {
    fail_each(|s| s.world.advertise_typed(&s.actor, "b/c", 9));
}

#[test]
fn subscribe_without_memory_changes_nothing() {
    let subscribed: Operation = |s| {
        s.world
            .bus
            .subscribe(&s.actor, pattern("**"), 0, Form::V1)
            .map(|_| 0)
    };
    assert!(fail_each(subscribed) >= 6);
}

#[test]
fn subscribe_to_events_without_memory_changes_nothing() {
    let subscribed: Operation = |s| {
        s.world
            .bus
            .subscribe(&s.actor, pattern("**"), SUBSCRIBE_EVENTS, Form::V1)
            .map(|_| 0)
    };
    assert!(fail_each(subscribed) >= 6);
}

#[test]
fn subscribe_in_seed_form_without_memory_changes_nothing() {
    let subscribed: Operation = |s| {
        s.world
            .bus
            .subscribe(&s.actor, pattern("a"), 0, Form::Seed)
            .map(|_| 0)
    };
    assert!(fail_each(subscribed) >= 5);
}

#[test]
fn operations_that_end_something_need_no_memory() {
    let operations: [Operation; 5] = [
        |s| s.world.bus.unadvertise(&s.actor, s.topic).map(|()| 0),
        |s| {
            s.world
                .bus
                .unsubscribe(&s.actor, s.subscription)
                .map(|()| 0)
        },
        |s| {
            s.world.bus.disconnect(&s.others[2]);
            Ok(0)
        },
        |s| {
            s.world.bus.disconnect(&s.actor);
            Ok(0)
        },
        |s| {
            let will = |message| s.world.bus.set_last_will(&s.actor, s.topic, message);
            will(Some(Note::new(7))).unwrap();
            will(None).map(|()| 0)
        },
    ];
    for operation in operations {
        assert_eq!(fail_each(operation), 0);
    }
}

#[test]
fn publish_needs_no_memory_of_the_bus() {
    let published: Operation = |s| {
        let mut note = Note::new(0);
        s.world
            .bus
            .publish(&s.actor, s.topic, &mut note)
            .map(|receipt| receipt.delivered)
    };
    assert_eq!(fail_each(published), 0);
}

#[test]
fn new_client_bus_and_accounts_without_memory_leak_nothing() {
    let live = sys::live();
    let (accounts, failed) = sys::failing(1, || Accounts::new(LIMITS).is_err());
    assert!(accounts && failed);
    let accounts = Arc::new(Accounts::new(LIMITS).unwrap());
    let (bus, failed) = sys::failing(1, || Bus::<Queue>::new(accounts.clone()).is_err());
    assert!(bus && failed);
    let bus = Bus::<Queue>::new(accounts).unwrap();
    let there = sys::live();
    for person in [Person::default(), Person::sponsored(7, 8)] {
        for n in 1.. {
            let queue = Queue::new(1, |_| true);
            let (client, failed) = sys::failing(n, || bus.client(1, queue, person.clone()));
            assert_eq!(client.is_err(), failed, "allocation {n}");
            drop(client);
            assert_eq!(sys::live(), there, "allocation {n}");
            if !failed {
                // For each account itself and its place in the table; the client's lock.
                assert_eq!(n - 1, if person.sponsor.is_some() { 5 } else { 3 });
                break;
            }
        }
    }
    drop(bus);
    assert_eq!(sys::live(), live);
}
