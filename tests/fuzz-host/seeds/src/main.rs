// SPDX-License-Identifier: GPL-2.0

//! Writes the seeds, well-formed messages above all: `seeds DIR` fills `DIR/TARGET`.

#[allow(dead_code, reason = "not all of it is written here")]
#[path = "../../../../src/wire/mod.rs"]
mod wire;

mod messages;
mod scripts;

use std::fs;
use std::io;
use std::path::Path;

/// A file's name and what is in it.
type Seed = (String, Vec<u8>);

fn main() -> io::Result<()> {
    let dir = std::env::args_os().nth(1).expect("usage: seeds DIR");
    for (target, seeds) in [
        ("wire", messages::all()),
        ("topics", scripts::topics()),
        ("index", scripts::index()),
        ("client", scripts::client()),
    ] {
        let dir = Path::new(&dir).join(target);
        fs::create_dir_all(&dir)?;
        for (name, bytes) in seeds {
            fs::write(dir.join(name), bytes)?;
        }
    }
    Ok(())
}
