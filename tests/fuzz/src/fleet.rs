// SPDX-License-Identifier: GPL-2.0

//! All workers of a run: starts them, waits for them, and adds up what they say.

use crate::bus;
use crate::coverage::Coverage;
use crate::coverage::Reached;
use crate::leaks;
use crate::options::Options;
use crate::tap::Tap;
use crate::totals::Totals;
use std::io::Read as _;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// How long workers may take to end after the last message, all waits included.
const GRACE: Duration = Duration::from_secs(90);

/// Runs all workers to their end.
pub fn run(options: &Options) -> ExitCode {
    // Loads the module: a modprobe that finds it on its way may not wait for it.
    drop(bus::open());
    let guided = Coverage::start().is_some();
    let tap = Tap::up();
    println!(
        "seed {}, {} messages, {} workers, {}, {}",
        options.seed,
        options.messages,
        options.workers,
        if guided {
            "guided by KCOV"
        } else {
            "unguided: this kernel has no KCOV"
        },
        if tap.is_some() {
            "nlmon up"
        } else {
            "no nlmon"
        },
    );
    if options.require_coverage && !guided || options.require_nlmon && tap.is_none() {
        eprintln!("something that is required is missing");
        return ExitCode::FAILURE;
    }
    if !options.leaks {
        // Where it is there, it takes a third of the time.
        let _ = std::fs::write("/sys/kernel/debug/kmemleak", "off");
    }
    let finds_leaks = options.leaks && leaks::forget_those_of_the_boot();
    let started = Instant::now();
    let indices = options.indices();
    let mut workers: Vec<Child> = indices
        .iter()
        .map(|index| start(&options.share(*index, guided, tap.is_some()).arguments()))
        .collect();
    let mut totals = Totals::default();
    let mut reached = Reached::default();
    let mut failed = 0;
    for (index, worker) in indices.iter().zip(&mut workers) {
        match harvest(worker) {
            Some((part, places)) => {
                totals.add(part);
                reached.add(&places);
            }
            None => {
                let seed = options.share(*index, guided, tap.is_some()).seed;
                eprintln!(
                    "worker {index} (seed {seed}) failed; alone: --seed {} --messages {} \
                     --workers {} --only {index}",
                    options.seed, options.messages, options.workers
                );
                failed += 1;
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let left = bus::clear_all();
    println!(
        "{totals} in {seconds:.0} s, {:.0} messages/s; left on the bus: {left}",
        totals.sent as f64 / seconds
    );
    if guided {
        println!("{}", reached.describe(options.sites));
    }
    if options.functions {
        let (count, missed) = reached.functions();
        println!("reached {count} functions, and not these {}:", missed.len());
        missed.iter().for_each(|name| println!("  {name}"));
    }
    let leaks = finds_leaks.then(leaks::found).flatten();
    if let Some(report) = &leaks {
        eprintln!("lost memory:\n{report}");
    }
    let fine = failed == 0 && left == "nothing" && leaks.is_none();
    ExitCode::from(u8::from(!fine))
}

fn start(arguments: &[String]) -> Child {
    let program = std::env::current_exe().expect("own path");
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start a worker")
}

/// What a worker says at its end; `None` if it failed.
fn harvest(worker: &mut Child) -> Option<(Totals, Reached)> {
    let mut text = String::new();
    let mut out = worker.stdout.take().expect("stdout is a pipe");
    out.read_to_string(&mut text).expect("read");
    let ended = wait(worker);
    let mut lines = text.lines();
    let totals = lines.next()?.parse().ok()?;
    let reached = match lines.next() {
        Some(line) => line.parse().ok()?,
        None => Reached::default(),
    };
    ended.then_some((totals, reached))
}

/// Waits for the end of a worker, which must come; whether it was a success.
fn wait(worker: &mut Child) -> bool {
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if let Some(status) = worker.try_wait().expect("wait") {
            return status.success();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    eprintln!("a worker does not end");
    worker.kill().expect("kill");
    worker.wait().expect("wait");
    false
}
