// SPDX-License-Identifier: GPL-2.0

//! kmemleak: memory of the kernel to which nothing points any more.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

const FILE: &str = "/sys/kernel/debug/kmemleak";

/// An object is not reported before it has this age (`MSECS_MIN_AGE` in mm/kmemleak.c).
const MIN_AGE: Duration = Duration::from_millis(5200);

/// Forgets what booting has left behind; false if this kernel does not look for leaks.
pub fn forget_those_of_the_boot() -> bool {
    match fs::OpenOptions::new().write(true).open(FILE) {
        Ok(_) => fs::write(FILE, "scan").expect("search for leaks"),
        // Built without it, or without debugfs.
        Err(why) if why.kind() == ErrorKind::NotFound => return false,
        Err(why) => panic!("{FILE}: {why}"),
    }
    std::thread::sleep(MIN_AGE);
    fs::write(FILE, "scan").expect("search for leaks");
    fs::write(FILE, "clear").expect("forget leaks");
    true
}

/// What kmemleak has to say of the objects that there are now.
pub fn found() -> Option<String> {
    // The first search notes checksums: what still changes is no leak.
    fs::write(FILE, "scan").expect("search for leaks");
    std::thread::sleep(MIN_AGE);
    fs::write(FILE, "scan").expect("search for leaks");
    let report = fs::read_to_string(FILE).expect("read what was found");
    fs::write(FILE, "clear").expect("forget leaks");
    (!report.is_empty()).then_some(report)
}
