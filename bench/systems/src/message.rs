// SPDX-License-Identifier: MIT OR Apache-2.0

//! What every message carries, and how a receiver checks it.
//!
//! A message says who sent it, in which burst, as the how manyth and when. Behind that comes a
//! pattern, and at the end once more its number: a message that was cut, mixed with another one or
//! changed is noticed.

/// Bytes of the smallest message.
pub(crate) const SMALLEST: usize = 64;

/// Where the pattern begins.
const PATTERN: usize = 32;

/// What the number at the end is combined with, so that zeros are not right by chance.
const TRAILER: u64 = 0x6b69_7063_6b69_7063;

/// Of messages up to this size each byte is compared; of longer ones, one byte of this many.
/// Looking at all of them would take longer than the delivery that is measured.
const LOOK: usize = 1024;

/// The beginning of the pattern: comparing with it costs next to nothing.
static SHORT: [u8; LOOK] = {
    let mut bytes = [0; LOOK];
    let mut at = 0;
    while at < LOOK {
        bytes[at] = pattern(at);
        at += 1;
    }
    bytes
};

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only says that there is a way.
    Warm,
    /// Is counted.
    Data,
    /// Nothing more follows in this burst; `seq` is how many there were.
    End,
    /// The answer to [`Kind::Warm`] in a round trip.
    Echo,
}

/// The fields of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub(crate) time: u64,
    pub(crate) publisher: u32,
    pub(crate) burst: u32,
    pub(crate) kind: Kind,
}

/// A message that is sent again and again, with other fields each time.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    pub(crate) fn new(size: usize) -> Self {
        let size = size.max(SMALLEST);
        Self((0..size).map(pattern).collect())
    }

    /// The message with these fields.
    pub(crate) fn with(&mut self, head: Head) -> &[u8] {
        let end = self.0.len();
        let kind: u32 = match head.kind {
            Kind::Warm => 0,
            Kind::Data => 1,
            Kind::End => 2,
            Kind::Echo => 3,
        };
        self.0[0..8].copy_from_slice(&head.seq.to_le_bytes());
        self.0[8..16].copy_from_slice(&head.time.to_le_bytes());
        self.0[16..20].copy_from_slice(&head.publisher.to_le_bytes());
        self.0[20..24].copy_from_slice(&head.burst.to_le_bytes());
        self.0[24..28].copy_from_slice(&kind.to_le_bytes());
        self.0[end - 8..].copy_from_slice(&(head.seq ^ TRAILER).to_le_bytes());
        &self.0
    }
}

/// Reads a message; `None` if it is not one, or not whole.
pub(crate) fn read(bytes: &[u8]) -> Option<Head> {
    if bytes.len() < SMALLEST {
        return None;
    }
    let word = |at: usize| -> Option<u64> {
        Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
    };
    let half = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
    };
    let seq = word(0)?;
    if word(bytes.len() - 8)? != seq ^ TRAILER {
        return None;
    }
    let looked_at = PATTERN..bytes.len() - 8;
    let whole = match SHORT.get(looked_at.clone()) {
        Some(pattern) => bytes[looked_at] == *pattern,
        None => looked_at.step_by(LOOK).all(|at| bytes[at] == pattern(at)),
    };
    let kind = match half(24)? {
        0 => Kind::Warm,
        1 => Kind::Data,
        2 => Kind::End,
        3 => Kind::Echo,
        _ => return None,
    };
    whole.then_some(Head {
        seq,
        time: word(8)?,
        publisher: half(16)?,
        burst: half(20)?,
        kind,
    })
}

const fn pattern(at: usize) -> u8 {
    // The low byte is what is wanted.
    (at.wrapping_mul(7) ^ (at >> 8)).to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head {
        seq: 7,
        time: 8,
        publisher: 3,
        burst: 2,
        kind: Kind::Data,
    };

    #[test]
    fn reads_what_was_written() {
        for size in [64, 1024, 65536] {
            assert_eq!(read(Buffer::new(size).with(HEAD)), Some(HEAD));
        }
    }

    #[test]
    fn any_changed_byte_of_the_pattern_is_noticed() {
        let good = Buffer::new(1024).with(HEAD).to_vec();
        for at in (PATTERN..good.len()).chain(0..8) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(read(&bad), None, "byte {at}");
        }
    }

    #[test]
    fn a_cut_message_is_noticed() {
        let good = Buffer::new(1024).with(HEAD).to_vec();
        assert_eq!(read(&good[..1023]), None);
        assert_eq!(read(&good[..10]), None);
        assert_eq!(read(&[]), None);
    }
}
