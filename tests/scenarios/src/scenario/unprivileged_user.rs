// SPDX-License-Identifier: GPL-2.0

//! An ordinary user needs no rights to use the bus, and cannot hide who he is.

use crate::process::Process;
use libkipc::Bus;
use libkipc::Item;
use std::time::Duration;

const UID: u32 = 1000;

/// He publishes and hears others; his messages carry his uid and gid.
pub fn talks_and_is_named() {
    let bus = Bus::connect().expect("connect");
    let mut subscriber = bus
        .raw_subscriber("inside")
        .and_then(|builder| builder.credentials().create())
        .expect("a subscriber");
    let mut user = Process::role_as_user(UID, &["alone"]).ready();
    assert_eq!(
        user.line(),
        "inside",
        "he hears himself from his other socket"
    );
    user.succeed();
    let message = loop {
        let item = subscriber.recv_timeout(Duration::from_secs(10));
        if let Item::Message(message) = item.expect("receive").expect("an item") {
            break message;
        }
    };
    assert_eq!(message.value, b"inside");
    let credentials = message.credentials.expect("credentials");
    assert_eq!(
        (credentials.pid as u32, credentials.uid, credentials.gid),
        (user.id(), UID, UID)
    );
}
