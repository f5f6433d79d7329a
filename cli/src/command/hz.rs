// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc hz`: how often messages come.

use std::collections::BTreeMap;
use std::time::Instant;

use libkipc::Bus;
use libkipc::Item;
use libkipc::Topic;
use serde::Serialize;

use crate::cli::Hz;
use crate::failure::Failure;
use crate::feed::Feed;
use crate::feed::Next;
use crate::interrupt::Interrupts;
use crate::output;
use crate::output::Table;

/// What came of one topic in one interval. Lost messages came, too.
#[derive(Default)]
struct Count {
    messages: u64,
    bytes: u64,
    lost: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    hz: f64,
    bytes_per_second: f64,
    lost: u64,
}

pub(crate) fn run(bus: &Bus, arguments: &Hz) -> Result<(), Failure> {
    let interrupts = Interrupts::watch()?;
    let mut feed = Feed::new(
        bus.raw_subscriber(&arguments.pattern)?.create()?,
        interrupts,
    );
    let mut counts: BTreeMap<Topic, Count> = BTreeMap::new();
    let mut from = Instant::now();
    let mut intervals = 0;
    loop {
        match feed.next(from.checked_add(arguments.interval))? {
            Next::Stop => return Ok(()),
            Next::Item(Item::Message(message)) => {
                let count = counts.entry(message.topic).or_default();
                count.messages += 1;
                count.bytes += message.value.len() as u64;
            }
            Next::Item(Item::Lost { topic, count, .. }) => {
                counts.entry(topic).or_default().lost += count;
            }
            Next::Item(Item::Removed { topic, .. }) => {
                counts.remove(&topic);
            }
            Next::Item(_) => {}
            Next::Time => {
                let now = Instant::now();
                print(&counts, (now - from).as_secs_f64(), arguments.json)?;
                from = now;
                // Known topics stay, and show that nothing comes.
                counts
                    .values_mut()
                    .for_each(|count| *count = Count::default());
                intervals += 1;
                if arguments.count == Some(intervals) {
                    return Ok(());
                }
            }
        }
    }
}

fn print(counts: &BTreeMap<Topic, Count>, seconds: f64, json: bool) -> Result<(), Failure> {
    let rate = |count: u64| count as f64 / seconds;
    if json {
        return counts.iter().try_for_each(|(topic, count)| {
            output::line(&output::json(&Line {
                topic: topic.as_str(),
                hz: rate(count.messages + count.lost),
                bytes_per_second: rate(count.bytes),
                lost: count.lost,
            }))
        });
    }
    let mut table = Table::new(&["HZ", "BYTES/S", "LOST", "TOPIC"]);
    for (topic, count) in counts {
        table.row(vec![
            format!("{:.1}", rate(count.messages + count.lost)),
            format!("{:.0}", rate(count.bytes)),
            count.lost.to_string(),
            topic.to_string(),
        ]);
    }
    output::line(&table.to_string())
}
