// SPDX-License-Identifier: GPL-2.0

//! What kipc promises, one behaviour per file, against the real module in a real kernel.
//!
//! `kipc-scenarios [--storms] [--scale PERCENT] [--seed N] [NAME…]` runs the scenarios, or the
//! storms, whose names contain one of the words, or all, and prints the result as KTAP. It runs as
//! root in a machine of its own: it loads and unloads the module.
//!
//! Where the kernel looks for leaks (kmemleak), each is followed by a search, and fails if one is
//! found.

mod client;
mod event;
mod fragmented;
mod interface;
mod kernel;
mod late;
mod leaks;
mod process;
mod program;
mod role;
mod scenario;
mod spec;
mod storm;
mod user;
#[allow(
    dead_code,
    reason = "the module compiles the same files; scenarios need a part of them"
)]
#[path = "../../../src/wire/mod.rs"]
mod wire;

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

/// A scenario, or a storm of a certain size.
type Run<'a> = dyn Fn() + 'a;

/// What was asked for.
struct Options {
    storms: bool,
    storm: storm::Storm,
    words: Vec<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("--role", role)) = arguments.split_first().map(|(a, b)| (a.as_str(), b)) {
        match role.split_first() {
            Some((name, rest)) if name == "sync" => return program::run(false, rest),
            Some((name, rest)) if name == "tokio" => return program::run(true, rest),
            Some((name, rest)) if name == "storm" => storm::run_role(rest),
            _ => role::run(role),
        }
        return ExitCode::SUCCESS;
    }
    let Some(options) = options(arguments) else {
        eprintln!("usage: kipc-scenarios [--storms] [--scale PERCENT] [--seed N] [NAME...]");
        return ExitCode::from(2);
    };
    let storm = &options.storm;
    let mut all: Vec<(&str, Box<Run>)> = Vec::new();
    if options.storms {
        println!("# seed {}, {} % of a full run", storm.seed, storm.percent);
        for (name, run) in storm::all() {
            all.push((name, Box::new(move || run(storm))));
        }
    } else {
        for (name, run) in scenario::all() {
            all.push((name, Box::new(run)));
        }
    }
    let words = &options.words;
    let chosen: Vec<_> = all
        .iter()
        .filter(|(name, _)| words.is_empty() || words.iter().any(|word| name.contains(word)))
        .collect();
    if chosen.is_empty() {
        eprintln!("nothing is called like {words:?}");
        return ExitCode::from(2);
    }
    let searches = leaks::forget_those_of_the_boot();
    println!("KTAP version 1\n1..{}", chosen.len());
    let mut failed = 0;
    for (number, (name, run)) in chosen.iter().enumerate() {
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(run));
        let milliseconds = start.elapsed().as_millis();
        let leaks = if searches { leaks::found() } else { None };
        for line in leaks.iter().flat_map(|leaks| leaks.lines()) {
            println!("# {line}");
        }
        let good = result.is_ok() && leaks.is_none();
        let verdict = if good { "ok" } else { "not ok" };
        failed += usize::from(!good);
        println!("{verdict} {} {name} # {milliseconds} ms", number + 1);
    }
    if searches {
        println!("# kmemleak was searched {} times", chosen.len());
    }
    println!("{} passed, {failed} failed", chosen.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}

fn options(arguments: Vec<String>) -> Option<Options> {
    let mut options = Options {
        storms: false,
        storm: storm::Storm::default(),
        words: Vec::new(),
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--storms" => options.storms = true,
            "--scale" => options.storm.percent = arguments.next()?.parse().ok()?,
            "--seed" => options.storm.seed = arguments.next()?.parse().ok()?,
            option if option.starts_with('-') => return None,
            _ => options.words.push(argument),
        }
    }
    Some(options)
}
