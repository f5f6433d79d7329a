// SPDX-License-Identifier: MIT OR Apache-2.0

//! Topic names and patterns, checked once and owned.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::wire::topic::Invalid;
use crate::wire::topic::MAX_LEN;
use crate::wire::topic::Name as WireName;
use crate::wire::topic::Pattern as WirePattern;

/// A topic: a path of up to 255 bytes of UTF-8, such as `sensors/room1`.
///
/// No segment is empty, and there are no control characters and no `*`. Cloning is cheap.
///
/// ```
/// use libkipc::Topic;
///
/// let topic = Topic::new("sensors/room1")?;
/// assert_eq!(topic.as_str(), "sensors/room1");
/// assert!(Topic::new("sensors//room1").is_err());
/// # Ok::<(), libkipc::InvalidTopic>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

/// Which topics to receive: a path in which `*` stands for one segment and `**` for any number.
///
/// ```
/// use libkipc::{Pattern, Topic};
///
/// let pattern = Pattern::new("sensors/**")?;
/// assert!(pattern.matches(&Topic::new("sensors/room1/temperature")?));
/// assert!(!pattern.matches(&Topic::new("lamps")?));
/// # Ok::<(), libkipc::InvalidTopic>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Arc<str>);

impl Topic {
    /// Checks the text and takes it.
    ///
    /// ```
    /// assert!(libkipc::Topic::new("sensors/room1").is_ok());
    /// assert!(libkipc::Topic::new("sensors/*").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidTopic`] if the text is no topic.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidTopic> {
        let text = text.as_ref();
        // INVARIANT: `WireName` holds exactly what may be a topic.
        WireName::new(text.as_bytes()).map_err(|why| InvalidTopic::new(text, why))?;
        Ok(Self(text.into()))
    }

    pub(crate) fn from_wire(name: WireName<'_>) -> Self {
        Self(name.as_str().into())
    }

    /// The name as the wire format wants it.
    pub(crate) fn to_wire(&self) -> Result<WireName<'_>, InvalidTopic> {
        WireName::new(self.0.as_bytes()).map_err(|why| InvalidTopic::new(&self.0, why))
    }
}

impl Pattern {
    /// Checks the text and takes it.
    ///
    /// ```
    /// assert!(libkipc::Pattern::new("sensors/*").is_ok());
    /// assert!(libkipc::Pattern::new("sensors/a*").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidTopic`] if the text is no pattern.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidTopic> {
        let text = text.as_ref();
        // INVARIANT: `WirePattern` holds exactly what may be a pattern.
        WirePattern::new(text.as_bytes()).map_err(|why| InvalidTopic::new(text, why))?;
        Ok(Self(text.into()))
    }

    /// Whether the pattern matches the topic, by the same code as in the kernel.
    ///
    /// ```
    /// # fn main() -> Result<(), libkipc::InvalidTopic> {
    /// let pattern = libkipc::Pattern::new("a/**")?;
    /// assert!(pattern.matches(&libkipc::Topic::new("a/b/c")?));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        match (self.to_wire(), topic.to_wire()) {
            (Ok(pattern), Ok(name)) => pattern.matches(name),
            // By the type invariants neither can happen.
            _ => false,
        }
    }

    /// The pattern as the wire format wants it.
    pub(crate) fn to_wire(&self) -> Result<WirePattern<'_>, InvalidTopic> {
        WirePattern::new(self.0.as_bytes()).map_err(|why| InvalidTopic::new(&self.0, why))
    }
}

/// A topic matches itself only.
impl From<Topic> for Pattern {
    fn from(topic: Topic) -> Self {
        Self(topic.0)
    }
}

impl From<&Topic> for Pattern {
    fn from(topic: &Topic) -> Self {
        topic.clone().into()
    }
}

macro_rules! text {
    ($($type:ty),*) => {$(
        impl $type {
            /// The text.
            ///
            /// ```
            /// # fn main() -> Result<(), libkipc::InvalidTopic> {
            /// assert_eq!(libkipc::Topic::new("a/b")?.as_str(), "a/b");
            /// # Ok(())
            /// # }
            /// ```
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl FromStr for $type {
            type Err = InvalidTopic;

            fn from_str(text: &str) -> Result<Self, InvalidTopic> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $type {
            type Error = InvalidTopic;

            fn try_from(text: &str) -> Result<Self, InvalidTopic> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidTopic;

            fn try_from(text: String) -> Result<Self, InvalidTopic> {
                Self::new(text)
            }
        }

        impl TryFrom<&String> for $type {
            type Error = InvalidTopic;

            fn try_from(text: &String) -> Result<Self, InvalidTopic> {
                Self::new(text)
            }
        }

        impl From<&$type> for $type {
            fn from(other: &$type) -> Self {
                other.clone()
            }
        }
    )*};
}

text!(Topic, Pattern);

/// A text that is no topic or no pattern, and why.
///
/// ```
/// let error = libkipc::Topic::new("a/").unwrap_err();
/// assert!(error.to_string().contains("empty segment"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTopic {
    text: Box<str>,
    why: Invalid,
}

impl InvalidTopic {
    fn new(text: &str, why: Invalid) -> Self {
        Self {
            text: text.into(),
            why,
        }
    }
}

impl fmt::Display for InvalidTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Invalid::Empty => f.write_str("a topic is empty: give a path such as sensors/room1"),
            Invalid::TooLong => write!(
                f,
                "a topic has {} bytes: shorten it to {MAX_LEN}",
                self.text.len()
            ),
            Invalid::NotUtf8 => f.write_str("a topic is not UTF-8: convert it"),
            Invalid::Control => write!(
                f,
                "topic {:?} holds a control character: leave it out",
                self.text
            ),
            Invalid::EmptySegment => write!(
                f,
                "topic {:?} has an empty segment: write no slash at either end and no two in a row",
                self.text
            ),
            Invalid::Wildcard => write!(
                f,
                "topic {:?} holds a '*': only patterns of subscribers may",
                self.text
            ),
            Invalid::MixedSegment => write!(
                f,
                "pattern {:?} has a '*' beside other characters: '*' and '**' stand for whole \
                 segments",
                self.text
            ),
        }
    }
}

impl std::error::Error for InvalidTopic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_check_the_text() {
        assert!(Topic::try_from("a/b").is_ok());
        assert!(Topic::try_from(String::from("a/*")).is_err());
        assert!("a/*".parse::<Pattern>().is_ok());
        assert!("a*".parse::<Pattern>().is_err());
        assert_eq!(Pattern::from(Topic::new("a").unwrap()), "a");
    }

    #[test]
    fn every_reason_is_a_sentence_with_advice() {
        let long = "x".repeat(256);
        for bad in ["", "a\n", "a//b", "*", &long] {
            let text = Topic::new(bad).unwrap_err().to_string();
            assert!(text.contains(": "), "{text}");
        }
    }
}
