// SPDX-License-Identifier: GPL-2.0

//! What kipc promises, one behaviour per file, against the real module in a real kernel.
//!
//! `kipc-scenarios [NAME…]` runs the scenarios whose names contain one of the words, or all, and
//! prints the result as KTAP. It runs as root in a machine of its own: it loads and unloads the
//! module.

mod client;
mod event;
mod interface;
mod kernel;
mod process;
mod program;
mod role;
mod scenario;
mod spec;
#[allow(
    dead_code,
    reason = "the module compiles the same files; scenarios need a part of them"
)]
#[path = "../../../src/wire/mod.rs"]
mod wire;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("--role", role)) = arguments.split_first().map(|(a, b)| (a.as_str(), b)) {
        match role.split_first() {
            Some((name, rest)) if name == "sync" => return program::run(false, rest),
            Some((name, rest)) if name == "tokio" => return program::run(true, rest),
            _ => role::run(role),
        }
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<_> = scenario::ALL
        .iter()
        .filter(|(name, _)| {
            arguments.is_empty() || arguments.iter().any(|word| name.contains(word.as_str()))
        })
        .collect();
    if chosen.is_empty() {
        eprintln!("no scenario is called like {arguments:?}");
        return ExitCode::from(2);
    }
    println!("KTAP version 1\n1..{}", chosen.len());
    let mut failed = 0;
    for (number, (name, run)) in chosen.iter().enumerate() {
        let start = Instant::now();
        let result = catch_unwind(run);
        let verdict = if result.is_ok() { "ok" } else { "not ok" };
        failed += usize::from(result.is_err());
        println!(
            "{verdict} {} {name} # {} ms",
            number + 1,
            start.elapsed().as_millis()
        );
    }
    println!("{} passed, {failed} failed", chosen.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}
