// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can go wrong, in sentences that say what to do.

use std::fmt;
use std::io;

use crate::codec::BoxError;
use crate::errno::Errno;
use crate::topic::InvalidTopic;
use crate::topic::Topic;
use crate::wire;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
///
/// The text is a sentence that says what to do. What lies behind it, where there is something, is
/// the [`source`](std::error::Error::source).
///
/// ```no_run
/// use libkipc::{Bus, Error};
///
/// match Bus::connect() {
///     Ok(_) => println!("the bus is there"),
///     Err(Error::ModuleMissing) => println!("using a slower way instead"),
///     Err(error) => eprintln!("{error}"),
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The kernel module is not loaded, and the kernel did not find it to load it.
    ModuleMissing,
    /// The module and this library speak different versions of the wire format.
    #[non_exhaustive]
    Incompatible {
        /// Version of the module.
        version: String,
        /// Version of the module's wire format.
        module: u32,
        /// Version of this library's wire format.
        library: u32,
    },
    /// The kernel refused a request.
    Refused(Refused),
    /// A topic or pattern is malformed.
    InvalidTopic(InvalidTopic),
    /// The topic that a subscriber names appeared after it, but its user may not subscribe to it.
    #[non_exhaustive]
    Denied {
        /// The topic.
        topic: Topic,
    },
    /// A message of another type than the subscriber's arrived. The message is skipped; the
    /// stream goes on.
    #[non_exhaustive]
    TypeMismatch {
        /// Topic of the message.
        topic: Topic,
        /// Number of the message in its topic.
        seq: u64,
        /// Fingerprint of the subscriber's type.
        expected: u64,
        /// Fingerprint of the message's type.
        found: u64,
    },
    /// A value could not be encoded. Nothing was published.
    Encode(BoxError),
    /// A message could not be decoded. The message is skipped; the stream goes on.
    #[non_exhaustive]
    Decode {
        /// Topic of the message.
        topic: Topic,
        /// Number of the message in its topic.
        seq: u64,
        /// What the codec says.
        source: BoxError,
    },
    /// A message is larger than the publisher's send buffer allows. Nothing was published.
    #[non_exhaustive]
    TooLarge {
        /// Bytes of the encoded value.
        length: usize,
        /// Most bytes that an encoded value may have on this publisher.
        limit: usize,
    },
    /// A message did not fit into the memory that the subscriber receives into. The message is
    /// lost; the memory has grown to hold the next one of that size, and the stream goes on. There
    /// is room for the longest message that the module allows, up to 64 MiB; so this comes only
    /// where it allows longer ones.
    #[non_exhaustive]
    Truncated {
        /// Bytes that arrived.
        length: usize,
        /// Bytes that there was room for.
        room: usize,
    },
    /// The kernel does not grant a socket buffer of the size that was asked for.
    #[non_exhaustive]
    BufferLimit {
        /// The bytes asked for.
        requested: usize,
        /// The bytes granted.
        granted: usize,
        /// The sysctl with the limit for users without `CAP_NET_ADMIN`.
        sysctl: &'static str,
    },
    /// A filter compiles to more instructions than the kernel takes.
    #[non_exhaustive]
    FilterTooLong {
        /// Instructions of the compiled filter.
        length: usize,
        /// Most instructions that the kernel takes.
        limit: usize,
    },
    /// The kernel had no memory to queue something for this socket. What it was is unknown; the
    /// stream goes on. Lost messages do not come this way but as [`Item::Lost`](crate::Item::Lost).
    Overrun,
    /// What the kernel sent makes no sense to this library.
    #[non_exhaustive]
    Protocol {
        /// What was wrong.
        what: &'static str,
    },
    /// A system call failed.
    #[non_exhaustive]
    Io {
        /// What was tried, such as `"receive"`.
        operation: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// This error and what lies behind it, in one line: for whoever reads a log.
    ///
    /// ```no_run
    /// if let Err(error) = libkipc::Bus::connect() {
    ///     eprintln!("{}", error.with_sources());
    /// }
    /// ```
    #[must_use]
    pub fn with_sources(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }

    /// The error number of the kernel, if this error has one.
    ///
    /// ```no_run
    /// use libkipc::{Bus, Errno};
    ///
    /// # fn main() -> libkipc::Result<()> {
    /// let builder = Bus::connect()?.publisher::<u32>("count")?;
    /// match builder.create() {
    ///     Err(error) if error.errno() == Some(Errno::PROTOTYPE) => println!("not a u32 there"),
    ///     other => drop(other?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused(refused) => Some(refused.errno),
            Self::Io { source, .. } => source.raw_os_error().map(Errno::from_raw),
            _ => None,
        }
    }

    pub(crate) fn io(operation: &'static str, source: impl Into<io::Error>) -> Self {
        Self::Io {
            operation,
            source: source.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ModuleMissing => f.write_str(
                "kernel module kipc is not loaded: run `modprobe kipc`; install the kipc-dkms \
                 package if that fails",
            ),
            Self::Incompatible {
                version,
                module,
                library,
            } => write!(
                f,
                "kernel module kipc {version} speaks wire format {module}, this program {library}: \
                 update the older of the two"
            ),
            Self::Refused(refused) => refused.fmt(f),
            Self::InvalidTopic(invalid) => invalid.fmt(f),
            Self::Denied { topic } => write!(
                f,
                "this user may not subscribe to {topic}: its publisher may give it another mode \
                 or group, or an administrator make a rule"
            ),
            Self::TypeMismatch {
                topic,
                seq,
                expected,
                found,
            } => write!(
                f,
                "message {seq} of {topic} has another type (fingerprint {found:016x}, expected \
                 {expected:016x}): use the publisher's codec and type, or give both sides the \
                 same type_name()"
            ),
            Self::Encode(_) => f.write_str("the value cannot be encoded: nothing was published"),
            Self::Decode { topic, seq, .. } => write!(
                f,
                "message {seq} of {topic} cannot be decoded: check that its publisher uses the \
                 same type and codec"
            ),
            Self::TooLarge { length, limit } => write!(
                f,
                "message of {length} bytes is too large for the limit of {limit}: create the \
                 publisher with a larger send_buffer()"
            ),
            Self::Truncated { length, room } => write!(
                f,
                "message of {length} bytes was lost, there was room for {room}: the next one will \
                 fit"
            ),
            Self::BufferLimit {
                requested,
                granted,
                sysctl,
            } => write!(
                f,
                "the kernel grants a socket buffer of {granted} bytes, not {requested}: ask for \
                 less, or raise the sysctl {sysctl}"
            ),
            Self::FilterTooLong { length, limit } => write!(
                f,
                "the filter needs {length} instructions of at most {limit}: test fewer values"
            ),
            Self::Overrun => {
                f.write_str("the kernel had no memory to queue something for this socket")
            }
            Self::Protocol { what } => write!(
                f,
                "unexpected bytes from the kernel ({what}): update libkipc, or check that no other \
                 module uses kipc's netlink protocol number"
            ),
            Self::Io { operation, .. } => write!(f, "cannot {operation}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encode(source) | Self::Decode { source, .. } => Some(&**source),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<InvalidTopic> for Error {
    fn from(invalid: InvalidTopic) -> Self {
        Self::InvalidTopic(invalid)
    }
}

/// Lets the builders take a [`Topic`] or [`Pattern`](crate::Pattern) that needs no conversion.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// A request that the kernel refused, and why.
///
/// ```no_run
/// # fn main() -> Result<(), libkipc::Error> {
/// if let Err(libkipc::Error::Refused(refused)) = libkipc::Bus::connect()?.clear("log") {
///     println!("{}", refused);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    operation: &'static str,
    errno: Errno,
    message: Option<Box<str>>,
    offset: Option<u32>,
}

impl Refused {
    pub(crate) fn new(operation: &'static str, ack: &wire::ack::Ack<'_>) -> Self {
        Self {
            operation,
            errno: Errno::from_raw(ack.errno),
            message: ack.sentence.map(Box::from),
            offset: ack.offset,
        }
    }

    /// What was refused, such as `"advertise"`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// if let Err(libkipc::Error::Refused(refused)) = libkipc::Bus::connect()?.clear("log") {
    ///     println!("cannot {}", refused.operation());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The error number.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// if let Err(libkipc::Error::Refused(refused)) = libkipc::Bus::connect()?.clear("log") {
    ///     println!("{}", refused.errno());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// The kernel's sentence, if it sent one.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// if let Err(libkipc::Error::Refused(refused)) = libkipc::Bus::connect()?.clear("log") {
    ///     println!("{:?}", refused.message());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Offset in bytes of the offending attribute in the request, if there is one.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// if let Err(libkipc::Error::Refused(refused)) = libkipc::Bus::connect()?.clear("log") {
    ///     println!("{:?}", refused.offset());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn offset(&self) -> Option<u32> {
        self.offset
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the kernel refused to {}: ", self.operation)?;
        match &self.message {
            Some(message) => write!(f, "{message} (errno {})", self.errno.raw()),
            None => self.errno.fmt(f),
        }
    }
}
