// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc completions`, `kipc man`: what is made from the definition of the arguments.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;

use clap::Command;
use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::cli;
use crate::cli::Cli;
use crate::failure::Failure;

pub(crate) fn completions(arguments: &cli::Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "kipc", &mut script);
    io::stdout()
        .write_all(&script)
        .map_err(|error| Failure::Stream("write", error))
}

/// Writes `kipc.1`, and a page for each command.
pub(crate) fn man(arguments: &cli::Man) -> Result<(), Failure> {
    let mut kipc = Cli::command();
    kipc.build();
    page(&kipc, &arguments.directory)?;
    kipc.get_subcommands()
        .filter(|command| command.get_name() != "help")
        .try_for_each(|command| page(command, &arguments.directory))
}

fn page(command: &Command, directory: &Path) -> Result<(), Failure> {
    // "kipc pub" is described in kipc-pub(1).
    let name = command
        .get_bin_name()
        .unwrap_or_else(|| command.get_name())
        .replace(' ', "-");
    let mut text = Vec::new();
    let path = directory.join(format!("{name}.1"));
    Man::new(command.clone())
        .title(name.to_uppercase())
        .render(&mut text)
        .and_then(|()| fs::write(&path, text))
        .map_err(|error| Failure::File(path, error))
}
