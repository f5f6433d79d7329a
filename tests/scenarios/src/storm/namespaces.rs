// SPDX-License-Identifier: GPL-2.0

//! Network namespaces that are made and destroyed while there is traffic, in them and beside them.

use super::exact;
use super::exact::Bystander;
use super::exact::Handed;
use crate::client::Client;
use crate::client::Event;
use crate::client::Terms;
use crate::client::publish_message;
use crate::kernel;
use crate::kernel::Sample;
use crate::process::Process;
use crate::storm::Storm;
use crate::storm::numbers::Numbers;
use crate::wire::header;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_HISTORY;
use rustix::fd::AsRawFd as _;
use rustix::process::Pid;
use rustix::process::PidfdFlags;
use rustix::process::PidfdGetfdFlags;
use rustix::process::Signal;
use rustix::process::pidfd_getfd;
use rustix::process::pidfd_open;
use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

/// A full run.
const FULL: u32 = 1000;

/// How many there are at a time.
const AT_A_TIME: usize = 4;

/// How many namespaces a user may have.
const MOST: &str = "/proc/sys/user/max_net_namespaces";

/// Namespaces come and go with all that is in them; the bus of the first one notices nothing.
pub fn come_and_go_under_traffic(storm: &Storm) {
    // So many that memory is what it stays like before half of them have come.
    let count = storm.times(FULL).max(60);
    let mut rng = storm.rng("namespaces");
    kernel::allow_large_queues();
    all_are_gone();
    let bystander = Bystander::start("initial", Duration::from_millis(2));
    let mut alive: Vec<(End, Process)> = Vec::new();
    let (mut killed, mut ended, mut handed, mut inherited, mut samples) = (0, 0, 0, 0, 0);
    let mut slab = 0;
    for number in 0..count {
        let end = match number % 100 {
            2 => End::WithSample,
            _ => *rng
                .choice(&[End::Killed, End::Itself, End::Handed, End::Handed])
                .expect("one"),
        };
        alive.push((end, start(end, &mut rng)));
        if alive.len() < AT_A_TIME && number + 1 < count {
            continue;
        }
        let (end, mut process) = alive.swap_remove(rng.usize(..alive.len()));
        match end {
            End::WithSample => {
                ready(&mut process);
                sample_ends_with(process);
                samples += 1;
            }
            End::Killed => {
                // Some before they have said anything at all.
                std::thread::sleep(Duration::from_micros(rng.u64(..60_000)));
                process.kill();
                killed += 1;
            }
            End::Itself => {
                ready(&mut process);
                assert!(process.wait().success(), "a namespace has an objection");
                ended += 1;
            }
            End::Handed => {
                inherited += heir(process);
                handed += 1;
            }
        }
        // By then there have been some of each kind.
        if number == count / 2 {
            killed += alive.len();
            alive.clear();
            all_are_gone();
            slab = kernel::unreclaimable_slab();
        }
    }
    killed += alive.len();
    drop(alive);
    all_are_gone();
    let undisturbed = bystander.finish();
    assert!(undisturbed.messages > u64::from(count));
    assert_eq!(Client::open().counts(), (0, 0, 0));
    assert_eq!(kernel::user_sockets(), 0);
    let grown = exact::slab_is_back(slab);
    kernel::unload();
    kernel::load();
    println!(
        "# {count} namespaces: {killed} killed, {ended} ended by themselves, {handed} survived by \
         their sockets ({inherited} messages), {samples} with a publisher of the kernel; {} \
         messages outside, the longest took {} ms; slab grew by {grown} kB",
        undisturbed.messages,
        undisturbed.longest.as_millis()
    );
}

/// How a namespace is left by the process that made it.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Killed,
    Itself,
    /// Two of its sockets stay, with another process.
    Handed,
    /// The kernel publishes there.
    WithSample,
}

fn start(end: End, rng: &mut fastrand::Rng) -> Process {
    let seed = rng.u64(..).to_string();
    let how = match end {
        End::Itself => "ends",
        _ => "stays",
    };
    Process::role_in_new_netns(&["storm", "namespaces", how, &seed])
}

/// What is handed over: descriptors of a subscriber and of a publisher, and the publisher's topic.
struct Inheritance {
    subscriber: i32,
    publisher: i32,
    topic: u32,
}

/// Waits until a namespace is set up.
fn ready(process: &mut Process) -> Inheritance {
    let line = process.line();
    let numbers: Vec<u32> = line
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let [subscriber, publisher, topic] = numbers[..] else {
        panic!("three numbers, not {line}");
    };
    Inheritance {
        subscriber: subscriber as i32,
        publisher: publisher as i32,
        topic,
    }
}

/// Takes over two sockets, of which this process is then the only holder, in another namespace:
/// their bus goes on.
fn heir(mut process: Process) -> u64 {
    let inheritance = ready(&mut process);
    let pid = Pid::from_raw(process.id() as i32).expect("a process id");
    let there = pidfd_open(pid, PidfdFlags::empty()).expect("pidfd_open");
    let take = |number| {
        Handed(pidfd_getfd(&there, number, PidfdGetfdFlags::empty()).expect("pidfd_getfd"))
    };
    let subscriber = take(inheritance.subscriber);
    let publisher = take(inheritance.publisher);
    process.kill();
    let mut numbers = Numbers::default();
    for number in 1_u64..=20 {
        let payload = number.to_ne_bytes();
        let message = publish_message(inheritance.topic, 0, header::REQUEST, 0, &payload);
        publisher.send(&message);
        let mut heard = None;
        while heard.is_none() {
            for event in subscriber.expect() {
                numbers.hear(&event);
                if let Event::Message { seq, payload, .. } = event {
                    heard = Some((seq, payload));
                }
            }
        }
        assert_eq!(heard, Some((number, payload.to_vec())));
    }
    assert_eq!(numbers.lost, 0);
    20
}

/// A publisher of the kernel in a namespace that ends.
fn sample_ends_with(mut process: Process) {
    let netns = format!("netns={}", process.id());
    let sample = Sample::load(&["period_ms=1", "publishers=2", &netns]);
    process.kill();
    exact::until(120, "the publisher learns of the end", || {
        sample.error() != 0
    });
    assert_eq!(sample.error(), -100, "ENETDOWN");
}

/// Waits until there is no namespace but the first: if only one more may exist, it can be made.
fn all_are_gone() {
    let most = fs::read_to_string(MOST).expect("a setting");
    fs::write(MOST, "1").expect("a setting");
    exact::until(300, "all namespaces are gone", || {
        let made = Command::new("unshare")
            .args(["-n", "true"])
            .stderr(std::process::Stdio::null())
            .status();
        made.expect("run unshare").success()
    });
    fs::write(MOST, most).expect("a setting");
}

/// What goes on in a namespace, until it is killed or has had enough.
pub fn run(stays: bool, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    // Those who are handed over; nobody here uses them.
    let (subscriber, publisher) = (Client::open(), Client::open());
    let topic = publisher.advertise("handed");
    subscriber.subscribe("handed");

    std::thread::spawn(listen);
    std::thread::spawn(|| publish("inside/retained", Some(3), None));
    std::thread::spawn(blocked);
    let seed = rng.u64(..).to_string();
    let child = rng
        .bool()
        .then(|| Process::role(&["storm", "namespaces-child", &seed]));
    println!(
        "{} {} {topic}",
        subscriber.fd.as_raw_fd(),
        publisher.fd.as_raw_fd()
    );
    std::io::stdout().flush().expect("flush");
    let patience = if stays { 60_000_000 } else { 100_000 };
    std::thread::sleep(Duration::from_micros(rng.u64(patience / 2..patience)));
    // In the middle of whatever the threads do.
    drop(child);
    std::process::exit(0);
}

/// Another process in the same namespace.
pub fn run_child() {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).expect("prctl");
    // It may have gone before that.
    if rustix::process::getppid() != Some(Pid::INIT) {
        publish("inside/child", None, Some(60_000));
    }
}

fn listen() {
    let client = Client::open();
    client.set_receive_buffer(1 << 20);
    let flags = SUBSCRIBE_EVENTS | SUBSCRIBE_HISTORY;
    let (_, told) = client.subscribe_with("inside/**", flags);
    let mut numbers = Numbers::default();
    told.iter().for_each(|event| numbers.hear(event));
    loop {
        let events = client.receive(Duration::from_secs(1));
        events.iter().for_each(|event| numbers.hear(event));
    }
}

fn publish(topic: &str, history: Option<u32>, wait: Option<u32>) {
    let client = Client::open();
    let terms = Terms {
        history,
        wait,
        ..Terms::default()
    };
    let topic = client.advertise_with(topic, terms).expect("advertise");
    client.set_last_will(topic, b"farewell").expect("a will");
    for number in 1_u64.. {
        client.publish(topic, &number.to_ne_bytes());
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Waits for somebody who never reads, until the end.
fn blocked() {
    let stalled = Client::open();
    stalled.subscribe_with("blocked", SUBSCRIBE_BLOCK);
    let client = Client::open();
    let topic = client.advertise_patiently("blocked", 60_000);
    loop {
        client.publish(topic, &[0; 10_000]);
    }
}
