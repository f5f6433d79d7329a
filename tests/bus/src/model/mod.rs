// SPDX-License-Identifier: GPL-2.0

//! Random histories of several clients, compared with a reference after every step.
//!
//! The seed is fixed. `KIPC_BUS_CASES` (histories, 300 unless told) and `KIPC_BUS_SEED` change
//! what is tried.

mod checker;
mod operation;
mod reference;

use crate::model::checker::Checker;
use crate::model::operation::Operation;
use proptest::test_runner::Config;
use proptest::test_runner::RngSeed;
use proptest::test_runner::TestRunner;

fn from_environment(variable: &str, default: u32) -> u32 {
    match std::env::var(variable) {
        Ok(value) => value.parse().expect(variable),
        Err(_) => default,
    }
}

#[test]
fn bus_in_random_histories_does_what_the_reference_says() {
    let config = Config {
        cases: from_environment("KIPC_BUS_CASES", 300),
        rng_seed: RngSeed::Fixed(from_environment("KIPC_BUS_SEED", 1).into()),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let histories = proptest::collection::vec(Operation::any(), 1..150);
    let outcome = TestRunner::new(config).run(&histories, |history| {
        let mut checker = Checker::new();
        for operation in &history {
            checker.step(operation);
        }
        checker.end();
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
