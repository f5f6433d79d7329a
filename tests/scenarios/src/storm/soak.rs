// SPDX-License-Identifier: GPL-2.0

//! Mixed traffic for a long time: memory stays as it is, and those who watch find nothing wrong.

use super::exact;
use super::exact::Bystander;
use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use crate::process::Process;
use crate::storm::Storm;
use crate::storm::kill;
use crate::storm::numbers::Numbers;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_HISTORY;
use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// A full run, in seconds.
const FULL: u32 = 3600;

/// With fewer samples, there is nothing to compare.
const FEWEST: usize = 12;

/// Slab caches that hold what clients cause.
const CACHES: [&str; 4] = [
    "skbuff_head_cache",
    "skbuff_small_head",
    "sock_inode_cache",
    "kmalloc-",
];

/// What is there at a moment at which the crowd is gone.
struct Sample {
    /// Slab that cannot be reclaimed, in kB.
    slab: u64,
    /// What holds the module: as many as there are sockets.
    references: u32,
    sockets: usize,
}

/// An hour of everything.
pub fn leaves_memory_as_it_was(storm: &Storm) {
    let length = Duration::from_secs(storm.times(FULL).max(20).into());
    let interval = (length / 16).min(Duration::from_secs(60));
    kernel::allow_large_queues();
    let mut rng = storm.rng("soak");
    let bystander = Bystander::start("bystander", Duration::from_millis(5));
    let done = AtomicBool::new(false);
    let mut samples = Vec::new();
    let (mut kills, mut namespaces) = (0, 0);
    let start = Instant::now();
    let (watched, ruled, reliable) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&done));
        let rules = scope.spawn(|| change_rules(&done));
        let reliable = scope.spawn(|| lose_nothing(&done));
        let stop = Stop(&done);
        while start.elapsed() < length || samples.len() < FEWEST {
            let until = Instant::now() + interval;
            while Instant::now() < until {
                kill::crowd(10, &mut rng, kill::Complaints::Shown);
                kills += 10;
            }
            let seed = rng.u64(..).to_string();
            Process::role_in_new_netns(&["storm", "namespaces", "ends", &seed]).succeed();
            namespaces += 1;
            // Sockets are freed by RCU.
            std::thread::sleep(Duration::from_millis(500));
            let sample = Sample::take();
            println!(
                "# {:5} s: slab {} kB, {} references, {} sockets; {}",
                start.elapsed().as_secs(),
                sample.slab,
                sample.references,
                sample.sockets,
                caches()
            );
            samples.push(sample);
        }
        drop(stop);
        (
            watcher.join().expect("the watcher has an objection"),
            rules.join().expect("who changes rules has an objection"),
            reliable.join().expect("who waits has an objection"),
        )
    });
    let undisturbed = bystander.finish();
    let observer = Client::open();
    for topic in ["watched/a", "watched/b", "watched/c"] {
        // It may retain nothing.
        let _ = observer.clear(topic);
    }
    assert_eq!(observer.counts(), (0, 0, 0));
    drop(observer);
    assert_eq!(kernel::user_sockets(), 0);
    exact::until(60, "nothing holds the module", || references() == 0);
    stays_flat(&samples);
    println!(
        "# {kills} processes killed, {namespaces} namespaces; watched: {watched} messages, under \
         changing rules: {ruled}, reliably: {reliable}, undisturbed: {} (the longest took {} ms)",
        undisturbed.messages,
        undisturbed.longest.as_millis()
    );
}

/// Ends the threads, also if the storm fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Sample {
    fn take() -> Self {
        Self {
            slab: kernel::unreclaimable_slab(),
            references: references(),
            sockets: kernel::user_sockets(),
        }
    }
}

fn references() -> u32 {
    let count = fs::read_to_string("/sys/module/kipc/refcnt").expect("the module is loaded");
    count.trim().parse().expect("a number")
}

/// How many objects some caches hold, or kB for those that are many.
fn caches() -> String {
    let table = fs::read_to_string("/proc/slabinfo").expect("/proc/slabinfo");
    let sum = |name: &str| -> u64 {
        let lines = table.lines().filter(|line| line.starts_with(name));
        lines
            .map(|line| {
                let columns: Vec<u64> = line
                    .split_whitespace()
                    .skip(1)
                    .map_while(|word| word.parse().ok())
                    .collect();
                // active_objs, num_objs, objsize
                columns[0] * if name.ends_with('-') { columns[2] } else { 1 }
            })
            .sum()
    };
    let word = |name: &&str| match sum(name) {
        bytes if name.ends_with('-') => format!("{name}* {} kB", bytes >> 10),
        objects => format!("{name} {objects}"),
    };
    CACHES.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The last quarter is like the first one, when all had happened at least once.
fn stays_flat(samples: &[Sample]) {
    let quarter = samples.len() / 4;
    let mean = |samples: &[Sample]| {
        samples.iter().map(|sample| sample.slab).sum::<u64>() / samples.len() as u64
    };
    let first = mean(&samples[1..=quarter]);
    let last = mean(&samples[samples.len() - quarter..]);
    println!("# slab: {first} kB in the first quarter, {last} kB in the last");
    assert!(
        last <= first + exact::slab_wavers(),
        "slab grew from {first} kB to {last} kB"
    );
    // Those who watch have the same sockets all the time.
    for sample in &samples[1..] {
        assert_eq!(sample.sockets, samples[0].sockets);
        // The kernel opens a socket for itself now and then: not one of ours.
        assert_eq!(sample.references, samples[0].references);
    }
}

/// Hears the crowd; what is missing must be accounted for.
fn watch(done: &AtomicBool) -> u64 {
    let client = Client::open();
    client.set_receive_buffer(16 << 20);
    let flags = SUBSCRIBE_EVENTS | SUBSCRIBE_HISTORY;
    let (_, told) = client.subscribe_with("watched/*", flags);
    let mut numbers = Numbers::default();
    let mut messages = 0;
    let mut hear = |events: &[Event]| {
        for event in events {
            numbers.hear(event);
            messages += u64::from(matches!(event, Event::Message { .. }));
        }
    };
    hear(&told);
    while !done.load(Ordering::Relaxed) {
        hear(&client.receive(Duration::from_millis(50)));
    }
    messages
}

/// Forbids a topic and allows it again; its subscriber gets all from each time on. Returns how
/// many messages came.
fn change_rules(done: &AtomicBool) -> u64 {
    let admin = Client::open();
    let mut process = Process::role_as_user(1000, &["storm", "soak-listener"]).ready();
    let publisher = Client::open();
    let topic = publisher.advertise("ruled/topic");
    let mut sent = 0;
    while !done.load(Ordering::Relaxed) {
        for mode in [0o644, 0o600] {
            admin
                .set_policy(&[("ruled", 0, 0, mode)])
                .expect("root may");
            for _ in 0..10 {
                publisher.publish(topic, b"ruled");
                sent += u64::from(mode == 0o644);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    admin
        .set_policy(&[("ruled", 0, 0, 0o644)])
        .expect("root may");
    publisher.publish(topic, b"last");
    sent += 1;
    let heard: u64 = process.line().parse().expect("a number");
    process.succeed();
    admin.set_policy(&[]).expect("root may");
    assert_eq!(heard, sent, "all that was allowed came");
    heard
}

/// An ordinary user, to whom a rule allows a topic now and then.
pub fn listen() {
    let client = Client::open();
    client.subscribe("ruled/*");
    println!("ready");
    let mut heard = 0;
    let mut numbers = Numbers::default();
    loop {
        // On a debug kernel, beside a crowd, and on a machine that does other things, too.
        let events = client.receive(Duration::from_secs(300));
        assert!(!events.is_empty(), "nothing comes any more");
        for event in events {
            numbers.hear(&event);
            if let Event::Message { payload, .. } = event {
                heard += 1;
                if payload == b"last" {
                    assert_eq!(numbers.lost, 0);
                    println!("{heard}");
                    return;
                }
            }
        }
    }
}

/// A subscriber that reads slowly and blocks, and a publisher that waits: all comes.
fn lose_nothing(done: &AtomicBool) -> u64 {
    let subscriber = Client::open();
    subscriber.subscribe_with("reliable", SUBSCRIBE_BLOCK);
    let publisher = Client::open();
    let topic = publisher.advertise_patiently("reliable", 60_000);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = 0;
            while !done.load(Ordering::Relaxed) {
                publisher.publish(topic, &[1; 2000]);
                sent += 1;
            }
            publisher.publish(topic, b"last");
            sent + 1
        });
        let mut numbers = Numbers::default();
        let mut heard = 0;
        loop {
            let mut is_last = false;
            for event in subscriber.expect() {
                numbers.hear(&event);
                if let Event::Message { payload, .. } = event {
                    heard += 1;
                    is_last = payload == b"last";
                }
            }
            if is_last {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(numbers.lost, 0);
        assert_eq!(sender.join().expect("the publisher"), heard);
        heard
    })
}
