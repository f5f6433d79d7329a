// SPDX-License-Identifier: MIT OR Apache-2.0

//! Draws the figures of `docs/performance` from the CSV files that the benchmarks left there.
//!
//!     kipc-bench-plot [--check] DIR
//!
//! With `--check`: fails if a figure is not what the CSV files make of it.

mod chart;
mod figures;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kipc-bench-plot: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (check, dir) = match words.as_slice() {
        [dir] => (false, dir),
        [flag, dir] if flag == "--check" => (true, dir),
        _ => return Err("usage: kipc-bench-plot [--check] DIR".into()),
    };
    let dir = Path::new(dir);
    for (name, svg) in figures::all(dir)? {
        let file = dir.join(name);
        if !check {
            std::fs::write(file, svg)?;
        } else if std::fs::read_to_string(&file).ok().as_ref() != Some(&svg) {
            let file = file.display();
            return Err(format!("{file} is not of these CSV files: make bench-figures").into());
        }
    }
    Ok(())
}
