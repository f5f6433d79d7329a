// SPDX-License-Identifier: GPL-2.0

//! A subscription: who wants which topics, and how.

use crate::bus::account::Quota;
use crate::bus::audience::MemberKey;
use crate::bus::client::Client;
use crate::bus::index::Place;
use crate::bus::overflow::Overflow;
use crate::bus::port::Form;
use crate::bus::port::Port;
use crate::bus::text::Text;
use crate::sys::Arc;

/// One subscription. It never changes.
pub(super) struct Subscription<P: Port> {
    /// Who subscribed.
    pub(super) client: Arc<Client<P>>,
    /// What its user may have one less of.
    pub(super) _quota: Quota,
    /// Likewise, if it has a wildcard.
    pub(super) _pattern_quota: Option<Quota>,
    /// Its id, unique among those of its client.
    pub(super) id: u32,
    /// Which topics.
    pub(super) pattern: Text,
    /// Where it lies in the index.
    pub(super) place: Place,
    /// In which protocol messages are delivered.
    pub(super) form: Form,
    /// As they were asked for.
    pub(super) flags: u32,
    /// Whether joined and gone publishers are of interest.
    pub(super) events: bool,
    /// Whether retained messages are wanted first.
    pub(super) history: bool,
    /// What happens when the queue is full.
    pub(super) overflow: Overflow,
}

impl<P: Port> Subscription<P> {
    /// Which member of audiences it belongs to.
    pub(super) fn member_key(&self) -> MemberKey {
        (self.client.serial, self.form)
    }
}
