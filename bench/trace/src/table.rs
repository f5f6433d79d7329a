// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the tables of `bench/scaling` have in common.

use std::fmt::Write as _;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    /// Whether all publish on one topic, which is called `hot`; otherwise `own`.
    pub(crate) topics: String,
    pub(crate) mechanism: String,
    pub(crate) publishers: u32,
}

impl Case {
    /// From `TOPICS MECHANISM PUBLISHERS`, and what follows is not looked at.
    pub(crate) fn parse(words: &[&str]) -> Option<Self> {
        let [topics, mechanism, publishers, ..] = words else {
            return None;
        };
        Some(Self {
            topics: (*topics).to_owned(),
            mechanism: (*mechanism).to_owned(),
            publishers: publishers.parse().ok()?,
        })
    }

    /// As the beginning of a row of a table.
    pub(crate) fn cells(&self) -> String {
        format!("{} | {} | {}", self.topics, self.mechanism, self.publishers)
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let Self {
            topics,
            mechanism,
            publishers,
        } = self;
        match topics.as_str() {
            "own" => format!("{mechanism}, {publishers} publishers on topics of their own"),
            _ => format!("{mechanism}, {publishers} publishers on one {topics} topic"),
        }
    }
}

/// All numbers.
pub(crate) struct Csv(String);

impl Csv {
    /// Only the head.
    pub(crate) fn new() -> Self {
        Self("kind,topics,mechanism,publishers,phase,what,by,value\n".into())
    }

    /// Adds a row.
    pub(crate) fn add(
        &mut self,
        kind: &str,
        case: &Case,
        phase: &str,
        what: &str,
        by: &str,
        value: f64,
    ) {
        let Case {
            topics,
            mechanism,
            publishers,
        } = case;
        let _ = writeln!(
            self.0,
            "{kind},{topics},{mechanism},{publishers},{phase},\"{what}\",\"{by}\",{value:.3}"
        );
    }

    /// As text.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}
