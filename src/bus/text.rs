// SPDX-License-Identifier: GPL-2.0

//! An owned topic name or pattern.

use crate::sys::NoMemory;
use crate::sys::Vec;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;
use core::cmp::Ordering;

/// The text of a valid name or pattern.
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// Copies the text of a name or pattern.
    pub(crate) fn new(text: &str) -> Result<Self, NoMemory> {
        let mut bytes = Vec::new();
        bytes.try_extend(text.as_bytes())?;
        Ok(Self(bytes))
    }

    /// Another copy.
    pub(crate) fn try_clone(&self) -> Result<Self, NoMemory> {
        let mut bytes = Vec::new();
        bytes.try_extend(&self.0)?;
        Ok(Self(bytes))
    }

    /// Whether this is the text.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.0[..] == *text.as_bytes()
    }

    /// The text as the name that it is; `None` for patterns with wildcards.
    pub(crate) fn as_name(&self) -> Option<Name<'_>> {
        Name::new(&self.0).ok()
    }

    /// The text as the pattern that it is.
    pub(crate) fn as_pattern(&self) -> Option<Pattern<'_>> {
        Pattern::new(&self.0).ok()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.0[..] == other.0[..]
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0[..].cmp(&other.0[..])
    }
}
