// SPDX-License-Identifier: GPL-2.0

//! Everything that a user can make grow, as large as he may make it, where memory is plenty but
//! lies in pieces of a few pages.
//!
//! That is what memory of a machine looks like after some weeks. Whatever needs one large piece
//! then fails, and takes with it requests of those who have nothing to do with it, or, where the
//! kernel insists, has processes killed.

use crate::client::Client;
use crate::client::Event;
use crate::client::Refused;
use crate::client::Terms;
use crate::client::publish_message;
use crate::fragmented::Fragmented;
use crate::fragmented::contiguous;
use crate::kernel;
use crate::scenario::user_limits::many_descriptors;
use crate::user::as_user;
use crate::wire::header;
use crate::wire::message::SUBSCRIBE_HISTORY;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::Command;
use std::time::Instant;

const USER: u32 = 1000;
const OTHER: u32 = 1001;

/// What grows, and how a user makes it.
type Container = (&'static str, fn() -> Vec<Client>);

/// Whatever is made is on the topic `grown`, or below it, which belongs to root and is open to all.
const CONTAINERS: [Container; 9] = [
    ("publishers of a topic", publishers),
    ("audience of a topic", audience),
    ("advertisements of a socket", advertisements),
    ("subscriptions of a socket", subscriptions),
    ("subscriptions to everything", subscriptions_to_everything),
    ("topics", topics),
    ("retained messages", retained_messages),
    ("long retained messages", long_retained_messages),
    ("clients", clients),
];

/// Until it is refused or there are so many.
fn fill<T>(most: usize, mut one: impl FnMut(usize) -> Result<T, Refused>) -> usize {
    (0..most)
        .take_while(|number| match one(*number) {
            Ok(_) => true,
            Err(refused) => {
                assert!(
                    refused.errno == 28 || refused.errno == 122,
                    "number {number}: {refused:?}"
                );
                false
            }
        })
        .count()
}

fn sockets(count: usize) -> Vec<Client> {
    as_user(USER, || (0..count).map(|_| Client::open()).collect())
}

fn publishers() -> Vec<Client> {
    let all = sockets(1025);
    let made = fill(all.len(), |n| all[n].try_advertise("grown", 0));
    assert_eq!(made, 1024);
    all
}

fn audience() -> Vec<Client> {
    let all = sockets(1025);
    let made = fill(all.len(), |n| all[n].try_subscribe("grown", 0));
    assert_eq!(made, 1024);
    all
}

fn advertisements() -> Vec<Client> {
    let all = sockets(1);
    let made = fill(1025, |n| all[0].try_advertise(&format!("grown/{n}"), 0));
    assert_eq!(made, 1024);
    all
}

fn subscriptions() -> Vec<Client> {
    let all = sockets(1);
    let made = fill(1025, |n| all[0].try_subscribe(&format!("grown/{n}"), 0));
    assert_eq!(made, 1024);
    all
}

fn subscriptions_to_everything() -> Vec<Client> {
    let all = sockets(2000);
    let made = fill(all.len(), |n| all[n].try_subscribe("grown/**", 0));
    // He is in the audience of `grown` with as many as may be; others wait for further topics.
    assert!(made >= 1024, "{made}");
    all
}

fn topics() -> Vec<Client> {
    let all = sockets(16);
    let made = fill(16_384, |n| {
        all[n / 1024].try_advertise(&format!("grown/{n}"), 0)
    });
    assert_eq!(made, 16_384);
    all
}

fn retained_messages() -> Vec<Client> {
    let all = sockets(4);
    for (number, client) in all.iter().enumerate() {
        let topic = client.advertise_history(&format!("grown/{number}"), 4096);
        let topic = topic.expect("advertise");
        for _ in 0..4096 {
            client.publish(topic, &[7; 16]);
        }
    }
    all
}

/// From the middle of datagrams, and as last wills.
fn long_retained_messages() -> Vec<Client> {
    const LEN: usize = 200_000;
    let all = sockets(2);
    let [publisher, doomed] = &all[..] else {
        unreachable!("two");
    };
    let terms = Terms {
        history: Some(4),
        ..Terms::OPEN
    };
    let mut long = 0;
    for client in &all {
        client.set_send_buffer(1 << 20);
        long = client
            .advertise_with("grown/long", terms)
            .expect("advertise");
    }
    let topic = publisher
        .advertise_with("grown/first", Terms::OPEN)
        .expect("advertise");
    let around = publish_message(topic, 0, header::REQUEST, 0, &[1; LEN]);
    let middle = publish_message(long, 0, header::REQUEST, 0, &[2; LEN]);
    for _ in 0..4 {
        publisher.send(&[&around[..], &middle, &around].concat());
    }
    let late = Client::open();
    let retained = |flags| {
        let (_, events) = late.subscribe_with("grown/long", flags);
        let messages = events.iter().filter(
            |event| matches!(event, Event::Message { payload, .. } if payload.len() == LEN),
        );
        messages.count()
    };
    late.set_receive_buffer(8 << 20);
    assert_eq!(retained(SUBSCRIBE_HISTORY), 4, "long messages are retained");
    doomed
        .set_last_will(long, &[3; LEN])
        .expect("a long last will");
    all
}

fn clients() -> Vec<Client> {
    let all = sockets(4096);
    for client in &all {
        client.subscribe("grown/nothing");
    }
    all
}

/// Lines of the kernel's log that say that a large piece of memory was asked for.
fn complaints() -> Vec<String> {
    let log = Command::new("dmesg").output().expect("run dmesg");
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    let complains = |line: &&str| {
        ["page allocation failure", "WARNING:", "invoked oom-killer"]
            .iter()
            .any(|word| line.contains(word))
    };
    log.lines().filter(complains).map(str::to_owned).collect()
}

/// What an administrator and another user ask for, while a container is full.
fn others_are_served(owner: &Client) {
    let admin = Client::open();
    admin
        .advertise_with("grown", Terms::OPEN)
        .expect("ADVERTISE");
    admin.subscribe("grown/**");
    let other = as_user(OTHER, Client::open);
    other
        .advertise_with("grown", Terms::OPEN)
        .expect("ADVERTISE");
    other
        .advertise_with("grown/new", Terms::OPEN)
        .expect("ADVERTISE");
    other.subscribe("grown");
    admin
        .set_policy(&[("grown", 0, 0, 0o666), ("unused", 0, 0, 0o600)])
        .expect("POLICY");
    // Nobody but root may do anything here, and then everybody may.
    admin.set_policy(&[("grown", 0, 0, 0o600)]).expect("POLICY");
    admin.set_policy(&[("grown", 0, 0, 0o666)]).expect("POLICY");
    admin.set_policy(&[]).expect("POLICY");
    owner.clear("grown").expect("CLEAR");
}

/// Nothing warns, nobody is killed, and others are served.
pub fn is_enough_for_whatever_a_user_can_make_grow() {
    many_descriptors();
    kernel::allow_large_queues();
    let mut failed = Vec::new();
    let mut pieces = Fragmented::new();
    for (name, grow) in CONTAINERS {
        let start = Instant::now();
        let before = complaints().len();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let owner = Client::open();
            owner
                .advertise_with("grown", Terms::OPEN)
                .expect("advertise");
            let all = grow();
            others_are_served(&owner);
            drop(all);
        }));
        let complaints = complaints();
        for line in &complaints[before..] {
            println!("# {line}");
        }
        let alive = pieces.is_alive();
        println!(
            "# {name}: {} ms, {} kB lie together",
            start.elapsed().as_millis(),
            contiguous() >> 10
        );
        if result.is_err() || complaints.len() > before || !alive {
            println!(
                "# {name}: failed: {}, complaints: {}, memory was taken back: {}",
                result.is_err(),
                complaints.len() - before,
                !alive
            );
            failed.push(name);
        }
        if !alive {
            pieces = Fragmented::new();
        }
    }
    drop(pieces);
    let client = Client::open();
    client.set_policy(&[]).expect("POLICY");
    for topic in ["grown/0", "grown/1", "grown/2", "grown/3", "grown/long"] {
        // There may be none.
        let _ = client.clear(topic);
    }
    assert!(failed.is_empty(), "too much at once: {failed:?}");
    assert_eq!(client.counts(), (0, 0, 0));
}
