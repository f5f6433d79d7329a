// SPDX-License-Identifier: GPL-2.0

//! Questions to the bus.

use crate::Bus;
use crate::Topic;
use crate::query::Rule;

pub(crate) fn run(bus: &Bus) {
    // Each takes what comes with its request; what is left waits for the next.
    let _ = bus.info();
    let _ = bus.topics();
    let _ = bus.clients();
    let _ = bus.subscriptions();
    let _ = bus.statistics();
    if let Ok(rules) = bus.policy() {
        let _ = bus.set_policy(&rules);
    }
    let _ = bus.set_policy(&[Rule {
        prefix: Topic::new("a/b").ok(),
        uid: 1,
        gid: 2,
        mode: 0o600,
    }]);
    let _ = bus.clear("a/b");
}
