// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much memory one more subscriber takes, when nothing is sent: that of the processes, and all
//! that the system has less of, the kernel's own included.

use std::thread::sleep;
use std::time::Duration;

use crate::Error;
use crate::bench::Bench;
use crate::group::memory_of_system;
use crate::message::SMALLEST;
use crate::report::Report;

/// What processes free while they start is free by then.
const SETTLE: Duration = Duration::from_millis(300);

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn run(bench: &mut Bench<'_>, more: usize, report: &mut Report) -> Result<(), Error> {
    let few = used(bench, 1)?;
    let many = used(bench, 1 + more)?;
    let each = |few: u64, many: u64| (many as f64 - few as f64) / 1024.0 / more as f64;
    report.add("memory of processes KiB/subscriber", each(few.0, many.0));
    report.add("memory of system KiB/subscriber", each(few.1, many.1));
    Ok(())
}

fn used(bench: &mut Bench<'_>, subscribers: usize) -> Result<(u64, u64), Error> {
    let link = bench.link(1, subscribers, SMALLEST);
    let children = (0..subscribers)
        .map(|_| bench.child("subscriber", &link, 0))
        .collect::<Result<Vec<_>, _>>()?;
    let mut publisher = bench.child("publisher", &link, 0)?;
    for child in &children {
        child.expect("ready")?;
    }
    // It is quiet from now on, but for the end of a burst of one message.
    publisher.tell(&format!("1 1 {SMALLEST}"))?;
    for child in &children {
        child.expect("tally")?;
    }
    sleep(SETTLE);
    Ok((bench.group.memory()?, memory_of_system()?))
}
