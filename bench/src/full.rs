// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a publish costs when the queue of each subscriber is full.

use crate::case::Case;
use crate::case::Overflow;
use crate::case::Variant;
use crate::link::kipc::Kipc;
use crate::link::netlink;
use crate::link::netlink::Socket;
use crate::measure::Clock;
use crate::measure::Samples;
use crate::wire::header;
use crate::wire::message;
use crate::wire::record::Record;
use rustix::io::Errno;

/// Fills the smallest queue there is, several times over.
const FILLING: usize = 64;

/// Times publishes that nobody has room for, and then checks what became of them.
pub(crate) fn measure(clock: &Clock, case: Case, messages: usize) -> Result<Samples, String> {
    let Variant::Full(overflow) = case.variant else {
        return Err(format!("{case} is no case of full queues"));
    };
    let (publisher, subscribers, message) = Kipc::open(case)?.into_parts();
    for subscriber in &subscribers {
        subscriber
            .shrink_queue()
            .map_err(|errno| errno.to_string())?;
    }
    let mut samples = Samples::default();
    let mut refused = 0_usize;
    for round in 0..FILLING.saturating_add(messages) {
        let sent = clock.time(|| publisher.send(&message));
        let ((), cost) = sent.map_err(|errno| errno.to_string())?;
        refused = refused.saturating_add(refusals(&publisher)?);
        if round >= FILLING {
            samples.add(cost);
        }
    }
    let mut fates = vec![(0, 0); subscribers.len()];
    let read = |fates: &mut Vec<(usize, usize)>| {
        subscribers
            .iter()
            .zip(fates)
            .try_for_each(|(subscriber, fate)| take(subscriber, fate))
    };
    read(&mut fates)?;
    // A loss at the end is told with the next message.
    publisher
        .send(&message)
        .map_err(|errno| errno.to_string())?;
    read(&mut fates)?;
    let sent = FILLING.saturating_add(messages).saturating_add(1);
    let accepted = sent.saturating_sub(refused);
    for (received, lost) in fates {
        let was_full = match overflow {
            Overflow::Fail => refused >= messages && lost == 0,
            _ => refused == 0 && lost >= messages,
        };
        if received.saturating_add(lost) != accepted || !was_full {
            return Err(format!(
                "{sent} messages: {refused} refused, {received} came, {lost} were lost"
            ));
        }
    }
    Ok(samples)
}

/// Takes what the publisher was told: one refusal per message at most.
fn refusals(publisher: &Socket) -> Result<usize, String> {
    let mut room = [0; 512];
    let mut count = 0_usize;
    loop {
        match publisher.receive(&mut room) {
            Err(Errno::AGAIN) => return Ok(count),
            Err(errno) => return Err(errno.to_string()),
            Ok(len) => netlink::for_each(room.get(..len).unwrap_or_default(), |header, _| {
                if header.kind != header::TYPE_ERROR {
                    return Err(format!("the publisher got type {}", header.kind));
                }
                count = count.saturating_add(1);
                Ok(())
            })?,
        }
    }
}

/// Empties the queue; adds how many messages were received, and how many were lost.
fn take(subscriber: &Socket, (received, lost): &mut (usize, usize)) -> Result<(), String> {
    let mut room = vec![0; 64 << 10];
    loop {
        match subscriber.receive(&mut room) {
            // What is queued can still be read behind it.
            Err(Errno::NOBUFS) => {}
            Err(Errno::AGAIN) => return Ok(()),
            Err(errno) => return Err(errno.to_string()),
            Ok(len) => netlink::for_each(room.get(..len).unwrap_or_default(), |header, body| {
                if header.kind == message::PUBLISH {
                    *received = received.saturating_add(1);
                } else if let Ok(Record::Lost { count, .. }) = Record::parse(header, body) {
                    *lost = lost.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
                }
                Ok(())
            })?,
        }
    }
}
