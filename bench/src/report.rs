// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report: CSV for programs, a table for people, and the goals.

use crate::link::MECHANISMS;
use crate::measure::Samples;
use std::fmt::Write as _;

/// Goals are for small messages: with large ones copying hides everything else.
const GOAL_PAYLOAD: usize = 64;
/// Goals go up to this number of subscribers.
const GOAL_SUBSCRIBERS: usize = 64;

/// One case.
pub(crate) struct Row {
    /// Bytes of payload.
    pub(crate) payload: usize,
    /// Number of subscribers.
    pub(crate) subscribers: usize,
    /// In the order of [`MECHANISMS`].
    pub(crate) costs: [Samples; MECHANISMS.len()],
}

impl Row {
    fn ratio(&self) -> f64 {
        let [_, multicast, kipc] = &self.costs;
        kipc.median() as f64 / multicast.median() as f64
    }
}

/// All cases.
#[derive(Default)]
pub(crate) struct Report {
    /// In the order in which they were measured.
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// One line for each number.
    pub(crate) fn csv(&self) -> String {
        let mut out = "mechanism,payload,subscribers,median,minimum,maximum,messages\n".to_owned();
        for row in &self.rows {
            for (mechanism, cost) in MECHANISMS.iter().zip(&row.costs) {
                let (minimum, maximum) = cost.range();
                // Writing to a string cannot fail.
                let _ = writeln!(
                    out,
                    "{},{},{},{},{minimum},{maximum},{}",
                    mechanism.name(),
                    row.payload,
                    row.subscribers,
                    cost.median(),
                    cost.count(),
                );
            }
        }
        out
    }

    /// One line for each case.
    pub(crate) fn markdown(&self) -> String {
        let mut out = concat!(
            "| payload | subscribers | send alone | raw multicast | kipc | kipc / raw |\n",
            "|--:|--:|--:|--:|--:|--:|\n",
        )
        .to_owned();
        for row in &self.rows {
            let [discard, multicast, kipc] = row.costs.each_ref().map(Samples::median);
            let _ = writeln!(
                out,
                "| {} B | {} | {discard} | {multicast} | {kipc} | {:.2} |",
                row.payload,
                row.subscribers,
                row.ratio(),
            );
        }
        out
    }

    /// The goals that were missed, as sentences.
    pub(crate) fn missed(&self, max_ratio: Option<f64>) -> Vec<String> {
        let Some(max_ratio) = max_ratio else {
            return Vec::new();
        };
        self.rows
            .iter()
            .filter(|row| row.payload == GOAL_PAYLOAD && row.subscribers <= GOAL_SUBSCRIBERS)
            // Nothing compares with NaN, which stands for nothing measured.
            .filter(|row| row.ratio().is_nan() || row.ratio() > max_ratio)
            .map(|row| {
                format!(
                    "{} B to {} subscribers costs {:.3} of raw multicast, more than {max_ratio}",
                    row.payload,
                    row.subscribers,
                    row.ratio(),
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(payload: usize, subscribers: usize, costs: [u64; 3]) -> Report {
        let costs = costs.map(|cost| {
            let mut samples = Samples::default();
            samples.add(cost);
            samples
        });
        Report {
            rows: vec![Row {
                payload,
                subscribers,
                costs,
            }],
        }
    }

    #[test]
    fn lines_hold_the_medians() {
        let report = report(64, 8, [10, 200, 250]);
        assert!(report.csv().ends_with("\nkipc,64,8,250,250,250,1\n"));
        assert_eq!(report.csv().lines().count(), 4);
        assert!(
            report
                .markdown()
                .ends_with("\n| 64 B | 8 | 10 | 200 | 250 | 1.25 |\n")
        );
    }

    #[test]
    fn a_goal_is_missed_only_above_its_ratio() {
        let just = report(64, 64, [10, 200, 250]);
        assert!(just.missed(Some(1.25)).is_empty());
        assert!(just.missed(None).is_empty());
        assert_eq!(just.missed(Some(1.249)).len(), 1);
        assert!(
            report(4096, 64, [10, 200, 250])
                .missed(Some(1.0))
                .is_empty()
        );
        assert!(report(64, 512, [10, 200, 250]).missed(Some(1.0)).is_empty());
    }

    #[test]
    fn nothing_measured_is_a_miss() {
        assert_eq!(report(64, 1, [0, 0, 0]).missed(Some(1.25)).len(), 1);
    }
}
