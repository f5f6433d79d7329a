// SPDX-License-Identifier: MIT OR Apache-2.0

//! Today's costs beside those on record.

use crate::case::Mechanism;
use crate::case::Operation;
use crate::results::Cost;
use crate::results::Results;
use crate::results::key;
use std::collections::BTreeMap;

/// What costs this much more than on record is a regression.
const TOLERANCE: f64 = 0.03;

/// How much dearer the kernel itself became, by what raw multicast costs. 1 on the kernel of the
/// record; with another, netlink is not kipc's to answer for.
fn kernel_factor(results: &Results, record: &BTreeMap<String, u64>) -> Result<f64, String> {
    let reference = results
        .iter()
        .find(|cost| {
            cost.case.mechanism == Mechanism::Multicast && cost.operation == Operation::Publish
        })
        .ok_or("raw multicast was not measured")?;
    let before = on_record(reference, record)?;
    Ok(reference.samples.median() as f64 / before as f64)
}

fn on_record(cost: &Cost, record: &BTreeMap<String, u64>) -> Result<u64, String> {
    let key = key(cost);
    let median = record.get(&key).copied();
    median.ok_or(format!(
        "{key} is not on record; make a new one: make bench"
    ))
}

/// Sentences on what costs more than it did, and how many costs of kipc were compared.
pub(crate) fn find(
    results: &Results,
    record: &BTreeMap<String, u64>,
) -> Result<(Vec<String>, usize), String> {
    let factor = kernel_factor(results, record)?;
    let mut worse = Vec::new();
    let mut compared = 0_usize;
    let ours = |cost: &&Cost| cost.case.mechanism == Mechanism::Kipc;
    for cost in results.iter().filter(ours) {
        let before = on_record(cost, record)? as f64 * factor;
        let now = cost.samples.median() as f64;
        if now.is_nan() || now > before * (1.0 + TOLERANCE) {
            worse.push(format!(
                "{} {}: {now}, {:+.1} % of what is on record",
                cost.case,
                cost.operation.name(),
                (now / before - 1.0) * 100.0
            ));
        }
        compared = compared.saturating_add(1);
    }
    Ok((worse, compared))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::results::read;
    use crate::results::tests::results;

    fn costs(multicast: u64, kipc: u64) -> Results {
        results(&[
            (Case::plain(Mechanism::Multicast, 64, 8), multicast),
            (Case::plain(Mechanism::Kipc, 64, 8), kipc),
        ])
    }

    fn worse(multicast: u64, kipc: u64) -> usize {
        let record = read(&costs(1000, 1000).csv()).expect("a record");
        let (worse, compared) = find(&costs(multicast, kipc), &record).expect("all on record");
        assert_eq!(compared, 1);
        worse.len()
    }

    #[test]
    fn more_than_the_tolerance_is_a_regression() {
        assert_eq!(worse(1000, 1029), 0);
        assert_eq!(worse(1000, 1031), 1);
    }

    #[test]
    fn a_dearer_kernel_is_none() {
        assert_eq!(worse(1100, 1100), 0);
        assert_eq!(worse(900, 1000), 1);
    }

    #[test]
    fn what_is_not_on_record_is_an_error() {
        assert!(find(&costs(1, 1), &BTreeMap::new()).is_err());
        assert!(find(&Results::default(), &BTreeMap::new()).is_err());
    }
}
