// SPDX-License-Identifier: GPL-2.0

//! Denial of service: one user uses up all that he can, and another one goes on.

mod attack;

pub use attack::run as attack;

use super::exact;
use super::exact::Pair;
use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use crate::process::Process;
use crate::storm::Storm;
use crate::wire::request::Request;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;
use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::os::unix::process::CommandExt as _;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

/// A full run: for how long others are measured under each attack, in milliseconds.
const FULL: u32 = 20_000;

/// A topic that a subscription of the victim names, and that does not exist.
const WANTED: &str = "wanted";

/// So many messages the victim sends before it receives them.
const BURST: u64 = 64;

/// Files that a process may have, as on a system with systemd.
const FILES: u64 = 65536;

/// Limits of a user, an eighth of the usual ones and less: this machine is emulated, and so much
/// slower.
const LIMITS: [(&str, u32); 4] = [
    ("topics_per_user", 2048),
    ("subscriptions_per_user", 8192),
    ("patterns_per_user", 1024),
    ("retained_bytes_per_user", 2 << 20),
];

/// The longest that a request of the victim may take, and the end of an attacker.
const MOST: Duration = Duration::from_secs(5);

/// The attackers take both CPUs.
const ATTACKERS: usize = 2;

/// What the victim measures.
#[derive(Clone, Copy)]
struct Figures {
    messages_per_second: u32,
    round_trip_median: u32,
    round_trip_p99: u32,
    request_median: u32,
    request_longest: u32,
}

/// Prints what each attack does to another user; nothing may be lost, and not too much be slow.
pub fn hurts_mostly_who_attacks(storm: &Storm) {
    let window = storm.times(FULL).max(1000);
    for name in ["rmem_max", "wmem_max"] {
        // What a system has unless somebody says otherwise.
        fs::write(format!("/proc/sys/net/core/{name}"), "212992").expect("a setting");
    }
    let usual = getrlimit(Resource::Nofile);
    let many = Rlimit {
        current: usual.current,
        maximum: Some(FILES),
    };
    setrlimit(Resource::Nofile, many).expect("setrlimit");
    if kernel::loaded() {
        kernel::unload();
    }
    let slowness = exact::slowness();
    kernel::unload();
    let limits = LIMITS.map(|(name, limit)| format!("{name}={}", limit / slowness));
    kernel::load_with(&limits.each_ref().map(String::as_str));
    println!(
        "# messages/s, round trip and request in µs (median, 99 % or longest); factor {slowness}"
    );
    let alone = victim(window);
    print("alone", &alone, "");
    for name in attack::ALL {
        let start = Instant::now();
        let attackers: Vec<Attacker> = (0..ATTACKERS)
            .map(|_| Attacker::start(name, slowness))
            .collect();
        let set_up = start.elapsed();
        let during = victim(window);
        let ends: Vec<End> = attackers.into_iter().map(Attacker::kill).collect();
        let longest = ends.iter().map(|end| end.longest).max().expect("two");
        let dying = ends.iter().map(|end| end.dying).max().expect("two");
        let observer = Client::open();
        clear(&observer);
        assert_eq!(observer.counts(), (0, 0, 0), "{name} leaves something");
        drop(observer);
        let after = victim(window / 2);
        let how = format!(
            "; {} ms to set it up, {} ms the longest step, {} ms to die",
            set_up.as_millis(),
            longest.as_millis(),
            dying.as_millis()
        );
        print(name, &during, &how);
        print("  after", &after, "");
        let slowest = |part: u32| alone.messages_per_second / part;
        assert!(during.messages_per_second > slowest(40), "{name}: too slow");
        assert!(after.messages_per_second > slowest(5), "{name}: slow");
        assert!(
            during.round_trip_median < 20 * alone.round_trip_median,
            "{name}: late"
        );
        // What an attacker does with his own time is his business, while he can be killed.
        let request = Duration::from_micros(during.request_longest.into());
        assert!(
            request < slowness * MOST,
            "{name}: {request:?} to be answered"
        );
        assert!(dying < slowness * MOST, "{name}: {dying:?} to die");
    }
    flood(window);
    kernel::unload();
    kernel::load();
    setrlimit(Resource::Nofile, usual).expect("setrlimit");
    assert_eq!(kernel::user_sockets(), 0);
}

fn print(name: &str, figures: &Figures, more: &str) {
    println!(
        "# {name:14} {:6}/s  {:5} {:7}  {:5} {:7}{more}",
        figures.messages_per_second,
        figures.round_trip_median,
        figures.round_trip_p99,
        figures.request_median,
        figures.request_longest,
    );
}

/// Retained messages stay until somebody lets them go.
fn clear(observer: &Client) {
    let mut names = Vec::new();
    observer.dump(crate::wire::message::TOPICS, |record| {
        if let crate::wire::record::Record::TopicInfo(topic) = record {
            names.push(topic.name.as_str().to_owned());
        }
    });
    for name in names {
        observer.clear(&name).expect("root may");
    }
}

/// Measures for so many milliseconds.
fn victim(window: u32) -> Figures {
    let mut process = Process::role_as_user(1001, &["storm", "denial-victim", &window.to_string()]);
    let line = process.line();
    process.succeed();
    let numbers: Vec<u32> = line
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let &[
        messages_per_second,
        round_trip_median,
        round_trip_p99,
        request_median,
        request_longest,
    ] = &numbers[..]
    else {
        panic!("five numbers, not {line}");
    };
    Figures {
        messages_per_second,
        round_trip_median,
        round_trip_p99,
        request_median,
        request_longest,
    }
}

/// The victim: traffic of its own, on which it measures, and of which nothing may be lost.
pub fn run_victim(window: u64) {
    let mut pair = Pair::new("victim/own");
    // Somebody else may just have a topic of that name.
    while pair.subscriber.try_subscribe(WANTED, 0).is_err() {}
    let own = Client::open();
    let end = Instant::now() + Duration::from_millis(window);
    let (mut laps, mut requests) = (Vec::new(), Vec::new());
    let mut bursts = Vec::new();
    let mut timed = |request: Request<'_>| {
        let start = Instant::now();
        let events = own.request(request).expect("a request");
        requests.push(start.elapsed());
        events
    };
    // With fewer, one pause of the whole machine would count for all.
    while Instant::now() < end || bursts.len() < 10 {
        laps.extend((0..16).map(|_| pair.lap()));
        let start = Instant::now();
        pair.burst(BURST);
        bursts.push(start.elapsed());
        let name = crate::wire::topic::Name::new(b"victim/other").expect("a name");
        let pattern = crate::wire::topic::Pattern::new(b"victim/other").expect("a pattern");
        let subscribed = timed(Request::Subscribe { pattern, flags: 0 });
        let advertised = timed(Request::Advertise {
            topic: name,
            fingerprint: 0,
            wait: None,
            history: None,
            flags: 0,
            mode: None,
            gid: None,
        });
        for event in subscribed.iter().chain(&advertised) {
            match *event {
                Event::Subscribed { subscription } => {
                    let subscription_id = subscription;
                    timed(Request::Unsubscribe { subscription_id });
                }
                Event::Advertised { topic } => {
                    timed(Request::Unadvertise { topic_id: topic });
                }
                _ => {}
            }
        }
    }
    bursts.sort_unstable();
    laps.sort_unstable();
    requests.sort_unstable();
    let micros =
        |sorted: &[Duration], part: f64| sorted[(sorted.len() as f64 * part) as usize].as_micros();
    println!(
        "{} {} {} {} {}",
        // That of most bursts, not of those in which somebody else had the CPU.
        BURST as u128 * 1_000_000 / micros(&bursts, 0.5).max(1),
        micros(&laps, 0.5),
        micros(&laps, 0.99),
        micros(&requests, 0.5),
        requests.last().expect("some").as_micros(),
    );
}

/// A process that attacks.
struct Attacker {
    child: Child,
    /// Reads the longest step so far, until the process ends.
    reader: JoinHandle<Duration>,
}

/// How an attack ended.
struct End {
    longest: Duration,
    /// From its death sentence to its end.
    dying: Duration,
}

impl Attacker {
    /// Starts it and waits until it is set up.
    fn start(name: &str, slowness: u32) -> Self {
        let program = std::env::current_exe().expect("own path");
        let mut child = Command::new(program)
            .args([
                "--role",
                "storm",
                "denial-attack",
                name,
                &slowness.to_string(),
            ])
            .uid(1000)
            .gid(1000)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start an attacker");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let first = lines.next().expect("a line").expect("a line");
        assert_eq!(first, "ready");
        let reader = std::thread::spawn(move || {
            // Also the step in the middle of which it was killed.
            let (mut longest, mut last) = (Duration::ZERO, Instant::now());
            for line in lines.map_while(Result::ok) {
                longest = Duration::from_micros(line.parse().expect("a number"));
                last = Instant::now();
            }
            if longest == Duration::ZERO {
                last.elapsed()
            } else {
                longest
            }
        });
        Self { child, reader }
    }

    fn kill(mut self) -> End {
        let start = Instant::now();
        self.child.kill().expect("kill");
        let status = self.child.wait().expect("wait");
        let dying = start.elapsed();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9),
            "the attacker ended before that: {status}"
        );
        End {
            longest: self.reader.join().expect("numbers"),
            dying,
        }
    }
}

/// Who subscribes to whatever there is gets what others choose to send. A rule of access keeps
/// them off.
fn flood(window: u32) {
    let admin = Client::open();
    for (name, rules) in [
        ("flood", &[][..]),
        ("flood, a rule", &[("flood", 0, 0, 0o600)][..]),
    ] {
        let attackers: Vec<Attacker> = (0..ATTACKERS)
            .map(|_| Attacker::start("flood", 1))
            .collect();
        admin.set_policy(rules).expect("root may");
        let window = window.to_string();
        let mut listener = Process::role_as_user(1001, &["storm", "denial-listener", &window]);
        let line = listener.line();
        listener.succeed();
        println!("# {name:14} {line} to a subscriber of **");
        if !rules.is_empty() {
            assert!(line.starts_with("0 of his own messages are lost"), "{line}");
        }
        for attacker in attackers {
            attacker.kill();
        }
        admin.set_policy(&[]).expect("root may");
    }
    assert_eq!(admin.counts(), (0, 0, 0));
}

/// A subscriber to everything, who reads now and then.
pub fn run_listener(window: u64) {
    let end = Instant::now() + Duration::from_millis(window);
    let subscriber = Client::open();
    subscriber.subscribe("**");
    let publisher = Client::open();
    let topic = publisher.advertise("own");
    let (mut sent, mut own, mut others) = (0, 0, 0);
    while Instant::now() < end {
        publisher.publish(topic, b"own");
        sent += 1;
        std::thread::sleep(Duration::from_millis(10));
        // What is there now; more may come all the time.
        for _ in 0..300 {
            for event in subscriber.try_receive(Duration::ZERO).unwrap_or_default() {
                match event {
                    Event::Message { topic: t, .. } if t == topic => own += 1,
                    Event::Message { .. } => others += 1,
                    _ => {}
                }
            }
        }
    }
    println!(
        "{} of his own messages are lost, {own} arrive, and {others} of others",
        sent - own
    );
}
