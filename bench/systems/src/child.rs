// SPDX-License-Identifier: MIT OR Apache-2.0

//! A process of the program's own, as its parent sees it.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use crate::Error;
use crate::group::Group;
use crate::system::Link;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(180);

/// Is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    role: &'static str,
    process: std::process::Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Child {
    /// Starts the program in a role; `extra` is a number that the role knows.
    pub(crate) fn start(
        group: &Group,
        role: &'static str,
        system: &str,
        link: &Link,
        extra: u64,
    ) -> Result<Self, Error> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["role", role, system, &link.topic])
            .arg(link.publisher.to_string())
            .arg(link.publishers.to_string())
            .arg(link.subscribers.to_string())
            .arg(link.size.to_string())
            .arg(extra.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = group.spawn(&mut command)?;
        let output = process.stdout.take().ok_or("no output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            role,
            input: process.stdin.take(),
            process,
            lines,
        })
    }

    /// The next line that begins with this word, without it.
    pub(crate) fn expect(&self, word: &str) -> Result<String, Error> {
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .map_err(|_| format!("the {} does not say '{word}'", self.role))?;
            if let Some((first, rest)) = line.split_once(' ')
                && first == word
            {
                return Ok(rest.to_owned());
            }
            if line == word {
                return Ok(String::new());
            }
        }
    }

    pub(crate) fn tell(&mut self, command: &str) -> Result<(), Error> {
        let input = self.input.as_mut().ok_or("no input")?;
        Ok(writeln!(input, "{command}")?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // All that a role leaves behind is what its process would leave behind.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
