// SPDX-License-Identifier: GPL-2.0

//! An input read as a script: a byte decides, a length and bytes are data.

/// What is left of an input. At its end it reads zeros, and as many bytes as there are.
pub struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    /// The script that these bytes are.
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// The next two bytes.
    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// So many bytes, or all that are left.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        bytes
    }

    /// A path made of some of these segments.
    pub fn path(&mut self, segments: &[&str]) -> String {
        let count = 1 + usize::from(self.byte()) % 4;
        let mut next = || segments[usize::from(self.byte()) % segments.len()];
        (0..count).map(|_| next()).collect::<Vec<_>>().join("/")
    }
}
