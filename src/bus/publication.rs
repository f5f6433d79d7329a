// SPDX-License-Identifier: GPL-2.0

//! A publication: what one client and one topic have to do with each other, as either knows it.

use crate::bus::account::Quota;
use crate::bus::client::Client;
use crate::bus::overflow::Patience;
use crate::bus::port::Port;
use crate::bus::topic::Topic;
use crate::sys::Arc;

/// A client's advertisement of one topic, as the client knows it.
pub(super) struct Publication<P: Port> {
    /// The topic.
    pub(super) topic: Arc<Topic<P>>,
    /// Fingerprint of the payload's type that it advertised.
    pub(super) fingerprint: u64,
    /// How far it goes for subscribers.
    pub(super) patience: Patience,
    /// What its user may have one less of.
    pub(super) _quota: Quota,
}

/// A publisher, as its topic knows it.
pub(super) struct Publisher<P: Port> {
    pub(super) client: Arc<Client<P>>,
    /// Fingerprint of the payload's type that it advertised.
    pub(super) fingerprint: u64,
    /// Whether it wants to know how many subscribers there are.
    pub(super) events: bool,
    /// What is published when it is closed.
    pub(super) will: Option<LastWill<P>>,
}

/// A message for the time after its publisher's end, and what it costs.
pub(super) struct LastWill<P: Port> {
    pub(super) message: P::Kept,
    pub(super) quota: Quota,
}

/// How a publisher or a subscription ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// Its client goes on and is told what it lost so far.
    Withdrawn,
    /// Its client is gone; there is nobody to tell.
    Closed,
}
