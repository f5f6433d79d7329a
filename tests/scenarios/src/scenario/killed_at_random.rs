// SPDX-License-Identifier: GPL-2.0

//! Publishers and subscribers that are killed at random moments while traffic runs.

use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use crate::process::Process;
use crate::wire::message::SUBSCRIBE_EVENTS;
use std::collections::BTreeMap;
use std::time::Duration;

const ROUNDS: u32 = 120;
const TOPICS: [&str; 3] = ["random/a", "random/b", "random/c"];

/// What the watcher heard of one publisher.
#[derive(Debug, Default)]
struct Heard {
    joined: usize,
    messages: usize,
    gone: usize,
}

/// Each publisher joins once and is gone once, with all its messages in between; nothing of
/// anybody is left.
pub fn leave_no_trace() {
    let watcher = Client::open();
    watcher.set_receive_buffer(4 << 20);
    watcher.subscribe_with("random/*", SUBSCRIBE_EVENTS);
    let mut random: u64 = 0x6b69_7063;
    let mut below = |limit: usize| {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (random >> 33) as usize % limit
    };
    let start = |number: usize| {
        let topic = TOPICS[number % TOPICS.len()];
        match number % 2 {
            0 => Process::role(&["publish-forever", topic]),
            _ => Process::role(&["subscribe-and-stall", "random/*"]),
        }
    };
    let mut heard: BTreeMap<u32, Heard> = BTreeMap::new();
    let mut listen = |events: Vec<Event>| {
        for event in events {
            match event {
                Event::Joined { port, .. } => {
                    let publisher = heard.entry(port).or_default();
                    assert_eq!(publisher.gone, 0, "{port} comes again");
                    publisher.joined += 1;
                }
                Event::Message { port, .. } => {
                    let publisher = heard.get_mut(&port).expect("a message behind its Joined");
                    assert_eq!(publisher.gone, 0, "{port} is heard after its end");
                    publisher.messages += 1;
                }
                Event::Gone { port, .. } => {
                    heard.get_mut(&port).expect("Gone behind Joined").gone += 1;
                }
                _ => {}
            }
        }
    };
    let mut processes: Vec<Process> = (0..6).map(start).collect();
    let mut publishers = 3;
    for round in 0..kernel::times(ROUNDS) as usize {
        std::thread::sleep(Duration::from_micros(below(8000) as u64));
        let victim = below(processes.len());
        // Some before they have said anything at all.
        processes[victim].kill();
        processes[victim] = start(round);
        publishers += usize::from(round % 2 == 0);
        // Not until nothing is left: publishers may be faster.
        for _ in 0..300 {
            listen(watcher.receive(Duration::ZERO));
        }
    }
    for process in &mut processes {
        process.kill();
    }
    listen(watcher.drain());
    assert!(
        heard.len() > publishers / 2,
        "{} publishers were heard",
        heard.len()
    );
    for (port, publisher) in &heard {
        assert_eq!(
            (publisher.joined, publisher.gone),
            (1, 1),
            "{port}: {publisher:?}"
        );
    }
    assert_eq!(watcher.counts(), (0, 1, 1));
    assert_eq!(kernel::user_sockets(), 1);
    let messages: usize = heard.values().map(|publisher| publisher.messages).sum();
    println!("# {} publishers, {messages} messages", heard.len());
}
