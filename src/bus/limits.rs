// SPDX-License-Identifier: GPL-2.0

//! How much one may use of a bus. docs/limits.md says the same; each has a test.

/// Most advertisements of one socket.
pub(crate) const ADVERTISEMENTS_PER_SOCKET: usize = 1024;

/// Most subscriptions of one socket.
pub(crate) const SUBSCRIPTIONS_PER_SOCKET: usize = 1024;

/// Most messages of one batch: for subscribers who get each on its own, all are queued while the topic
/// is locked.
pub(crate) const MESSAGES_PER_BATCH: u32 = 1024;

/// Most topics of one bus.
pub(crate) const TOPICS_PER_BUS: usize = 65536;

/// What whoever loads the module decides: module parameters of the same names.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Most topics that exist because of one user.
    pub(crate) topics_per_user: u32,
    /// Most subscriptions of one user.
    pub(crate) subscriptions_per_user: u32,
    /// Most subscriptions of one user that have a wildcard: a new topic is compared with those that
    /// begin with one, whosever they are, while the bus is locked.
    pub(crate) patterns_per_user: u32,
    /// Most memory in retained messages and last wills of one user, in bytes.
    pub(crate) retained_bytes_per_user: u32,
    /// Longest payload of a message, in bytes.
    pub(crate) message_bytes: u32,
}
