// SPDX-License-Identifier: MIT OR Apache-2.0

//! Makes tables of what the tracer in QEMU saw. The scripts in `bench/profile` and `bench/scaling`
//! call it.
//!
//! ```text
//! kipc-trace addresses GUEST TRACE              where in kipc's code something was executed
//! kipc-trace profile GUEST TRACE SOURCES CSV    instructions of a publish
//! kipc-trace scaling GUEST TRACE SOURCES RATES CSV    publishers beside each other
//! ```
//!
//! `GUEST` is what came out of the guest, `TRACE` what the tracer said, `SOURCES` what addr2line
//! said of the addresses, `RATES` what came out of a guest that was not traced.

mod groups;
mod guest;
mod lines;
mod profile;
mod rates;
mod sources;
mod symbols;
mod table;
mod trace;

use crate::guest::Guest;
use crate::lines::AllLines;
use crate::profile::Profiles;
use crate::rates::Rates;
use crate::sources::Sources;
use crate::table::Csv;
use crate::trace::Trace;
use std::process::ExitCode;

/// The module that is looked at.
const MODULE: &str = "kipc";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("kipc-trace: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        ["addresses", guest, trace] => {
            let guest = Guest::parse(&read(guest)?)?;
            let trace = Trace::parse(&read(trace)?)?;
            let mut offsets: Vec<_> = trace
                .addresses()
                .filter_map(|address| guest.symbols.offset_in(MODULE, address))
                .collect();
            offsets.sort_unstable();
            offsets.dedup();
            for offset in offsets {
                println!("{offset:#x}");
            }
            Ok(())
        }
        ["profile", guest, trace, sources, csv] => {
            let guest = Guest::parse(&read(guest)?)?;
            let trace = Trace::parse(&read(trace)?)?;
            let sources = Sources::parse(&read(sources)?)?;
            let profiles = Profiles::new(&guest, &trace, &sources)?;
            print!("{}", profiles.markdown());
            write(csv, &profiles.csv())
        }
        ["scaling", guest, trace, sources, rates, csv] => {
            let guest = Guest::parse(&read(guest)?)?;
            let trace = Trace::parse(&read(trace)?)?;
            let sources = Sources::parse(&read(sources)?)?;
            let lines = AllLines::new(&guest, &trace, &sources)?;
            let rates = Rates::parse(&read(rates)?)?;
            let mut numbers = Csv::new();
            println!("{}", lines.markdown(&mut numbers));
            print!("{}", rates.markdown(&mut numbers));
            write(csv, numbers.text())
        }
        _ => Err("addresses, profile or scaling?".into()),
    }
}

/// What is in a file. Programs in a guest may write anything.
fn read(path: &str) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|why| format!("{path}: {why}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(path: &str, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|why| format!("{path}: {why}"))
}
