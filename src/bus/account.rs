// SPDX-License-Identifier: GPL-2.0

//! What one user has on a bus, over all its sockets.

use super::limits::Limits;
use crate::sys::Arc;
use crate::sys::Counter;
use crate::wire::refusal::Refusal;

/// The account of one user. The registry keeps one for each user that a client or a topic belongs
/// to, and each of these counts as a use.
pub(super) struct Account {
    /// The user.
    pub(super) uid: u32,
    /// How many clients and topics belong to the user. Changes under the registry's lock only.
    pub(super) uses: Counter,
    /// Topics that the user created.
    pub(super) topics: Counter,
    /// Subscriptions.
    pub(super) subscriptions: Counter,
    /// Those of them with a wildcard.
    pub(super) patterns: Counter,
    /// Memory in retained messages and last wills, in bytes.
    pub(super) retained: Counter,
}

impl Account {
    /// Counts a subscription, unless that makes more than there may be.
    pub(super) fn try_subscribe(&self, is_wild: bool, limits: &Limits) -> Result<(), Refusal> {
        let most = limits.subscriptions_per_user;
        if !self.subscriptions.try_add(1, most.into()) {
            return Err(Refusal::TooManySubscriptionsOfUser);
        }
        if is_wild && !self.patterns.try_add(1, limits.patterns_per_user.into()) {
            self.subscriptions.sub(1);
            return Err(Refusal::TooManyPatternsOfUser);
        }
        Ok(())
    }

    /// Takes back what [`Account::try_subscribe`] counted.
    pub(super) fn unsubscribe(&self, is_wild: bool) {
        self.subscriptions.sub(1);
        if is_wild {
            self.patterns.sub(1);
        }
    }

    /// The account of a user that has nothing yet.
    pub(super) fn new(uid: u32) -> Self {
        Self {
            uid,
            uses: Counter::new(),
            topics: Counter::new(),
            subscriptions: Counter::new(),
            patterns: Counter::new(),
            retained: Counter::new(),
        }
    }
}

/// Memory that is charged to an account, until this is dropped.
pub(super) struct Charge {
    account: Arc<Account>,
    bytes: u64,
}

impl Charge {
    /// Charges so many bytes, unless that makes more than `limit`.
    pub(super) fn new(account: &Arc<Account>, bytes: u64, limit: u64) -> Option<Self> {
        account.retained.try_add(bytes, limit).then(|| Self {
            account: account.clone(),
            bytes,
        })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.retained.sub(self.bytes);
    }
}
