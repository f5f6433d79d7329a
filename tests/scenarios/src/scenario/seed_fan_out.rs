// SPDX-License-Identifier: GPL-2.0

//! The seed protocol, with a client that knows only its description.

use crate::process::Process;

/// NLMSG_DONE, from pid 0, number 0, 127 bytes: the 128 that were sent without the type byte.
fn line(text: &str) -> String {
    format!("3 0 0 127 {text}")
}

fn to(count: usize) {
    let mut subscribers: Vec<Process> = (0..count)
        .map(|_| Process::seed(&["sub", "3"]).ready())
        .collect();
    Process::seed(&["pub", "one", "two", "three"]).succeed();
    for subscriber in &mut subscribers {
        for text in ["one", "two", "three"] {
            assert_eq!(subscriber.line(), line(text));
        }
        subscriber.succeed();
    }
}

/// One subscriber.
pub fn to_1() {
    to(1);
}

/// Three subscribers.
pub fn to_3() {
    to(3);
}

/// 64 subscribers, each a process.
pub fn to_64() {
    to(64);
}

/// A socket that is both hears the others, not itself.
pub fn both_at_once() {
    let mut both = Process::seed(&["both", "1", "from both"]).ready();
    // Both may broadcast before or after this one registers; only its own line matters to it.
    Process::seed(&["pub", "from the other"]).succeed();
    assert_eq!(both.line(), line("from the other"));
    both.succeed();
}
