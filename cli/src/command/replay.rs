// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc replay`.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::BufReader;
use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use libkipc::Bus;
use libkipc::Publisher;
use libkipc::Raw;
use libkipc::Topic;

use crate::cli::Replay;
use crate::command::record::progress;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::interrupt::Wake;
use crate::output;
use crate::recording::Reader;
use crate::recording::Record;
use crate::recording::Step;

/// How often progress is told.
const PERIOD: Duration = Duration::from_secs(1);

pub(crate) fn run(bus: &Bus, arguments: &Replay) -> Result<(), Failure> {
    let interrupts = Interrupts::watch()?;
    let failed = |error| Failure::File(arguments.file.clone(), error);
    let file = File::open(&arguments.file).map_err(failed)?;
    let mut reader = Reader::new(BufReader::new(file)).map_err(failed)?;
    let mut stage = Stage {
        bus,
        arguments,
        topics: HashMap::new(),
    };
    let mut clock = Clock::new(arguments.speed);
    let mut tick = Instant::now() + PERIOD;
    let (mut published, mut missing) = (0_u64, 0_u64);
    loop {
        match reader.next().map_err(failed)? {
            Step::End => break,
            Step::Cut => {
                let _ = writeln!(
                    io::stderr(),
                    "kipc: {} is damaged, or was cut, behind message {published}",
                    arguments.file.display()
                );
                break;
            }
            Step::Record(Record::Topic {
                number,
                fingerprint,
                name,
            }) => stage.enter(number, fingerprint, &name)?,
            Step::Record(Record::Lost { count, .. }) => missing = missing.saturating_add(count),
            Step::Record(Record::Message {
                topic,
                tag,
                time,
                payload,
                ..
            }) => {
                let due = clock.due(time);
                // A look at interrupts even where nothing waits.
                let due = due.unwrap_or_else(Instant::now);
                if !arguments.dry_run && interrupts.wait(None, Some(due))? == Wake::Stop {
                    break;
                }
                stage.publish(topic, tag, &payload)?;
                published += 1;
                if tick <= Instant::now() {
                    progress(&format!("{published} messages"));
                    tick = Instant::now() + PERIOD;
                }
            }
        }
    }
    let _ = writeln!(
        io::stderr(),
        "kipc: {published} messages published, {missing} were lost when they were recorded"
    );
    Ok(())
}

/// When messages are due.
struct Clock {
    speed: f64,
    /// When the first message was sent, then and now.
    first: Option<(u64, Instant)>,
}

impl Clock {
    fn new(speed: f64) -> Self {
        Self { speed, first: None }
    }

    /// When a message of this time is due; `None`: at once.
    fn due(&mut self, time: u64) -> Option<Instant> {
        let (then, now) = *self.first.get_or_insert_with(|| (time, Instant::now()));
        if self.speed == 0.0 {
            return None;
        }
        let later = Duration::from_nanos(time.saturating_sub(then)).as_secs_f64() / self.speed;
        now.checked_add(Duration::try_from_secs_f64(later).ok()?)
    }
}

/// A topic, and its publisher unless this is a dry run.
type Role = (Topic, Option<Publisher<[u8], Raw>>);

/// The topics by their numbers in the file.
struct Stage<'a> {
    bus: &'a Bus,
    arguments: &'a Replay,
    topics: HashMap<u32, Role>,
}

impl Stage<'_> {
    fn enter(&mut self, number: u32, fingerprint: u64, name: &str) -> Result<(), Failure> {
        let name = match &self.arguments.below {
            Some(below) => format!("{below}/{name}"),
            None => name.to_owned(),
        };
        let topic = Topic::new(name).map_err(libkipc::Error::from)?;
        let mut publisher = None;
        if !self.arguments.dry_run {
            let mut builder = self.bus.raw_publisher(&topic)?.fingerprint(fingerprint);
            if let Some(mode) = self.arguments.mode {
                builder = builder.mode(mode);
            }
            publisher = Some(builder.create()?);
        }
        self.topics.insert(number, (topic, publisher));
        Ok(())
    }

    fn publish(&self, number: u32, tag: u32, payload: &[u8]) -> Result<(), Failure> {
        match self.topics.get(&number) {
            Some((_, Some(publisher))) => Ok(publisher.tagged(tag).publish(payload)?),
            Some((topic, None)) => output::line(&format!("{topic}: {}", output::escaped(payload))),
            None => Err(Failure::Input(
                "a message of no topic: the file is damaged".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_as_they_were_sent_at_the_speed_that_is_wanted() {
        let mut clock = Clock::new(2.0);
        let first = clock.due(1_000_000_000).unwrap();
        assert_eq!(
            clock.due(2_000_000_000).unwrap() - first,
            Duration::from_millis(500)
        );
        // Time that goes back, as from another boot, does not hold anything up.
        assert_eq!(clock.due(5), Some(first));
        assert_eq!(Clock::new(0.0).due(7), None);
    }
}
