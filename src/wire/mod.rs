// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! The wire format: what a kipc socket carries, and nothing else.
//!
//! The kernel module and libkipc compile these same files, so a constant or a layout exists once.
//! The code needs `core` only: no allocation, no panic on any input, no byte read before its
//! bounds were checked. All integers are in the byte order of the machine, as everywhere in
//! netlink; reads and writes go through byte arrays, so no alignment is assumed.
//!
//! - [`header`]: the netlink message header and walking over the messages of a buffer,
//! - [`attr`]: the attributes of control messages, parsed once against a strict policy,
//! - [`message`]: message types, attribute types and flags,
//! - [`request`]: control requests, parsed into types,
//! - [`record`]: replies and events, written and parsed,
//! - [`data`]: the fixed header in front of every published payload,
//! - [`ack`]: acknowledgements and refusals,
//! - [`seed`]: the older protocol that the same socket speaks,
//! - [`topic`]: topic names, patterns and matching,
//! - [`refusal`]: every reason for which the module refuses, with its errno and sentence.

pub(crate) mod ack;
pub(crate) mod attr;
pub(crate) mod data;
pub(crate) mod header;
pub(crate) mod message;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod seed;
pub(crate) mod topic;

/// The netlink protocol number, unless the module was loaded with `protocol=`.
pub(crate) const PROTOCOL: u32 = 31;

/// Version of this wire format. A change that an older peer would misread increments it.
pub(crate) const ABI_VERSION: u32 = 1;

/// Reads `N` bytes at `offset`, or nothing if they are not all there.
#[inline]
fn bytes_at<const N: usize>(buf: &[u8], offset: usize) -> Option<[u8; N]> {
    buf.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

/// A field of a header; zeros where the header does not reach, which is none of its fields.
#[inline]
fn field<const N: usize>(header: &[u8], offset: usize) -> [u8; N] {
    bytes_at(header, offset).unwrap_or([0; N])
}

/// Writes `bytes` at `offset`, as far as `buf` reaches. Unlike `copy_from_slice` it cannot panic.
fn put(buf: &mut [u8], offset: usize, bytes: &[u8]) {
    let room = buf.get_mut(offset..).unwrap_or_default();
    for (to, from) in room.iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// Rounds up to the alignment of netlink messages and attributes (4 bytes).
#[inline]
pub(crate) const fn align(len: usize) -> usize {
    len.saturating_add(3) & !3
}
