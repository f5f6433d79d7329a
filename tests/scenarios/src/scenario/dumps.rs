// SPDX-License-Identifier: GPL-2.0

//! What the kernel says is on the bus.

use crate::client::Client;
use crate::client::Terms;
use crate::process::Process;
use crate::spec::Spec;
use crate::wire::header;
use crate::wire::message;
use crate::wire::record::Record;
use crate::wire::refusal::Refusal;
use std::collections::BTreeMap;

/// One line for each record of a dump.
fn dump(client: &Client, kind: u16) -> Vec<String> {
    let mut lines = Vec::new();
    client.dump(kind, |record| lines.push(line(&record)));
    lines
}

fn line(record: &Record<'_>) -> String {
    match record {
        Record::TopicInfo(t) => format!(
            "{} uid {} gid {} mode {:o} publishers {} subscribers {} retains {} of {}",
            t.name.as_str(),
            t.uid,
            t.gid,
            t.mode,
            t.publishers,
            t.subscribers,
            t.retained,
            t.history
        ),
        Record::Statistics(s) => format!(
            "{} seq {} delivered {} dropped {}",
            s.name.as_str(),
            s.seq,
            s.delivered,
            s.dropped
        ),
        Record::ClientInfo(c) => format!("{} uid {} pid {} {}", c.port, c.uid, c.pid, c.comm),
        Record::SubscriptionInfo(s) => format!(
            "{} {} {} flags {}",
            s.port,
            s.subscription_id,
            s.pattern.as_str(),
            s.flags
        ),
        Record::Rule(r) => format!("{} {} {} {:o}", r.prefix, r.uid, r.gid, r.mode),
        other => panic!("{other:?}"),
    }
}

const KINDS: [u16; 5] = [
    message::TOPICS,
    message::CLIENTS,
    message::SUBSCRIPTIONS,
    message::STATISTICS,
    message::POLICY,
];

/// Topics, clients, subscriptions, statistics and rules, as they were made; nothing after.
pub fn tell_what_is_there() {
    let reader = Client::open();
    let mut user = Process::role_as_user(1000, &["latch", "dumped/state", "on", ""]).ready();
    let subscriber = Client::open();
    subscriber.set_receive_buffer(4096);
    subscriber.subscribe_with("dumped/**", 1);
    let publisher = Client::open();
    let terms = Terms {
        mode: Some(0o664),
        gid: Some(7),
        ..Terms::default()
    };
    let topic = publisher
        .advertise_with("dumped/x", terms)
        .expect("advertise");
    let mut dropped = 0;
    for _ in 0..100 {
        dropped += publisher
            .publish_acked(topic, &[7; 100])
            .expect("publish")
            .2;
    }
    assert!((1..100).contains(&dropped));
    assert_eq!(
        dump(&reader, message::TOPICS),
        [
            "dumped/state uid 1000 gid 1000 mode 600 publishers 1 subscribers 1 retains 1 of 2",
            "dumped/x uid 0 gid 7 mode 664 publishers 1 subscribers 1 retains 0 of 0",
        ]
    );
    let delivered = 100 - dropped;
    assert_eq!(
        dump(&reader, message::STATISTICS),
        [
            "dumped/state seq 1 delivered 0 dropped 0".to_owned(),
            format!("dumped/x seq 100 delivered {delivered} dropped {dropped}"),
        ]
    );
    let port = subscriber.port();
    assert_eq!(
        dump(&reader, message::SUBSCRIPTIONS),
        [format!("{port} 1 dumped/** flags 1")]
    );
    let clients = dump(&reader, message::CLIENTS);
    let own = std::process::id();
    for (port, uid, pid) in [
        (port, 0, own),
        (publisher.port(), 0, own),
        (user.id(), 1000, user.id()),
    ] {
        let line = format!("{port} uid {uid} pid {pid} kipc-scenarios");
        assert!(clients.contains(&line), "{line}: {clients:?}");
    }
    assert_eq!(clients.len(), 3);
    reader
        .set_policy(&[("b", 1, 2, 0o600), ("", 3, 4, 0o666)])
        .expect("set");
    assert_eq!(dump(&reader, message::POLICY), [" 3 4 666", "b 1 2 600"]);
    reader.set_policy(&[]).expect("set");
    user.kill();
    reader.clear("dumped/state").expect("clear");
    drop((subscriber, publisher));
    for kind in KINDS {
        assert_eq!(dump(&reader, kind), [""; 0]);
    }
}

/// Thousands of topics and subscriptions stay, others come and go while they are dumped; each of
/// the former is told exactly once, to two readers at a time.
pub fn survive_concurrent_change() {
    const SOCKETS: usize = 4;
    const EACH: usize = 700;
    let keepers: Vec<Client> = (0..SOCKETS)
        .map(|keeper| {
            let client = Client::open();
            for n in 0..EACH {
                client.advertise(&format!("stay/{keeper}/{n}"));
                client.subscribe(&format!("stay/{n}/{keeper}/*"));
            }
            client
        })
        .collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let client = Client::open();
                for n in 0..50 {
                    client.advertise(&format!("stay/{}/{n}/passing", n % 7));
                    client.subscribe(&format!("stay/{n}/passing/*"));
                }
            }
        });
        let read = |kind: u16| {
            let client = Client::open();
            for _ in 0..10 {
                let mut seen = BTreeMap::new();
                client.dump(kind, |record| {
                    let text = match record {
                        Record::TopicInfo(topic) => topic.name.as_str(),
                        Record::SubscriptionInfo(subscription) => subscription.pattern.as_str(),
                        other => panic!("{other:?}"),
                    };
                    if !text.contains("passing") {
                        *seen.entry(text.to_owned()).or_insert(0) += 1;
                    }
                });
                assert_eq!(seen.len(), SOCKETS * EACH);
                assert!(seen.values().all(|count| *count == 1));
            }
        };
        let other = scope.spawn(move || read(message::SUBSCRIPTIONS));
        read(message::TOPICS);
        other.join().expect("the other reader");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    // A second dump on a socket must wait for the end of the first.
    let reader = Client::open();
    reader.start_dump(message::TOPICS, 1);
    reader.start_dump(message::CLIENTS, 2);
    let mut refused = false;
    let mut done = false;
    while !done {
        reader.for_each_message(|header, payload| match header.kind {
            header::TYPE_ERROR => {
                let errno = i32::from_ne_bytes(payload[..4].try_into().expect("4 bytes"));
                assert_eq!((header.seq, -errno), (2, Refusal::DumpRunning.errno()));
                refused = true;
            }
            header::TYPE_DONE => done = true,
            _ => assert_eq!(header.seq, 1),
        });
    }
    assert!(refused);
    // Closed in the middle.
    for kind in KINDS {
        let reader = Client::open();
        reader.start_dump(kind, 1);
    }
    drop(keepers);
    assert_eq!(reader.counts(), (0, 0, 0));
    for kind in KINDS {
        assert_eq!(dump(&reader, kind), [""; 0]);
    }
}

/// All dumps, read by a decoder that knows the machine-readable spec alone.
pub fn are_what_the_netlink_spec_says() {
    let spec = Spec::read();
    let reader = Client::open();
    let read = |dump: &str| {
        let mut records = Vec::new();
        reader.start_dump(spec.number(dump), 1);
        let mut done = false;
        while !done {
            reader.for_each_message(|header, payload| match header.kind {
                header::TYPE_DONE => done = true,
                kind => {
                    assert_eq!(kind, spec.number(dump));
                    records.push(spec.decode(dump, payload));
                }
            });
        }
        records
    };
    let client = Client::open();
    let topic = client.advertise_history("spec/x", 3).expect("advertise");
    client.subscribe("spec/*");
    client.publish(topic, b"x");
    reader.set_policy(&[("spec", 0, 0, 0o660)]).expect("set");
    let expect = |dump: &str, wanted: &[(&str, &str)]| {
        let [record] = &read(dump)[..] else {
            panic!("one record in {dump}");
        };
        for (name, value) in wanted {
            assert_eq!(record[*name], *value, "{name} of {record:?}");
        }
    };
    let (id, port) = (topic.to_string(), client.port().to_string());
    expect(
        "topics",
        &[
            ("topic-id", &id),
            ("topic", "spec/x"),
            ("mode", &0o660.to_string()),
            ("publishers", "1"),
            ("subscribers", "1"),
            ("history", "3"),
            ("retained", "1"),
        ],
    );
    expect("statistics", &[("topic", "spec/x"), ("seq", "1")]);
    expect("subscriptions", &[("port", &port), ("pattern", "spec/*")]);
    expect("clients", &[("port", &port), ("comm", "kipc-scenarios")]);
    expect(
        "policy",
        &[("prefix", "spec"), ("mode", &0o660.to_string())],
    );
    reader.set_policy(&[]).expect("set");
    client.clear("spec/x").expect("clear");
}
