// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc info`.

use libkipc::Bus;

use crate::cli::Info;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(bus: &Bus, arguments: &Info) -> Result<(), Failure> {
    let info = bus.info()?;
    output::line(&if arguments.json {
        output::info_json(&info)
    } else {
        output::info_text(&info)
    })
}
