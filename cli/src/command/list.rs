// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc ls`, `kipc stat`, `kipc clients`, `kipc subscriptions`: what there is on the bus.

use libkipc::Bus;
use libkipc::ClientEntry;
use libkipc::StatisticsEntry;
use libkipc::SubscriptionEntry;
use libkipc::TopicEntry;
use serde::Serialize;

use crate::cli::List;
use crate::failure::Failure;
use crate::output;
use crate::output::Table;

#[derive(Serialize)]
struct Topic<'a> {
    topic: &'a str,
    id: u32,
    fingerprint: u64,
    uid: u32,
    gid: u32,
    /// Octal digits, as `chmod` takes them.
    mode: String,
    publishers: u32,
    subscribers: u32,
    history: u32,
    retained: u32,
}

#[derive(Serialize)]
struct Statistics<'a> {
    topic: &'a str,
    id: u32,
    published: u64,
    delivered: u64,
    dropped: u64,
}

#[derive(Serialize)]
struct Client<'a> {
    port: u32,
    uid: u32,
    pid: u32,
    comm: &'a str,
    start_time_ns: u64,
    queue_bytes: u32,
    queue_limit: u32,
    drops: u32,
}

#[derive(Serialize)]
struct Subscription<'a> {
    port: u32,
    id: u32,
    pattern: &'a str,
    flags: u32,
}

/// Prints one JSON object per line, or a table.
fn print<T>(
    entries: &[T],
    arguments: &List,
    head: &[&str],
    object: impl Fn(&T) -> String,
    row: impl Fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    if arguments.json {
        return entries
            .iter()
            .try_for_each(|entry| output::line(&object(entry)));
    }
    let mut table = Table::new(head);
    entries.iter().for_each(|entry| table.row(row(entry)));
    output::line(&table.to_string())
}

fn topic_json(topic: &TopicEntry) -> String {
    output::json(&Topic {
        topic: &topic.name,
        id: topic.id,
        fingerprint: topic.fingerprint,
        uid: topic.uid,
        gid: topic.gid,
        mode: output::octal(topic.mode),
        publishers: topic.publishers,
        subscribers: topic.subscribers,
        history: topic.history,
        retained: topic.retained,
    })
}

pub(crate) fn topics(bus: &Bus, arguments: &List) -> Result<(), Failure> {
    let head = ["MODE", "UID", "GID", "PUB", "SUB", "RETAINED", "TOPIC"];
    print(&bus.topics()?, arguments, &head, topic_json, |topic| {
        vec![
            output::mode(topic.mode),
            topic.uid.to_string(),
            topic.gid.to_string(),
            topic.publishers.to_string(),
            topic.subscribers.to_string(),
            format!("{}/{}", topic.retained, topic.history),
            topic.name.clone(),
        ]
    })
}

fn statistics_json(entry: &StatisticsEntry) -> String {
    output::json(&Statistics {
        topic: &entry.name,
        id: entry.id,
        published: entry.published,
        delivered: entry.delivered,
        dropped: entry.dropped,
    })
}

pub(crate) fn statistics(bus: &Bus, arguments: &List) -> Result<(), Failure> {
    let head = ["PUBLISHED", "DELIVERED", "DROPPED", "TOPIC"];
    print(&bus.statistics()?, arguments, &head, statistics_json, |s| {
        vec![
            s.published.to_string(),
            s.delivered.to_string(),
            s.dropped.to_string(),
            s.name.clone(),
        ]
    })
}

fn client_json(client: &ClientEntry) -> String {
    output::json(&Client {
        port: client.port.get(),
        uid: client.uid,
        pid: client.pid,
        comm: &client.comm,
        start_time_ns: client.start_time,
        queue_bytes: client.queue_bytes,
        queue_limit: client.queue_limit,
        drops: client.drops,
    })
}

pub(crate) fn clients(bus: &Bus, arguments: &List) -> Result<(), Failure> {
    let head = ["PORT", "UID", "PID", "QUEUE", "LIMIT", "DROPS", "COMMAND"];
    print(&bus.clients()?, arguments, &head, client_json, |client| {
        vec![
            client.port.to_string(),
            client.uid.to_string(),
            client.pid.to_string(),
            client.queue_bytes.to_string(),
            client.queue_limit.to_string(),
            client.drops.to_string(),
            output::escaped(client.comm.as_bytes()),
        ]
    })
}

fn subscription_json(entry: &SubscriptionEntry) -> String {
    output::json(&Subscription {
        port: entry.port.get(),
        id: entry.id,
        pattern: &entry.pattern,
        flags: entry.flags,
    })
}

pub(crate) fn subscriptions(bus: &Bus, arguments: &List) -> Result<(), Failure> {
    let head = ["PORT", "ID", "FLAGS", "PATTERN"];
    print(
        &bus.subscriptions()?,
        arguments,
        &head,
        subscription_json,
        |s| {
            vec![
                s.port.to_string(),
                s.id.to_string(),
                format!("{:#x}", s.flags),
                s.pattern.clone(),
            ]
        },
    )
}
