// SPDX-License-Identifier: MIT OR Apache-2.0

//! The clock, and what it showed.

use rustix::time::ClockId;
use rustix::time::clock_gettime;

/// Times single calls.
pub(crate) struct Clock {
    overhead: u64,
}

fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // The monotonic clock is never negative.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl Clock {
    /// Finds out what reading the clock costs.
    pub(crate) fn calibrate(rounds: usize) -> Self {
        let clock = Self { overhead: 0 };
        let mut empty = Samples::default();
        for _ in 0..rounds {
            // It cannot fail.
            if let Ok(((), cost)) = clock.time(|| Ok::<_, ()>(())) {
                empty.add(cost);
            }
        }
        Self {
            overhead: empty.median(),
        }
    }

    /// Cost of reading the clock, which [`Clock::time`] subtracts.
    pub(crate) fn overhead(&self) -> u64 {
        self.overhead
    }

    /// What the call returned, and the nanoseconds that it took.
    #[inline(always)]
    pub(crate) fn time<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<(T, u64), E> {
        let before = now();
        let result = call();
        let after = now();
        let cost = after.saturating_sub(before).saturating_sub(self.overhead);
        result.map(|value| (value, cost))
    }
}

/// The times of many calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples(Vec<u64>);

impl Samples {
    /// Adds one.
    pub(crate) fn add(&mut self, sample: u64) {
        let at = self.0.partition_point(|other| *other < sample);
        self.0.insert(at, sample);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The one in the middle. A timer interrupt falls into some calls, never into most.
    pub(crate) fn median(&self) -> u64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// The smallest and the largest.
    pub(crate) fn range(&self) -> (u64, u64) {
        let ends = self.0.first().zip(self.0.last());
        ends.map_or((0, 0), |(first, last)| (*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_range_do_not_depend_on_order() {
        let mut samples = Samples::default();
        for sample in [9, 1, 1000, 5, 7] {
            samples.add(sample);
        }
        assert_eq!((samples.count(), samples.median()), (5, 7));
        assert_eq!(samples.range(), (1, 1000));
    }

    #[test]
    fn time_is_that_of_the_call() {
        let clock = Clock::calibrate(101);
        let pause = std::time::Duration::from_millis(2);
        let cost = clock.time(|| {
            std::thread::sleep(pause);
            Ok::<_, ()>(())
        });
        assert!(cost.is_ok_and(|((), cost)| cost >= 1_900_000));
        assert_eq!(clock.time(|| Err::<(), _>(7)), Err(7));
    }
}
