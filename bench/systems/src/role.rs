// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the processes do that the program starts of itself. They are told by lines on their
//! standard input and answer by lines on their standard output; they end when the input does.

use std::collections::HashSet;
use std::io::BufRead as _;
use std::process::exit;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use crate::Error;
use crate::clock::now;
use crate::message::Buffer;
use crate::message::Head;
use crate::message::Kind;
use crate::message::read;
use crate::statistics::percentile;
use crate::system::Link;
use crate::system::Publisher;
use crate::system::System;
use crate::tally::Counter;

/// Between messages that only say that there is a way.
const WARM: Duration = Duration::from_millis(2);

/// Between repetitions of the end of a burst, which may be lost as well.
const END: Duration = Duration::from_millis(20);

/// Round trips that do not count.
const ROUNDS_BEFORE: u64 = 30;

/// Runs `role` with the words that [`crate::child`] made of a link.
pub(crate) fn run(role: &str, system: &dyn System, words: &[String]) -> Result<(), Error> {
    let [topic, publisher, publishers, subscribers, size, extra] = words else {
        return Err("a role needs a topic and five numbers".into());
    };
    let link = Link {
        topic: topic.clone(),
        publisher: publisher.parse()?,
        publishers: publishers.parse()?,
        subscribers: subscribers.parse()?,
        size: size.parse()?,
    };
    let commands = commands();
    match role {
        "publisher" => publish(system, &link, &commands),
        "subscriber" => subscribe(system, &link, commands),
        "ping" => ping(system, &link, extra.parse()?, commands),
        "echo" => echo(system, &link, commands),
        _ => Err(format!("no role is called {role}").into()),
    }
}

/// Lines of the standard input.
fn commands() -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Ends the process when the input does, whatever it is doing then.
fn end_with_input(commands: Receiver<String>) {
    thread::spawn(move || {
        for _ in commands {}
        exit(0);
    });
}

fn warm(publisher: &mut dyn Publisher, buffer: &mut Buffer, index: u32) -> Result<(), Error> {
    publisher.publish(buffer.with(Head {
        seq: 0,
        time: now(),
        publisher: index,
        burst: 0,
        kind: Kind::Warm,
    }))?;
    publisher.flush()
}

/// Publishes warm messages until there is a command, then a burst, then its end until there is
/// another command.
fn publish(system: &dyn System, link: &Link, commands: &Receiver<String>) -> Result<(), Error> {
    let mut publisher = system.publisher(link)?;
    let index = u32::try_from(link.publisher)?;
    let mut buffer = Buffer::new(0);
    println!("created");
    let mut ended: Option<(u32, u64)> = None;
    loop {
        let pause = if ended.is_some() { END } else { WARM };
        let command = match commands.recv_timeout(pause) {
            Ok(command) => command,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                match ended {
                    None => warm(publisher.as_mut(), &mut buffer, index)?,
                    Some((burst, count)) => {
                        end(publisher.as_mut(), &mut buffer, index, burst, count)?;
                    }
                }
                continue;
            }
        };
        let numbers = command
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()?;
        let [burst, count, size] = numbers[..] else {
            return Err(format!("not a command: {command}").into());
        };
        let burst = u32::try_from(burst)?;
        let mut messages = Buffer::new(usize::try_from(size)?);
        let first = now();
        for seq in 1..=count {
            publisher.publish(messages.with(Head {
                seq,
                time: 0,
                publisher: index,
                burst,
                kind: Kind::Data,
            }))?;
        }
        publisher.flush()?;
        println!("sent {first} {}", now());
        end(publisher.as_mut(), &mut buffer, index, burst, count)?;
        ended = Some((burst, count));
    }
}

fn end(
    publisher: &mut dyn Publisher,
    buffer: &mut Buffer,
    index: u32,
    burst: u32,
    count: u64,
) -> Result<(), Error> {
    publisher.publish(buffer.with(Head {
        seq: count,
        time: 0,
        publisher: index,
        burst,
        kind: Kind::End,
    }))?;
    publisher.flush()
}

/// Says when it has heard of every publisher, and after each burst what came.
fn subscribe(system: &dyn System, link: &Link, commands: Receiver<String>) -> Result<(), Error> {
    end_with_input(commands);
    let subscriber = system.subscriber(link)?;
    println!("created");
    let publishers = link.publishers;
    let mut heard = HashSet::new();
    let mut burst = 0;
    let mut counter = Counter::new(publishers);
    let mut reported = false;
    subscriber.run(Box::new(move |bytes| {
        let Some(head) = read(bytes) else {
            counter.corrupt();
            return;
        };
        match head.kind {
            Kind::Warm | Kind::Echo => {
                if heard.insert(head.publisher) && heard.len() == publishers {
                    println!("ready {}", now());
                }
            }
            Kind::Data | Kind::End => {
                if head.burst < burst {
                    // The end of an earlier burst, said again.
                    return;
                }
                if head.burst > burst {
                    burst = head.burst;
                    counter = Counter::new(publishers);
                    reported = false;
                }
                if head.kind == Kind::Data {
                    counter.data(&head, now());
                } else if let Some(tally) = counter.end(head.publisher, head.seq)
                    && !reported
                {
                    reported = true;
                    println!("tally {burst} {tally}");
                }
            }
        }
    }))
}

/// The way there and the way back.
fn ways(link: &Link) -> (Link, Link) {
    let way = |end: &str| Link {
        topic: format!("{}{end}", link.topic),
        publisher: 0,
        publishers: 1,
        subscribers: 1,
        size: link.size,
    };
    (way("a"), way("b"))
}

/// Sends a message, waits for it to come back, and sends the next one.
fn ping(
    system: &dyn System,
    link: &Link,
    rounds: u64,
    commands: Receiver<String>,
) -> Result<(), Error> {
    end_with_input(commands);
    let (there, back) = ways(link);
    let mut publisher = system.publisher(&there)?;
    let subscriber = system.subscriber(&back)?;
    println!("created");
    let mut buffer = Buffer::new(link.size);
    let mut linked = false;
    let mut seq = 0;
    let mut times = Vec::new();
    let mut wrong = 0_u64;
    let mut step = move |bytes: &[u8]| -> Result<(), Error> {
        let Some(head) = read(bytes) else {
            wrong += 1;
            return Ok(());
        };
        match head.kind {
            Kind::Warm if seq == 0 => {
                if !linked {
                    linked = true;
                    println!("ready {}", now());
                }
                return warm(publisher.as_mut(), &mut buffer, 0);
            }
            Kind::Echo if seq == 0 => {}
            Kind::Data if head.seq == seq => {
                if seq > ROUNDS_BEFORE {
                    #[expect(clippy::cast_precision_loss, reason = "no round takes days")]
                    times.push((now() - head.time) as f64 / 1000.0);
                }
                if seq == rounds + ROUNDS_BEFORE {
                    let median = percentile(&mut times, 0.5).unwrap_or(0.0);
                    let late = percentile(&mut times, 0.99).unwrap_or(0.0);
                    println!("rounds {median} {late} {wrong}");
                    seq += 1;
                    return Ok(());
                }
            }
            Kind::Data => {
                wrong += 1;
                return Ok(());
            }
            _ => return Ok(()),
        }
        seq += 1;
        publisher.publish(buffer.with(Head {
            seq,
            time: now(),
            publisher: 0,
            burst: 0,
            kind: Kind::Data,
        }))?;
        publisher.flush()
    };
    subscriber.run(Box::new(move |bytes| {
        if let Err(error) = step(bytes) {
            eprintln!("ping: {error}");
            exit(1);
        }
    }))
}

/// Sends warm messages until it is told to answer, then answers every message.
fn echo(system: &dyn System, link: &Link, commands: Receiver<String>) -> Result<(), Error> {
    let (there, back) = ways(link);
    let mut publisher = system.publisher(&back)?;
    let subscriber = system.subscriber(&there)?;
    let mut buffer = Buffer::new(link.size);
    println!("created");
    loop {
        match commands.recv_timeout(WARM * 5) {
            Ok(_) => break,
            Err(RecvTimeoutError::Timeout) => warm(publisher.as_mut(), &mut buffer, 0)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
    end_with_input(commands);
    subscriber.run(Box::new(move |bytes| {
        let result = match read(bytes) {
            Some(head) if head.kind == Kind::Warm => publisher.publish(buffer.with(Head {
                kind: Kind::Echo,
                ..head
            })),
            _ => publisher.publish(bytes),
        };
        if let Err(error) = result.and_then(|()| publisher.flush()) {
            eprintln!("echo: {error}");
            exit(1);
        }
    }))
}
