// SPDX-License-Identifier: GPL-2.0

//! What `kipc pub` and `kipc sub --json` do, as small programs with libkipc: one that blocks, one
//! that awaits.

use std::io::BufRead as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use libkipc::Bus;
use libkipc::Error;
use libkipc::Item;
use libkipc::Overflow;
use libkipc::Publisher;
use libkipc::Raw;
use libkipc::Subscriber;
use serde_json::json;

type Result = libkipc::Result<()>;

/// Runs one of them; the exit codes are those of `kipc`.
pub fn run(awaits: bool, arguments: &[String]) -> ExitCode {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["pub", ref options @ .., topic] => publisher(options, topic).and_then(|publisher| {
            if awaits {
                runtime().block_on(publish_awaiting(publisher))
            } else {
                publish(&publisher)
            }
        }),
        ["sub", ref options @ .., pattern] => subscriber(options, pattern).and_then(|subscriber| {
            eprintln!("kipc: subscribed to {pattern}");
            if awaits {
                runtime().block_on(subscribe_awaiting(subscriber))
            } else {
                subscriber.into_iter().try_for_each(|item| show(&item?))
            }
        }),
        _ => panic!("unknown arguments {words:?}"),
    };
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("kipc: {error}");
    ExitCode::from(match error {
        Error::ModuleMissing => 3,
        Error::Refused(_) => 4,
        _ => 1,
    })
}

/// A runtime of this thread.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn publisher(options: &[&str], topic: &str) -> libkipc::Result<Publisher<[u8], Raw>> {
    let mut builder = Bus::connect()?.raw_publisher(topic)?;
    for option in options.chunks(2) {
        builder = match *option {
            ["--history", number] => builder.history(number.parse().expect("a number")),
            ["--wait", time] => builder.wait(seconds(time)),
            ["--mode", mode] => builder.mode(u32::from_str_radix(mode, 8).expect("a mode")),
            _ => panic!("unknown options {options:?}"),
        };
    }
    builder.create()
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs_f64(text.parse().expect("a number"))
}

fn publish(publisher: &Publisher<[u8], Raw>) -> Result {
    for line in std::io::stdin().lock().lines() {
        publisher.publish(line.expect("a line").as_bytes())?;
    }
    Ok(())
}

async fn publish_awaiting(publisher: Publisher<[u8], Raw>) -> Result {
    let publisher = libkipc::tokio::Publisher::new(publisher);
    for line in std::io::stdin().lock().lines() {
        publisher.publish(line.expect("a line").as_bytes()).await?;
    }
    Ok(())
}

fn subscriber(options: &[&str], pattern: &str) -> libkipc::Result<Subscriber<Vec<u8>, Raw>> {
    let mut builder = Bus::connect()?.raw_subscriber(pattern)?;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        builder = match *option {
            "--json" | "--verbose" => builder,
            "--history" => builder.history(),
            "--events" => builder.events(),
            "--overflow" => builder.overflow(match options.next() {
                Some(&"drop-newest") => Overflow::DropNewest,
                Some(&"drop-oldest") => Overflow::DropOldest,
                Some(&"block") => Overflow::Block,
                Some(&"fail") => Overflow::Fail,
                other => panic!("unknown policy {other:?}"),
            }),
            _ => panic!("unknown option {option}"),
        };
    }
    builder.create()
}

async fn subscribe_awaiting(subscriber: Subscriber<Vec<u8>, Raw>) -> Result {
    let mut stream = std::pin::pin!(libkipc::tokio::Subscriber::new(subscriber)?);
    // As a stream, which is what most will use.
    while let Some(item) = next(stream.as_mut()).await {
        show(&item?)?;
    }
    Ok(())
}

/// The next of a stream; crates such as futures-util have it, too.
async fn next<S: futures_core::Stream>(mut stream: std::pin::Pin<&mut S>) -> Option<S::Item> {
    std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
}

fn show(item: &Item<Vec<u8>>) -> Result {
    let topic = item.topic().as_str();
    let line = match item {
        Item::Message(message) => json!({
            "type": "message", "topic": topic, "seq": message.seq,
            "publisher": message.publisher.get(), "payload": String::from_utf8_lossy(&message.value),
        }),
        Item::Lost { first, count, .. } => {
            json!({ "type": "lost", "topic": topic, "first": first, "count": count })
        }
        Item::Joined { publisher, .. } => {
            json!({ "type": "joined", "topic": topic, "publisher": publisher.get() })
        }
        Item::Gone { publisher, .. } => {
            json!({ "type": "gone", "topic": topic, "publisher": publisher.get() })
        }
        Item::Removed { .. } => json!({ "type": "removed", "topic": topic }),
        other => panic!("{other:?}"),
    };
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").expect("write a line");
    output.flush().expect("flush");
    Ok(())
}
