// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which line of kipc's source an instruction comes from, as `addr2line -a -f -i` tells.

use std::collections::BTreeMap;

/// By offset in the module's code.
#[derive(Default)]
pub(crate) struct Sources(BTreeMap<u64, String>);

impl Sources {
    /// Reads what addr2line told. Of functions that were inlined into each other, the innermost
    /// that is kipc's own counts.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut sources = BTreeMap::new();
        let mut at = None;
        for line in text.lines() {
            if let Some(address) = line.strip_prefix("0x") {
                at = u64::from_str_radix(address, 16).ok();
            } else if let (Some(offset), Some(place)) = (at, own_place(line)) {
                sources.entry(offset).or_insert_with(|| place.to_owned());
            }
        }
        if sources.is_empty() {
            return Err("addr2line knows no line of kipc's source".into());
        }
        Ok(Self(sources))
    }

    /// The file and line of this offset, if it is known.
    pub(crate) fn at(&self, offset: u64) -> Option<&str> {
        self.0.get(&offset).map(String::as_str)
    }
}

/// `src/…:LINE`, if the line of addr2line names a file of kipc.
fn own_place(line: &str) -> Option<&str> {
    let (path, behind) = line.rsplit_once(':')?;
    let number = behind.split(' ').next()?;
    number.parse::<u32>().ok()?;
    let start = path.rfind("/tree/src/")?.checked_add("/tree/".len())?;
    line.get(start..path.len().checked_add(1)?.checked_add(number.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn innermost_line_of_kipc_is_found() {
        let text = "0x0000000000000010\nget\n/usr/src/core/slice.rs:3\nbytes\n\
                    /cache/x/tree/src/nl/datagram.rs:90\npublish\n\
                    /cache/x/tree/src/bus/mod.rs:7 (discriminator 3)\n0x20\nf\n/other.c:1\n";
        let sources = Sources::parse(text).unwrap_or_default();
        assert_eq!(sources.at(0x10), Some("src/nl/datagram.rs:90"));
        assert_eq!(sources.at(0x20), None);
    }
}
