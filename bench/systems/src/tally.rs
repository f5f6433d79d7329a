// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a subscriber counts during a burst: every message, once, in order, whole.

use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::message::Head;

/// The counts of one burst, from one or more publishers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Different messages.
    pub(crate) received: u64,
    /// Known when every publisher has said how many there were.
    pub(crate) lost: u64,
    /// Came more than once.
    pub(crate) duplicate: u64,
    /// Came after a later one of the same publisher.
    pub(crate) disorder: u64,
    /// Were no message, or not whole.
    pub(crate) corrupt: u64,
    /// When the last one came.
    pub(crate) last: u64,
}

/// What was seen of one publisher.
#[derive(Clone, Debug, Default)]
struct Seen {
    bits: Vec<u64>,
    highest: u64,
    received: u64,
    sent: Option<u64>,
}

/// Counts a burst.
#[derive(Debug)]
pub(crate) struct Counter {
    publishers: Vec<Seen>,
    tally: Tally,
}

impl Counter {
    pub(crate) fn new(publishers: usize) -> Self {
        Self {
            publishers: vec![Seen::default(); publishers],
            tally: Tally::default(),
        }
    }

    /// A message of the burst came at this time.
    pub(crate) fn data(&mut self, head: &Head, now: u64) {
        let publisher = usize::try_from(head.publisher).unwrap_or(usize::MAX);
        let Some(seen) = self.publishers.get_mut(publisher) else {
            self.tally.corrupt += 1;
            return;
        };
        self.tally.last = now;
        let place = usize::try_from(head.seq / 64).unwrap_or(usize::MAX);
        let bit = 1_u64 << (head.seq % 64);
        if place >= seen.bits.len() {
            seen.bits.resize(place + 1, 0);
        }
        if seen.bits[place] & bit != 0 {
            self.tally.duplicate += 1;
            return;
        }
        seen.bits[place] |= bit;
        seen.received += 1;
        if head.seq < seen.highest {
            self.tally.disorder += 1;
        }
        seen.highest = seen.highest.max(head.seq);
    }

    /// What came was no message.
    pub(crate) fn corrupt(&mut self) {
        self.tally.corrupt += 1;
    }

    /// A publisher says how many it sent; once all have, there is a result.
    pub(crate) fn end(&mut self, publisher: u32, sent: u64) -> Option<Tally> {
        let publisher = usize::try_from(publisher).unwrap_or(usize::MAX);
        self.publishers.get_mut(publisher)?.sent = Some(sent);
        let mut tally = self.tally.clone();
        for seen in &self.publishers {
            tally.received += seen.received;
            tally.lost += seen.sent?.saturating_sub(seen.received);
        }
        Some(tally)
    }
}

impl Tally {
    /// The counts of several subscribers.
    pub(crate) fn sum(tallies: &[Self]) -> Self {
        tallies.iter().fold(Self::default(), |sum, one| Self {
            received: sum.received + one.received,
            lost: sum.lost + one.lost,
            duplicate: sum.duplicate + one.duplicate,
            disorder: sum.disorder + one.disorder,
            corrupt: sum.corrupt + one.corrupt,
            last: sum.last.max(one.last),
        })
    }

    /// Whether anything happened that no system may do. Losing is not among it: some do, and say
    /// so.
    pub(crate) fn is_wrong(&self) -> bool {
        self.duplicate + self.disorder + self.corrupt > 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {}",
            self.received, self.lost, self.duplicate, self.disorder, self.corrupt, self.last
        )
    }
}

impl FromStr for Tally {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let numbers = text
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()?;
        let [received, lost, duplicate, disorder, corrupt, last] = numbers[..] else {
            return Err(format!("not a tally: {text}").into());
        };
        Ok(Self {
            received,
            lost,
            duplicate,
            disorder,
            corrupt,
            last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Kind;

    fn head(publisher: u32, seq: u64) -> Head {
        Head {
            seq,
            time: 0,
            publisher,
            burst: 1,
            kind: Kind::Data,
        }
    }

    fn count(numbers: &[u64], sent: u64) -> Tally {
        let mut counter = Counter::new(1);
        for &seq in numbers {
            counter.data(&head(0, seq), 5);
        }
        counter.end(0, sent).unwrap()
    }

    #[test]
    fn all_in_order_is_fine() {
        let tally = count(&[1, 2, 3], 3);
        assert_eq!((tally.received, tally.lost, tally.last), (3, 0, 5));
        assert!(!tally.is_wrong());
    }

    #[test]
    fn loss_is_counted_in_the_middle_and_at_the_end() {
        assert_eq!(count(&[1, 3], 5).lost, 3);
        assert_eq!(count(&[], 5).lost, 5);
    }

    #[test]
    fn duplicates_and_disorder_are_told_apart() {
        let tally = count(&[1, 3, 2, 2], 3);
        assert_eq!((tally.duplicate, tally.disorder, tally.lost), (1, 1, 0));
        assert!(tally.is_wrong());
    }

    #[test]
    fn every_publisher_has_to_end() {
        let mut counter = Counter::new(2);
        counter.data(&head(1, 1), 1);
        assert_eq!(counter.end(0, 0), None);
        assert_eq!(counter.end(1, 1).unwrap().received, 1);
    }

    #[test]
    fn a_publisher_that_is_not_there_is_corrupt() {
        let mut counter = Counter::new(1);
        counter.data(&head(4, 1), 1);
        assert!(counter.end(0, 0).unwrap().is_wrong());
    }

    #[test]
    fn a_tally_survives_being_written() {
        let tally = count(&[1, 3, 2, 2], 9);
        assert_eq!(tally.to_string().parse::<Tally>().unwrap(), tally);
        assert!("1 2 3".parse::<Tally>().is_err());
    }
}
