// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages per second, from the first one that is sent until the last subscriber has the last one;
//! processor time per message that was delivered; what was lost.

use crate::Error;
use crate::bench::Bench;
use crate::child::Child;
use crate::group;
use crate::report::Report;
use crate::tally::Tally;

/// How many of each, and how large the messages are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    pub(crate) size: usize,
}

/// Nanoseconds that a burst should last; its length is found by a short one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) first: u64,
    pub(crate) aim: u64,
    pub(crate) most_bytes: u64,
}

struct Burst {
    tally: Tally,
    nanoseconds: u64,
    microseconds_of_processor: u64,
    switches: u64,
}

/// The processes of a measurement, which know each other.
struct Party {
    publishers: Vec<Child>,
    subscribers: Vec<Child>,
    bursts: u32,
}

impl Party {
    fn gather(bench: &mut Bench<'_>, shape: Shape) -> Result<Self, Error> {
        let mut link = bench.link(shape.publishers, shape.subscribers, shape.size);
        let mut subscribers = Vec::new();
        for _ in 0..shape.subscribers {
            subscribers.push(bench.child("subscriber", &link, 0)?);
        }
        let mut publishers = Vec::new();
        for publisher in 0..shape.publishers {
            link.publisher = publisher;
            publishers.push(bench.child("publisher", &link, 0)?);
        }
        for subscriber in &subscribers {
            subscriber.expect("ready")?;
        }
        Ok(Self {
            publishers,
            subscribers,
            bursts: 0,
        })
    }

    /// Each publisher sends so many.
    fn burst(&mut self, bench: &Bench<'_>, count: u64, size: usize) -> Result<Burst, Error> {
        self.bursts += 1;
        let before = bench.group.processor()?;
        let switches_before = group::switches()?;
        for publisher in &mut self.publishers {
            publisher.tell(&format!("{} {count} {size}", self.bursts))?;
        }
        let mut first = u64::MAX;
        for publisher in &self.publishers {
            let line = publisher.expect("sent")?;
            let time = line.split_whitespace().next().unwrap_or_default().parse()?;
            first = first.min(time);
        }
        let mut tallies = Vec::new();
        for subscriber in &self.subscribers {
            let line = subscriber.expect("tally")?;
            let (_, tally) = line.split_once(' ').ok_or("an empty tally")?;
            tallies.push(tally.parse()?);
        }
        let tally = Tally::sum(&tallies);
        Ok(Burst {
            nanoseconds: tally.last.saturating_sub(first).max(1),
            tally,
            microseconds_of_processor: bench.group.processor()? - before,
            switches: group::switches()? - switches_before,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn run(
    bench: &mut Bench<'_>,
    shape: Shape,
    effort: Effort,
    report: &mut Report,
) -> Result<(), Error> {
    let mut party = Party::gather(bench, shape)?;
    let first = party.burst(bench, effort.first, shape.size)?;
    let most = effort.most_bytes / u64::try_from(shape.size * shape.publishers)?;
    let count = (effort.first.saturating_mul(effort.aim) / first.nanoseconds)
        .min(most)
        .max(effort.first);
    let burst = party.burst(bench, count, shape.size)?;
    let name = format!(
        "{}:{} {} B",
        shape.publishers, shape.subscribers, shape.size
    );
    let tally = &burst.tally;
    // What every subscriber got counts once: lost messages make nobody faster.
    let delivered = tally.received as f64 / shape.subscribers as f64;
    report.add(
        &format!("{name} messages/s"),
        delivered * 1e9 / burst.nanoseconds as f64,
    );
    report.add(
        &format!("{name} lost %"),
        tally.lost as f64 * 100.0 / (tally.lost + tally.received).max(1) as f64,
    );
    report.add(
        &format!("{name} processor us/delivery"),
        burst.microseconds_of_processor as f64 / tally.received.max(1) as f64,
    );
    report.add(
        &format!("{name} switches/delivery"),
        burst.switches as f64 / tally.received.max(1) as f64,
    );
    if tally.is_wrong() {
        return Err(format!("{name}: messages are wrong: {tally:?}").into());
    }
    if tally.lost > 0 && !bench.system.may_lose() {
        return Err(format!("{name}: messages are lost: {tally:?}").into());
    }
    Ok(())
}
