// SPDX-License-Identifier: GPL-2.0

//! What a client says when it advertises a topic.

use crate::bus::overflow::Patience;
use crate::wire::topic::Name;

/// An advertisement, as it is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Offer<'a> {
    /// The topic.
    pub(crate) name: Name<'a>,
    /// Fingerprint of the payload's type; 0: untyped.
    pub(crate) fingerprint: u64,
    /// How far the publisher goes for subscribers.
    pub(crate) patience: Patience,
    /// How many messages the topic shall retain. `None`: whatever it does.
    pub(crate) history: Option<u32>,
    /// Whether the publisher wants to know how many subscribers there are.
    pub(crate) events: bool,
    /// Mode of the topic. `None`: the usual one, or that of the topic if it exists.
    pub(crate) mode: Option<u32>,
    /// Group of the topic. `None`: the user's, or that of the topic if it exists.
    pub(crate) gid: Option<u32>,
}

impl<'a> Offer<'a> {
    /// An offer of untyped messages, without obligations.
    pub(crate) fn new(name: Name<'a>) -> Self {
        Self {
            name,
            fingerprint: 0,
            patience: Patience::None,
            history: None,
            events: false,
            mode: None,
            gid: None,
        }
    }
}
