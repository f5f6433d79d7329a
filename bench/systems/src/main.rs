// SPDX-License-Identifier: MIT OR Apache-2.0

//! Measures publish/subscribe systems of one machine beside each other: see README.md.
//!
//! Each publisher and each subscriber is a process; all of them are this program in a [`role`].

mod bench;
mod child;
mod clock;
mod group;
mod measure;
mod message;
mod report;
mod role;
mod statistics;
mod system;
mod systems;
mod tally;

use std::env;
use std::fs;
use std::process::Command;
use std::process::ExitCode;

use bench::Bench;
use measure::stream::Effort;
use measure::stream::Shape;
use report::Report;
use system::System;

/// Whatever goes wrong; it is only ever shown.
type Error = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str =
    "usage: kipc-bench-systems run [--short] [--rounds N] [--sizes BYTES,...] [--systems NAME,...]
       kipc-bench-systems table FILE
       kipc-bench-systems check";

/// A system that fails so often does not work here, and every failure takes its time.
const MOST_FAILURES: u32 = 2;

/// How much is done.
#[derive(Clone, Debug)]
struct Plan {
    rounds: u32,
    round_trips: u64,
    /// Nanoseconds of a burst.
    aim: u64,
    subscribers_more: usize,
    /// Of messages to eight subscribers, besides the usual ones.
    sizes: Vec<usize>,
    systems: Vec<String>,
}

impl Plan {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Error> {
        let mut plan = Self {
            rounds: 5,
            round_trips: 200,
            aim: 200_000_000,
            subscribers_more: 16,
            sizes: vec![1024, 65536],
            systems: system::all()
                .iter()
                .map(|system| system.name().to_owned())
                .collect(),
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--short" => {
                    plan.rounds = 1;
                    plan.round_trips = 100;
                    plan.aim = 100_000_000;
                    plan.subscribers_more = 8;
                }
                "--rounds" => plan.rounds = words.next().ok_or(USAGE)?.parse()?,
                "--sizes" => {
                    plan.sizes = words
                        .next()
                        .ok_or(USAGE)?
                        .split(',')
                        .map(str::parse)
                        .collect::<Result<_, _>>()?;
                }
                "--systems" => {
                    plan.systems = words
                        .next()
                        .ok_or(USAGE)?
                        .split(',')
                        .map(str::to_owned)
                        .collect();
                }
                _ => return Err(USAGE.into()),
            }
        }
        Ok(plan)
    }

    /// The systems in the order of a round: each has another neighbour and another place in the
    /// next one.
    fn order(&self, round: u32) -> Vec<&str> {
        let mut order: Vec<_> = self.systems.iter().map(String::as_str).collect();
        let count = order.len().max(1);
        order.rotate_left(round as usize * 4 % count);
        if round % 2 == 1 {
            order.reverse();
        }
        order
    }
}

fn main() -> ExitCode {
    match run(env::args().skip(1)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kipc-bench-systems: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(mut words: impl Iterator<Item = String>) -> Result<ExitCode, Error> {
    match words.next().as_deref() {
        Some("role") => {
            let role = words.next().ok_or(USAGE)?;
            let system = system::named(&words.next().ok_or(USAGE)?)?;
            role::run(&role, system.as_ref(), &words.collect::<Vec<_>>())?;
            Ok(ExitCode::SUCCESS)
        }
        Some("run") => measure_all(&Plan::read(words)?),
        Some("table") => {
            let report = Report::read(&fs::read_to_string(words.next().ok_or(USAGE)?)?)?;
            Ok(show(&report))
        }
        Some("check") => check(),
        _ => Err(USAGE.into()),
    }
}

fn measure_all(plan: &Plan) -> Result<ExitCode, Error> {
    let mut report = Report::new(plan.systems.clone());
    modprobe(plan, &mut report);
    for round in 1..=plan.rounds {
        for name in plan.order(round) {
            let system = system::named(name)?;
            report.enter(round, name);
            measure_one(system.as_ref(), plan, &mut report);
        }
    }
    let code = show(&report);
    for failure in report.failures() {
        println!("failed: {failure}");
    }
    Ok(code)
}

fn show(report: &Report) -> ExitCode {
    let (goals, met) = report.goals();
    println!("{}{goals}", report.tables());
    if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

/// kipc has no server that starts; its module is loaded once.
fn modprobe(plan: &Plan, report: &mut Report) {
    for round in 1..=plan.rounds {
        let unloaded = Command::new("modprobe").args(["-r", "kipc"]).status();
        let before = clock::now();
        let loaded = Command::new("modprobe").arg("kipc").status();
        let after = clock::now();
        if [unloaded, loaded]
            .iter()
            .all(|status| status.as_ref().is_ok_and(std::process::ExitStatus::success))
        {
            report.enter(round, "modprobe kipc");
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            report.add("start-up ms", (after - before) as f64 / 1e6);
        }
    }
}

fn measure_one(system: &dyn System, plan: &Plan, report: &mut Report) {
    let mut bench = match Bench::start(system) {
        Ok(bench) => bench,
        Err(error) => return report.fail(error),
    };
    // First of all: the server has just been started.
    let mut steps: Vec<Step<'_>> = Vec::new();
    if !system.is_variant() {
        steps.push(Box::new(measure::start_up::run));
        steps.push(Box::new(|bench, report| {
            measure::round_trip::run(bench, plan.round_trips, report)
        }));
    }
    let sizes = plan.sizes.iter().map(|&size| (1, 8, size));
    for (publishers, subscribers, size) in [(1, 1, 64), (1, 8, 64), (1, 64, 64), (8, 1, 64)]
        .into_iter()
        .chain(sizes)
    {
        let shape = Shape {
            publishers,
            subscribers,
            size,
        };
        let effort = Effort {
            first: if size > 4096 { 10 } else { 100 },
            aim: plan.aim,
            most_bytes: 128 << 20,
        };
        steps.push(Box::new(move |bench, report| {
            measure::stream::run(bench, shape, effort, report)
        }));
    }
    if !system.is_variant() {
        steps.push(Box::new(|bench, report| {
            measure::memory::run(bench, plan.subscribers_more, report)
        }));
    }
    let mut failures = 0;
    for step in steps {
        if failures == MOST_FAILURES {
            return report.fail("nothing else is tried");
        }
        if let Err(error) = step(&mut bench, report) {
            report.fail(error);
            failures += 1;
        }
    }
}

type Step<'a> = Box<dyn Fn(&mut Bench<'_>, &mut Report) -> Result<(), Error> + 'a>;

/// A system that is wrong on purpose must be found out, and the reference must not.
fn check() -> Result<ExitCode, Error> {
    let shape = Shape {
        publishers: 1,
        subscribers: 2,
        size: 64,
    };
    let effort = Effort {
        first: 200,
        aim: 10_000_000,
        most_bytes: 1 << 20,
    };
    let outcome = |name| -> Result<Option<String>, Error> {
        let system = system::named(name)?;
        let mut bench = Bench::start(system.as_ref())?;
        let mut report = Report::default();
        let result = measure::stream::run(&mut bench, shape, effort, &mut report);
        Ok(result.err().map(|error| error.to_string()))
    };
    if let Some(error) = outcome("seqpacket")? {
        return Err(format!("the reference is found to be wrong: {error}").into());
    }
    match outcome("broken")? {
        Some(error) if error.contains("wrong") => {
            println!("ok: a broken system is noticed: {error}");
            Ok(ExitCode::SUCCESS)
        }
        other => Err(format!("a broken system is not noticed: {other:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &str) -> Result<Plan, Error> {
        Plan::read(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read() {
        assert_eq!(plan("").unwrap().rounds, 5);
        let plan_of_two = plan("--short --rounds 3 --systems kipc,NATS").unwrap();
        assert_eq!(plan_of_two.rounds, 3);
        assert_eq!(plan_of_two.systems, ["kipc", "NATS"]);
        assert!(plan("--long").is_err());
        assert!(plan("--rounds").is_err());
    }

    #[test]
    fn every_round_has_all_systems_in_another_order() {
        let plan = plan("").unwrap();
        let (first, second) = (plan.order(1), plan.order(2));
        assert_ne!(first, second);
        for mut order in [first, second] {
            order.sort_unstable();
            let mut all: Vec<_> = plan.systems.iter().map(String::as_str).collect();
            all.sort_unstable();
            assert_eq!(order, all);
        }
    }
}
