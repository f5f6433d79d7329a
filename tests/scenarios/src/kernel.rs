// SPDX-License-Identifier: GPL-2.0

//! The module and the kernel's memory, as scenarios see them.

use std::fs;
use std::process::Command;
use std::time::Duration;

/// Whether this kernel looks for faults, such as leaks, in all that it does: the debug kernel.
pub fn looks_for_faults() -> bool {
    fs::metadata("/sys/kernel/debug/kmemleak").is_ok()
}

/// So many times; but not as many on a kernel that is ten times slower since it looks for faults.
pub fn times(full: u32) -> u32 {
    if looks_for_faults() { full / 20 } else { full }
}

/// So long, or as much longer as a kernel may take that looks for faults.
pub fn within(duration: Duration) -> Duration {
    if looks_for_faults() {
        duration * 10
    } else {
        duration
    }
}

/// Loads the module.
pub fn load() {
    load_with(&[]);
}

/// Loads the module with parameters such as `topics_per_user=3`.
pub fn load_with(parameters: &[&str]) {
    run("modprobe", &[&["kipc"], parameters].concat());
}

/// The file of a module of ours.
pub fn module_file(name: &str) -> fs::File {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel's release");
    let path = format!("/lib/modules/{}/updates/{name}.ko", release.trim());
    fs::File::open(&path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Unloads the module.
pub fn unload() {
    unload_module("kipc");
}

/// Unloads a module.
pub fn unload_module(name: &str) {
    run("rmmod", &[name]);
}

/// Whether the module is loaded.
pub fn loaded() -> bool {
    is_loaded("kipc")
}

/// Whether a module is loaded.
pub fn is_loaded(name: &str) -> bool {
    fs::metadata(format!("/sys/module/{name}")).is_ok()
}

/// Whether unloading is refused.
pub fn unload_is_refused() -> bool {
    !status("rmmod", &["kipc"])
}

/// The module `samples/kernel-publisher`, loaded until this is dropped.
pub struct Sample(());

impl Sample {
    /// Loads it with parameters such as `period_ms=5`.
    pub fn load(parameters: &[&str]) -> Self {
        run("modprobe", &[&["kipc_sample"], parameters].concat());
        Self(())
    }

    /// The errno that ended its publishing; 0 if it goes on.
    pub fn error(&self) -> i32 {
        let path = "/sys/module/kipc_sample/parameters/error";
        let error = fs::read_to_string(path).expect("a parameter");
        error.trim().parse().expect("a number")
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        run("rmmod", &["kipc_sample"]);
    }
}

fn run(program: &str, arguments: &[&str]) {
    assert!(status(program, arguments), "{program} {arguments:?} failed");
}

fn status(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap_or_else(|why| panic!("run {program}: {why}"))
        .success()
}

/// Number of netlink sockets of the protocol that user space holds in this network namespace.
pub fn user_sockets() -> usize {
    let table = fs::read_to_string("/proc/net/netlink").expect("/proc/net/netlink");
    table
        .lines()
        .filter(|line| {
            let mut columns = line.split_whitespace().skip(1);
            columns.next() == Some("31") && columns.next() != Some("0")
        })
        .count()
}

/// Drops of the socket with this port id, as /proc/net/netlink counts them.
pub fn drops(port: u32) -> u64 {
    let table = fs::read_to_string("/proc/net/netlink").expect("/proc/net/netlink");
    let port = port.to_string();
    let line = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|columns| columns.get(1) == Some(&"31") && columns.get(2) == Some(&port.as_str()));
    let columns = line.expect("the socket is listed");
    columns[8].parse().expect("a number of drops")
}

/// Slab memory that cannot be reclaimed, in kB.
pub fn unreclaimable_slab() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("SUnreclaim:"))
        .expect("SUnreclaim");
    let number = line.trim().trim_end_matches(" kB");
    number.parse().expect("a number of kB")
}

/// Lets sockets have queues of any size.
pub fn allow_large_queues() {
    for name in ["rmem_max", "wmem_max"] {
        fs::write(format!("/proc/sys/net/core/{name}"), "268435456").expect("a setting");
    }
}
