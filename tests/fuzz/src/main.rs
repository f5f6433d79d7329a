// SPDX-License-Identifier: GPL-2.0

//! Throws messages at the module: both protocols, control and data, valid and not, from many
//! processes, users and network namespaces at once; and checks every byte that comes back.
//!
//! A run ends when so many messages were sent in all. Each worker's actions follow from the seed,
//! its number, what the kernel answered and, where the kernel has KCOV, what code was reached. See
//! README.md. It runs as root in a machine of its own; whether the kernel complains is for others
//! to see.

mod action;
mod bus;
mod corpus;
mod coverage;
mod filter;
mod fleet;
mod generate;
mod identity;
mod journal;
#[path = "../../scenarios/src/leaks.rs"]
mod leaks;
mod malformed;
mod mutate;
mod options;
mod oracle;
mod peer;
mod replay;
mod socket;
mod sys;
mod tap;
mod totals;
#[allow(
    dead_code,
    reason = "the module compiles the same files; a fuzzer needs a part of them"
)]
#[path = "../../../src/wire/mod.rs"]
mod wire;
mod worker;

use options::Options;
use options::Share;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(share) = Share::parse(&arguments) {
        let Some(harvest) = worker::run(&share) else {
            return ExitCode::FAILURE;
        };
        println!("{}", harvest.totals);
        if let Some(reached) = harvest.reached {
            println!("{reached}");
        }
        return ExitCode::SUCCESS;
    }
    if let [option, file] = &arguments[..]
        && option == "--replay"
    {
        return replay::run(file);
    }
    match Options::parse(&arguments) {
        Some(options) => fleet::run(&options),
        None => {
            eprintln!("{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}
