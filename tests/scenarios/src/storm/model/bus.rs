// SPDX-License-Identifier: GPL-2.0

//! What the bus says of itself, to a socket that takes no part in it.

use super::item::Form;
use super::state::Reference;
use crate::client::Client;
use crate::wire::message;
use crate::wire::record::Record;
use std::collections::BTreeMap;

/// A queue, as the dump of the clients shows it.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    pub bytes: u64,
    pub limit: u64,
    pub drops: u32,
}

impl Queue {
    /// Whether datagrams of this length surely find room, however the kernel rounds.
    pub fn surely_has_room(&self, count: usize, len: usize) -> bool {
        let most = count as u64 * (2 * len as u64 + 8192);
        self.bytes == 0 && count == 1 || self.bytes + most <= self.limit
    }

    /// Whether a datagram of this length surely finds none.
    pub fn surely_is_full(&self, len: usize) -> bool {
        self.bytes > 0 && self.bytes + len as u64 > self.limit
    }
}

/// Id of a topic, which must exist.
pub fn topic_id(observer: &Client, name: &str) -> u32 {
    let mut id = None;
    observer.dump(message::TOPICS, |record| {
        if let Record::TopicInfo(topic) = record
            && topic.name.as_str() == name
        {
            id = Some(topic.topic_id);
        }
    });
    id.unwrap_or_else(|| panic!("there is no topic {name}"))
}

/// Id of the subscription of this socket that is none of these, which must be one.
pub fn new_subscription(observer: &Client, port: u32, known: &[u32]) -> u32 {
    let mut new = Vec::new();
    observer.dump(message::SUBSCRIPTIONS, |record| {
        if let Record::SubscriptionInfo(subscription) = record
            && subscription.port == port
            && !known.contains(&subscription.subscription_id)
        {
            new.push(subscription.subscription_id);
        }
    });
    let [id] = new[..] else {
        panic!("one subscription is new, not {new:?}");
    };
    id
}

/// The queues by port id. Compares which clients there are.
pub fn queues(observer: &Client, reference: &Reference) -> BTreeMap<u32, Queue> {
    let mut queues = BTreeMap::new();
    let mut users = BTreeMap::new();
    observer.dump(message::CLIENTS, |record| {
        if let Record::ClientInfo(client) = record {
            let queue = Queue {
                bytes: client.queue_bytes.into(),
                limit: client.queue_limit.into(),
                drops: client.drops,
            };
            let again = queues.insert(client.port, queue);
            assert!(again.is_none(), "port id {} twice", client.port);
            users.insert(client.port, client.uid);
        }
    });
    let counted = reference.clients.iter().filter(|client| client.counted);
    let due: BTreeMap<_, _> = counted
        .map(|client| (client.port, client.user.uid))
        .collect();
    assert_eq!(users, due, "users of the clients by port id");
    queues
}

/// Compares all other dumps; returns how many records they had.
pub fn compare(observer: &Client, reference: &Reference) -> u64 {
    topics(observer, reference)
        + statistics(observer, reference)
        + subscriptions(observer, reference)
        + rules(observer, reference)
}

fn topics(observer: &Client, reference: &Reference) -> u64 {
    let mut topics = BTreeMap::new();
    observer.dump(message::TOPICS, |record| {
        if let Record::TopicInfo(topic) = record {
            let access = (topic.uid, topic.gid, topic.mode);
            let sizes = [
                topic.publishers,
                topic.subscribers,
                topic.history,
                topic.retained,
            ];
            let name = topic.name.as_str().to_owned();
            topics.insert(name, (topic.topic_id, topic.fingerprint, access, sizes));
        }
    });
    let due = reference.topics.iter().map(|(name, topic)| {
        let access = (topic.access.uid, topic.access.gid, topic.access.mode);
        let history = topic.history.as_ref();
        let sizes = [
            topic.publishers.len() as u32,
            reference.members(name).len() as u32,
            history.map_or(0, |history| history.depth),
            history.map_or(0, |history| history.messages.len() as u32),
        ];
        (
            (*name).to_owned(),
            (topic.id, topic.fingerprint, access, sizes),
        )
    });
    assert_eq!(topics, due.collect(), "the topics");
    topics.len() as u64
}

fn statistics(observer: &Client, reference: &Reference) -> u64 {
    let mut topics = BTreeMap::new();
    observer.dump(message::STATISTICS, |record| {
        if let Record::Statistics(topic) = record {
            let offered = topic.delivered + topic.dropped;
            topics.insert(
                topic.name.as_str().to_owned(),
                (topic.topic_id, topic.seq, offered),
            );
        }
    });
    let due = reference.topics.iter();
    let due = due.map(|(name, t)| ((*name).to_owned(), (t.id, t.seq, t.offered)));
    assert_eq!(
        topics,
        due.collect(),
        "id, last number, delivered and dropped messages"
    );
    topics.len() as u64
}

fn subscriptions(observer: &Client, reference: &Reference) -> u64 {
    let mut subscriptions = BTreeMap::new();
    observer.dump(message::SUBSCRIPTIONS, |record| {
        if let Record::SubscriptionInfo(s) = record {
            let key = (s.port, s.subscription_id);
            subscriptions.insert(key, (s.pattern.as_str().to_owned(), s.flags));
        }
    });
    let mut due = BTreeMap::new();
    for client in &reference.clients {
        for s in &client.subscriptions {
            assert!(s.form == Form::V1 || s.pattern == "default");
            due.insert((client.port, s.id), (s.pattern.to_owned(), s.flags));
        }
    }
    assert_eq!(subscriptions, due, "the subscriptions");
    due.len() as u64
}

fn rules(observer: &Client, reference: &Reference) -> u64 {
    let mut rules = BTreeMap::new();
    observer.dump(message::POLICY, |record| {
        if let Record::Rule(rule) = record {
            rules.insert(rule.prefix.to_owned(), (rule.uid, rule.gid, rule.mode));
        }
    });
    let due = reference.rules.iter().map(|rule| {
        let access = (rule.access.uid, rule.access.gid, rule.access.mode);
        (rule.prefix.to_owned(), access)
    });
    assert_eq!(rules, due.collect(), "the rules");
    rules.len() as u64
}
