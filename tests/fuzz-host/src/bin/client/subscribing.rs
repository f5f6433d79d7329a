// SPDX-License-Identifier: GPL-2.0

//! A subscriber, and what it makes of what comes.

use crate::Bincode;
use crate::Bus;
use crate::Codec;
use crate::Decode;
use crate::Error;
use crate::Item;
use crate::Json;
use crate::Message;
use crate::Raw;
use crate::Result;
use crate::Subscriber;
use crate::inbox::Inbox;
use crate::inbox::RawItem;
use crate::inbox::WholeMessage;
use crate::kernel;
use crate::socket::Socket;
use crate::socket::Wait;
use std::time::Duration;

/// Something of everything that a codec has to read.
#[derive(bincode::Decode, serde::Deserialize)]
#[allow(dead_code, reason = "it is only read")]
struct Value {
    number: u64,
    signed: Option<i16>,
    text: String,
    list: Vec<(u8, f32)>,
    choice: Choice,
}

#[derive(bincode::Decode, serde::Deserialize)]
#[allow(dead_code, reason = "it is only read")]
enum Choice {
    Nothing,
    Character(char),
    Bytes { bytes: Box<[u8]> },
}

/// Receives in one of all ways.
pub(crate) fn run(bus: &Bus, options: u8) {
    let _ = match options % 8 {
        0 => take(
            bus,
            options,
            |subscriber: &mut Subscriber<Value, Bincode>| {
                subscriber.try_recv().map(|item| item.map(drop))
            },
        ),
        1 => take(bus, options, |subscriber: &mut Subscriber<Value, Json>| {
            subscriber.try_recv().map(|item| item.map(drop))
        }),
        2 => take(
            bus,
            options,
            |subscriber: &mut Subscriber<String, Bincode>| {
                let item = subscriber.try_recv_as::<&str>()?;
                Ok(item.map(drop))
            },
        ),
        3 => take(bus, options, |subscriber: &mut Subscriber<u64, Bincode>| {
            subscriber.next().transpose().map(|item| item.map(drop))
        }),
        4 => take(bus, options, |subscriber: &mut Subscriber<Vec<u8>, Raw>| {
            let item = subscriber.recv_timeout_as::<&[u8]>(Duration::ZERO)?;
            Ok(item.map(drop))
        }),
        _ => take(bus, options, |subscriber: &mut Subscriber<Vec<u8>, Raw>| {
            subscriber.recv().map(|_| Some(()))
        }),
    };
}

fn take<T, C: Codec + for<'a> Decode<'a, T>>(
    bus: &Bus,
    options: u8,
    mut next: impl FnMut(&mut Subscriber<T, C>) -> Result<Option<()>>,
) -> Result<()> {
    let mut builder = bus.subscriber("a/**")?.codec::<C>().fingerprint(5);
    if options & 0x10 != 0 {
        builder = builder.credentials();
    }
    if options & 0x20 != 0 {
        builder = builder.events().history();
    }
    let mut subscriber = builder.create()?;
    let most = most_items();
    for _ in 0..=most {
        match next(&mut subscriber) {
            Ok(Some(())) => {}
            Ok(None) | Err(Error::Io { .. }) => return Ok(()),
            Err(error) => drop(error.to_string()),
        }
    }
    panic!("more than {most} items");
}

/// Lets the kernel say all it has; returns how many items that can be at most. A message is a
/// header at least, and the rest of a datagram may be one that is malformed.
fn most_items() -> usize {
    let (bytes, arrivals) = kernel::speak();
    // What came with the answer to subscribe is in the inbox already.
    const EARLY: usize = 1 << 12;
    bytes / 16 + 2 * arrivals + EARLY
}

/// What was received, in a form that both ways have.
#[derive(Debug, PartialEq)]
enum Seen {
    Message(String, u64, Vec<u8>),
    Lost(String, u64, u64),
    Joined(String, u32),
    Gone(String, u32),
    Removed(String),
    Error,
}

/// Messages have a way of their own through the inbox; it leads where the other leads.
pub(crate) fn compare(bus: &Bus) {
    let Ok(mut subscriber) = bus
        .raw_subscriber("**")
        .and_then(|builder| builder.create())
    else {
        return;
    };
    let most = most_items();
    let waiting = kernel::copy();
    let mut fast = Vec::new();
    loop {
        match subscriber.try_recv_as::<&[u8]>() {
            Ok(Some(item)) => fast.push(seen(item)),
            Ok(None) if !kernel::is_readable() => break,
            Ok(None) => {}
            Err(_) => fast.push(Seen::Error),
        }
        assert!(fast.len() <= most, "more than {most} items");
    }
    kernel::replace(waiting);
    let slow = step_by_step(most);
    for (fast, slow) in fast.iter().zip(&slow) {
        assert_eq!(fast, slow);
        // It is let go of at another time, which shows if a message follows; the kernel sends none.
        if matches!(fast, Seen::Removed(_)) {
            return;
        }
    }
    assert_eq!(fast.len(), slow.len());
}

fn seen(item: Item<&[u8]>) -> Seen {
    let topic = item.topic().to_string();
    match item {
        Item::Message(Message { seq, value, .. }) => Seen::Message(topic, seq, value.to_vec()),
        Item::Lost { first, count, .. } => Seen::Lost(topic, first, count),
        Item::Joined { publisher, .. } => Seen::Joined(topic, publisher.get()),
        Item::Gone { publisher, .. } => Seen::Gone(topic, publisher.get()),
        Item::Removed { .. } => Seen::Removed(topic),
    }
}

/// The same datagrams, each message by the general way.
fn step_by_step(most: usize) -> Vec<Seen> {
    let mut all = Vec::new();
    let Ok(socket) = Socket::open(0) else {
        return all;
    };
    let mut inbox = Inbox::new(crate::inbox::data_room(1), false);
    loop {
        match inbox.fill(&socket, Wait::No) {
            Ok(true) => {}
            Ok(false) if !kernel::is_readable() => return all,
            Ok(false) => continue,
            Err(_) => all.push(Seen::Error),
        }
        while let Some(step) = inbox.step() {
            all.push(match step.and_then(|step| inbox.view(step).map(viewed)) {
                Ok(seen) => seen,
                Err(_) => Seen::Error,
            });
            assert!(all.len() <= most, "more than {most} items");
        }
    }
}

fn viewed(item: RawItem<'_>) -> Seen {
    match item {
        RawItem::Message(WholeMessage {
            header,
            topic,
            payload,
            ..
        }) => Seen::Message(topic.to_string(), header.seq, payload.to_vec()),
        RawItem::Lost {
            topic,
            first,
            count,
        } => Seen::Lost(topic.to_string(), first, count),
        RawItem::Joined { topic, publisher } => Seen::Joined(topic.to_string(), publisher.get()),
        RawItem::Gone { topic, publisher } => Seen::Gone(topic.to_string(), publisher.get()),
        RawItem::Removed { topic } => Seen::Removed(topic.to_string()),
    }
}
