// SPDX-License-Identifier: MIT OR Apache-2.0

//! Results: a line for each as soon as it is there, and tables of the medians of all rounds.

use std::fmt::Write as _;

use crate::Error;
use crate::statistics::median;

/// What the ratios refer to.
const OWN: &str = "kipc";
const COALESCING: &str = "kipc coalescing";
const BATCHED: &str = "kipc batched";

/// The systems in which every message passes through a server, and the row of kipc that does as
/// they do: their subscribers take several messages with a wake-up, but for those of D-Bus; and
/// some publish several at once.
const BROKERS: [(&str, &str); 6] = [
    ("dbus-broker", OWN),
    ("dbus-daemon", OWN),
    ("Redis", COALESCING),
    ("Redis pipelined", BATCHED),
    ("Mosquitto", COALESCING),
    ("NATS", BATCHED),
];

/// A round trip of kipc takes at most this much of one over `AF_UNIX`.
const GOAL_ROUND_TRIP: f64 = 1.2;

/// One publisher and eight subscribers of kipc get at least so many times the messages that they
/// get from a broker.
const GOAL_RATE: f64 = 3.0;

const RATE_OF_GOAL: &str = "1:8 64 B messages/s";
const ROUND_TRIP: &str = "round trip median us";

/// A table: its title, and the measures that are its columns.
const TABLES: [(&str, &[(&str, &str)]); 6] = [
    (
        "Round trip of 64 bytes between two processes, and start-up",
        &[
            (ROUND_TRIP, "median, µs"),
            ("round trip p99 us", "p99, µs"),
            ("start-up ms", "start-up, ms"),
        ],
    ),
    (
        "Messages of 64 bytes per second, publishers:subscribers",
        &[
            ("1:1 64 B messages/s", "1:1"),
            (RATE_OF_GOAL, "1:8"),
            ("1:64 64 B messages/s", "1:64"),
            ("8:1 64 B messages/s", "8:1"),
        ],
    ),
    (
        "Messages per second, one publisher and eight subscribers",
        &[
            ("1:8 1024 B messages/s", "1 KiB"),
            ("1:8 65536 B messages/s", "64 KiB"),
        ],
    ),
    (
        "Processor time of all processes for each message that a subscriber gets, µs",
        &[
            ("1:1 64 B processor us/delivery", "1:1"),
            ("1:8 64 B processor us/delivery", "1:8"),
            ("1:64 64 B processor us/delivery", "1:64"),
            ("8:1 64 B processor us/delivery", "8:1"),
            ("1:8 65536 B processor us/delivery", "1:8, 64 KiB"),
        ],
    ),
    (
        "Switches from one thread to another for each message that a subscriber gets",
        &[
            ("1:1 64 B switches/delivery", "1:1"),
            ("1:8 64 B switches/delivery", "1:8"),
            ("1:64 64 B switches/delivery", "1:64"),
            ("8:1 64 B switches/delivery", "8:1"),
        ],
    ),
    (
        "Memory for each subscriber more, KiB",
        &[
            ("memory of processes KiB/subscriber", "of the processes"),
            ("memory of system KiB/subscriber", "of the whole system"),
        ],
    ),
];

/// One result.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    round: u32,
    system: String,
    measure: String,
    value: f64,
}

/// All results so far. One without systems keeps them to itself.
#[derive(Debug, Default)]
pub(crate) struct Report {
    round: u32,
    system: String,
    /// In the order of the table.
    systems: Vec<String>,
    rows: Vec<Row>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(systems: Vec<String>) -> Self {
        println!("csv,round,system,measure,value");
        Self {
            systems,
            ..Self::default()
        }
    }

    /// What is added next belongs to this.
    pub(crate) fn enter(&mut self, round: u32, system: &str) {
        self.round = round;
        system.clone_into(&mut self.system);
        if !self.systems.contains(&self.system) {
            // What is not one of the systems, and stands above them.
            self.systems.insert(0, self.system.clone());
        }
    }

    pub(crate) fn add(&mut self, measure: &str, value: f64) {
        if !self.systems.is_empty() {
            println!("csv,{},{},{measure},{value:.3}", self.round, self.system);
        }
        self.rows.push(Row {
            round: self.round,
            system: self.system.clone(),
            measure: measure.to_owned(),
            value,
        });
    }

    /// A measurement gave no result, or a wrong one.
    pub(crate) fn fail(&mut self, error: impl Into<Error>) {
        let error = error.into();
        let failure = format!("round {}, {}: {error}", self.round, self.system);
        println!("failed: {failure}");
        self.failures.push(failure);
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Reads what an earlier run kept.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let mut report = Self::default();
        for line in text.lines().skip(1) {
            let row = parse(line)?;
            if !report.systems.contains(&row.system) {
                report.systems.push(row.system.clone());
            }
            report.rows.push(row);
        }
        let known: Vec<_> = crate::system::all()
            .iter()
            .map(|system| system.name())
            .collect();
        report
            .systems
            .sort_by_key(|name| known.iter().position(|known| known == name));
        Ok(report)
    }

    fn median(&self, system: &str, measure: &str) -> Option<f64> {
        let mut values: Vec<_> = self
            .rows
            .iter()
            .filter(|row| row.system == system && row.measure == measure)
            .map(|row| row.value)
            .collect();
        median(&mut values)
    }

    /// Ratios are made within each round, where both stood next to each other; the median of those.
    fn ratio(&self, system: &str, other: &str, measure: &str) -> Option<f64> {
        let mut ratios: Vec<_> = self
            .rows
            .iter()
            .filter(|row| row.system == system && row.measure == measure)
            .filter_map(|row| {
                let base = self.rows.iter().find(|base| {
                    base.round == row.round && base.system == other && base.measure == measure
                })?;
                Some(row.value / base.value)
            })
            .collect();
        median(&mut ratios)
    }

    /// The tables, in markdown: medians, and in brackets the ratio to kipc.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        for (title, columns) in TABLES {
            let _ = write!(text, "{title}:\n\n| system |");
            for (_, heading) in columns {
                let _ = write!(text, " {heading} |");
            }
            let _ = write!(text, "\n|---|{}\n", "--:|".repeat(columns.len()));
            for system in &self.systems {
                let cells: Vec<_> = columns
                    .iter()
                    .map(|(measure, _)| self.cell(system, measure))
                    .collect();
                if cells.iter().any(|cell| cell != "–") {
                    let _ = writeln!(text, "| {system} | {} |", cells.join(" | "));
                }
            }
            text.push('\n');
        }
        text
    }

    fn cell(&self, system: &str, measure: &str) -> String {
        let Some(value) = self.median(system, measure) else {
            return "–".to_owned();
        };
        let mut cell = number(value);
        if system != OWN
            && let Some(ratio) = self.ratio(system, OWN, measure)
        {
            let _ = write!(cell, " ({ratio:.2})");
        }
        let lost = measure.replace("messages/s", "lost %");
        if lost != measure
            && let Some(lost) = self.median(system, &lost)
            && lost > 0.0
        {
            let _ = write!(cell, ", {} % lost", number(lost));
        }
        cell
    }

    /// The goals, each with what came out; and whether all are met.
    pub(crate) fn goals(&self) -> (String, bool) {
        let mut text = String::new();
        let mut all = true;
        if let Some(ratio) = self.ratio(OWN, "seqpacket", ROUND_TRIP) {
            let met = ratio <= GOAL_ROUND_TRIP;
            all &= met;
            let _ = writeln!(
                text,
                "round trip: {ratio:.2} of seqpacket, goal at most {GOAL_ROUND_TRIP}: {}",
                word(met)
            );
        }
        for (broker, alike) in BROKERS {
            for own in [OWN, COALESCING, BATCHED] {
                if let Some(ratio) = self.ratio(own, broker, RATE_OF_GOAL) {
                    let met = ratio >= GOAL_RATE;
                    all &= met || own != alike;
                    let _ = writeln!(
                        text,
                        "1:8: {own} {ratio:.1} times {broker}, goal at least {GOAL_RATE}: {}",
                        word(met)
                    );
                }
            }
        }
        (text, all)
    }
}

fn word(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Three digits, or the whole number if it has more.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        size if size < 1.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

fn parse(line: &str) -> Result<Row, Error> {
    let mut words = line.split(',');
    let mut next = || words.next().ok_or_else(|| format!("not a result: {line}"));
    Ok(Row {
        round: next()?.parse()?,
        system: next()?.to_owned(),
        measure: next()?.to_owned(),
        value: next()?.parse()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "round,system,measure,value\n\
        1,NATS,1:8 64 B messages/s,100\n\
        1,kipc,1:8 64 B messages/s,500\n\
        2,kipc,1:8 64 B messages/s,300\n\
        2,NATS,1:8 64 B messages/s,200\n\
        3,NATS,1:8 64 B messages/s,100\n\
        3,kipc,1:8 64 B messages/s,400\n\
        1,kipc,round trip median us,13\n\
        1,seqpacket,round trip median us,10\n";

    #[test]
    fn ratios_are_those_within_a_round() {
        let report = Report::read(CSV).unwrap();
        assert_eq!(report.median("kipc", RATE_OF_GOAL), Some(400.0));
        assert_eq!(report.ratio("kipc", "NATS", RATE_OF_GOAL), Some(4.0));
        assert_eq!(report.ratio("kipc", "Zenoh", RATE_OF_GOAL), None);
    }

    #[test]
    fn a_missed_goal_is_said() {
        let (text, all) = Report::read(CSV).unwrap().goals();
        assert!(
            text.contains("1.30 of seqpacket, goal at most 1.2: MISSED"),
            "{text}"
        );
        assert!(
            text.contains("kipc 4.0 times NATS, goal at least 3: met"),
            "{text}"
        );
        assert!(!all);
    }

    #[test]
    fn the_table_has_the_systems_in_order() {
        let text = Report::read(CSV).unwrap().tables();
        let first = text.find("| seqpacket |").unwrap();
        assert!(first < text.find("| kipc |").unwrap());
        assert!(text.contains("| NATS | – | 100 (0.25) | – |"), "{text}");
    }

    #[test]
    fn what_is_no_result_is_refused() {
        assert!(Report::read("heading\n1,kipc,x\n").is_err());
        assert!(Report::read("heading\n1,kipc,x,y\n").is_err());
    }
}
