// SPDX-License-Identifier: GPL-2.0

//! Does again what a worker printed when it failed, or what somebody wrote down.

use crate::action;
use crate::action::Action;
use crate::action::To;
use crate::action::Way;
use crate::peer::Peers;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::ExitCode;

/// Does what stands in a file, one action a line. Empty lines and those that begin with # are
/// comments.
pub fn run(file: &str) -> ExitCode {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(why) => {
            eprintln!("{file}: {why}");
            return ExitCode::FAILURE;
        }
    };
    let mut actions = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((socket, action)) = action::parse(line) else {
            eprintln!("{file}:{}: not an action", number + 1);
            return ExitCode::FAILURE;
        };
        actions.push((number + 1, socket, action));
    }
    let highest = |(_, socket, action): &(usize, usize, Action)| match action {
        Action::Send(
            Way {
                to: To::Socket(target),
                ..
            },
            _,
        ) => *target.max(socket),
        _ => *socket,
    };
    let sockets = actions.iter().map(highest).max().map_or(0, |most| most + 1);
    let mut line = 0;
    let done = catch_unwind(AssertUnwindSafe(|| {
        let mut peers = Peers::open(sockets);
        for (number, socket, action) in &actions {
            line = *number;
            peers.act(*socket, action);
        }
        for socket in 0..sockets {
            peers.act(socket, &Action::Receive(u32::MAX));
        }
        peers.close()
    }));
    match done {
        Ok(totals) => {
            println!("{file}: {totals}");
            ExitCode::SUCCESS
        }
        Err(_) => {
            eprintln!("{file}:{line}: failed here, or at the end if this was the last action");
            ExitCode::FAILURE
        }
    }
}
