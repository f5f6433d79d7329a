// SPDX-License-Identifier: GPL-2.0

//! The kernel's fault injection: allocations that fail when they are told to.
//!
//! `/proc/thread-self/fail-nth` lets the n-th allocation of a thread fail, once, from now on
//! (Documentation/fault-injection). With n = 1, 2, 3, … until nothing fails any more, each
//! allocation of a system call has failed once.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::process::Stdio;

const DEBUG: &str = "/sys/kernel/debug";

/// Whether this kernel can do it.
pub fn is_available() -> bool {
    fs::metadata(format!("{DEBUG}/failslab")).is_ok()
        && fs::metadata(format!("{DEBUG}/fail_page_alloc")).is_ok()
}

fn set(attribute: &str, value: &str) {
    let path = format!("{DEBUG}/{attribute}");
    fs::write(&path, value).unwrap_or_else(|why| panic!("{path}: {why}"));
}

/// Allocations of any kind may fail, and each that does is written to the kernel's log with the
/// functions that led to it.
pub fn set_up() {
    set("failslab/ignore-gfp-wait", "N");
    set("fail_page_alloc/ignore-gfp-wait", "N");
    set("fail_page_alloc/min-order", "0");
    for kind in ["failslab", "fail_page_alloc"] {
        set(&format!("{kind}/verbose"), "2");
        set(&format!("{kind}/verbose_ratelimit_interval_ms"), "0");
    }
}

/// Pages do not fail any more. A slab that needs one asks in silence and finds another way, and when it
/// does so differs from time to time: it moves the place at which the n-th allocation lies.
pub fn spare_pages() {
    set("fail_page_alloc/min-order", "20");
}

/// While it lives, this part (in percent) of the allocations of everybody that the module makes
/// fails.
pub struct AtRandom(());

impl AtRandom {
    /// All the time, and without a word.
    pub fn new(percent: u32) -> Self {
        Self::with(percent, "-1", "0")
    }

    /// Until one has failed, which is written to the kernel's log.
    pub fn once(percent: u32) -> Self {
        Self::with(percent, "1", "2")
    }

    fn with(percent: u32, times: &str, verbose: &str) -> Self {
        let (start, end) = text_of_the_module();
        for kind in ["failslab", "fail_page_alloc"] {
            set(&format!("{kind}/verbose"), verbose);
            set(&format!("{kind}/require-start"), &format!("{start:#x}"));
            set(&format!("{kind}/require-end"), &format!("{end:#x}"));
            set(&format!("{kind}/stacktrace-depth"), "32");
            set(&format!("{kind}/times"), times);
            set(&format!("{kind}/probability"), &percent.to_string());
        }
        Self(())
    }
}

impl Drop for AtRandom {
    fn drop(&mut self) {
        for kind in ["failslab", "fail_page_alloc"] {
            set(&format!("{kind}/probability"), "0");
            set(&format!("{kind}/require-start"), "0");
            set(&format!("{kind}/require-end"), &format!("{:#x}", u64::MAX));
            set(&format!("{kind}/verbose"), "2");
        }
    }
}

/// While it lives, a warning is no panic: the kernel's own tracing warns where it finds no memory for
/// the trace events of a module that is being loaded.
pub struct ToleratesWarnings(());

impl ToleratesWarnings {
    pub fn new() -> Self {
        fs::write(PANIC_ON_WARN, "0").expect("a setting");
        Self(())
    }
}

impl Drop for ToleratesWarnings {
    fn drop(&mut self) {
        fs::write(PANIC_ON_WARN, "1").expect("a setting");
    }
}

const PANIC_ON_WARN: &str = "/proc/sys/kernel/panic_on_warn";

/// Where the module lies in memory.
fn text_of_the_module() -> (u64, u64) {
    let table = fs::read_to_string("/proc/modules").expect("/proc/modules");
    let line = table.lines().find(|line| line.starts_with("kipc "));
    let words: Vec<&str> = line.expect("it is loaded").split_whitespace().collect();
    let size: u64 = words[1].parse().expect("a size");
    let start = words[5].trim_start_matches("0x");
    let start = u64::from_str_radix(start, 16).expect("an address");
    (start, start + size)
}

/// The failing allocations of one thread.
pub struct FailNth(File);

impl FailNth {
    /// Of the thread that calls; use it in this thread only.
    pub fn of_this_thread() -> Self {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/proc/thread-self/fail-nth");
        Self(file.expect("fail-nth"))
    }

    /// Does something whose `n`-th allocation fails; also whether there was one.
    pub fn during<T>(&self, n: u32, act: impl FnOnce() -> T) -> (T, bool) {
        let text = n.to_string();
        self.0.write_at(text.as_bytes(), 0).expect("set fail-nth");
        let result = act();
        let mut left = [0; 16];
        let len = self.0.read_at(&mut left, 0).expect("read fail-nth");
        let left = std::str::from_utf8(&left[..len]).expect("a number");
        let failed = left.trim() == "0";
        if !failed {
            self.0.write_at(b"0", 0).expect("reset fail-nth");
        }
        (result, failed)
    }
}

/// The kernel's log from now on, sifted: which places of the module failed to allocate, and
/// whatever there is to complain about.
pub struct Log {
    file: File,
    in_trace: bool,
    /// The innermost function of the module in the present trace was seen.
    named: bool,
    /// By place (function+offset), how often it failed.
    pub sites: BTreeMap<String, u32>,
    /// Failures outside of the module: in the kernel's own part of a system call.
    pub elsewhere: u32,
    complaints: Vec<String>,
}

/// What the kernel says when something is wrong.
const COMPLAINTS: [&str; 9] = [
    "WARNING",
    "BUG",
    "KASAN",
    "UBSAN",
    "INFO:",
    "refcount_t",
    "general protection",
    "Oops",
    "corruption",
];

impl Log {
    /// Also keeps the traces from the console, where they would pass for faults.
    pub fn start() -> Self {
        let quiet = Command::new("dmesg").args(["-n", "1"]).status();
        assert!(quiet.expect("dmesg").success());
        let mut file = OpenOptions::new()
            .read(true)
            // O_NONBLOCK
            .custom_flags(0o4000)
            .open("/dev/kmsg")
            .expect("/dev/kmsg");
        file.seek(SeekFrom::End(0)).expect("the end of the log");
        Self {
            file,
            in_trace: false,
            named: false,
            sites: BTreeMap::new(),
            elsewhere: 0,
            complaints: Vec::new(),
        }
    }

    /// How many failures left a trace.
    pub fn failures(&self) -> u32 {
        self.sites.values().sum::<u32>() + self.elsewhere
    }

    /// Reads what has come.
    pub fn read(&mut self) {
        let mut record = [0; 8192];
        loop {
            match self.file.read(&mut record) {
                Ok(len) => {
                    let record = String::from_utf8_lossy(&record[..len]).into_owned();
                    // Behind the semicolon, up to the line's end, which continues with keys.
                    let text = record.split_once(';').map_or("", |(_, text)| text);
                    self.sift(text.lines().next().unwrap_or_default());
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return,
                Err(why) if why.kind() == ErrorKind::BrokenPipe => {
                    panic!("the log is read too slowly: some of it is gone")
                }
                Err(why) => panic!("/dev/kmsg: {why}"),
            }
        }
    }

    fn sift(&mut self, line: &str) {
        // A vmalloc() that failed has a trace of its own, behind the injected one.
        if line.starts_with("FAULT_INJECTION:") || line.contains("vmalloc error") {
            self.in_trace = true;
            // Only an injected failure is counted.
            self.named = !line.starts_with("FAULT_INJECTION:");
        } else if !self.in_trace {
            let is_ours = !line.contains("kernel/trace/trace_events.c");
            if is_ours && COMPLAINTS.iter().any(|word| line.contains(word)) {
                self.complaints.push(line.to_owned());
            }
        } else if line.contains("</TASK>") {
            if !self.named {
                self.elsewhere += 1;
            }
            self.in_trace = false;
        } else if !self.named && line.contains("[kipc]") && !line.trim_start().starts_with('?') {
            self.named = true;
            let place = line.trim().split('/').next().unwrap_or_default();
            *self.sites.entry(place.to_owned()).or_default() += 1;
        }
    }

    /// The end: the log is given back to the others, without the traces.
    pub fn finish(&mut self) {
        self.read();
        assert!(
            self.complaints.is_empty(),
            "the kernel complained: {:#?}",
            self.complaints
        );
        for option in ["-c", "-n5"] {
            let status = Command::new("dmesg")
                .arg(option)
                .stdout(Stdio::null())
                .status();
            assert!(status.expect("dmesg").success());
        }
    }
}
