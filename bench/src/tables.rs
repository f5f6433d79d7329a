// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tables for people.

use crate::case::Case;
use crate::case::MECHANISMS;
use crate::case::Mechanism;
use crate::case::Operation;
use crate::case::SMALL;
use crate::case::Variant;
use crate::crowd::CROWD;
use crate::goals::Goal;
use crate::plan;
use crate::results::Results;
use crate::round_trip;
use std::fmt::Write as _;

/// A cell that has no number.
const NONE: &str = "–";

fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NONE.into(), |value| value.to_string())
}

fn ratio(value: Option<f64>) -> String {
    cell(value.map(|value| format!("{value:.2}")))
}

/// A row of a table.
fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The first two rows; all cells but the first `left` stand at the right.
fn head(left: usize, cells: &[String]) -> String {
    let line: String = (0..cells.len())
        .map(|at| if at < left { "--|" } else { "--:|" })
        .collect();
    format!("{}|{line}\n", row(cells))
}

/// Publishing, by every mechanism that was measured.
pub(crate) fn publish(results: &Results) -> String {
    let measured: Vec<Mechanism> = MECHANISMS
        .into_iter()
        .filter(|mechanism| results.iter().any(|cost| cost.case.mechanism == *mechanism))
        .collect();
    let mut titles = vec!["payload".into(), "subscribers".into()];
    titles.extend(measured.iter().map(|mechanism| mechanism.title().into()));
    titles.push("kipc / raw multicast".into());
    let mut out = head(0, &titles);
    for payload in plan::PAYLOADS {
        for subscribers in plan::SUBSCRIBERS {
            let cost = |mechanism: Mechanism| {
                let case = Case::plain(mechanism, payload, subscribers);
                results.median(case, Operation::Publish)
            };
            let Some(kipc) = cost(Mechanism::Kipc) else {
                continue;
            };
            let mut cells = vec![format!("{payload} B"), subscribers.to_string()];
            cells.extend(measured.iter().map(|mechanism| cell(cost(*mechanism))));
            let raw = cost(Mechanism::Multicast);
            cells.push(ratio(raw.map(|raw| kipc as f64 / raw as f64)));
            out += &row(&cells);
        }
    }
    out
}

/// Receiving, which does not depend on how many others do.
pub(crate) fn receive(results: &Results) -> String {
    let cost = |mechanism, payload| {
        let case = Case::plain(mechanism, payload, plan::FEW_SUBSCRIBERS[1]);
        results.median(case, Operation::Receive)
    };
    let measured: Vec<Mechanism> = MECHANISMS
        .into_iter()
        .filter(|mechanism| {
            plan::PAYLOADS
                .iter()
                .any(|payload| cost(*mechanism, *payload).is_some())
        })
        .collect();
    let mut titles = vec!["payload".into()];
    titles.extend(measured.iter().map(|mechanism| mechanism.title().into()));
    let mut out = head(0, &titles);
    for payload in plan::PAYLOADS {
        let costs = measured.iter().map(|mechanism| cost(*mechanism, payload));
        let costs: Vec<Option<u64>> = costs.collect();
        if costs.iter().any(Option::is_some) {
            let mut cells = vec![format!("{payload} B")];
            cells.extend(costs.into_iter().map(cell));
            out += &row(&cells);
        }
    }
    out
}

/// kipc beside itself: for each message, and what that is of the plain case.
pub(crate) fn variants(results: &Results) -> String {
    let mut titles = vec!["kipc, 64 B".into()];
    for subscribers in plan::FEW_SUBSCRIBERS {
        titles.extend([format!("publish to {subscribers}"), "ratio".into()]);
    }
    titles.extend(["receive".into(), "ratio".into()]);
    let mut out = head(1, &titles);
    let mut measured: Vec<Variant> = Vec::new();
    for cost in results.iter() {
        let special = cost.case.mechanism == Mechanism::Kipc && cost.case.payload == SMALL;
        if special && !measured.contains(&cost.case.variant) {
            measured.push(cost.case.variant);
        }
    }
    for variant in measured {
        let mut cells = vec![describe(variant)];
        let mut pair = |subscribers, operation| {
            let cost = results.per_message(Case::kipc(variant, subscribers), operation);
            cells.push(cell(cost.map(|cost| format!("{cost:.0}"))));
            cells.push(ratio(results.variant_ratio(
                variant,
                subscribers,
                operation,
            )));
        };
        for subscribers in plan::FEW_SUBSCRIBERS {
            pair(subscribers, Operation::Publish);
        }
        pair(plan::FEW_SUBSCRIBERS[1], Operation::Receive);
        out += &row(&cells);
    }
    out
}

fn describe(variant: Variant) -> String {
    match variant {
        Variant::Plain => "one alone".into(),
        Variant::Batch(count) => format!("one of a batch of {count}"),
        Variant::Crowded => format!("beside {CROWD} topics, subscriptions and sockets"),
        Variant::Policy(_) => format!("subscribers that ask for {variant}"),
        Variant::Full(_) => format!("no room: {variant}"),
        Variant::History(depth) => format!("the topic retains {depth}"),
        Variant::Filter => "each subscriber has a filter".into(),
    }
}

/// Round trips of two processes.
pub(crate) fn round_trips(results: &Results) -> String {
    let trips = round_trip::MECHANISMS.map(|mechanism| {
        let case = Case::plain(mechanism, SMALL, 1);
        (mechanism, results.median(case, Operation::RoundTrip))
    });
    let mut titles: Vec<String> = vec!["round trip of two processes".into()];
    titles.extend(trips.iter().map(|(mechanism, _)| mechanism.title().into()));
    titles.extend(["kipc / AF_UNIX".into(), "kipc / raw multicast".into()]);
    let mut cells = vec![format!("{SMALL} B there, {SMALL} B back")];
    cells.extend(trips.iter().map(|(_, cost)| cell(*cost)));
    let [(_, unix), (_, raw), (_, kipc)] = trips;
    for other in [unix, raw] {
        let of = other
            .zip(kipc)
            .map(|(other, kipc)| kipc as f64 / other as f64);
        cells.push(ratio(of));
    }
    head(1, &titles) + &row(&cells)
}

/// Goals, and how far they are reached.
pub(crate) fn goals(goals: &[Goal]) -> String {
    let mut out = head(1, &["goal".into(), "at most".into(), "is".into()]);
    for goal in goals {
        let mut is = cell(goal.ratio.map(|ratio| format!("{ratio:.3}")));
        if !goal.is_met() {
            let _ = write!(is, ", missed");
        }
        out += &row(&[goal.what.clone(), goal.most.to_string(), is]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn rows_hold_the_medians() {
        let case = |mechanism| Case::plain(mechanism, 64, 8);
        let results = results(&[
            (case(Mechanism::Multicast), 200),
            (case(Mechanism::Kipc), 250),
        ]);
        assert!(publish(&results).ends_with("\n| 64 B | 8 | 200 | 250 | 1.25 |\n"));
        assert!(
            variants(&results).ends_with("\n| one alone | – | – | 250 | 1.00 | – | – | – | – |\n")
        );
        assert!(round_trips(&results).ends_with("| – | – | – | – | – |\n"));
    }
}
