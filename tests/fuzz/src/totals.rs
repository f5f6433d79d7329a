// SPDX-License-Identifier: GPL-2.0

//! What happened in all.

use std::fmt;
use std::str::FromStr;

/// What happened in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub sent: u64,
    pub received: u64,
    pub lost: u64,
    pub refused: u64,
    pub sockets: u64,
    /// Datagrams that are kept because they reached something new.
    pub kept: u64,
    /// Of all that was done: equal where the same was done.
    pub digest: u64,
}

impl Totals {
    fn fields(&mut self) -> [(&'static str, &mut u64); 7] {
        [
            ("sent", &mut self.sent),
            ("received", &mut self.received),
            ("lost", &mut self.lost),
            ("refused", &mut self.refused),
            ("sockets", &mut self.sockets),
            ("kept", &mut self.kept),
            ("digest", &mut self.digest),
        ]
    }

    /// Adds another worker's.
    pub fn add(&mut self, mut other: Self) {
        let others = other.fields();
        for ((_, mine), (_, others)) in self.fields().into_iter().zip(others) {
            *mine = mine.wrapping_add(*others);
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut copy = *self;
        for (index, (name, number)) in copy.fields().into_iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{name} {number}")?;
        }
        Ok(())
    }
}

impl FromStr for Totals {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut totals = Self::default();
        let mut words = line.split_whitespace();
        for (name, number) in totals.fields() {
            if words.next() != Some(name) {
                return Err(line.to_owned());
            }
            let word = words.next().unwrap_or_default();
            *number = word.parse().map_err(|why| format!("{why}: {line}"))?;
        }
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_go_from_process_to_process() {
        let mut totals = Totals {
            sent: 1,
            kept: 6,
            ..Totals::default()
        };
        assert_eq!(totals.to_string().parse(), Ok(totals));
        totals.add(totals);
        assert_eq!((totals.sent, totals.kept), (2, 12));
        assert!("sent 1".parse::<Totals>().is_err());
    }
}
