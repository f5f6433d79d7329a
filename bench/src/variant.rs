// SPDX-License-Identifier: MIT OR Apache-2.0

//! kipc compared with itself: on a crowded bus, and in batches.

use crate::link::BATCH;
use crate::link::Mechanism;
use crate::measure::Clock;
use crate::measure::Samples;
use crate::socket::Socket;
use crate::wire;
use crate::wire::record::Record;
use crate::wire::request::Request;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;
use std::error::Error;
use std::fmt::Write as _;

const PAYLOAD: usize = 64;
const SUBSCRIBERS: [usize; 3] = [1, 8, 64];
/// Topics and subscriptions of a crowd, and the sockets that each of the two has.
const CROWD: usize = 10_000;
const SOCKETS: usize = 10;

/// A publish costs at most this much of what it costs on an empty bus.
const MAX_CROWDED: f64 = 1.05;
/// A message of a batch costs at most this much of one published alone,
const MAX_BATCHED: f64 = 0.2;
/// to this number of subscribers.
const BATCHED_SUBSCRIBERS: usize = 64;

/// The costs for one number of subscribers.
pub(crate) struct Variant {
    subscribers: usize,
    alone: Samples,
    crowded: Samples,
    batch: Samples,
}

impl Variant {
    fn crowded_ratio(&self) -> f64 {
        self.crowded.median() as f64 / self.alone.median() as f64
    }

    fn per_message(&self) -> u64 {
        self.batch.median() / BATCH as u64
    }

    fn batched_ratio(&self) -> f64 {
        self.per_message() as f64 / self.alone.median() as f64
    }
}

/// Sockets that publish and subscribe to much that nobody measures.
fn crowd() -> Result<Vec<Socket>, String> {
    let mut sockets = Vec::new();
    for _ in 0..2 * SOCKETS {
        let socket = Socket::open(wire::PROTOCOL, 0).map_err(|errno| errno.to_string())?;
        sockets.push(socket);
    }
    let (publishers, subscribers) = sockets.split_at(SOCKETS);
    for number in 0..CROWD {
        let topic = format!("crowd/{number}/value");
        let request = Request::Advertise {
            topic: Name::new(topic.as_bytes()).map_err(|why| format!("{why:?}"))?,
            fingerprint: 0,
            wait: None,
            history: None,
            flags: 0,
            mode: None,
            gid: None,
        };
        publishers[number % SOCKETS].request(request, |record| match record {
            Record::Advertised { .. } => Some(()),
            _ => None,
        })?;
        let pattern = match number % 3 {
            0 => topic,
            1 => format!("crowd/{number}/*"),
            _ => format!("crowd/{number}/**"),
        };
        let request = Request::Subscribe {
            pattern: Pattern::new(pattern.as_bytes()).map_err(|why| format!("{why:?}"))?,
            flags: 0,
        };
        subscribers[number % SOCKETS].request(request, |record| match record {
            Record::Subscribed { .. } => Some(()),
            _ => None,
        })?;
    }
    Ok(sockets)
}

/// Measures all variants.
pub(crate) fn measure_all(clock: &Clock, messages: usize) -> Result<Vec<Variant>, Box<dyn Error>> {
    let mut variants = Vec::new();
    for subscribers in SUBSCRIBERS {
        let both = [Mechanism::Kipc, Mechanism::Batch];
        let [alone, batch] = crate::measure(clock, both, PAYLOAD, subscribers, messages)?;
        variants.push(Variant {
            subscribers,
            alone,
            crowded: Samples::default(),
            batch,
        });
    }
    let _crowd = crowd()?;
    for variant in &mut variants {
        [variant.crowded] = crate::measure(
            clock,
            [Mechanism::Kipc],
            PAYLOAD,
            variant.subscribers,
            messages,
        )?;
    }
    Ok(variants)
}

/// One line for each number that the other report does not have.
pub(crate) fn csv(variants: &[Variant]) -> String {
    let mut out = String::new();
    for variant in variants {
        for (name, cost) in [("crowded", &variant.crowded), ("batch", &variant.batch)] {
            let (minimum, maximum) = cost.range();
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "{name},{PAYLOAD},{},{},{minimum},{maximum},{}",
                variant.subscribers,
                cost.median(),
                cost.count(),
            );
        }
    }
    out
}

/// One line for each number of subscribers.
pub(crate) fn markdown(variants: &[Variant]) -> String {
    let mut out = format!(
        "| payload | subscribers | empty bus | {CROWD} topics, {CROWD} subscriptions | ratio | \
         a message of a batch of {BATCH} | ratio |\n|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    for variant in variants {
        let _ = writeln!(
            out,
            "| {PAYLOAD} B | {} | {} | {} | {:.2} | {} | {:.2} |",
            variant.subscribers,
            variant.alone.median(),
            variant.crowded.median(),
            variant.crowded_ratio(),
            variant.per_message(),
            variant.batched_ratio(),
        );
    }
    out
}

/// The goals that were missed, as sentences.
pub(crate) fn missed(variants: &[Variant]) -> Vec<String> {
    let mut missed = Vec::new();
    // Nothing compares with NaN, which stands for nothing measured.
    let above = |ratio: f64, goal: f64| ratio.is_nan() || ratio > goal;
    for variant in variants {
        let to = variant.subscribers;
        let (crowded, batched) = (variant.crowded_ratio(), variant.batched_ratio());
        if above(crowded, MAX_CROWDED) {
            missed.push(format!(
                "on a crowded bus, {to} subscribers cost {crowded:.3}, more than {MAX_CROWDED}"
            ));
        }
        if to == BATCHED_SUBSCRIBERS && above(batched, MAX_BATCHED) {
            missed.push(format!(
                "in a batch, {to} subscribers cost {batched:.3}, more than {MAX_BATCHED}"
            ));
        }
    }
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(alone: u64, crowded: u64, batch: u64) -> Variant {
        let samples = |cost| {
            let mut samples = Samples::default();
            samples.add(cost);
            samples
        };
        Variant {
            subscribers: 64,
            alone: samples(alone),
            crowded: samples(crowded),
            batch: samples(batch * BATCH as u64),
        }
    }

    #[test]
    fn goals_are_missed_only_above_their_ratio() {
        assert!(missed(&[variant(1000, 1050, 200)]).is_empty());
        assert_eq!(missed(&[variant(1000, 1051, 200)]).len(), 1);
        assert_eq!(missed(&[variant(1000, 1050, 201)]).len(), 1);
        assert_eq!(missed(&[variant(0, 0, 0)]).len(), 2);
    }

    #[test]
    fn lines_hold_the_medians() {
        let variants = [variant(1000, 1020, 100)];
        assert!(markdown(&variants).ends_with("| 64 B | 64 | 1000 | 1020 | 1.02 | 100 | 0.10 |\n"));
        assert_eq!(csv(&variants).lines().count(), 2);
    }
}
