// SPDX-License-Identifier: MIT OR Apache-2.0

//! What it costs to hand a message from one process to many: by kipc, by raw netlink, and by what
//! else Linux has.
//!
//! Mechanisms take turns, message by message, in one process. Each call is timed alone; before the
//! next one every subscriber is checked to have the message, once and whole, and nothing else.
//! README.md beside this crate says what the numbers mean.

mod case;
mod crowd;
mod full;
mod goals;
mod link;
mod measure;
mod options;
mod plan;
mod regression;
mod results;
mod round_trip;
mod tables;
#[allow(
    dead_code,
    reason = "the whole wire format, of which a benchmark needs a part"
)]
mod wire;

use crate::case::Case;
use crate::case::Operation;
use crate::case::SMALL;
use crate::measure::Clock;
use crate::measure::Samples;
use crate::options::Options;
use crate::results::Results;
use rustix::io::Errno;
use std::error::Error;
use std::process::ExitCode;

/// Calls that are not counted: they fill caches and announce the topic.
pub(crate) const WARM_UP: usize = 8;
/// More subscribers than this are measured less often.
const MANY: usize = 64;
/// Room for any datagram.
const ROOM: usize = 256 << 10;

/// The process ends with this status if a goal was missed or something costs more than it did, and
/// with 2 if it could not measure.
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

/// False if a goal was missed, or something costs more than it did.
fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    if let Some(mechanism) = &options.echo {
        round_trip::echo(mechanism)?;
        return Ok(true);
    }
    // Before hours of work.
    let record = match &options.compare {
        Some(file) => Some(results::read(&std::fs::read_to_string(file)?)?),
        None => None,
    };
    crowd::lift_limits()?;
    let clock = Clock::calibrate(options.messages);
    println!(
        "# Linux {}; nanoseconds of CLOCK_MONOTONIC, without the {} that reading it costs",
        rustix::system::uname().release().to_string_lossy(),
        clock.overhead(),
    );
    let results = measure(&clock, &options)?;
    print!("{}", results.csv());
    for table in [
        tables::publish(&results),
        tables::variants(&results),
        tables::receive(&results),
        tables::round_trips(&results),
    ] {
        println!("\n{table}");
    }
    let goals = goals::all(&results);
    println!("{}", tables::goals(&goals));
    let mut good = true;
    if options.goals {
        for goal in goals.iter().filter(|goal| !goal.is_met()) {
            eprintln!("kipc-bench: missed: {}", goal.what);
            good = false;
        }
    }
    if let Some(record) = record {
        let (worse, compared) = regression::find(&results, &record)?;
        for sentence in &worse {
            eprintln!("kipc-bench: {sentence}");
        }
        eprintln!("kipc-bench: {compared} costs compared with those on record");
        good &= worse.is_empty();
    }
    Ok(good)
}

/// Everything that the plan has.
fn measure(clock: &Clock, options: &Options) -> Result<Results, Box<dyn Error>> {
    let messages = options.messages;
    let mut results = Results::default();
    for turns in plan::quiet(options.short) {
        take_turns(clock, &turns, messages, &mut results)?;
    }
    for case in plan::full(options.short) {
        let samples =
            full::measure(clock, case, messages).map_err(|why| format!("{case}: {why}"))?;
        results.add(case, Operation::Publish, samples);
    }
    let trips = round_trip::measure(clock, messages)?;
    for (mechanism, samples) in round_trip::MECHANISMS.into_iter().zip(trips) {
        results.add(
            Case::plain(mechanism, SMALL, 1),
            Operation::RoundTrip,
            samples,
        );
    }
    let _crowd = crowd::gather()?;
    for turns in plan::crowded() {
        take_turns(clock, &turns, messages, &mut results)?;
    }
    Ok(results)
}

/// Measures cases of which each sends a message in turn.
fn take_turns(
    clock: &Clock,
    cases: &[Case],
    messages: usize,
    results: &mut Results,
) -> Result<(), Box<dyn Error>> {
    let mut links = Vec::new();
    for case in cases {
        let link = link::open(*case).map_err(|error| format!("{case}: {error}"))?;
        links.push((*case, link, Samples::default(), Samples::default()));
    }
    // So many copies take long, and differ little.
    let many = cases.iter().any(|case| case.subscribers > MANY);
    let messages = if many { (messages / 3) | 1 } else { messages };
    let mut room = vec![0; ROOM];
    for round in 0..WARM_UP.saturating_add(messages) {
        let warm_up = round < WARM_UP;
        for (case, link, sent, received) in &mut links {
            link.prepare(round);
            let failed = |errno| format!("{case}, message {round} cannot be sent: {errno}");
            let ((), cost) = clock.time(|| link.send()).map_err(failed)?;
            let receive_cost = drain(clock, link.as_mut(), &mut room, warm_up)
                .map_err(|error| format!("{case}, message {round}: {error}"))?;
            if !warm_up {
                sent.add(cost);
                if let Some(cost) = receive_cost {
                    received.add(cost);
                }
            }
        }
    }
    for (case, _, sent, received) in links {
        results.add(case, Operation::Publish, sent);
        if received.count() > 0 {
            results.add(case, Operation::Receive, received);
        }
    }
    Ok(())
}

/// Empties all queues: every subscriber must have each message, once. Returns what the first
/// subscriber's first call cost.
fn drain(
    clock: &Clock,
    link: &mut dyn link::Link,
    room: &mut [u8],
    warm_up: bool,
) -> Result<Option<u64>, String> {
    let mut first_cost = None;
    for subscriber in 0..link.subscribers() {
        let mut count = 0_usize;
        loop {
            match clock.time(|| link.receive(subscriber, room)) {
                Ok((len, cost)) => {
                    first_cost = first_cost.or(Some(cost));
                    let datagram = room.get(..len).ok_or(format!("{len} bytes came"))?;
                    let found = link.count(datagram, warm_up);
                    let found = found.map_err(|why| format!("subscriber {subscriber}: {why}"))?;
                    count = count.saturating_add(found);
                }
                Err(Errno::AGAIN) => break,
                Err(errno) => return Err(format!("subscriber {subscriber}: {errno}")),
            }
        }
        if count != link.messages() {
            return Err(format!("subscriber {subscriber} got {count} messages"));
        }
    }
    link.check_publisher()?;
    Ok(first_cost)
}
