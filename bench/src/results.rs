// SPDX-License-Identifier: MIT OR Apache-2.0

//! What was measured, and its CSV form.

use crate::case::Case;
use crate::case::Mechanism;
use crate::case::Operation;
use crate::case::SMALL;
use crate::case::Variant;
use crate::measure::Samples;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// First line of the CSV form. Costs are of one call, which may carry several messages.
const HEAD: &str = "mechanism,variant,payload,subscribers,operation,median,minimum,maximum,samples";

/// What one operation of one case cost.
pub(crate) struct Cost {
    pub(crate) case: Case,
    pub(crate) operation: Operation,
    pub(crate) samples: Samples,
}

/// All of them, in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Results(Vec<Cost>);

impl Results {
    pub(crate) fn add(&mut self, case: Case, operation: Operation, samples: Samples) {
        self.0.push(Cost {
            case,
            operation,
            samples,
        });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Cost> {
        self.0.iter()
    }

    /// The median of one call, if it was measured.
    pub(crate) fn median(&self, case: Case, operation: Operation) -> Option<u64> {
        self.0
            .iter()
            .find(|cost| cost.case == case && cost.operation == operation)
            .map(|cost| cost.samples.median())
    }

    /// The median of one message.
    pub(crate) fn per_message(&self, case: Case, operation: Operation) -> Option<f64> {
        let median = self.median(case, operation)?;
        Some(median as f64 / case.variant.messages() as f64)
    }

    /// Of the plain case with the small payload.
    pub(crate) fn small(&self, mechanism: Mechanism, subscribers: usize) -> Option<u64> {
        let case = Case::plain(mechanism, SMALL, subscribers);
        self.median(case, Operation::Publish)
    }

    /// What this variant of kipc costs of the plain case, for each message.
    pub(crate) fn variant_ratio(
        &self,
        variant: Variant,
        subscribers: usize,
        operation: Operation,
    ) -> Option<f64> {
        let cost = self.per_message(Case::kipc(variant, subscribers), operation)?;
        let plain = self.median(Case::kipc(Variant::Plain, subscribers), operation)?;
        Some(cost / plain as f64)
    }

    /// One line for each.
    pub(crate) fn csv(&self) -> String {
        let mut out = format!("{HEAD}\n");
        for cost in &self.0 {
            let (minimum, maximum) = cost.samples.range();
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "{},{},{minimum},{maximum},{}",
                key(cost),
                cost.samples.median(),
                cost.samples.count(),
            );
        }
        out
    }
}

/// The first fields of a line, which say what was measured.
pub(crate) fn key(cost: &Cost) -> String {
    let Case {
        mechanism,
        variant,
        payload,
        subscribers,
    } = cost.case;
    let (mechanism, operation) = (mechanism.name(), cost.operation.name());
    format!("{mechanism},{variant},{payload},{subscribers},{operation}")
}

/// Medians by [`key`], out of a CSV form. Lines that begin with `#` are passed over.
pub(crate) fn read(csv: &str) -> Result<BTreeMap<String, u64>, String> {
    let mut lines = csv.lines().filter(|line| !line.starts_with('#'));
    if lines.next() != Some(HEAD) {
        return Err(format!("the first line is not {HEAD}"));
    }
    let fields = HEAD.split(',').count();
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split(',').collect();
            let median = parts.get(5).and_then(|text| text.parse().ok());
            match (parts.len() == fields, median) {
                (true, Some(median)) => Ok((parts[..5].join(","), median)),
                _ => Err(format!("no result: {line}")),
            }
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Publishes of these costs.
    pub(crate) fn results(costs: &[(Case, u64)]) -> Results {
        let mut results = Results::default();
        for (case, cost) in costs {
            let mut samples = Samples::default();
            samples.add(*cost);
            results.add(*case, Operation::Publish, samples);
        }
        results
    }

    #[test]
    fn what_is_written_can_be_read() {
        let case = Case::kipc(Variant::Batch(16), 8);
        let results = results(&[(case, 250)]);
        let csv = format!("# Linux 7\n{}", results.csv());
        let read = read(&csv).expect("it is one");
        assert_eq!(read.get("kipc,batch-16,64,8,publish"), Some(&250));
        assert_eq!(read.len(), 1);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(read("").is_err());
        assert!(read(&format!("{HEAD}\nkipc,plain,64,8,publish,many,1,1,1\n")).is_err());
        assert!(read(&format!("{HEAD}\nkipc,plain,64,8,publish\n")).is_err());
    }

    #[test]
    fn a_batch_is_divided_by_its_messages() {
        let batch = Case::kipc(Variant::Batch(16), 8);
        let plain = Case::kipc(Variant::Plain, 8);
        let results = results(&[(batch, 1600), (plain, 1000)]);
        let ratio = results.variant_ratio(Variant::Batch(16), 8, Operation::Publish);
        assert_eq!(ratio, Some(0.1));
    }
}
