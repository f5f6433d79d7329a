// SPDX-License-Identifier: MIT OR Apache-2.0

//! From the start of the server, if there is one, until a subscriber has its first message; the
//! start of one publisher and one subscriber is part of it.

use crate::Error;
use crate::bench::Bench;
use crate::message::SMALLEST;
use crate::report::Report;

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn run(bench: &mut Bench<'_>, report: &mut Report) -> Result<(), Error> {
    let link = bench.link(1, 1, SMALLEST);
    let subscriber = bench.child("subscriber", &link, 0)?;
    let _publisher = bench.child("publisher", &link, 0)?;
    let ready: u64 = subscriber.expect("ready")?.parse()?;
    report.add("start-up ms", (ready - bench.started) as f64 / 1e6);
    Ok(())
}
