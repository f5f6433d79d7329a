// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc bench`: how fast messages go through the kernel here.
//!
//! One process with a thread for each socket. Throughput: subscribers make the publisher wait, so
//! that nothing is lost (but batches do not wait). Round trip: a message there and one back.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use libkipc::Bus;
use libkipc::Error;
use libkipc::Item;
use libkipc::Overflow;
use libkipc::Publisher;
use libkipc::Raw;
use libkipc::Subscriber;
use libkipc::Topic;
use serde::Serialize;

use crate::cli::Bench;
use crate::command::record::progress;
use crate::failure::Failure;
use crate::output;

/// How long anything may take that should be there at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most round trips.
const TRIPS: u64 = 20_000;

type Sender = Publisher<[u8], Raw>;
type Receiver = Subscriber<Vec<u8>, Raw>;

#[derive(Serialize)]
struct Report {
    messages: u64,
    size: usize,
    subscribers: u32,
    batch: u32,
    messages_per_second: f64,
    delivered_per_second: f64,
    bytes_per_second: f64,
    lost: u64,
    round_trips: u64,
    round_trip_us_median: f64,
    round_trip_us_p99: f64,
}

pub(crate) fn run(bus: &Bus, arguments: &Bench) -> Result<(), Failure> {
    progress("measuring throughput");
    let (seconds, received, lost) = throughput(bus, arguments)?;
    progress("measuring round trips");
    let trips = round_trips(bus, arguments)?;
    progress("");
    let rate = |count: u64| count as f64 / seconds;
    let percentile = |part: usize| {
        let index = (trips.len() * part / 100).min(trips.len().saturating_sub(1));
        trips
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    let report = Report {
        messages: arguments.messages,
        size: arguments.size,
        subscribers: arguments.subscribers,
        batch: arguments.batch,
        messages_per_second: rate(arguments.messages),
        delivered_per_second: rate(received),
        bytes_per_second: rate(received) * arguments.size as f64,
        lost,
        round_trips: trips.len() as u64,
        round_trip_us_median: percentile(50),
        round_trip_us_p99: percentile(99),
    };
    output::line(&if arguments.json {
        output::json(&report)
    } else {
        format!(
            "published   {:.0} messages/s of {} bytes, {} per system call\n\
             delivered   {:.0} messages/s to {} subscribers, {:.1} MB/s, {} lost\n\
             round trip  {:.1} us median, {:.1} us 99th percentile",
            report.messages_per_second,
            report.size,
            report.batch,
            report.delivered_per_second,
            report.subscribers,
            report.bytes_per_second / 1e6,
            report.lost,
            report.round_trip_us_median,
            report.round_trip_us_p99,
        )
    })
}

fn topic(name: &str) -> Result<Topic, Error> {
    Ok(Topic::new(format!(
        "kipc-bench/{}/{name}",
        std::process::id()
    ))?)
}

fn sender(bus: &Bus, topic: &Topic, waits: bool) -> Result<Sender, Error> {
    let builder = bus.raw_publisher(topic)?;
    if waits {
        builder.wait(PATIENCE).create()
    } else {
        builder.create()
    }
}

fn receiver(bus: &Bus, topic: &Topic, waits: bool) -> Result<Receiver, Error> {
    let overflow = if waits {
        Overflow::Block
    } else {
        Overflow::DropNewest
    };
    bus.raw_subscriber(topic)?.overflow(overflow).create()
}

/// Seconds that it took until the last subscriber had its last message; messages that were
/// received, and lost, by all.
fn throughput(bus: &Bus, arguments: &Bench) -> Result<(f64, u64, u64), Failure> {
    let topic = topic("throughput")?;
    let waits = arguments.batch == 1;
    let mut receivers = Vec::new();
    for _ in 0..arguments.subscribers {
        receivers.push(receiver(bus, &topic, waits)?);
    }
    let publisher = sender(bus, &topic, waits)?;
    let barrier = Barrier::new(receivers.len() + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = receivers
            .into_iter()
            .map(|receiver| {
                scope.spawn(|| {
                    barrier.wait();
                    receive(receiver, arguments.messages)
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        let published = publish(&publisher, arguments);
        // Its end ends subscribers that wait for more.
        drop(publisher);
        let (mut received, mut lost) = (0, 0);
        let mut failure = published.err();
        for thread in threads {
            match thread.join() {
                Ok(Ok((got, missing))) => {
                    received += got;
                    lost += missing;
                }
                Ok(Err(error)) => failure = Some(error),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        match failure {
            Some(error) => Err(error.into()),
            None => Ok((start.elapsed().as_secs_f64(), received, lost)),
        }
    })
}

fn publish(publisher: &Sender, arguments: &Bench) -> Result<(), Error> {
    let payload = vec![0x6b; arguments.size];
    let mut left = arguments.messages;
    while left > 0 {
        if arguments.batch == 1 {
            publisher.publish(&payload)?;
            left -= 1;
        } else {
            let count = left.min(arguments.batch.into());
            publisher.publish_batch((0..count).map(|_| &payload[..]))?;
            left -= count;
        }
    }
    Ok(())
}

/// Receives until so many messages came or were lost.
fn receive(mut receiver: Receiver, messages: u64) -> Result<(u64, u64), Error> {
    let (mut received, mut lost) = (0, 0);
    while received + lost < messages {
        match receiver.recv_as::<&[u8]>()? {
            Item::Message(_) => received += 1,
            Item::Lost { count, .. } => lost += count,
            Item::Removed { .. } => break,
            _ => {}
        }
    }
    Ok((received, lost))
}

/// How long messages take there and back, the shortest first.
fn round_trips(bus: &Bus, arguments: &Bench) -> Result<Vec<Duration>, Failure> {
    let (there, back) = (topic("there")?, topic("back")?);
    let mut far = receiver(bus, &there, true)?;
    let mut near = receiver(bus, &back, true)?;
    let ping = sender(bus, &there, true)?;
    let pong = sender(bus, &back, true)?;
    let payload = vec![0x6b; arguments.size];
    let trips = arguments.messages.min(TRIPS);
    let mut times = Vec::new();
    thread::scope(|scope| {
        let echo = scope.spawn(move || {
            for _ in 0..trips {
                match far.recv_as::<&[u8]>()? {
                    Item::Message(message) => pong.publish(message.value)?,
                    // The other side has failed.
                    _ => break,
                }
            }
            Ok::<_, Error>(())
        });
        let mut measure = || {
            for _ in 0..trips {
                let start = Instant::now();
                ping.publish(&payload)?;
                near.recv_as::<&[u8]>()?;
                times.push(start.elapsed());
            }
            Ok::<_, Error>(())
        };
        let measured = measure();
        drop(ping);
        match echo.join() {
            Ok(echoed) => measured.and(echoed),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })?;
    times.sort_unstable();
    Ok(times)
}
