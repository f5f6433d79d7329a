// SPDX-License-Identifier: GPL-2.0

//! A publisher, and what it is told.

use crate::Bus;
use crate::Result;
use std::time::Duration;

pub(crate) fn run(bus: &Bus, options: u8) {
    let _ = publish(bus, options);
}

fn publish(bus: &Bus, options: u8) -> Result<()> {
    let mut builder = bus.raw_publisher("a/b")?;
    if options & 1 != 0 {
        builder = builder.watch_subscribers();
    }
    if options & 2 != 0 {
        builder = builder.deferred_refusals();
    }
    let publisher = builder.create()?;
    let _ = publisher.publish(b"x");
    let _ = publisher.publish_acked(b"y");
    let _ = publisher.publish_batch([&b"1"[..], b"22"]);
    let _ = publisher.set_last_will(b"z");
    let _ = publisher.cancel_last_will();
    let _ = publisher.wait_for_subscribers(3, Duration::ZERO);
    publisher.check()
}
