// SPDX-License-Identifier: GPL-2.0

//! The ways onto the bus that people use: each is a program with the same few arguments and the
//! output of `kipc sub --json`, so that one scenario asks all of them.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;

/// A way onto the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// libkipc, which blocks.
    Sync,
    /// libkipc, awaited.
    Tokio,
    /// The C library.
    C,
    /// The command line tool.
    Cli,
}

/// All of them.
pub const ALL: [Interface; 4] = [
    Interface::Sync,
    Interface::Tokio,
    Interface::C,
    Interface::Cli,
];

/// What a program's exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    ModuleMissing,
    Refused,
    Otherwise(Option<i32>),
}

/// What comes out of a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Message(u64, String),
    Lost(u64, u64),
    Joined,
    Gone,
    Removed,
}

impl Interface {
    fn command(self) -> Command {
        let own = std::env::current_exe().expect("own path");
        match self {
            Self::Sync => {
                let mut command = Command::new(own);
                command.args(["--role", "sync"]);
                command
            }
            Self::Tokio => {
                let mut command = Command::new(own);
                command.args(["--role", "tokio"]);
                command
            }
            Self::C => Command::new("kipc-c"),
            Self::Cli => Command::new("kipc"),
        }
    }

    /// Publishes these messages, and is gone.
    pub fn publish(self, arguments: &[&str], messages: &[String]) -> Result<(), Failed> {
        let mut child = self
            .command()
            .arg("pub")
            .args(arguments)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| panic!("{self:?}: {why}"));
        let mut input = child.stdin.take().expect("stdin is a pipe");
        for message in messages {
            // It may have been refused, and have ended.
            let _ = writeln!(input, "{message}");
        }
        drop(input);
        ended(&mut child)
    }

    /// Subscribes.
    pub fn subscribe(self, arguments: &[&str]) -> Result<Subscription, Failed> {
        self.subscribe_as(0, arguments)
    }

    /// Subscribes as this user.
    pub fn subscribe_as(self, uid: u32, arguments: &[&str]) -> Result<Subscription, Failed> {
        let mut child = self
            .command()
            .args(["sub", "--json", "--verbose"])
            .args(arguments)
            .uid(uid)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("{self:?}: {why}"));
        let mut told = String::new();
        let mut errors = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        errors.read_line(&mut told).expect("read a line");
        if !told.contains("subscribed to") {
            let failed = ended(&mut child).expect_err("it said that it cannot");
            // A sentence that says what to do.
            assert!(told.len() > 20, "{self:?}: {told}");
            return Err(failed);
        }
        let lines = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        Ok(Subscription { child, lines })
    }
}

fn ended(child: &mut Child) -> Result<(), Failed> {
    match child.wait().expect("wait").code() {
        Some(0) => Ok(()),
        Some(3) => Err(Failed::ModuleMissing),
        Some(4) => Err(Failed::Refused),
        code => Err(Failed::Otherwise(code)),
    }
}

/// A subscriber. Killed when it is dropped.
pub struct Subscription {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Subscription {
    /// Stops reading.
    pub fn stall(&self) {
        self.signal(Signal::STOP);
    }

    /// Goes on reading.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("send a signal");
    }

    /// What comes next.
    pub fn next(&mut self) -> Seen {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("read a line");
        let value: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        let number = |name: &str| value[name].as_u64().expect("a number");
        match value["type"].as_str() {
            Some("message") => {
                let payload = value["payload"].as_str().expect("text");
                Seen::Message(number("seq"), payload.to_owned())
            }
            Some("lost") => Seen::Lost(number("first"), number("count")),
            Some("joined") => Seen::Joined,
            Some("gone") => Seen::Gone,
            Some("removed") => Seen::Removed,
            _ => panic!("{line}"),
        }
    }

    /// Everything until the topic is gone.
    pub fn until_removed(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            match self.next() {
                Seen::Removed => return seen,
                other => seen.push(other),
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
