// SPDX-License-Identifier: GPL-2.0

//! What one user has on a bus, over all its sockets.

use crate::sys::Arc;
use crate::sys::Counter;

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
    /// Memory in retained messages and last wills, in bytes.
    pub(super) retained: Counter,
}

impl Account {
    /// The account of a user that has nothing yet.
    pub(super) fn new(uid: u32) -> Self {
        Self {
            uid,
            uses: Counter::new(),
            topics: Counter::new(),
            subscriptions: Counter::new(),
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
