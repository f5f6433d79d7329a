// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc record`.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use libkipc::Bus;
use libkipc::Item;
use libkipc::Topic;

use crate::cli;
use crate::failure::Failure;
use crate::feed;
use crate::feed::Feed;
use crate::feed::Next;
use crate::interrupt::Interrupts;
use crate::output;
use crate::recording::Record;
use crate::recording::Writer;

/// How often what was received goes to the file, and progress to a terminal.
const PERIOD: Duration = Duration::from_secs(1);

pub(crate) fn run(bus: &Bus, arguments: &cli::Record) -> Result<(), Failure> {
    let interrupts = Interrupts::watch()?;
    let failed = |error| Failure::File(arguments.file.clone(), error);
    let file = File::create(&arguments.file).map_err(failed)?;
    let mut writer = Writer::new(BufWriter::new(file)).map_err(failed)?;
    let mut builder = bus.raw_subscriber(&arguments.pattern)?;
    if arguments.history {
        builder = builder.history();
    }
    if let Some(bytes) = arguments.receive_buffer {
        builder = builder.receive_buffer(bytes);
    }
    let mut feed = Feed::new(builder.create()?, interrupts);
    let deadline = feed::deadline(arguments.timeout);
    let mut tick = Instant::now() + PERIOD;
    let mut topics = Topics::default();
    let (mut received, mut lost) = (0, 0);
    let result = loop {
        let until = deadline.map_or(tick, |deadline| deadline.min(tick));
        match feed.next(Some(until))? {
            Next::Item(item) => {
                match &item {
                    Item::Message(_) => received += 1,
                    Item::Lost { count, .. } => lost += count,
                    _ => {}
                }
                topics
                    .record(item, |record| writer.write(&record))
                    .map_err(failed)?;
                if arguments.count == Some(received) {
                    break Ok(());
                }
            }
            Next::Time => {
                writer.flush().map_err(failed)?;
                tick = Instant::now() + PERIOD;
                progress(&format!("{received} messages, {lost} lost"));
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    break output::enough(received, arguments.count);
                }
            }
            Next::Stop => break Ok(()),
        }
    };
    writer.flush().map_err(failed)?;
    let _ = writeln!(
        io::stderr(),
        "kipc: {received} messages of {} topics in {}, {lost} lost",
        topics.numbers.len(),
        arguments.file.display()
    );
    result
}

/// One line that the next one overwrites, for whoever sits there.
pub(crate) fn progress(text: &str) {
    let mut output = io::stderr();
    if output.is_terminal() {
        let _ = write!(output, "\r{text}\x1b[K\r");
        let _ = output.flush();
    }
}

/// Numbers for topics: those of the bus mean nothing later.
#[derive(Default)]
struct Topics {
    numbers: HashMap<(Topic, u64), u32>,
}

impl Topics {
    /// Turns an item into records, if it is one to keep.
    fn record(
        &mut self,
        item: Item<Vec<u8>>,
        mut write: impl FnMut(Record) -> io::Result<()>,
    ) -> io::Result<()> {
        match item {
            Item::Message(message) => {
                let topic = self.number(message.topic, message.fingerprint, &mut write)?;
                write(Record::Message {
                    topic,
                    tag: message.tag,
                    seq: message.seq,
                    time: u64::try_from(message.time.as_nanos()).unwrap_or(u64::MAX),
                    publisher: message.publisher.get(),
                    payload: message.value,
                })
            }
            Item::Lost {
                topic,
                first,
                count,
                ..
            } => {
                // Lost messages show no type. They belong to what is known of the topic.
                let known = self.numbers.iter().find(|((name, _), _)| *name == topic);
                let topic = match known {
                    Some((_, number)) => *number,
                    None => self.number(topic, 0, &mut write)?,
                };
                write(Record::Lost {
                    topic,
                    first,
                    count,
                })
            }
            _ => Ok(()),
        }
    }

    fn number(
        &mut self,
        topic: Topic,
        fingerprint: u64,
        write: &mut impl FnMut(Record) -> io::Result<()>,
    ) -> io::Result<u32> {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        let key = (topic, fingerprint);
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        write(Record::Topic {
            number: next,
            fingerprint,
            name: key.0.to_string(),
        })?;
        self.numbers.insert(key, next);
        Ok(next)
    }
}
