// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc pub`.

use std::fs;
use std::io;
use std::io::BufRead as _;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;
use std::time::Instant;

use libkipc::Bus;
use libkipc::Error;
use libkipc::Json;
use libkipc::Publisher;
use libkipc::Raw;

use crate::cli::Publish;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(bus: &Bus, arguments: &Publish) -> Result<(), Failure> {
    let mut sender = Sender {
        publisher: create(bus, arguments)?,
        ack: arguments.ack,
        json: arguments.json,
        pause: arguments
            .rate
            .map(|rate| Duration::try_from_secs_f64(rate.recip()).unwrap_or(Duration::MAX)),
        due: Instant::now(),
    };
    if let Some(message) = &arguments.last_will {
        sender.check(message.as_bytes())?;
        sender.publisher.set_last_will(message.as_bytes())?;
    }
    if let Some(patience) = arguments.wait_for_subscriber
        && !sender.publisher.wait_for_subscribers(1, patience)?
    {
        return Err(Failure::Alone);
    }
    if !arguments.file.is_empty() {
        let mut contents = Vec::new();
        for path in &arguments.file {
            let read = fs::read(path).map_err(|error| Failure::File(path.clone(), error))?;
            contents.push(read);
        }
        return sender.repeat(arguments.repeat, &contents);
    }
    if !arguments.messages.is_empty() {
        let messages: Vec<_> = arguments.messages.iter().map(|m| m.as_bytes()).collect();
        return sender.repeat(arguments.repeat, &messages);
    }
    if arguments.repeat == 1 {
        return sender.lines();
    }
    let mut lines = Vec::new();
    for line in io::stdin().lock().split(b'\n') {
        lines.push(line.map_err(|error| Failure::Stream("read standard input", error))?);
    }
    sender.repeat(arguments.repeat, &lines)
}

fn create(bus: &Bus, arguments: &Publish) -> Result<Publisher<[u8], Raw>, Error> {
    let mut builder = bus.raw_publisher(&arguments.topic)?.tag(arguments.tag);
    if arguments.json {
        builder = builder.fingerprint(Json::FINGERPRINT);
    }
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
    if arguments.wait_for_subscriber.is_some() {
        builder = builder.watch_subscribers();
    }
    builder.create()
}

/// A publisher, and how to publish with it.
struct Sender {
    publisher: Publisher<[u8], Raw>,
    ack: bool,
    json: bool,
    /// Between two messages.
    pause: Option<Duration>,
    /// When the next message may go.
    due: Instant,
}

impl Sender {
    /// Publishes each line of standard input, without its end, as it comes.
    fn lines(&mut self) -> Result<(), Failure> {
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
            self.publish(line.strip_suffix(b"\n").unwrap_or(&line))?;
        }
    }

    /// Publishes all messages so many times; 0: without end.
    fn repeat(&mut self, times: u64, messages: &[impl AsRef<[u8]>]) -> Result<(), Failure> {
        let mut done = 0;
        // Without messages there would be no end of doing nothing.
        while !messages.is_empty() && (times == 0 || done < times) {
            for message in messages {
                self.publish(message.as_ref())?;
            }
            done += 1;
        }
        Ok(())
    }

    fn publish(&mut self, message: &[u8]) -> Result<(), Failure> {
        self.check(message)?;
        if let Some(pause) = self.pause {
            let now = Instant::now();
            std::thread::sleep(self.due.saturating_duration_since(now));
            // What is late is not made up for: that would be faster than what is wanted.
            self.due = self.due.max(now).checked_add(pause).unwrap_or(now);
        }
        if !self.ack {
            return Ok(self.publisher.publish(message)?);
        }
        let delivery = self.publisher.publish_acked(message)?;
        output::line(&format!(
            "seq {} delivered {} dropped {}",
            delivery.seq, delivery.delivered, delivery.dropped
        ))
    }

    fn check(&self, message: &[u8]) -> Result<(), Failure> {
        if self.json {
            serde_json::from_slice::<serde::de::IgnoredAny>(message).map_err(|why| {
                Failure::Input(format!("no JSON ({why}): {}", output::escaped(message)))
            })?;
        }
        Ok(())
    }
}
