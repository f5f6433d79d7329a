// SPDX-License-Identifier: MIT OR Apache-2.0

//! What kipc may cost, beside others and beside itself.

use crate::case::Case;
use crate::case::Mechanism;
use crate::case::Operation;
use crate::case::SMALL;
use crate::case::Variant;
use crate::plan::LARGE;
use crate::results::Results;
use crate::round_trip;

/// Of raw multicast, by number of subscribers.
const OF_MULTICAST: [(usize, f64); 3] = [(1, 1.1), (8, 1.0), (64, 0.95)];
/// A message of a batch of 16, of one published alone, to 64.
const BATCHED: f64 = 0.2;
/// On a crowded bus, of an empty one.
const CROWDED: f64 = 1.05;
/// Large messages to 8, of as many sends.
const LARGE_OF_SENDS: f64 = 0.25;
/// There and back, of `AF_UNIX`.
const ROUND_TRIP: f64 = 1.2;
/// Receiving a message of a batch of 16, of receiving one alone.
const BATCH_RECEIVED: f64 = 0.3;

/// One goal, and how far it is reached.
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) most: f64,
    /// Missing if something was not measured.
    pub(crate) ratio: Option<f64>,
}

impl Goal {
    pub(crate) fn is_met(&self) -> bool {
        // Nothing compares with NaN, which stands for nothing measured, either.
        self.ratio.is_some_and(|ratio| ratio <= self.most)
    }
}

/// All goals.
pub(crate) fn all(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    let mut goal = |what: String, most, ratio| goals.push(Goal { what, most, ratio });
    for (subscribers, most) in OF_MULTICAST {
        let cost = |mechanism| results.small(mechanism, subscribers);
        goal(
            format!("publish {SMALL} B to {subscribers}, of raw multicast"),
            most,
            ratio(cost(Mechanism::Kipc), cost(Mechanism::Multicast)),
        );
    }
    goal(
        "publish in batches of 16 to 64, for each message, of one alone".into(),
        BATCHED,
        results.variant_ratio(Variant::Batch(16), 64, Operation::Publish),
    );
    for (subscribers, _) in OF_MULTICAST {
        goal(
            format!("publish to {subscribers} on a crowded bus, of an empty one"),
            CROWDED,
            results.variant_ratio(Variant::Crowded, subscribers, Operation::Publish),
        );
    }
    let large = |mechanism| {
        let case = Case::plain(mechanism, LARGE, 8);
        results.median(case, Operation::Publish)
    };
    goal(
        format!("publish {LARGE} B to 8, of AF_UNIX sends"),
        LARGE_OF_SENDS,
        ratio(large(Mechanism::Kipc), large(Mechanism::UnixSends)),
    );
    let [unix, _, kipc] = round_trip::MECHANISMS.map(|mechanism| {
        let case = Case::plain(mechanism, SMALL, 1);
        results.median(case, Operation::RoundTrip)
    });
    goal(
        "round trip of two processes, of AF_UNIX".into(),
        ROUND_TRIP,
        ratio(kipc, unix),
    );
    goal(
        "receive a batch of 16, for each message, of one alone".into(),
        BATCH_RECEIVED,
        results.variant_ratio(Variant::Batch(16), 8, Operation::Receive),
    );
    goals
}

fn ratio(cost: Option<u64>, of: Option<u64>) -> Option<f64> {
    Some(cost? as f64 / of? as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    fn met(kipc: u64, multicast: u64) -> bool {
        let of = |mechanism, cost| (Case::plain(mechanism, SMALL, 8), cost);
        let results = results(&[
            of(Mechanism::Kipc, kipc),
            of(Mechanism::Multicast, multicast),
        ]);
        let goals = all(&results);
        goals.iter().filter(|goal| goal.is_met()).count() == 1
    }

    #[test]
    fn a_goal_is_missed_only_above_its_ratio() {
        assert!(met(1000, 1000));
        assert!(!met(1001, 1000));
    }

    #[test]
    fn what_is_not_measured_is_missed() {
        assert!(all(&Results::default()).iter().all(|goal| !goal.is_met()));
        assert!(!met(0, 0));
    }
}
