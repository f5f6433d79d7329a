// SPDX-License-Identifier: GPL-2.0

//! A bus with clients, in words short enough for tests.

use crate::bus::account::Accounts;
use crate::bus::client;
use crate::bus::limits::Limits;
use crate::bus::offer::Offer;
use crate::bus::port::Form;
use crate::bus::port::Receipt;
use crate::bus::Bus;
use crate::bus::Counts;
use crate::person::Person;
use crate::queue::Item;
use crate::queue::Note;
use crate::queue::Queue;
use crate::sys;
use crate::sys::Arc;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::refusal::Refusal;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

pub(crate) type Client = Arc<client::Client<Queue>>;

/// More than any test puts into a queue that it does not mean to fill.
pub(crate) const ROOMY: usize = 1 << 20;

pub(crate) fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).unwrap()
}

pub(crate) fn pattern(text: &str) -> Pattern<'_> {
    Pattern::new(text.as_bytes()).unwrap()
}

/// Limits that no test reaches that does not mean to.
pub(crate) const LIMITS: Limits = Limits {
    sockets_per_user: u32::MAX,
    advertisements_per_user: u32::MAX,
    memberships_per_user: u32::MAX,
    topics_per_user: u32::MAX,
    subscriptions_per_user: u32::MAX,
    patterns_per_user: u32::MAX,
    retained_bytes_per_user: 1 << 20,
    message_bytes: 1 << 20,
};

/// A bus on which what is asked for succeeds.
pub(crate) struct World {
    pub(crate) bus: Bus<Queue>,
    last_port: AtomicU32,
    /// What was alive before: a test that catches panics may have left something behind.
    live: isize,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(LIMITS)
    }

    /// A bus whose users have these limits.
    pub(crate) fn with(limits: Limits) -> Self {
        let live = sys::live();
        let accounts = Arc::new(Accounts::new(limits).unwrap());
        Self {
            live,
            ..Self::sharing(&accounts)
        }
    }

    /// A bus whose users have these accounts, with what they have elsewhere.
    pub(crate) fn sharing(accounts: &Arc<Accounts>) -> Self {
        let live = sys::live();
        Self {
            bus: Bus::new(accounts.clone()).unwrap(),
            last_port: AtomicU32::new(100),
            live,
        }
    }

    /// A client with this port id and queue.
    pub(crate) fn client_at(&self, port_id: u32, queue: Queue) -> Client {
        let client = self.bus.client(port_id, queue, Person::default());
        Arc::new(client.unwrap())
    }

    /// A client of this person, with plenty of room.
    pub(crate) fn client_of(&self, person: Person) -> Client {
        self.client_of_with(person, ROOMY, |_| true)
    }

    /// A client of this person, whose queue holds so many items.
    pub(crate) fn client_of_with(
        &self,
        person: Person,
        capacity: usize,
        filter: fn(u32) -> bool,
    ) -> Client {
        let queue = Queue::new(capacity, filter);
        Arc::new(self.bus.client(self.next_port(), queue, person).unwrap())
    }

    fn next_port(&self) -> u32 {
        self.last_port.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A new client with plenty of room.
    pub(crate) fn client(&self) -> Client {
        self.client_with(ROOMY, |_| true)
    }

    /// A new client whose queue holds so many items.
    pub(crate) fn small(&self, capacity: usize) -> Client {
        self.client_with(capacity, |_| true)
    }

    pub(crate) fn client_with(&self, capacity: usize, filter: fn(u32) -> bool) -> Client {
        self.client_at(self.next_port(), Queue::new(capacity, filter))
    }

    pub(crate) fn advertise(&self, client: &Client, topic: &str) -> u32 {
        self.advertise_typed(client, topic, 0).unwrap()
    }

    pub(crate) fn advertise_typed(
        &self,
        client: &Client,
        topic: &str,
        fingerprint: u64,
    ) -> Result<u32, Refusal> {
        let offer = Offer {
            fingerprint,
            ..Offer::new(name(topic))
        };
        self.bus.advertise(client, offer)
    }

    /// A new client that publishes a topic, and the topic's id.
    pub(crate) fn publisher(&self, topic: &str) -> (Client, u32) {
        let client = self.client();
        let id = self.advertise(&client, topic);
        (client, id)
    }

    pub(crate) fn subscribe(&self, client: &Client, text: &str) -> u32 {
        self.bus
            .subscribe(client, pattern(text), 0, Form::V1)
            .unwrap()
    }

    pub(crate) fn subscribe_events(&self, client: &Client, text: &str) -> u32 {
        self.bus
            .subscribe(client, pattern(text), SUBSCRIBE_EVENTS, Form::V1)
            .unwrap()
    }

    pub(crate) fn subscribe_seed(&self, client: &Client, text: &str) -> u32 {
        self.bus
            .subscribe(client, pattern(text), 0, Form::Seed)
            .unwrap()
    }

    /// A new client that subscribes to a pattern.
    pub(crate) fn subscriber(&self, text: &str) -> Client {
        let client = self.client();
        self.subscribe(&client, text);
        client
    }

    /// A new client that subscribes to a pattern and its events.
    pub(crate) fn watcher(&self, text: &str) -> Client {
        let client = self.client();
        self.subscribe_events(&client, text);
        client
    }

    pub(crate) fn publish(&self, client: &Client, topic: u32, tag: u32) -> Receipt {
        self.bus
            .publish(client, topic, &mut Note::new(tag))
            .unwrap()
    }

    pub(crate) fn counts(&self) -> [usize; 3] {
        let Counts {
            topics,
            clients,
            subscriptions,
        } = self.bus.counts();
        [topics, clients, subscriptions]
    }

    /// Ends all clients; nothing may be left of them.
    pub(crate) fn end(self, clients: Vec<Client>) {
        for client in &clients {
            self.bus.disconnect(client);
        }
        assert_eq!(self.counts(), [0, 0, 0]);
        for client in clients {
            assert_eq!(Arc::strong_count(&client), 1, "somebody still holds it");
        }
        drop(self.bus);
        assert_eq!(sys::live(), self.live, "leaked");
    }
}

/// Whether the client was told that it misses something, since the last call.
pub(crate) fn overrun(client: &Client) -> bool {
    client.port.news().overrun > 0
}

/// Takes what is in the client's queue, in the form of [`show`].
pub(crate) fn received(client: &Client) -> String {
    show(&client.port.drain())
}

/// Items in short: `topic 1 a`, `1#7=9` (topic#seq=tag), `seed 9`, `lost 1#7+2`, `joined 1 101`, …
pub(crate) fn show(items: &[Item]) -> String {
    let one = |item: &Item| match item {
        Item::Message {
            form: Form::V1,
            topic,
            seq,
            tag,
            ..
        } => format!("{topic}#{seq}={tag}"),
        Item::Message { tag, .. } => format!("seed {tag}"),
        Item::Topic { topic, name, .. } => format!("topic {topic} {name}"),
        Item::Lost {
            topic,
            first,
            count,
        } => format!("lost {topic}#{first}+{count}"),
        Item::Joined { topic, port } => format!("joined {topic} {port}"),
        Item::Gone { topic, port } => format!("gone {topic} {port}"),
        Item::Removed { topic } => format!("removed {topic}"),
        Item::Denied { name } => format!("denied {name}"),
        Item::Matched { topic, count } => format!("matched {topic} {count}"),
    };
    items.iter().map(one).collect::<Vec<_>>().join(", ")
}
