// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc sub`.

use std::io;
use std::io::Write as _;

use libkipc::Bus;
use libkipc::Error;
use libkipc::Item;
use libkipc::Raw;
use libkipc::Subscriber;

use crate::cli::Subscribe;
use crate::failure::Failure;
use crate::feed;
use crate::feed::Feed;
use crate::feed::Next;
use crate::interrupt::Interrupts;
use crate::output;
use crate::output::Format;

pub(crate) fn run(bus: &Bus, arguments: &Subscribe) -> Result<(), Failure> {
    let interrupts = Interrupts::watch()?;
    let deadline = feed::deadline(arguments.timeout);
    let mut feed = Feed::new(subscribe(bus, arguments)?, interrupts);
    if arguments.verbose {
        let _ = writeln!(io::stderr(), "kipc: subscribed to {}", arguments.pattern);
    }
    let format = Format {
        json: arguments.json,
        hex: arguments.hex,
    };
    let mut received = 0;
    loop {
        match feed.next(deadline)? {
            Next::Item(item) => {
                output::line(&format.item(&item))?;
                received += u64::from(matches!(item, Item::Message(_)));
                if arguments.count == Some(received) {
                    return Ok(());
                }
            }
            Next::Time => return output::enough(received, arguments.count),
            Next::Stop => return Ok(()),
        }
    }
}

fn subscribe(bus: &Bus, arguments: &Subscribe) -> Result<Subscriber<Vec<u8>, Raw>, Error> {
    let mut builder = bus
        .raw_subscriber(&arguments.pattern)?
        .overflow(arguments.overflow.into());
    if arguments.history {
        builder = builder.history();
    }
    if arguments.events {
        builder = builder.events();
    }
    if arguments.credentials {
        builder = builder.credentials();
    }
    if let Some(bytes) = arguments.receive_buffer {
        builder = builder.receive_buffer(bytes);
    }
    builder.create()
}
