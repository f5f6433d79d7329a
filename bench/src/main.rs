// SPDX-License-Identifier: MIT OR Apache-2.0

//! What one publish costs its sender, compared with raw netlink multicast.
//!
//! All mechanisms run in one process, message by message in turn. Each call of `sendto()` is timed
//! alone; before the next one every subscriber is checked to have the message, once and whole, and
//! nothing else. README.md beside this crate says what the numbers mean.

mod link;
mod measure;
mod options;
mod report;
mod socket;
mod variant;
#[allow(
    dead_code,
    reason = "the whole wire format, of which a benchmark needs a part"
)]
mod wire;

use crate::link::Link;
use crate::link::MECHANISMS;
use crate::link::Mechanism;
use crate::measure::Clock;
use crate::measure::Samples;
use crate::options::Options;
use crate::report::Report;
use crate::report::Row;
use std::error::Error;
use std::process::ExitCode;

/// Payload sizes in bytes.
const PAYLOADS: [usize; 2] = [64, 4096];
/// Numbers of subscribers.
const SUBSCRIBERS: [usize; 3] = [1, 8, 64];
/// And with `--full`.
const MANY_SUBSCRIBERS: usize = 512;
/// Messages that are sent first and not counted: they fill caches and announce the topic.
const WARM_UP: usize = 8;

/// The process ends with this status if a goal was missed, and with 2 if it could not measure.
const MISSED: u8 = 1;
const FAILED: u8 = 2;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(MISSED),
        Err(error) => {
            eprintln!("kipc-bench: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// False if a goal was missed.
fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    if options.full {
        socket::allow_many()?;
    }
    let many = options.full.then_some(MANY_SUBSCRIBERS);
    let clock = Clock::calibrate(options.messages);
    let mut report = Report::default();
    for payload in PAYLOADS {
        for subscribers in SUBSCRIBERS.into_iter().chain(many) {
            report.rows.push(Row {
                payload,
                subscribers,
                costs: measure(&clock, MECHANISMS, payload, subscribers, options.messages)?,
            });
        }
    }
    println!(
        "# Linux {}; nanoseconds of CLOCK_MONOTONIC, without the {} that reading it costs",
        rustix::system::uname().release().to_string_lossy(),
        clock.overhead(),
    );
    let variants = variant::measure_all(&clock, options.messages)?;
    println!("{}{}", report.csv(), variant::csv(&variants));
    print!("{}\n{}", report.markdown(), variant::markdown(&variants));
    let mut missed = report.missed(options.max_ratio);
    if options.max_ratio.is_some() {
        missed.extend(variant::missed(&variants));
    }
    for miss in &missed {
        eprintln!("kipc-bench: {miss}");
    }
    Ok(missed.is_empty())
}

/// The costs of these mechanisms.
fn measure<const N: usize>(
    clock: &Clock,
    mechanisms: [Mechanism; N],
    payload: usize,
    subscribers: usize,
    messages: usize,
) -> Result<[Samples; N], Box<dyn Error>> {
    let mut links = Vec::new();
    for mechanism in mechanisms {
        links.push((
            Link::open(mechanism, subscribers, payload)
                .map_err(|error| format!("{}: {error}", mechanism.name()))?,
            Samples::default(),
        ));
    }
    for round in 0..WARM_UP.saturating_add(messages) {
        for (link, samples) in &mut links {
            link.prepare(round);
            let cost = clock.time(|| link.send());
            link.drain(round < WARM_UP)
                .map_err(|error| format!("{}, message {round}: {error}", link.name()))?;
            if round >= WARM_UP {
                samples.add(cost?);
            } else {
                cost?;
            }
        }
    }
    let mut samples = links.into_iter().map(|(_, samples)| samples);
    Ok(mechanisms.map(|_| samples.next().unwrap_or_default()))
}
