// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc`: publish, subscribe and look at the bus from a shell.

mod cli;
mod command;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::cli::Command;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let result = libkipc::Bus::connect_protocol(cli.protocol)
        .map_err(Into::into)
        .and_then(|bus| match cli.command {
            Command::Pub(arguments) => command::publish::run(&bus, &arguments),
            Command::Sub(arguments) => command::subscribe::run(&bus, &arguments),
            Command::Info(arguments) => command::info::run(&bus, &arguments),
            Command::Ls(arguments) => command::list::topics(&bus, &arguments),
            Command::Stat(arguments) => command::list::statistics(&bus, &arguments),
            Command::Clients(arguments) => command::list::clients(&bus, &arguments),
            Command::Subscriptions(arguments) => command::list::subscriptions(&bus, &arguments),
            Command::Policy(arguments) => command::policy::run(&bus, &arguments),
            Command::Clear(arguments) => Ok(bus.clear(&arguments.topic)?),
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Prints help, the version, or what is wrong with the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    // Who does not read it does not miss it.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(failure::USAGE)
    } else {
        ExitCode::SUCCESS
    }
}
