// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc events`: publishers and topics that come and go.

use libkipc::Bus;
use libkipc::Filter;

use crate::cli::Events;
use crate::failure::Failure;
use crate::feed;
use crate::feed::Feed;
use crate::feed::Next;
use crate::interrupt::Interrupts;
use crate::output;
use crate::output::Format;

pub(crate) fn run(bus: &Bus, arguments: &Events) -> Result<(), Failure> {
    let interrupts = Interrupts::watch()?;
    let deadline = feed::deadline(arguments.timeout);
    let subscriber = bus
        .raw_subscriber(&arguments.pattern)?
        .events()
        // No message has one of no tags: the kernel drops them all before it wakes this up.
        .filter(Filter::tags([]))
        .create()?;
    let mut feed = Feed::new(subscriber, interrupts);
    let format = Format {
        json: arguments.json,
        hex: false,
    };
    loop {
        match feed.next(deadline)? {
            Next::Item(item) => output::line(&format.item(&item))?,
            Next::Time | Next::Stop => return Ok(()),
        }
    }
}
