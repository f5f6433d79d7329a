// SPDX-License-Identifier: MIT OR Apache-2.0

//! A control group for all the processes of a system, its server's among them: what they use of
//! processor and memory.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;

use crate::Error;

/// The group. Without control groups (outside of the lab's machine) it counts nothing.
#[derive(Debug)]
pub(crate) struct Group(Option<PathBuf>);

const ROOT: &str = "/sys/fs/cgroup";

impl Group {
    pub(crate) fn new(name: &str) -> Result<Self, Error> {
        if !Path::new(ROOT).join("cgroup.procs").exists() {
            return Ok(Self(None));
        }
        let path = Path::new(ROOT).join(name);
        if !path.exists() && fs::create_dir(&path).is_err() {
            return Ok(Self(None));
        }
        Ok(Self(Some(path)))
    }

    /// Starts a process in the group: this one goes there for a moment, so that nothing of the
    /// other is missed.
    pub(crate) fn spawn(&self, command: &mut Command) -> Result<Child, Error> {
        let Some(path) = &self.0 else {
            return Ok(command.spawn()?);
        };
        fs::write(path.join("cgroup.procs"), "0")?;
        let child = command.spawn();
        fs::write(Path::new(ROOT).join("cgroup.procs"), "0")?;
        Ok(child.map_err(|error| format!("{}: {error}", command.get_program().display()))?)
    }

    /// Microseconds of processor time, of user and system, so far.
    pub(crate) fn processor(&self) -> Result<u64, Error> {
        let Some(path) = &self.0 else { return Ok(0) };
        field(&fs::read_to_string(path.join("cpu.stat"))?, "usage_usec")
    }

    /// Bytes of memory that belong to the processes, what they share divided between them.
    pub(crate) fn memory(&self) -> Result<u64, Error> {
        let Some(path) = &self.0 else { return Ok(0) };
        let mut sum = 0;
        for process in fs::read_to_string(path.join("cgroup.procs"))?.lines() {
            // One that ends meanwhile has no memory.
            if let Ok(text) = fs::read_to_string(format!("/proc/{process}/smaps_rollup")) {
                sum += field(&text, "Pss:")? * 1024;
            }
        }
        Ok(sum)
    }
}

/// How often a processor of the machine went from one thread to another, so far.
pub(crate) fn switches() -> Result<u64, Error> {
    field(&fs::read_to_string("/proc/stat")?, "ctxt")
}

/// Bytes of memory that the whole system has used, the kernel's own included.
pub(crate) fn memory_of_system() -> Result<u64, Error> {
    let text = fs::read_to_string("/proc/meminfo")?;
    Ok((field(&text, "MemTotal:")? - field(&text, "MemAvailable:")?) * 1024)
}

/// The number behind a name, at the start of a line.
pub(crate) fn field(text: &str, name: &str) -> Result<u64, Error> {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() == Some(name)
            && let Some(number) = words.next()
        {
            return Ok(number.parse()?);
        }
    }
    Err(format!("there is no {name}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "PssX: 1 kB\nPss:   12 kB\nusage_usec 7\n";
        assert_eq!(field(text, "Pss:").unwrap(), 12);
        assert_eq!(field(text, "usage_usec").unwrap(), 7);
        assert!(field(text, "Ps").is_err());
    }
}
