// SPDX-License-Identifier: GPL-2.0

//! The bus's index: whatever comes and goes, and whatever allocation fails, a message gets to
//! those whose pattern matches, as `reference` says, and to nobody else.

#![no_main]

mod model;

#[allow(dead_code, reason = "the module uses more of it")]
#[path = "../../../../../src/bus/mod.rs"]
mod bus;
#[allow(dead_code, reason = "the tests of the bus use more of it")]
#[path = "../../../../bus/src/person.rs"]
mod person;
#[allow(dead_code, reason = "the tests of the bus use more of it")]
#[path = "../../../../bus/src/queue.rs"]
mod queue;
#[allow(dead_code, reason = "the tests of the bus use more of it")]
#[path = "../../../../bus/src/sys.rs"]
mod sys;
#[allow(dead_code, reason = "the module uses more of it")]
#[path = "../../../../../src/wire/mod.rs"]
mod wire;
#[allow(dead_code, reason = "the tests of the bus use more of it")]
#[path = "../../../../bus/src/world.rs"]
mod world;

use kipc_fuzz_host::script::Script;
use model::Model;

/// Names whose bytes sort in front of a slash and behind it.
const NAMES: [&str; 6] = ["a", "b", "a!", "a0", "ä", "ab"];
/// The same with wildcards.
const PATTERNS: [&str; 8] = ["a", "b", "a!", "a0", "ä", "*", "**", "**"];
/// More would take long and find nothing new.
const MOST_STEPS: usize = 200;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    let mut model = Model::new();
    for _ in 0..MOST_STEPS {
        if script.is_over() {
            break;
        }
        let step = script.byte();
        let client = usize::from(script.byte());
        // Now and then the n-th allocation fails.
        let failing = (step >= 0xc0).then(|| 1 + usize::from(step & 0xf));
        match step % 8 {
            0 | 1 => model.advertise(client, &script.path(&NAMES), failing),
            2 | 3 => model.subscribe(client, &script.path(&PATTERNS), failing),
            4 => model.unadvertise(client, usize::from(script.byte())),
            5 => model.unsubscribe(client, usize::from(script.byte())),
            6 => model.disconnect(client),
            _ => model.publish_everything(),
        }
    }
    model.publish_everything();
    model.end();
});
