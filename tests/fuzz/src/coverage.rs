// SPDX-License-Identifier: GPL-2.0

//! What a worker has reached of the module: addresses, and steps from one to the next.
//!
//! Addresses count from the module's start, so that they are the same wherever it was loaded.

use crate::sys::Trace;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::str::FromStr;

/// Words of a trace: more than a datagram of a hundred messages runs through.
const TRACE: usize = 1 << 16;
/// Steps are told apart by a hash.
const STEPS: usize = 1 << 18;

/// The guide of one worker.
pub struct Coverage {
    trace: Trace,
    module: usize,
    steps: Vec<bool>,
    reached: Reached,
}

impl Coverage {
    /// Follows this thread; `None` if the kernel has no KCOV.
    pub fn start() -> Option<Self> {
        let trace = Trace::open(TRACE).ok()?;
        trace.enable().expect("KCOV_ENABLE");
        Some(Self {
            trace,
            module: module_start(),
            steps: vec![false; STEPS],
            reached: Reached::default(),
        })
    }

    /// Forgets what was run since the last look.
    pub fn reset(&self) {
        self.trace.reset();
    }

    /// Looks at what was run since the reset; whether something of it is new.
    pub fn collect(&mut self) -> bool {
        let mut before = 0;
        let mut new = false;
        for address in self.trace.addresses() {
            let here = address.wrapping_sub(self.module);
            let step = hash(before, here);
            before = here;
            if !std::mem::replace(&mut self.steps[step], true) {
                new = true;
                self.reached.steps.insert(step);
                self.reached.addresses.insert(here);
            }
        }
        new
    }

    /// What was reached so far.
    pub fn reached(self) -> Reached {
        self.reached
    }
}

fn hash(from: usize, to: usize) -> usize {
    // Fibonacci hashing; the two directions of a step differ.
    let mixed = (from.rotate_left(17) ^ to).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed >> (usize::BITS - STEPS.trailing_zeros())
}

/// Where the module lies. Only root is told.
fn module_start() -> usize {
    let modules = fs::read_to_string("/proc/modules").unwrap_or_default();
    let line = modules.lines().find(|line| line.starts_with("kipc "));
    let word = line.and_then(|line| line.split_whitespace().find(|word| word.starts_with("0x")));
    word.and_then(|word| usize::from_str_radix(&word[2..], 16).ok())
        .unwrap_or(0)
}

/// Addresses and steps that were seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reached {
    addresses: BTreeSet<usize>,
    steps: BTreeSet<usize>,
}

impl Reached {
    /// Adds another worker's.
    pub fn add(&mut self, other: &Self) {
        self.addresses.extend(&other.addresses);
        self.steps.extend(&other.steps);
    }

    /// In a sentence; `sites` is how many places of the module are instrumented, if that is known.
    pub fn describe(&self, sites: Option<usize>) -> String {
        let (addresses, steps) = (self.addresses.len(), self.steps.len());
        match sites {
            Some(sites) if sites > 0 => format!(
                "reached {addresses} of {sites} instrumented places ({} %), {steps} steps",
                addresses * 100 / sites
            ),
            _ => format!("reached {addresses} instrumented places, {steps} steps"),
        }
    }

    /// The module's functions: how many were reached, and the names of the others.
    pub fn functions(&self) -> (usize, Vec<String>) {
        let symbols = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
        let module = module_start();
        let mut functions: Vec<(usize, &str)> = symbols
            .lines()
            .filter_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let [address, "t" | "T" | "w" | "W", name, "[kipc]"] = words[..] else {
                    return None;
                };
                let address = usize::from_str_radix(address, 16).ok()?;
                Some((address.wrapping_sub(module), name))
            })
            .collect();
        functions.sort_unstable();
        let end_of = |index: usize| functions.get(index + 1).map_or(usize::MAX, |next| next.0);
        let (reached, missed): (Vec<usize>, Vec<usize>) = (0..functions.len())
            .filter(|index| functions[*index].0 != end_of(*index))
            .partition(|index| {
                let span = functions[*index].0..end_of(*index);
                self.addresses.range(span).next().is_some()
            });
        let names = missed.iter().map(|index| functions[*index].1.to_owned());
        (reached.len(), names.collect())
    }
}

/// One line, for the process that started the worker.
impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reached")?;
        for address in &self.addresses {
            write!(f, " {address:x}")?;
        }
        f.write_str(" ;")?;
        self.steps
            .iter()
            .try_for_each(|step| write!(f, " {step:x}"))
    }
}

impl FromStr for Reached {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let numbers = |text: &str| {
            text.split_whitespace()
                .map(|word| usize::from_str_radix(word, 16).map_err(|why| format!("{why}: {word}")))
                .collect::<Result<BTreeSet<usize>, String>>()
        };
        let rest = line.strip_prefix("reached").ok_or("no such line")?;
        let (addresses, steps) = rest.split_once(';').ok_or("half a line")?;
        Ok(Self {
            addresses: numbers(addresses)?,
            steps: numbers(steps)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reached_goes_from_process_to_process() {
        let reached = Reached {
            addresses: [1, 0x2f].into(),
            steps: [7].into(),
        };
        assert_eq!(reached.to_string().parse(), Ok(reached));
        assert_eq!("reached ;".parse(), Ok(Reached::default()));
        assert!("7".parse::<Reached>().is_err());
    }

    #[test]
    fn steps_have_a_direction_and_a_place() {
        assert!((0..10_000).all(|n| hash(n * 13, n * 7) < STEPS));
        assert_ne!(hash(0x100, 0x200), hash(0x200, 0x100));
    }
}
