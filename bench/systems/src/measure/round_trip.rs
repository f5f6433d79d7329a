// SPDX-License-Identifier: MIT OR Apache-2.0

//! How long a message takes to another process and back, over two topics.

use std::thread::sleep;
use std::time::Duration;

use crate::Error;
use crate::bench::Bench;
use crate::message::SMALLEST;
use crate::report::Report;

/// The way there is used before it counts; nobody says when it is there.
const SETTLE: Duration = Duration::from_millis(300);

pub(crate) fn run(bench: &mut Bench<'_>, rounds: u64, report: &mut Report) -> Result<(), Error> {
    let link = bench.link(1, 1, SMALLEST);
    let mut echo = bench.child("echo", &link, 0)?;
    let ping = bench.child("ping", &link, rounds)?;
    ping.expect("ready")?;
    sleep(SETTLE);
    echo.tell("answer")?;
    let line = ping.expect("rounds")?;
    let numbers = line
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<Vec<f64>, _>>()?;
    let [median, late, wrong] = numbers[..] else {
        return Err(format!("not a result: {line}").into());
    };
    report.add("round trip median us", median);
    report.add("round trip p99 us", late);
    if wrong > 0.0 {
        return Err(format!("{wrong} messages of a round trip are wrong").into());
    }
    Ok(())
}
