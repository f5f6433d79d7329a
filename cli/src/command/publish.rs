// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc pub`.

use std::io;
use std::io::BufRead as _;
use std::os::unix::ffi::OsStrExt as _;

use libkipc::Bus;
use libkipc::Publisher;
use libkipc::Raw;

use crate::cli::Publish;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(bus: &Bus, arguments: &Publish) -> Result<(), Failure> {
    let mut builder = bus.raw_publisher(&arguments.topic)?.tag(arguments.tag);
    if let Some(bytes) = arguments.send_buffer {
        builder = builder.send_buffer(bytes);
    }
    if let Some(timeout) = arguments.wait {
        builder = builder.wait(timeout);
    }
    if let Some(messages) = arguments.history {
        builder = builder.history(messages);
    }
    if let Some(mode) = arguments.mode {
        builder = builder.mode(mode);
    }
    if let Some(gid) = arguments.group {
        builder = builder.group(gid);
    }
    let publisher = builder.create()?;
    if let Some(message) = &arguments.last_will {
        publisher.set_last_will(message.as_bytes())?;
    }
    if arguments.messages.is_empty() {
        return lines(&publisher, arguments.ack);
    }
    for message in &arguments.messages {
        publish(&publisher, message.as_bytes(), arguments.ack)?;
    }
    Ok(())
}

/// Publishes each line of standard input, without its end.
fn lines(publisher: &Publisher<[u8], Raw>, ack: bool) -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input
            .read_until(b'\n', &mut line)
            .map_err(|error| Failure::Stream("read standard input", error))?;
        if read == 0 {
            return Ok(());
        }
        publish(publisher, line.strip_suffix(b"\n").unwrap_or(&line), ack)?;
    }
}

fn publish(publisher: &Publisher<[u8], Raw>, message: &[u8], ack: bool) -> Result<(), Failure> {
    if !ack {
        return Ok(publisher.publish(message)?);
    }
    let delivery = publisher.publish_acked(message)?;
    output::line(&format!(
        "seq {} delivered {} dropped {}",
        delivery.seq, delivery.delivered, delivery.dropped
    ))
}
