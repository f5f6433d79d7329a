// SPDX-License-Identifier: GPL-2.0

//! File descriptors run out, of a process and of the machine.

use super::exact;
use super::exact::Bystander;
use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use crate::process::Process;
use crate::storm::Storm;
use rustix::io::Errno;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::setrlimit;
use std::fs;
use std::time::Duration;

/// A full run: how often a process runs into the limit, and closes everything again.
const FULL: u32 = 100;

/// How many descriptors a process may have.
const DESCRIPTORS: u64 = 400;

/// How many files the machine may have beyond those that it has.
const FILES: u64 = 300;

const MOST_FILES: &str = "/proc/sys/fs/file-max";

/// What cannot be opened is refused, what is open goes on working, what is closed is gone.
pub fn run_out_and_all_goes_on(storm: &Storm) {
    let rounds = storm.times(FULL);
    kernel::allow_large_queues();
    let bystander = Bystander::start("bystander", Duration::from_millis(1));
    let observer = Client::open();
    let before = observer.counts();
    assert_eq!(before, (1, 2, 1), "the bystander's");
    // Sockets are freed by RCU: what the first round needs is there for the others.
    own_limit(1);
    let slab = kernel::unreclaimable_slab();
    own_limit(rounds);
    assert_eq!(observer.counts(), before);

    let most = fs::read_to_string(MOST_FILES).expect("a setting");
    fs::write(MOST_FILES, (files() + FILES).to_string()).expect("a setting");
    let mut process = Process::role_as_user(1000, &["storm", "descriptors", "machine", "1"]);
    let (line, status) = (process.line(), process.wait());
    fs::write(MOST_FILES, most.trim()).expect("a setting");
    assert!(status.success(), "{status}");
    println!("# all files of the machine: {line}");

    assert_eq!(observer.counts(), before);
    let grown = exact::slab_is_back(slab);
    let undisturbed = bystander.finish();
    assert_eq!(observer.counts(), (0, 0, 0));
    drop(observer);
    assert_eq!(kernel::user_sockets(), 0);
    println!(
        "# {} messages beside it, the longest took {} ms; slab grew by {grown} kB",
        undisturbed.messages,
        undisturbed.longest.as_millis()
    );
}

fn own_limit(rounds: u32) {
    let rounds = rounds.to_string();
    let mut process = Process::role_as_user(1000, &["storm", "descriptors", "own", &rounds]);
    println!("# all descriptors of a process: {}", process.line());
    process.succeed();
}

/// How many files the machine has open.
fn files() -> u64 {
    let state = fs::read_to_string("/proc/sys/fs/file-nr").expect("file-nr");
    let number = state.split_whitespace().next().expect("a number");
    number.parse().expect("a number")
}

/// An ordinary user, who opens sockets until that fails.
pub fn run(whose: &str, rounds: u32) {
    let (limit, error) = match whose {
        "own" => (DESCRIPTORS, Errno::MFILE),
        "machine" => (DESCRIPTORS.max(FILES) * 2, Errno::NFILE),
        _ => panic!("unknown limit {whose}"),
    };
    let limit = Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    setrlimit(Resource::Nofile, limit).expect("setrlimit");
    let (mut opened, mut refused) = (0, 0);
    for round in 0..rounds {
        let (sockets, why) = open_all(round);
        assert_eq!(why, error);
        refused += 1;
        // They are all there is: also what these are used for must need no descriptor.
        talk(&sockets);
        opened += sockets.len();
        // With some room again, it goes on.
        let mut sockets = sockets;
        sockets.truncate(sockets.len() / 2);
        let half = sockets.len();
        let (more, why) = open_all(round);
        assert_eq!(why, error);
        refused += 1;
        assert!(more.len() + 10 > half, "only {} again", more.len());
        talk(&sockets);
        talk(&more);
        opened += more.len();
    }
    println!("{opened} sockets opened, {refused} times {error}; all heard everything");
}

/// Sockets until there are no more, and why not.
fn open_all(round: u32) -> (Vec<Client>, Errno) {
    let mut sockets = Vec::new();
    loop {
        match Client::try_open(0) {
            Ok(client) => {
                // Half of them leave something at each place that has to be cleaned up.
                match sockets.len() % 2 {
                    0 => client.subscribe(&format!("round/{round}/*")),
                    _ => client.advertise(&format!("topic/{}", client.port())),
                };
                sockets.push(client);
            }
            Err(why) => return (sockets, why),
        }
    }
}

/// One of the sockets publishes; each other one hears it, or is no subscriber.
fn talk(sockets: &[Client]) {
    let (publisher, others) = sockets.split_last().expect("there are sockets");
    let name = format!("talk/{}", publisher.port());
    let topic = publisher.advertise(&name);
    for socket in others {
        socket.subscribe(&name);
    }
    let count = u32::try_from(others.len()).expect("not so many");
    for number in 1_u64..=3 {
        let receipt = publisher.publish_acked(topic, &number.to_ne_bytes());
        assert_eq!(receipt, Ok((number, count, 0)));
    }
    for socket in others {
        let heard: Vec<u64> = socket
            .drain()
            .iter()
            .filter_map(|event| match event {
                Event::Message { topic: t, seq, .. } if *t == topic => Some(*seq),
                _ => None,
            })
            .collect();
        assert_eq!(heard, [1, 2, 3]);
    }
}
