// SPDX-License-Identifier: GPL-2.0

//! Memory that is plenty, but lies in pieces of a few pages, as on a machine that has been up for
//! weeks.

use crate::process::Process;
use std::fs;
use std::time::Duration;
use std::time::Instant;

/// How many megabytes stay out of it, so that processes can start.
const LEFT: &str = "48";

/// The least order that must not be found.
const ORDER: usize = 3;

/// How many bytes may lie together all the same.
const ENOUGH: u64 = 1 << 20;

/// How long to wait until no more do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Memory in pieces, until this is dropped.
pub struct Fragmented {
    process: Process,
    /// As they were.
    settings: Vec<(String, String)>,
}

impl Fragmented {
    /// All that a scenario needs itself must be there already.
    pub fn new() -> Self {
        let start = Instant::now();
        let settings = [
            // Compaction must not move locked pages.
            ("compact_unevictable_allowed", "0"),
            // What nobody can take is not in pieces.
            ("min_free_kbytes", "1024"),
            // The zone of old devices is not: keep the kernel out of it, or it would be where all goes.
            ("lowmem_reserve_ratio", "1"),
        ]
        .map(|(name, value)| {
            let path = format!("/proc/sys/vm/{name}");
            let before = fs::read_to_string(&path).expect("a setting");
            fs::write(&path, value).expect("a setting");
            (path, before)
        });
        let mut process = Process::start(&["fragment-memory", LEFT]).ready();
        let kept = process.line();
        println!(
            "# {kept}, in {} ms; {} kB lie together",
            start.elapsed().as_millis(),
            contiguous() >> 10
        );
        // What comes free meanwhile, it takes, too.
        let patience = Instant::now() + PATIENCE;
        while contiguous() >= ENOUGH {
            assert!(
                Instant::now() < patience,
                "memory is not in pieces, so nothing would be tried"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            process,
            settings: settings.into(),
        }
    }

    /// Whether the kernel has not killed the process that keeps memory in pieces.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }
}

impl Drop for Fragmented {
    fn drop(&mut self) {
        for (path, value) in self.settings.iter().rev() {
            // A panic is under way, perhaps.
            let _ = fs::write(path, value);
        }
    }
}

/// Bytes that lie together in pieces of that order or more.
pub fn contiguous() -> u64 {
    let info = fs::read_to_string("/proc/buddyinfo").expect("/proc/buddyinfo");
    let of_zone = |line: &str| -> u64 {
        let counts = line.split_whitespace().skip(4).enumerate().skip(ORDER);
        counts
            .map(|(order, count)| count.parse::<u64>().expect("a number") << (order + 12))
            .sum()
    };
    // That of old devices is left to them.
    let lines = info.lines().filter(|line| !line.contains(" DMA "));
    lines.map(of_zone).sum()
}
