// SPDX-License-Identifier: GPL-2.0

//! An owned topic name or pattern.

use crate::sys::NoMemory;
use crate::sys::Vec;
use crate::wire::topic;
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

    /// The empty text, which is neither name nor pattern; allocates nothing.
    pub(crate) fn empty() -> Self {
        Self(Vec::new())
    }

    /// Another copy.
    pub(crate) fn try_clone(&self) -> Result<Self, NoMemory> {
        let mut bytes = Vec::new();
        bytes.try_extend(&self.0)?;
        Ok(Self(bytes))
    }

    /// Room for a text of any name; see [`Text::copy_from`].
    pub(crate) fn scratch() -> Result<Self, NoMemory> {
        let mut bytes = Vec::new();
        bytes.try_extend(&[0; topic::MAX_LEN])?;
        Ok(Self(bytes))
    }

    /// Makes this the same text as another. Fails if it is longer than this can be without memory.
    pub(crate) fn copy_from(&mut self, other: &Self) -> Result<(), NoMemory> {
        self.0.clear();
        self.0.try_extend(&other.0)
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

    /// Whether this, as a pattern, matches the name. Both were checked when they came.
    pub(crate) fn matches(&self, name: &Self) -> bool {
        topic::matches(&self.0, &name.0)
    }

    /// Whether a segment is a wildcard.
    pub(crate) fn has_wildcard(&self) -> bool {
        self.0.contains(&b'*')
    }

    /// The segments before the first wildcard: a name, or nothing.
    pub(crate) fn literal_prefix(&self) -> Result<Self, NoMemory> {
        let wildcard = self.0.iter().position(|byte| *byte == b'*');
        let prefix = match wildcard {
            // What precedes a wildcard ends with the slash in front of it.
            Some(at) => self.0.get(..at.saturating_sub(1)).unwrap_or_default(),
            None => &self.0,
        };
        let mut bytes = Vec::new();
        bytes.try_extend(prefix)?;
        Ok(Self(bytes))
    }

    /// Takes the last segment off; false if there was none.
    pub(crate) fn shorten(&mut self) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let slash = self.0.iter().rposition(|byte| *byte == b'/');
        let len = slash.unwrap_or_default();
        while self.0.len() > len {
            self.0.pop();
        }
        true
    }

    /// Whether this is `path` or lies below it; all names lie below the empty path.
    pub(crate) fn is_within(&self, path: &Self) -> bool {
        match self.0.strip_prefix(&path.0[..]) {
            Some(rest) => path.0.is_empty() || matches!(rest.first(), None | Some(b'/')),
            None => false,
        }
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

/// Slashes come before all else, so that a path is followed by all paths below it.
impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        // Texts have no control characters, so that 0 stands for slashes alone.
        let rank = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
        let differ = self.0.iter().zip(other.0.iter()).find(|(a, b)| a != b);
        match differ {
            Some((a, b)) => rank(a).cmp(&rank(b)),
            None => self.0.len().cmp(&other.0.len()),
        }
    }
}
