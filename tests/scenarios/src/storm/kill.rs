// SPDX-License-Identifier: GPL-2.0

//! Processes that are killed in the middle of whatever they do.

use crate::client::Client;
use crate::client::Event;
use crate::client::Terms;
use crate::client::publish_message;
use crate::kernel;
use crate::process::Process;
use crate::storm::Storm;
use crate::storm::numbers::Numbers;
use crate::wire::header;
use crate::wire::message;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_HISTORY;
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How many run at a time.
const CROWD: usize = 8;

/// What they do, each until it is killed.
const ROLES: [&str; 7] = [
    "publish",
    "publish",
    "batch",
    "subscribe",
    "block",
    "dump",
    "seed",
];

/// Payload of last wills; the other payloads count from 1.
const WILL: u64 = u64::MAX;

/// What the watcher heard of one publisher.
#[derive(Debug, Default)]
struct Heard {
    joined: u32,
    messages: u64,
    wills: u32,
    gone: u32,
}

/// What the watcher heard of all.
#[derive(Default)]
struct Watch {
    publishers: BTreeMap<u32, Heard>,
    numbers: Numbers,
}

impl Watch {
    fn hear(&mut self, event: &Event) {
        self.numbers.hear(event);
        match *event {
            Event::Joined { port, .. } => {
                let publisher = self.publishers.entry(port).or_default();
                assert_eq!(publisher.gone, publisher.joined, "{port} joins twice");
                publisher.joined += 1;
            }
            Event::Gone { port, .. } => {
                let publisher = self.publishers.get_mut(&port).expect("Gone behind Joined");
                publisher.gone += 1;
                assert_eq!(publisher.gone, publisher.joined, "{port} is gone twice");
            }
            Event::Message {
                port, ref payload, ..
            } => {
                let publisher = self.publishers.get_mut(&port).expect("behind its Joined");
                assert!(
                    publisher.joined > publisher.gone,
                    "{port} is heard after its end"
                );
                let number = payload.first_chunk().copied().map(u64::from_ne_bytes);
                match number.expect("a number") {
                    WILL => publisher.wills += 1,
                    _ => publisher.messages += 1,
                }
            }
            _ => {}
        }
    }
}

/// All that the killed owned is gone at once, subscribers hear of each end after the last message,
/// and of the last will before it.
pub fn leaves_no_trace(storm: &Storm) {
    let kills = storm.times(10_000);
    kernel::allow_large_queues();
    let watcher = Client::open();
    watcher.set_receive_buffer(16 << 20);
    watcher.subscribe_with("watched/*", SUBSCRIBE_EVENTS);
    // Those who block wait for this one.
    let stalled = Client::open();
    stalled.subscribe_with("stalled", SUBSCRIBE_BLOCK);

    let done = AtomicBool::new(false);
    let watch = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut watch = Watch::default();
            loop {
                let last = done.load(Ordering::Acquire);
                let events = watcher.receive(Duration::from_millis(50));
                events.iter().for_each(|event| watch.hear(event));
                if last && events.is_empty() {
                    return watch;
                }
            }
        });
        // The reader ends in any case, or this never would.
        let end = catch_unwind(|| crowd(kills, &mut storm.rng("crowd"), Complaints::Shown));
        done.store(true, Ordering::Release);
        end.unwrap_or_else(|panic| resume_unwind(panic));
        reader.join().expect("the watcher has nothing to object to")
    });

    let (mut messages, mut wills) = (0, 0);
    let mut without_will = 0;
    for (port, publisher) in &watch.publishers {
        assert_eq!(publisher.joined, publisher.gone, "{port}: {publisher:?}");
        messages += publisher.messages;
        wills += publisher.wills;
        without_will += u64::from(publisher.messages > 0 && publisher.wills == 0);
    }
    assert!(
        without_will <= watch.numbers.lost,
        "{without_will} left no last will"
    );
    assert!(messages > u64::from(kills), "only {messages} messages");
    drop(stalled);
    for topic in ["watched/a", "watched/b", "watched/c"] {
        // It may retain nothing.
        let _ = watcher.clear(topic);
    }
    assert_eq!(watcher.counts(), (0, 1, 1));
    assert_eq!(kernel::user_sockets(), 1);
    println!(
        "# {kills} processes killed; the watcher heard {} publishers, {messages} messages, \
         {wills} last wills, {} lost messages",
        watch.publishers.len(),
        watch.numbers.lost
    );
}

/// Whether what a crowd complains of is of interest.
#[derive(Clone, Copy)]
pub enum Complaints {
    Shown,
    Hidden,
}

/// A crowd of processes, of which so many are killed, each at some moment.
pub fn crowd(kills: u32, rng: &mut fastrand::Rng, complaints: Complaints) {
    let start = |rng: &mut fastrand::Rng| {
        let role = ROLES[rng.usize(..ROLES.len())];
        let seed = rng.u64(..).to_string();
        let words = ["storm", "kill", role, &seed];
        match complaints {
            Complaints::Shown => Process::role(&words),
            Complaints::Hidden => Process::quiet_role(&words),
        }
    };
    let mut crowd: Vec<Process> = (0..CROWD).map(|_| start(rng)).collect();
    for _ in 0..kills {
        // Some before they have said anything at all.
        std::thread::sleep(Duration::from_micros(rng.u64(..12_000)));
        let victim = &mut crowd[rng.usize(..CROWD)];
        victim.kill();
        *victim = start(rng);
    }
    crowd.iter_mut().for_each(Process::kill);
}

/// One of the processes; it has no end.
pub fn run(role: &str, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    match role {
        "publish" => publish(&mut rng),
        "batch" => batch(&mut rng),
        "subscribe" => subscribe(&mut rng),
        "block" => block(),
        "dump" => dump(&mut rng),
        "seed" => both_in_the_seed_protocol(&mut rng),
        _ => panic!("unknown role {role}"),
    }
}

fn any<'a>(rng: &mut fastrand::Rng, words: &[&'a str]) -> &'a str {
    words[rng.usize(..words.len())]
}

fn publish(rng: &mut fastrand::Rng) {
    let client = Client::open();
    let terms = Terms {
        // All that ask for a history ask for the same one.
        history: rng.bool().then_some(3),
        mode: Some(0o666),
        ..Terms::default()
    };
    let topic = any(rng, &["watched/a", "watched/b", "watched/c"]);
    let topic = client.advertise_with(topic, terms).expect("advertise");
    client
        .set_last_will(topic, &WILL.to_ne_bytes())
        .expect("a last will");
    for number in 1_u64.. {
        match rng.u8(..4) {
            0 => drop(client.publish_acked(topic, &number.to_ne_bytes())),
            _ => client.publish(topic, &number.to_ne_bytes()),
        }
        // The watcher is to hear most of it.
        std::thread::sleep(Duration::from_micros(rng.u64(100..2000)));
    }
}

fn batch(rng: &mut fastrand::Rng) {
    let client = Client::open();
    let topic = client.advertise("flood");
    loop {
        let payload = vec![1; rng.usize(..3000)];
        let mut message = publish_message(topic, 0, header::REQUEST, 0, &payload);
        message.resize(message.len().next_multiple_of(4), 0);
        client.send(&message.repeat(rng.usize(1..20)));
    }
}

fn subscribe(rng: &mut fastrand::Rng) {
    let client = Client::open();
    loop {
        let pattern = any(rng, &["**", "*", "watched/*", "flood", "*/b", "default"]);
        let flags = rng.u32(..) & (SUBSCRIBE_EVENTS | SUBSCRIBE_HISTORY | SUBSCRIBE_DROP_OLDEST);
        let subscription = client.try_subscribe(pattern, flags);
        for _ in 0..rng.u8(..20) {
            // A full queue may have had no room for an answer or an event.
            let _ = client.try_receive(Duration::from_millis(1));
        }
        if let (Ok((subscription, _)), true) = (subscription, rng.bool()) {
            let _ = client.request(crate::wire::request::Request::Unsubscribe {
                subscription_id: subscription,
            });
        }
    }
}

fn block() {
    let client = Client::open();
    let topic = client.advertise_with(
        "stalled",
        Terms {
            wait: Some(60_000),
            mode: Some(0o666),
            ..Terms::default()
        },
    );
    let topic = topic.expect("advertise");
    loop {
        client.publish(topic, &[0; 1000]);
    }
}

fn dump(rng: &mut fastrand::Rng) {
    let kinds = [
        message::TOPICS,
        message::CLIENTS,
        message::SUBSCRIPTIONS,
        message::STATISTICS,
        message::POLICY,
    ];
    loop {
        let client = Client::open();
        for _ in 0..rng.u8(..5) {
            client.dump(kinds[rng.usize(..kinds.len())], |_| {});
        }
        // Not read to its end.
        client.start_dump(kinds[rng.usize(..kinds.len())], 1);
    }
}

fn both_in_the_seed_protocol(rng: &mut fastrand::Rng) {
    let client = Client::open();
    client.seed(1, &[]);
    client.seed(2, &[]);
    loop {
        client.seed(3, &vec![7; rng.usize(..128)]);
        if rng.bool() {
            let _ = client.try_receive(Duration::ZERO);
        }
    }
}
