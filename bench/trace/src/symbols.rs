// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel of the guest calls its addresses.

use std::collections::BTreeMap;

/// All symbols, and where the code of modules begins.
#[derive(Default)]
pub(crate) struct Symbols {
    all: BTreeMap<u64, Symbol>,
    text: BTreeMap<String, u64>,
}

struct Symbol {
    name: String,
    module: Option<String>,
}

/// A place in the kernel, or in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// The function or variable.
    pub(crate) name: &'a str,
    /// The module; `None`: the kernel itself.
    pub(crate) module: Option<&'a str>,
    /// How far behind its beginning.
    pub(crate) offset: u64,
}

/// The lowest address of the kernel.
const KERNEL: u64 = 1 << 63;
/// What a program executes.
pub(crate) const USER: &str = "(the program)";

impl Symbols {
    /// Adds a line of `/proc/kallsyms`, demangled.
    pub(crate) fn add(&mut self, line: &str) -> Option<()> {
        let (address, rest) = line.split_once(' ')?;
        let (kind, rest) = rest.split_once(' ')?;
        let address = u64::from_str_radix(address, 16).ok()?;
        let (name, module) = match rest.split_once('\t') {
            Some((name, module)) => (name, Some(module.trim_matches(['[', ']']).to_owned())),
            None => (rest, None),
        };
        // Addresses that are not of a place: offsets of per-CPU variables, constants.
        if address < KERNEL || kind.eq_ignore_ascii_case("a") {
            return Some(());
        }
        let symbol = Symbol {
            name: without_hashes(name),
            module,
        };
        match self.all.get(&address) {
            // Of two names the one that says more.
            Some(other) if !other.name.starts_with("__pfx") && !is_label(&other.name) => {}
            _ => {
                self.all.insert(address, symbol);
            }
        }
        Some(())
    }

    /// Notes where the code of a module begins.
    pub(crate) fn add_text(&mut self, module: &str, address: u64) {
        self.text.insert(module.to_owned(), address);
    }

    /// What lies at this address.
    pub(crate) fn at(&self, address: u64) -> Place<'_> {
        let found = self.all.range(..=address).next_back();
        match found {
            Some((start, symbol)) if address >= KERNEL => Place {
                name: &symbol.name,
                module: symbol.module.as_deref(),
                offset: address.saturating_sub(*start),
            },
            _ => Place {
                name: USER,
                module: None,
                offset: 0,
            },
        }
    }

    /// Where in the code of this module an address lies, if it does.
    pub(crate) fn offset_in(&self, module: &str, address: u64) -> Option<u64> {
        if self.at(address).module != Some(module) {
            return None;
        }
        address.checked_sub(*self.text.get(module)?)
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Labels within functions are no functions.
fn is_label(name: &str) -> bool {
    name.starts_with(".L") || name.starts_with("__SCT__")
}

/// The name without what differs from build to build: the hashes of crates.
pub(crate) fn without_hashes(name: &str) -> String {
    let mut rest = name;
    let mut short = String::new();
    while let Some((before, behind)) = rest.split_once('[') {
        short.push_str(before);
        rest = match behind.split_once(']') {
            Some((hash, after)) if hash.len() >= 8 && is_hexadecimal(hash) => after,
            _ => {
                short.push('[');
                behind
            }
        };
    }
    short + rest
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_address() {
        let mut symbols = Symbols::default();
        for line in [
            "ffffffff81000000 T first",
            "ffffffff81000100 t <a[0123456789abcdef]::B>::c",
            "ffffffffc0000010 t of_module\t[kipc]",
            "0000000000000040 A offset",
        ] {
            assert_eq!(symbols.add(line), Some(()));
        }
        symbols.add_text("kipc", 0xffff_ffff_c000_0000);
        assert_eq!(symbols.at(0xffff_ffff_8100_0104).name, "<a::B>::c");
        assert_eq!(symbols.at(0xffff_ffff_8100_0104).offset, 4);
        assert_eq!(symbols.at(0x40_0000).name, USER);
        let inside = 0xffff_ffff_c000_0012;
        assert_eq!(symbols.offset_in("kipc", inside), Some(0x12));
        assert_eq!(symbols.offset_in("other", inside), None);
    }
}
