// SPDX-License-Identifier: GPL-2.0

//! Every allocation fails once: in each system call that a client can make, in a network namespace
//! that begins, and while the module is loaded. Each failure gives an error, and leaves the bus as
//! it was before or as the request wanted it; whatever was refused succeeds the next time.

mod cases;

use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use crate::kernel::Sample;
use crate::storm::Storm;
use crate::storm::allocation::cases::Case;
use crate::storm::allocation::cases::Scene;
use crate::storm::fault;
use crate::storm::fault::AtRandom;
use crate::storm::fault::FailNth;
use crate::storm::fault::Log;
use crate::storm::kill;
use crate::storm::numbers::Numbers;
use crate::wire::message;
use crate::wire::record::Record;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Duration;

/// Of the only request of a scene that is of interest.
const SEQ: u32 = 0x5eed;

/// What is on the bus: counts, and of each topic its name, its last number, how many copies of
/// messages had a fate, and how many are retained.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    counts: (u32, u32, u32),
    topics: Vec<(String, u64, u64, u32)>,
}

/// Whether it is as it was wanted, but for what is retained: without memory, less of it is.
fn agrees(state: &State, wanted: &State) -> bool {
    let pairs = || state.topics.iter().zip(&wanted.topics);
    state.counts == wanted.counts
        && state.topics.len() == wanted.topics.len()
        && pairs().all(|(a, b)| (&a.0, a.1, a.2) == (&b.0, b.1, b.2) && a.3 <= b.3)
}

impl State {
    fn now(observer: &Client) -> Self {
        let mut topics = Vec::new();
        observer.dump(message::STATISTICS, |record| {
            if let Record::Statistics(of) = record {
                let copies = of.delivered + of.dropped;
                topics.push((of.name.as_str().to_owned(), of.seq, copies, 0));
            }
        });
        observer.dump(message::TOPICS, |record| {
            if let Record::TopicInfo(of) = record {
                let topic = topics.iter_mut().find(|t| t.0 == of.name.as_str());
                topic.expect("both tell of all topics").3 = of.retained;
            }
        });
        topics.sort();
        Self {
            counts: observer.counts(),
            topics,
        }
    }
}

/// How a system call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Success,
    /// An errno, from the call itself or in an answer.
    Refused(i32),
    /// The answer did not come, and the next receive said so.
    Unknown,
}

/// All that the actor of a scene receives, until nothing comes; also whether something is missing.
fn drain(client: &Client) -> (Vec<Event>, bool) {
    let (mut all, mut overrun) = (Vec::new(), false);
    loop {
        match client.try_receive(Duration::ZERO) {
            Ok(events) if events.is_empty() => return (all, overrun),
            Ok(events) => all.extend(events),
            Err(Errno::NOBUFS) => overrun = true,
            Err(why) => panic!("receive: {why}"),
        }
    }
}

fn end_of(scene: &Scene, called: Result<(), Errno>) -> End {
    let (events, overrun) = match &scene.actor {
        Some(actor) => drain(actor),
        None => (Vec::new(), false),
    };
    if let Err(errno) = called {
        return End::Refused(errno.raw_os_error());
    }
    let ack = events.iter().find_map(|event| match event {
        Event::Ack {
            seq: SEQ, errno, ..
        } => Some(*errno),
        _ => None,
    });
    match ack {
        Some(0) => End::Success,
        Some(errno) => End::Refused(errno),
        None if scene.is_answered || overrun => {
            assert!(overrun, "no answer, and no word that one is missing");
            End::Unknown
        }
        None => End::Success,
    }
}

/// What those who watch the scene received is in order.
fn check_watchers(scene: &Scene, numbers: &mut [Numbers]) {
    for (watcher, numbers) in scene.watchers.iter().zip(numbers) {
        let (events, overrun) = drain(watcher);
        if overrun {
            *numbers = Numbers::default();
        }
        events.iter().for_each(|event| numbers.hear(event));
    }
}

fn clear_all(observer: &Client) {
    for (topic, ..) in State::now(observer).topics {
        observer.clear(&topic).expect("an administrator may");
    }
}

/// Lets each allocation of a case fail once; returns how many there were.
fn fail_each(case: &Case, observer: &Client, nth: &FailNth, log: &mut Log) -> u32 {
    // Nothing fails: what it is like then.
    let wanted = {
        let mut scene = (case.prepare)();
        let called = scene.act();
        assert_eq!(end_of(&scene, called), End::Success, "{}", case.name);
        let wanted = State::now(observer);
        drop(scene);
        clear_all(observer);
        wanted
    };
    let empty = State::now(observer);
    for n in 1.. {
        let mut scene = (case.prepare)();
        let mut numbers: Vec<_> = scene.watchers.iter().map(|_| Numbers::default()).collect();
        let before = State::now(observer);
        let (called, failed) = nth.during(n, || scene.act());
        let end = end_of(&scene, called);
        let after = State::now(observer);
        check_watchers(&scene, &mut numbers);
        let about = format!("{}, allocation {n}: {end:?}", case.name);
        match end {
            End::Success => {
                let good = after == wanted || failed && agrees(&after, &wanted);
                assert!(good, "{about}: {after:?}, not {wanted:?}");
            }
            End::Refused(errno) => {
                // The kernel has its own word for a socket without memory.
                let expected = [Errno::NOMEM, Errno::NOBUFS, Errno::NFILE];
                let expected = expected.map(Errno::raw_os_error);
                assert!(expected.contains(&errno), "{about}");
                assert!(failed, "{about}");
                assert_eq!(after, before, "{about}");
            }
            End::Unknown => {
                assert!(failed, "{about}");
                assert!(
                    after == before || agrees(&after, &wanted),
                    "{about}: {after:?}"
                );
            }
        }
        if after == before && before != wanted {
            let called = scene.act();
            assert_eq!(end_of(&scene, called), End::Success, "{about}, then again");
            assert_eq!(State::now(observer), wanted, "{about}, then again");
            check_watchers(&scene, &mut numbers);
        }
        drop(scene);
        clear_all(observer);
        assert_eq!(State::now(observer), empty, "{about}, then the end");
        log.read();
        if !failed {
            return n - 1;
        }
    }
    unreachable!("there are not so many allocations");
}

/// Namespaces that begin, and whose beginning fails at each allocation.
fn namespaces(storm: &Storm, log: &mut Log) -> u32 {
    // The kernel's own allocations are by far the most: the module's come somewhere among them.
    let step = 100 / storm.percent.clamp(1, 100);
    for (failures, n) in (0..).zip((1..).step_by(step as usize)) {
        let begin = move || {
            let nth = FailNth::of_this_thread();
            let (result, failed) = nth.during(n, || {
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)
            });
            if result.is_ok() {
                assert_eq!(Client::open().counts(), (0, 0, 0));
            }
            (result, failed)
        };
        let (result, failed) = std::thread::spawn(begin).join().expect("no panic");
        log.read();
        if !failed {
            assert_eq!(result, Ok(()));
            return failures;
        }
    }
    unreachable!("there are not so many allocations");
}

/// What is done so often while an allocation of the module fails at random. Among hundreds of the
/// kernel's own, which are not the same each time, counting may jump over the module's few.
const ATTEMPTS: u32 = 120;

/// Does something [`ATTEMPTS`] times, in which one of the module's allocations may fail; returns
/// how many did.
fn now_and_then(log: &mut Log, mut act: impl FnMut()) -> u32 {
    let before = log.failures();
    for _ in 0..ATTEMPTS {
        let failing = AtRandom::once(15);
        act();
        drop(failing);
        log.read();
    }
    log.failures() - before
}

/// Namespaces that begin, and one of the module's allocations fails.
fn namespaces_at_random(log: &mut Log) -> u32 {
    now_and_then(log, || {
        let begin = || nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET);
        let result = std::thread::spawn(begin).join().expect("no panic");
        assert!(
            result.is_ok() || result == Err(nix::errno::Errno::ENOMEM),
            "{result:?}"
        );
    })
}

/// A module that uses this one is loaded, and one of this one's allocations fails.
fn loading_at_random(name: &str, log: &mut Log) -> u32 {
    let file = kernel::module_file(name);
    now_and_then(log, || {
        let none = nix::kmod::ModuleInitFlags::empty();
        let result = nix::kmod::finit_module(&file, c"", none);
        assert_eq!(kernel::is_loaded(name), result.is_ok(), "{result:?}");
        if result.is_ok() {
            kernel::unload_module(name);
        }
    })
}

/// A module is loaded, and each allocation on the way fails once.
fn loading(name: &str, storm: &Storm, nth: &FailNth, log: &mut Log) -> u32 {
    let step = 100 / storm.percent.clamp(1, 100);
    let file = kernel::module_file(name);
    let _tolerant = fault::ToleratesWarnings::new();
    for (failures, n) in (0..).zip((1..).step_by(step as usize)) {
        let none = nix::kmod::ModuleInitFlags::empty();
        let (result, failed) = nth.during(n, || nix::kmod::finit_module(&file, c"", none));
        let about = format!("{name}, allocation {n}: {result:?}");
        assert_eq!(kernel::is_loaded(name), result.is_ok(), "{about}");
        if result.is_ok() {
            kernel::unload_module(name);
        }
        log.read();
        if !failed {
            assert_eq!(result, Ok(()), "{about}");
            return failures;
        }
    }
    unreachable!("there are not so many allocations");
}

/// A part of all allocations fails, while a crowd does everything at once.
fn at_random(storm: &Storm) {
    let sample = Sample::load(&["period_ms=1"]);
    {
        let _failing = AtRandom::new(10);
        // Those in it come to their end by errors, too.
        kill::crowd(
            storm.times(600),
            &mut storm.rng("at random"),
            kill::Complaints::Hidden,
        );
    }
    assert_eq!(sample.error(), 0);
}

/// All of it.
pub fn fails_without_harm(storm: &Storm) {
    assert!(
        fault::is_available(),
        "this kernel has no fault injection: run this on the debug kernel"
    );
    kernel::allow_large_queues();
    let observer = Client::open();
    fault::set_up();
    let mut log = Log::start();
    let nth = FailNth::of_this_thread();
    let mut failures = 0;
    let mut bad = Vec::new();
    // With pages that fail, places move; without, no place can be jumped over.
    for pages in ["pages fail, too", "pages are spared"] {
        for case in cases::ALL {
            let all = AssertUnwindSafe(|| fail_each(case, &observer, &nth, &mut log));
            match catch_unwind(all) {
                Ok(these) => {
                    println!("# {} ({pages}): {these} allocations", case.name);
                    failures += these;
                }
                Err(_) => {
                    clear_all(&observer);
                    log.read();
                    bad.push(case.name);
                }
            }
        }
        fault::spare_pages();
    }
    let these = namespaces(storm, &mut log) + namespaces_at_random(&mut log);
    println!("# a network namespace begins: {these} allocations failed");
    failures += these;
    at_random(storm);
    clear_all(&observer);
    assert_eq!(observer.counts(), (0, 0, 0));
    let these =
        loading("kipc_sample", storm, &nth, &mut log) + loading_at_random("kipc_sample", &mut log);
    println!("# a module that publishes is loaded: {these} allocations failed");
    failures += these;
    assert_eq!(observer.counts(), (0, 0, 0));
    drop(observer);
    kernel::unload();
    let these = loading("kipc", storm, &nth, &mut log);
    println!("# the module is loaded: {these} allocations failed");
    failures += these;
    kernel::load();
    log.finish();
    let silent = failures - log.failures();
    println!(
        "# {failures} allocations failed: {} of the kernel's own part of these calls, {silent} \
         without a trace",
        log.elsewhere
    );
    report_sites(&log, silent);
    assert!(bad.is_empty(), "something is wrong with: {bad:?}");
}

/// Functions that ask for memory in silence (`__GFP_NOWARN`, or for the data of an sk_buff), so that a
/// failure leaves no trace.
const SILENT: [&str; 3] = ["kipc_input+", "kipc_skb_compose+", "kipc_skb_keep+"];

/// Compares the places that failed with those that the module has; `silent` failures left no trace.
fn report_sites(log: &Log, silent: u32) {
    let is_silent = |place: &str| silent > 0 && SILENT.iter().any(|name| place.starts_with(name));
    for (place, count) in &log.sites {
        println!("# failed {count} times: {place}");
    }
    let known = std::fs::read_to_string("/kipc/allocation-sites").expect("the list of places");
    let known: BTreeSet<&str> = known.lines().collect();
    let missed: Vec<_> = known
        .iter()
        .filter(|place| !log.sites.contains_key(**place) && !is_silent(place))
        .collect();
    println!(
        "# {} of {} places of the module that allocate have failed",
        known.len() - missed.len(),
        known.len()
    );
    for place in &missed {
        println!("# never failed: {place}");
    }
    assert!(missed.is_empty(), "{} places never failed", missed.len());
}
