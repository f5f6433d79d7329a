// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc`: publish, subscribe and look at the bus from a shell.

mod cli;
mod command;
mod failure;
mod feed;
mod interrupt;
mod output;
mod recording;

use std::process::ExitCode;

use clap::Parser;
use libkipc::Bus;

use crate::cli::Cli;
use crate::cli::Command;
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    // What works without a bus.
    match &cli.command {
        Command::Completions(arguments) => return command::generate::completions(arguments),
        Command::Man(arguments) => return command::generate::man(arguments),
        Command::Doctor(arguments) => return command::doctor::run(cli.protocol, arguments),
        _ => {}
    }
    let bus = Bus::connect_protocol(cli.protocol)?;
    match cli.command {
        Command::Pub(arguments) => command::publish::run(&bus, &arguments),
        Command::Sub(arguments) => command::subscribe::run(&bus, &arguments),
        Command::Info(arguments) => command::info::run(&bus, &arguments),
        Command::Ls(arguments) => command::list::topics(&bus, &arguments),
        Command::Stat(arguments) => command::list::statistics(&bus, &arguments),
        Command::Clients(arguments) => command::list::clients(&bus, &arguments),
        Command::Subscriptions(arguments) => command::list::subscriptions(&bus, &arguments),
        Command::Hz(arguments) => command::hz::run(&bus, &arguments),
        Command::Top(arguments) => command::top::run(&bus, &arguments),
        Command::Events(arguments) => command::events::run(&bus, &arguments),
        Command::Record(arguments) => command::record::run(&bus, &arguments),
        Command::Replay(arguments) => command::replay::run(&bus, &arguments),
        Command::Bench(arguments) => command::bench::run(&bus, &arguments),
        Command::Policy(arguments) => command::policy::run(&bus, &arguments),
        Command::Clear(arguments) => Ok(bus.clear(&arguments.topic)?),
        // Carried out above.
        Command::Completions(_) | Command::Man(_) | Command::Doctor(_) => Ok(()),
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
