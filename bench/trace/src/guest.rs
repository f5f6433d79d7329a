// SPDX-License-Identifier: MIT OR Apache-2.0

//! What was said in the guest: by the program that was traced, and by its kernel.

use crate::symbols::Symbols;

/// Words of the program, and the names of the kernel behind them.
pub(crate) struct Guest {
    /// Line by line, up to the symbols.
    pub(crate) said: Vec<String>,
    pub(crate) symbols: Symbols,
}

impl Guest {
    /// Reads what came out of the guest.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut said = Vec::new();
        let mut symbols = Symbols::default();
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
        for line in lines.by_ref().take_while(|line| *line != "symbols") {
            if let Some(text) = line.strip_prefix("text ") {
                let place = text.split_once(" 0x").and_then(|(module, address)| {
                    Some((module, u64::from_str_radix(address, 16).ok()?))
                });
                let (module, address) = place.ok_or_else(|| format!("'{line}'?"))?;
                symbols.add_text(module, address);
            } else {
                said.push(line.to_owned());
            }
        }
        for line in lines {
            symbols
                .add(line)
                .ok_or_else(|| format!("'{line}' is no symbol"))?;
        }
        if symbols.is_empty() {
            return Err("the guest told no symbols".into());
        }
        Ok(Self { said, symbols })
    }

    /// Those lines that begin with this word, without it, word by word.
    pub(crate) fn lines<'a>(&'a self, first: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
        self.said.iter().filter_map(move |line| {
            let rest = line.strip_prefix(first)?.strip_prefix(' ')?;
            Some(rest.split(' ').collect())
        })
    }
}
