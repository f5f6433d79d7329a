// SPDX-License-Identifier: GPL-2.0

//! How much one may use of a bus. docs/limits.md says the same; each has a test.

/// Most advertisements of one socket.
pub(crate) const ADVERTISEMENTS_PER_SOCKET: usize = 1024;

/// Most subscriptions of one socket.
pub(crate) const SUBSCRIPTIONS_PER_SOCKET: usize = 1024;

/// Most topics of one bus.
pub(crate) const TOPICS_PER_BUS: usize = 65536;
