// SPDX-License-Identifier: GPL-2.0

//! What clients do in a random history.

use crate::bus::port::Form;
use proptest::prelude::*;

pub(super) const CLIENTS: usize = 7;
pub(super) const TOPICS: [&str; 5] = ["default", "a", "a/b", "b", "b/a"];
pub(super) const PATTERNS: [&str; 8] = ["default", "a", "a/b", "*", "**", "a/**", "*/a", "nothing"];

/// One step. Whoever (`usize` in front) is an index of a client; what a client may not do now is
/// tried all the same, since refusals are part of the promise.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Fingerprint, and how many messages the topic shall retain.
    Advertise(usize, &'static str, u64, Option<u32>),
    Unadvertise(usize, &'static str),
    /// Whether events, and what is retained, are wanted.
    Subscribe(usize, &'static str, bool, bool, Form),
    /// Its n-th subscription.
    Unsubscribe(usize, usize),
    Publish(usize, &'static str, u32),
    /// Lets go of what the topic retains.
    Clear(usize, &'static str),
    /// Reads so many items.
    Receive(usize, usize),
    /// Closes its socket; a new one takes its place.
    Disconnect(usize),
}

impl Operation {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let client = || 0..CLIENTS;
        let topic = || proptest::sample::select(&TOPICS[..]);
        // Mostly untyped, now and then one of two types that exclude each other.
        let fingerprint = prop_oneof![4 => Just(0_u64), 1 => 1..3_u64];
        let history = prop_oneof![1 => Just(None), 3 => (0..5_u32).prop_map(Some)];
        let pattern = proptest::sample::select(&PATTERNS[..]);
        let form = prop_oneof![4 => Just(Form::V1), 1 => Just(Form::Seed)];
        prop_oneof![
            6 => (client(), topic(), fingerprint, history)
                .prop_map(|(c, t, f, h)| Self::Advertise(c, t, f, h)),
            4 => (client(), topic()).prop_map(|(c, t)| Self::Unadvertise(c, t)),
            4 => (client(), pattern, any::<bool>(), any::<bool>(), form)
                .prop_map(|(c, p, e, h, f)| Self::Subscribe(c, p, e, h, f)),
            2 => (client(), 0..4_usize).prop_map(|(c, n)| Self::Unsubscribe(c, n)),
            12 => (client(), topic(), 0..100_u32).prop_map(|(c, t, tag)| Self::Publish(c, t, tag)),
            1 => (client(), topic()).prop_map(|(c, t)| Self::Clear(c, t)),
            4 => (client(), 1..8_usize).prop_map(|(c, n)| Self::Receive(c, n)),
            1 => client().prop_map(Self::Disconnect),
        ]
    }
}
