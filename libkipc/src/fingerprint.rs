// SPDX-License-Identifier: MIT OR Apache-2.0

//! The number that stands for a codec and a type.

/// The fingerprint of a type in a codec: FNV-1a (64 bit) of both names with a zero byte between.
///
/// It is the same on every machine and in every version, so that it may be computed in other
/// languages too. It is never 0, which means "untyped".
///
/// ```
/// let fingerprint = libkipc::fingerprint("bincode2", "Reading/1");
/// assert_eq!(fingerprint, 0xf7e4_5746_ae6d_290b);
/// ```
#[must_use]
pub const fn fingerprint(codec: &str, type_name: &str) -> u64 {
    let hash = fnv1a(OFFSET_BASIS, codec.as_bytes());
    let hash = fnv1a(fnv1a(hash, &[0]), type_name.as_bytes());
    if hash == 0 { 1 } else { hash }
}

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

const fn fnv1a(mut hash: u64, mut bytes: &[u8]) -> u64 {
    while let Some((byte, rest)) = bytes.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(PRIME);
        bytes = rest;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_fnv1a() {
        assert_eq!(fnv1a(OFFSET_BASIS, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(OFFSET_BASIS, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(OFFSET_BASIS, b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn names_do_not_run_into_each_other() {
        assert_ne!(fingerprint("ab", "c"), fingerprint("a", "bc"));
    }
}
