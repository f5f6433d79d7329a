// SPDX-License-Identifier: GPL-2.0

//! Registering again changes nothing.

use crate::client::Client;
use crate::client::Event;
use crate::process::Process;
use crate::wire::seed;

/// One copy of each message, for clients of the description and for raw ones.
pub fn gets_one_copy() {
    let mut twice = Process::seed(&["twice", "2"]).ready();
    let raw = Client::open();
    raw.seed(seed::REGISTER_SUBSCRIBER, &[]);
    raw.seed(seed::REGISTER_SUBSCRIBER, &[]);
    assert_eq!(raw.counts(), (0, 2, 2));

    let publisher = Client::open();
    publisher.seed(seed::REGISTER_PUBLISHER, &[]);
    publisher.seed(seed::REGISTER_PUBLISHER, &[]);
    publisher.seed(seed::BROADCAST, b"first\0");
    publisher.seed(seed::BROADCAST, b"second\0");
    assert_eq!(publisher.drain(), [], "nothing was refused");

    assert_eq!(twice.line(), "3 0 0 6 first");
    assert_eq!(twice.line(), "3 0 0 7 second");
    twice.succeed();
    let seed = |text: &[u8]| Event::Seed(text.to_vec());
    assert_eq!(raw.drain(), [seed(b"first\0"), seed(b"second\0")]);
}
