// SPDX-License-Identifier: MIT OR Apache-2.0

//! A system that runs: its server, if it has one, and a new topic for each measurement.

use std::fs;
use std::process::Child as Process;
use std::process::Command;
use std::process::Stdio;

use crate::Error;
use crate::child::Child;
use crate::clock::now;
use crate::group::Group;
use crate::system::Link;
use crate::system::PLACE;
use crate::system::System;

/// Ends the server when it is dropped.
pub(crate) struct Bench<'a> {
    pub(crate) system: &'a dyn System,
    pub(crate) group: Group,
    /// When the server was started, or would have been.
    pub(crate) started: u64,
    server: Option<Process>,
    topics: u32,
}

impl<'a> Bench<'a> {
    pub(crate) fn start(system: &'a dyn System) -> Result<Self, Error> {
        let _ = fs::remove_dir_all(PLACE);
        fs::create_dir_all(PLACE)?;
        system.clean();
        let group = Group::new("bench")?;
        let command = system.server()?;
        let started = now();
        let server = command
            .map(|mut command| {
                if std::env::var_os("BENCH_LOG").is_none() {
                    command.stdout(Stdio::null()).stderr(Stdio::null());
                }
                group.spawn(&mut command)
            })
            .transpose()?;
        Ok(Self {
            system,
            group,
            started,
            server,
            topics: 0,
        })
    }

    /// A link of a topic that was never used.
    pub(crate) fn link(&mut self, publishers: usize, subscribers: usize, size: usize) -> Link {
        self.topics += 1;
        Link {
            topic: format!("topic{}", self.topics),
            publisher: 0,
            publishers,
            subscribers,
            size,
        }
    }

    pub(crate) fn child(
        &self,
        role: &'static str,
        link: &Link,
        extra: u64,
    ) -> Result<Child, Error> {
        Child::start(&self.group, role, self.system.name(), link, extra)
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // Politely, so that it takes its own children along.
            let _ = Command::new("kill").arg(server.id().to_string()).status();
            let _ = server.wait();
        }
        self.system.clean();
    }
}
