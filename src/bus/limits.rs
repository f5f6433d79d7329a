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

/// How many of these only administrators can have: users must not keep them from their work.
pub(crate) const TOPICS_OF_ADMINISTRATORS: usize = 4096;

/// Most sockets of one user in the audience of one topic: each costs the topic's publishers time.
pub(crate) const MEMBERS_PER_TOPIC_OF_USER: u32 = 1024;

/// Most publishers of one topic by one user: each is told to new subscribers that ask for events.
pub(crate) const PUBLISHERS_PER_TOPIC_OF_USER: u32 = 1024;

/// What whoever loads the module decides: module parameters of the same names. What is said of one
/// user is over all buses.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Most sockets of one user that publish or subscribe.
    pub(crate) sockets_per_user: u32,
    /// Most advertisements of one user.
    pub(crate) advertisements_per_user: u32,
    /// Most members of audiences of one user: a socket counts once for each topic that it receives.
    pub(crate) memberships_per_user: u32,
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
