// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc top`: the bus, live.

use std::collections::HashMap;
use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::time::Instant;

use crossterm::cursor;
use crossterm::execute;
use crossterm::terminal;
use libkipc::Bus;
use libkipc::StatisticsEntry;
use libkipc::TopicEntry;
use serde::Serialize;

use crate::cli::Top;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::interrupt::Wake;
use crate::output;
use crate::output::Table;

/// One look at a topic.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    published_per_second: f64,
    delivered_per_second: f64,
    dropped_per_second: f64,
    published: u64,
    publishers: u32,
    subscribers: u32,
    retained: u32,
}

/// Totals by the topic's id, and when they were read.
struct Look {
    time: Instant,
    totals: HashMap<u32, StatisticsEntry>,
}

impl Look {
    fn take(bus: &Bus) -> Result<Self, Failure> {
        let entries = bus.statistics()?;
        Ok(Self {
            time: Instant::now(),
            totals: entries.into_iter().map(|entry| (entry.id, entry)).collect(),
        })
    }
}

pub(crate) fn run(bus: &Bus, arguments: &Top) -> Result<(), Failure> {
    let interrupts = Interrupts::watch()?;
    // Where there is no terminal, one look follows the other.
    let live = io::stdout().is_terminal() && !arguments.json;
    let _screen = live.then(Screen::enter).transpose()?;
    let mut before = Look::take(bus)?;
    let mut looks = 0;
    loop {
        match interrupts.wait(None, before.time.checked_add(arguments.interval))? {
            Wake::Stop => return Ok(()),
            Wake::Ready | Wake::Time => {}
        }
        let topics = bus.topics()?;
        let now = Look::take(bus)?;
        let mut lines: Vec<_> = topics
            .iter()
            .filter_map(|topic| line(topic, &before, &now))
            .collect();
        // The busiest first.
        lines.sort_by(|a, b| {
            b.published_per_second
                .total_cmp(&a.published_per_second)
                .then_with(|| a.topic.cmp(b.topic))
        });
        if arguments.json {
            lines
                .iter()
                .try_for_each(|line| output::line(&output::json(line)))?;
        } else if live {
            Screen::draw(&lines)?;
        } else {
            output::line(&table(&lines).to_string())?;
        }
        before = now;
        looks += 1;
        if arguments.count == Some(looks) {
            return Ok(());
        }
    }
}

fn line<'a>(topic: &'a TopicEntry, before: &Look, now: &Look) -> Option<Line<'a>> {
    let totals = now.totals.get(&topic.id)?;
    let earlier = before.totals.get(&topic.id);
    let seconds = (now.time - before.time).as_secs_f64();
    // What appeared since the last look began with nothing.
    let rate = |of: fn(&StatisticsEntry) -> u64| {
        of(totals).saturating_sub(earlier.map_or(0, of)) as f64 / seconds
    };
    Some(Line {
        topic: &topic.name,
        published_per_second: rate(|entry| entry.published),
        delivered_per_second: rate(|entry| entry.delivered),
        dropped_per_second: rate(|entry| entry.dropped),
        published: totals.published,
        publishers: topic.publishers,
        subscribers: topic.subscribers,
        retained: topic.retained,
    })
}

fn table(lines: &[Line<'_>]) -> Table {
    let mut table = Table::new(&[
        "MSG/S", "DELIV/S", "DROP/S", "PUB", "SUB", "RETAINED", "TOTAL", "TOPIC",
    ]);
    for line in lines {
        table.row(vec![
            format!("{:.0}", line.published_per_second),
            format!("{:.0}", line.delivered_per_second),
            format!("{:.0}", line.dropped_per_second),
            line.publishers.to_string(),
            line.subscribers.to_string(),
            line.retained.to_string(),
            line.published.to_string(),
            line.topic.to_owned(),
        ]);
    }
    table
}

/// A screen of its own; the old one comes back when this is dropped.
struct Screen;

impl Screen {
    fn enter() -> Result<Self, Failure> {
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)
            .map_err(|error| Failure::Stream("write", error))?;
        Ok(Self)
    }

    fn draw(lines: &[Line<'_>]) -> Result<(), Failure> {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        let sum: f64 = lines.iter().map(|line| line.published_per_second).sum();
        let head = format!("{} topics, {sum:.0} messages/s; Ctrl-C ends", lines.len());
        let text = format!("{head}\n\n{}", table(lines));
        let mut screen = String::new();
        for line in text.lines().take(rows.into()) {
            screen.extend(line.chars().take(columns.into()));
            screen.push_str("\x1b[K\r\n");
        }
        // Without the last end of line, which would scroll.
        let screen = screen.strip_suffix("\r\n").unwrap_or(&screen);
        let mut output = io::stdout().lock();
        execute!(output, cursor::MoveTo(0, 0))
            .and_then(|()| write!(output, "{screen}"))
            .and_then(|()| execute!(output, terminal::Clear(terminal::ClearType::FromCursorDown)))
            .map_err(|error| Failure::Stream("write", error))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nobody is left to tell if this fails.
        let _ = execute!(io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
    }
}
