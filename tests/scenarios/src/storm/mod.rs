// SPDX-License-Identifier: GPL-2.0

//! Storms: what must hold when very much happens, at random moments. Each is like a scenario, with
//! a seed and a size.

mod allocation;
mod denial;
mod descriptors;
pub mod exact;
mod fault;
mod kill;
mod memory_cgroup;
mod model;
mod namespaces;
mod numbers;
mod reload;
mod soak;

/// How much, and by which random numbers.
pub struct Storm {
    /// Follows from nothing else; printed, so that a run can be repeated.
    pub seed: u64,
    /// Of a full run.
    pub percent: u32,
}

impl Default for Storm {
    fn default() -> Self {
        Self {
            seed: fastrand::u64(..),
            percent: 1,
        }
    }
}

impl Storm {
    /// This part of `full`, at least one.
    pub fn times(&self, full: u32) -> u32 {
        let part = u64::from(full) * u64::from(self.percent) / 100;
        u32::try_from(part).unwrap_or(u32::MAX).max(1)
    }

    /// Random numbers of the storm of this name.
    pub fn rng(&self, name: &str) -> fastrand::Rng {
        let name = name.bytes().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        fastrand::Rng::with_seed(self.seed ^ name)
    }
}

/// A storm panics if a promise is broken.
type Run = fn(&Storm);

/// All storms.
const ALL: &[(&str, Run)] = &[
    (
        "killed_in_the_middle_they_leave_no_trace",
        kill::leaves_no_trace,
    ),
    (
        "namespaces_come_and_go_under_traffic",
        namespaces::come_and_go_under_traffic,
    ),
    (
        "reload_races_with_those_who_open_sockets",
        reload::races_with_those_who_open_sockets,
    ),
    (
        "memory_cgroup_pays_for_what_its_processes_cause",
        memory_cgroup::pays_for_what_its_processes_cause,
    ),
    (
        "descriptors_run_out_and_all_goes_on",
        descriptors::run_out_and_all_goes_on,
    ),
    (
        "denial_of_service_hurts_mostly_who_attacks",
        denial::hurts_mostly_who_attacks,
    ),
    (
        "soak_leaves_memory_as_it_was",
        soak::leaves_memory_as_it_was,
    ),
    (
        "random_histories_do_what_the_reference_says",
        model::random_histories,
    ),
    ("crowd_agrees_on_what_was_published", model::agrees),
];

/// Storms for a kernel that lets allocations fail.
const WITH_FAULT_INJECTION: &[(&str, Run)] = &[(
    "each_allocation_fails_without_harm",
    allocation::fails_without_harm,
)];

/// The storms that this kernel can have, and a word on the others.
pub fn all() -> Vec<(&'static str, Run)> {
    let mut all = ALL.to_vec();
    if fault::is_available() {
        all.extend(WITH_FAULT_INJECTION);
    } else {
        for (name, _) in WITH_FAULT_INJECTION {
            println!("# not run: {name}, which needs the debug kernel");
        }
    }
    all
}

/// What this program does when a storm starts it as another process.
pub fn run_role(words: &[String]) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["kill", role, seed] => kill::run(role, seed.parse().expect("a number")),
        ["namespaces", how, seed] => {
            namespaces::run(how == "stays", seed.parse().expect("a number"));
        }
        ["namespaces-child", _] => namespaces::run_child(),
        ["reload", seed] => reload::run(seed.parse().expect("a number")),
        ["memory-cgroup", what, go] => memory_cgroup::run(what, go),
        ["descriptors", whose, rounds] => {
            descriptors::run(whose, rounds.parse().expect("a number"));
        }
        ["soak-listener"] => soak::listen(),
        ["denial-attack", name, factor] => {
            denial::attack(name, factor.parse().expect("a number"));
        }
        ["denial-victim", window] => denial::run_victim(window.parse().expect("a number")),
        ["denial-listener", window] => denial::run_listener(window.parse().expect("a number")),
        _ => panic!("unknown role of a storm {words:?}"),
    }
}
