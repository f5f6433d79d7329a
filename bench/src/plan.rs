// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which cases are measured, and which of them take turns.

use crate::case::Case;
use crate::case::MECHANISMS;
use crate::case::Mechanism;
use crate::case::Overflow;
use crate::case::SMALL;
use crate::case::Variant;

/// Payloads in bytes.
pub(crate) const PAYLOADS: [usize; 4] = [SMALL, 1024, 16 << 10, LARGE];
/// The largest of them.
pub(crate) const LARGE: usize = 64 << 10;
/// Numbers of subscribers.
pub(crate) const SUBSCRIBERS: [usize; 4] = [1, 8, 64, 512];
/// And where something is special.
pub(crate) const FEW_SUBSCRIBERS: [usize; 3] = [1, 8, 64];
/// Messages of a batch.
pub(crate) const BATCHES: [usize; 4] = [1, 4, 16, 64];
/// What a topic retains.
const DEPTH: u32 = 16;

/// Special cases that have room, beside those of [`BATCHES`].
pub(crate) const SPECIAL: [Variant; 5] = [
    Variant::Policy(Overflow::DropOldest),
    Variant::Policy(Overflow::Block),
    Variant::Policy(Overflow::Fail),
    Variant::History(DEPTH),
    Variant::Filter,
];

/// What happens when there is no room. Who blocks would wait.
pub(crate) const FULL: [Overflow; 3] = [Overflow::DropNewest, Overflow::DropOldest, Overflow::Fail];

/// Cases of which each sends a message in turn.
pub(crate) type Turns = Vec<Case>;

/// What is measured on a bus with nothing else on it.
pub(crate) fn quiet(short: bool) -> Vec<Turns> {
    let mut plan = Vec::new();
    if short {
        let compared = [Mechanism::Discard, Mechanism::Multicast, Mechanism::Kipc];
        for subscribers in FEW_SUBSCRIBERS {
            plan.push(plain(&compared, SMALL, subscribers));
        }
        let compared = [Mechanism::Multicast, Mechanism::Kipc, Mechanism::UnixSends];
        plan.push(plain(&compared, LARGE, 8));
    } else {
        for payload in PAYLOADS {
            for subscribers in SUBSCRIBERS {
                plan.push(plain(&MECHANISMS, payload, subscribers));
            }
        }
    }
    for subscribers in FEW_SUBSCRIBERS {
        if short && subscribers == 1 {
            continue;
        }
        let batches = BATCHES.map(Variant::Batch);
        let batches = if short { &batches[2..3] } else { &batches[..] };
        plan.push(special(batches, subscribers));
        plan.push(special(&SPECIAL, subscribers));
    }
    plan
}

/// What is measured on a crowded bus.
pub(crate) fn crowded() -> Vec<Turns> {
    let turns = |subscribers| special(&[Variant::Crowded], subscribers);
    FEW_SUBSCRIBERS.map(turns).to_vec()
}

/// What is measured where queues are full, one after the other.
pub(crate) fn full(short: bool) -> Vec<Case> {
    let numbers: &[usize] = if short { &[8] } else { &FEW_SUBSCRIBERS };
    let cases = |to: &usize| FULL.map(|overflow| Case::kipc(Variant::Full(overflow), *to));
    numbers.iter().flat_map(cases).collect()
}

fn plain(mechanisms: &[Mechanism], payload: usize, subscribers: usize) -> Turns {
    mechanisms
        .iter()
        .filter(|mechanism| payload <= mechanism.max_payload())
        .map(|mechanism| Case::plain(*mechanism, payload, subscribers))
        .collect()
}

fn special(variants: &[Variant], subscribers: usize) -> Turns {
    let case = |variant: &Variant| Case::kipc(*variant, subscribers);
    variants.iter().map(case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise there would be nothing to compare it with.
    #[test]
    fn short_plan_is_part_of_the_whole() {
        let whole: Vec<Case> = quiet(false).into_iter().flatten().collect();
        for case in quiet(true).into_iter().flatten() {
            assert!(whole.contains(&case), "{case}");
        }
        let whole = full(false);
        assert!(full(true).iter().all(|case| whole.contains(case)));
    }
}
