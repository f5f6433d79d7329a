// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! Topic names, patterns and which of them match.
//!
//! A name is a path of segments with `/` between them, such as `sensors/room1/temperature`. A
//! pattern is a path in which a segment may also be `*` (exactly one segment) or `**` (any number
//! of segments, none included): `sensors/**` matches `sensors`, `sensors/a` and `sensors/a/b`.

use super::refusal::Refusal;

/// Longest name or pattern, in bytes.
pub(crate) const MAX_LEN: usize = 255;

/// Why some bytes are no name or pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// Nothing there.
    Empty,
    /// More than [`MAX_LEN`] bytes.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// A control character (U+0000 to U+001F, U+007F to U+009F).
    Control,
    /// Two slashes in a row, or one at either end.
    EmptySegment,
    /// A `*` in a name.
    Wildcard,
    /// A `*` in a segment with other characters.
    MixedSegment,
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Empty => Self::TopicEmpty,
            Invalid::TooLong => Self::TopicTooLong,
            Invalid::NotUtf8 => Self::TopicNotUtf8,
            Invalid::Control => Self::TopicControl,
            Invalid::EmptySegment => Self::TopicEmptySegment,
            Invalid::Wildcard => Self::TopicWildcard,
            Invalid::MixedSegment => Self::PatternMixedSegment,
        }
    }
}

fn path(bytes: &[u8]) -> Result<&str, Invalid> {
    if bytes.is_empty() {
        return Err(Invalid::Empty);
    }
    if bytes.len() > MAX_LEN {
        return Err(Invalid::TooLong);
    }
    let text = core::str::from_utf8(bytes).map_err(|_| Invalid::NotUtf8)?;
    if text.chars().any(char::is_control) {
        return Err(Invalid::Control);
    }
    if text.split('/').any(str::is_empty) {
        return Err(Invalid::EmptySegment);
    }
    Ok(text)
}

/// A valid topic name.
///
/// # Invariants
///
/// 1 to [`MAX_LEN`] bytes of UTF-8 without control characters; no segment is empty or holds `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Checks the bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let text = path(bytes)?;
        if text.contains('*') {
            return Err(Invalid::Wildcard);
        }
        // INVARIANT: `path` checked all but the wildcard, which was just excluded.
        Ok(Self(text))
    }

    /// The name as text.
    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }
}

/// A valid topic pattern. Every name is also a pattern, one that matches itself.
///
/// # Invariants
///
/// 1 to [`MAX_LEN`] bytes of UTF-8 without control characters; no segment is empty; a segment with
/// a `*` is `*` or `**`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern<'a>(&'a str);

impl<'a> Pattern<'a> {
    /// Checks the bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let text = path(bytes)?;
        let mixed = |segment: &str| segment.contains('*') && segment != "*" && segment != "**";
        if text.split('/').any(mixed) {
            return Err(Invalid::MixedSegment);
        }
        // INVARIANT: `path` checked all but the wildcards, which were just checked.
        Ok(Self(text))
    }

    /// The pattern as text.
    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }

    /// The name that this pattern is, if it has no wildcard.
    pub(crate) fn as_name(self) -> Option<Name<'a>> {
        // INVARIANT: A pattern without `*` fulfils all that a name must.
        (!self.0.contains('*')).then_some(Name(self.0))
    }

    /// Whether the pattern matches the name.
    pub(crate) fn matches(self, name: Name<'_>) -> bool {
        matches(self.0.as_bytes(), name.0.as_bytes())
    }
}

type Segments<'a> = core::slice::Split<'a, u8, fn(&u8) -> bool>;

fn segments(path: &[u8]) -> Segments<'_> {
    path.split(|byte| *byte == b'/')
}

/// Whether the text of a valid pattern matches that of a valid name.
///
/// Takes at most (segments of the pattern) × (segments of the name) steps: on a mismatch only
/// the last `**` seen needs to take one segment more, since an earlier one could not help.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut pattern = segments(pattern);
    let mut name = segments(name);
    // The state to return to: behind the last `**`, and in front of what it took last.
    let mut retry: Option<(Segments<'_>, Segments<'_>)> = None;
    loop {
        let rest = (pattern.clone(), name.clone());
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some(b"**"), _) => {
                name = rest.1;
                retry = Some((pattern.clone(), name.clone()));
                continue;
            }
            (Some(b"*"), Some(_)) => continue,
            (Some(want), Some(have)) if want == have => continue,
            _ => {}
        }
        let Some((behind, mut taken)) = retry else {
            return false;
        };
        if taken.next().is_none() {
            return false;
        }
        pattern = behind.clone();
        name = taken.clone();
        retry = Some((behind, taken));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern.as_bytes())
            .unwrap()
            .matches(Name::new(name.as_bytes()).unwrap())
    }

    #[test]
    fn names_are_checked() {
        let long = "x".repeat(MAX_LEN);
        let too_long = "x".repeat(MAX_LEN + 1);
        for good in ["a", "a/b", "ä/ö", "a b", &long] {
            assert!(Name::new(good.as_bytes()).is_ok(), "{good}");
        }
        for (bad, why) in [
            (&b""[..], Invalid::Empty),
            (too_long.as_bytes(), Invalid::TooLong),
            (b"\xff", Invalid::NotUtf8),
            (b"a\0", Invalid::Control),
            (b"a\n", Invalid::Control),
            (b"/", Invalid::EmptySegment),
            (b"a/", Invalid::EmptySegment),
            (b"/a", Invalid::EmptySegment),
            (b"a//b", Invalid::EmptySegment),
            (b"*", Invalid::Wildcard),
            (b"a*/b", Invalid::Wildcard),
        ] {
            assert_eq!(Name::new(bad), Err(why));
        }
    }

    #[test]
    fn patterns_are_checked() {
        for good in ["*", "**", "a/*/b", "**/a/**", "a"] {
            assert!(Pattern::new(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["a*", "***", "*a/b", "a/**b"] {
            assert_eq!(Pattern::new(bad.as_bytes()), Err(Invalid::MixedSegment));
        }
        assert!(Pattern::new(b"a/b").unwrap().as_name().is_some());
        assert!(Pattern::new(b"a/*").unwrap().as_name().is_none());
    }

    #[test]
    fn patterns_match_whole_segments() {
        for (pattern, name, want) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a", "a/b", false),
            ("a/b", "a", false),
            ("*", "a", true),
            ("*", "a/b", false),
            ("a/*", "a/b", true),
            ("a/*", "a", false),
            ("a/*/c", "a/b/c", true),
            ("**", "a", true),
            ("**", "a/b/c", true),
            ("a/**", "a", true),
            ("a/**", "a/b/c", true),
            ("a/**", "b/a", false),
            ("**/c", "c", true),
            ("**/c", "a/b/c", true),
            ("**/c", "a/c/b", false),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/c/c", true),
            ("a/**/c", "a/b", false),
            ("**/a/**/b", "x/a/y/a/z/b", true),
            ("**/a/*/b", "a/b/a/c/b", true),
            ("**/*", "a", true),
            ("*/**", "a", true),
            ("**/**", "a", true),
            ("*/**/*", "a", false),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} on {name}");
        }
    }

    /// The plainest definition of matching, to compare with.
    fn reference(pattern: &[&str], name: &[&str]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((&"**", rest)), _) => (0..=name.len()).any(|skip| reference(rest, &name[skip..])),
            (Some((&"*", pattern)), Some((_, name))) => reference(pattern, name),
            (Some((a, pattern)), Some((b, name))) => a == b && reference(pattern, name),
            _ => false,
        }
    }

    #[test]
    fn matching_agrees_with_its_definition_on_all_short_paths() {
        fn paths<'a>(alphabet: &[&'a str], longest: usize) -> Vec<Vec<&'a str>> {
            let mut all: Vec<Vec<&str>> = alphabet.iter().map(|s| vec![*s]).collect();
            let mut last = all.clone();
            for _ in 1..longest {
                last = last
                    .iter()
                    .flat_map(|p| alphabet.iter().map(|s| [&p[..], &[*s]].concat()))
                    .collect();
                all.extend(last.clone());
            }
            all
        }
        for pattern in paths(&["a", "b", "*", "**"], 5) {
            for name in paths(&["a", "b"], 5) {
                assert_eq!(
                    matches(&pattern.join("/"), &name.join("/")),
                    reference(&pattern, &name),
                    "{pattern:?} on {name:?}"
                );
            }
        }
    }
}
