// SPDX-License-Identifier: MIT OR Apache-2.0

//! How values become bytes and bytes become values.
//!
//! A codec is a type without values; it is chosen in the builders. The traits borrow where they
//! can: what is encoded may lie in the value already, and what is decoded may point into the
//! bytes.

use crate::fingerprint::fingerprint;

/// Any error, as a codec reports it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A way to encode values.
///
/// ```
/// use libkipc::{BoxError, Codec, Decode, Encode};
///
/// /// Numbers as decimal text.
/// enum Decimal {}
///
/// impl Codec for Decimal {
///     const NAME: &'static str = "decimal";
/// }
///
/// impl Encode<u64> for Decimal {
///     fn encode<'a>(value: &'a u64, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], BoxError> {
///         buffer.extend_from_slice(value.to_string().as_bytes());
///         Ok(buffer)
///     }
/// }
///
/// impl Decode<'_, u64> for Decimal {
///     fn decode(bytes: &[u8]) -> Result<u64, BoxError> {
///         Ok(std::str::from_utf8(bytes)?.parse()?)
///     }
/// }
///
/// # fn main() -> Result<(), BoxError> {
/// let mut buffer = Vec::new();
/// let bytes = Decimal::encode(&42, &mut buffer)?;
/// assert_eq!(Decimal::decode(bytes)?, 42);
/// # Ok(())
/// # }
/// ```
pub trait Codec {
    /// Name of the codec; goes into the fingerprint.
    const NAME: &'static str;

    /// Fingerprint of the type with this name; 0 = untyped, compatible with every other.
    #[must_use]
    fn fingerprint(type_name: &str) -> u64 {
        fingerprint(Self::NAME, type_name)
    }
}

/// A codec that can encode `T`.
pub trait Encode<T: ?Sized>: Codec {
    /// Encodes the value: either into `buffer`, which is empty and is used again for the next
    /// value, or by borrowing the bytes from the value.
    ///
    /// # Errors
    ///
    /// Whatever keeps the value from being encoded; it becomes
    /// [`Error::Encode`](crate::Error::Encode).
    fn encode<'a>(value: &'a T, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], BoxError>;
}

/// A codec that can decode a `T`, which may borrow from the bytes.
pub trait Decode<'a, T>: Codec {
    /// Decodes all of `bytes`. They come from another process and may be anything.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the bytes; it becomes [`Error::Decode`](crate::Error::Decode).
    fn decode(bytes: &'a [u8]) -> Result<T, BoxError>;
}

/// The default codec: bincode 2 with its standard configuration (little endian, variable-length
/// integers).
///
/// bincode gets no further releases (RUSTSEC-2025-0141). Its format is fixed and described, and
/// libkipc stays with version 2; a [`Codec`] of your own may take its place.
///
/// A type needs `#[derive(bincode::Encode, bincode::Decode)]`. Bytes that are left over behind a
/// value are an error, and no value larger than 64 MiB is decoded, so that a hostile publisher
/// cannot make a subscriber run out of memory.
///
/// ```
/// use libkipc::{Bincode, Decode, Encode};
///
/// # fn main() -> Result<(), libkipc::BoxError> {
/// let mut buffer = Vec::new();
/// let bytes = Bincode::encode(&(7_u32, "warm"), &mut buffer)?;
/// let value: (u32, &str) = Bincode::decode(bytes)?;
/// assert_eq!(value, (7, "warm"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum Bincode {}

/// The most memory that one decoded value may claim, in bytes.
const DECODE_LIMIT: usize = 64 << 20;

impl Codec for Bincode {
    const NAME: &'static str = "bincode2";
}

impl<T: bincode::Encode + ?Sized> Encode<T> for Bincode {
    fn encode<'a>(value: &'a T, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], BoxError> {
        bincode::encode_into_std_write(value, buffer, bincode::config::standard())?;
        Ok(buffer)
    }
}

impl<'a, T: bincode::BorrowDecode<'a, ()>> Decode<'a, T> for Bincode {
    fn decode(bytes: &'a [u8]) -> Result<T, BoxError> {
        let config = bincode::config::standard().with_limit::<DECODE_LIMIT>();
        let (value, used) = bincode::borrow_decode_from_slice(bytes, config)?;
        if used != bytes.len() {
            let left = bytes.len() - used;
            return Err(format!("{left} bytes are left over behind the value").into());
        }
        Ok(value)
    }
}

/// JSON, by serde: for values that people and programs in other languages read too. Needs the
/// feature `json`.
///
/// It describes itself, so all its topics have one fingerprint, whatever the type: the command
/// line tool shows what it finds there. A value of another type is an
/// [`Error::Decode`](crate::Error::Decode) that says what is wrong with it.
///
/// ```
/// use libkipc::{Decode, Encode, Json};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Reading<'a> {
///     room: &'a str,
///     celsius: f32,
/// }
///
/// # fn main() -> Result<(), libkipc::BoxError> {
/// let mut buffer = Vec::new();
/// let reading = Reading { room: "hall", celsius: 21.5 };
/// let bytes = Json::encode(&reading, &mut buffer)?;
/// assert_eq!(bytes, br#"{"room":"hall","celsius":21.5}"#);
/// let back: Reading<'_> = Json::decode(bytes)?;
/// assert_eq!(back.room, "hall");
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "json")]
#[derive(Debug)]
pub enum Json {}

#[cfg(feature = "json")]
impl Json {
    /// The fingerprint of every JSON topic.
    pub const FINGERPRINT: u64 = fingerprint("json", "");
}

#[cfg(feature = "json")]
impl Codec for Json {
    const NAME: &'static str = "json";

    fn fingerprint(_type_name: &str) -> u64 {
        Self::FINGERPRINT
    }
}

#[cfg(feature = "json")]
impl<T: serde::Serialize + ?Sized> Encode<T> for Json {
    fn encode<'a>(value: &'a T, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], BoxError> {
        serde_json::to_writer(&mut *buffer, value)?;
        Ok(buffer)
    }
}

#[cfg(feature = "json")]
impl<'a, T: serde::Deserialize<'a>> Decode<'a, T> for Json {
    fn decode(bytes: &'a [u8]) -> Result<T, BoxError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// No codec: the message is the bytes, of whatever type.
///
/// Publishes anything that is bytes, and receives into anything that can be made from them, such
/// as `Vec<u8>`. Untyped: it receives messages of all types, and all may receive its messages.
///
/// ```no_run
/// # fn main() -> libkipc::Result<()> {
/// let bus = libkipc::Bus::connect()?;
/// bus.raw_publisher("log")?.create()?.publish(b"started")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum Raw {}

impl Codec for Raw {
    const NAME: &'static str = "raw";

    fn fingerprint(_type_name: &str) -> u64 {
        0
    }
}

impl<T: AsRef<[u8]> + ?Sized> Encode<T> for Raw {
    fn encode<'a>(value: &'a T, _buffer: &'a mut Vec<u8>) -> Result<&'a [u8], BoxError> {
        Ok(value.as_ref())
    }
}

impl<'a, T: From<&'a [u8]>> Decode<'a, T> for Raw {
    fn decode(bytes: &'a [u8]) -> Result<T, BoxError> {
        Ok(T::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bincode_refuses_what_is_left_over_or_missing() {
        assert_eq!(Bincode::decode(&[7]).ok(), Some(7_u8));
        assert!(<Bincode as Decode<'_, u8>>::decode(&[7, 7]).is_err());
        assert!(<Bincode as Decode<'_, u8>>::decode(&[]).is_err());
    }

    #[test]
    fn bincode_does_not_believe_a_huge_length() {
        // A vector of 2^62 bytes, none of which follows.
        let mut bytes = vec![253];
        bytes.extend_from_slice(&(1_u64 << 62).to_le_bytes());
        assert!(<Bincode as Decode<'_, Vec<u8>>>::decode(&bytes).is_err());
        assert!(<Bincode as Decode<'_, String>>::decode(&bytes).is_err());
    }

    #[test]
    fn raw_borrows_both_ways_and_is_untyped() {
        let value = b"abc".to_vec();
        let mut buffer = Vec::new();
        let bytes = Raw::encode(&value, &mut buffer).unwrap();
        assert_eq!(bytes.as_ptr(), value.as_ptr());
        let back: &[u8] = Raw::decode(bytes).unwrap();
        assert_eq!(back.as_ptr(), value.as_ptr());
        assert_eq!(Raw::fingerprint("anything"), 0);
    }
}
