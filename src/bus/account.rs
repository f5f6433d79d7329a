// SPDX-License-Identifier: GPL-2.0

//! What one user has, over all its sockets and on all buses.

use super::limits::Limits;
use crate::sys;
use crate::sys::Arc;
use crate::sys::Counter;
use crate::sys::Map;
use crate::sys::Mutex;
use crate::sys::NoMemory;
use crate::wire::refusal::Refusal;

/// What a user can use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// Sockets that publish or subscribe.
    Sockets,
    /// Topics that the user created.
    Topics,
    /// Advertisements.
    Advertisements,
    /// Subscriptions.
    Subscriptions,
    /// Those of them with a wildcard.
    Patterns,
    /// Sockets in the audiences of topics: one counts once for each topic.
    Memberships,
    /// Memory in retained messages and last wills, in bytes.
    RetainedBytes,
}

impl Resource {
    fn limit(self, limits: &Limits) -> u64 {
        let limit = match self {
            Self::Sockets => limits.sockets_per_user,
            Self::Topics => limits.topics_per_user,
            Self::Advertisements => limits.advertisements_per_user,
            Self::Subscriptions => limits.subscriptions_per_user,
            Self::Patterns => limits.patterns_per_user,
            Self::Memberships => limits.memberships_per_user,
            Self::RetainedBytes => limits.retained_bytes_per_user,
        };
        limit.into()
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::Sockets => Refusal::TooManySocketsOfUser,
            Self::Topics => Refusal::TooManyTopicsOfUser,
            Self::Advertisements => Refusal::TooManyAdvertisementsOfUser,
            Self::Subscriptions => Refusal::TooManySubscriptionsOfUser,
            Self::Patterns => Refusal::TooManyPatternsOfUser,
            Self::Memberships => Refusal::TooManyMembershipsOfUser,
            Self::RetainedBytes => Refusal::TooMuchRetained,
        }
    }
}

/// Of an account: the user, and who answers for it.
type Key = (u32, u32);

/// The account of one user. The table keeps it for as long as there is a [`User`] of it.
struct Account {
    key: Key,
    /// Who made it possible that this user exists, and is charged as well.
    sponsor: Option<User>,
    /// How many [`User`]s of it there are. Grows from 0 under the lock of the table only.
    uses: Counter,
    sockets: Counter,
    topics: Counter,
    advertisements: Counter,
    subscriptions: Counter,
    patterns: Counter,
    memberships: Counter,
    retained_bytes: Counter,
    accounts: Arc<Accounts>,
}

impl Account {
    fn new(key: Key, sponsor: Option<User>, accounts: Arc<Accounts>) -> Self {
        Self {
            key,
            sponsor,
            uses: Counter::new(),
            sockets: Counter::new(),
            topics: Counter::new(),
            advertisements: Counter::new(),
            subscriptions: Counter::new(),
            patterns: Counter::new(),
            memberships: Counter::new(),
            retained_bytes: Counter::new(),
            accounts,
        }
    }

    fn counter(&self, resource: Resource) -> &Counter {
        match resource {
            Resource::Sockets => &self.sockets,
            Resource::Topics => &self.topics,
            Resource::Advertisements => &self.advertisements,
            Resource::Subscriptions => &self.subscriptions,
            Resource::Patterns => &self.patterns,
            Resource::Memberships => &self.memberships,
            Resource::RetainedBytes => &self.retained_bytes,
        }
    }

    fn take(&self, resource: Resource, amount: u64) -> Result<(), Refusal> {
        // The sponsor first, and last where it is given back: so it never has less than those whom
        // it answers for, and what it refuses does not stand here meanwhile, in the way of others.
        if let Some(sponsor) = &self.sponsor {
            sponsor.0.take(resource, amount)?;
        }
        let limit = resource.limit(&self.accounts.limits);
        if self.counter(resource).try_add(amount, limit) {
            return Ok(());
        }
        if let Some(sponsor) = &self.sponsor {
            sponsor.0.give_back(resource, amount);
        }
        Err(resource.refusal())
    }

    fn give_back(&self, resource: Resource, amount: u64) {
        self.counter(resource).sub(amount);
        if let Some(sponsor) = &self.sponsor {
            sponsor.0.give_back(resource, amount);
        }
    }
}

/// The accounts of all users that have something on a bus, whichever it is: a user who makes network
/// namespaces must not get another allowance with each.
pub(crate) struct Accounts {
    limits: Limits,
    table: Mutex<Map<Key, Arc<Account>>>,
}

impl Accounts {
    /// Nobody has anything.
    pub(crate) fn new(limits: Limits) -> Result<Self, NoMemory> {
        Ok(Self {
            limits,
            table: sys::mutex!(Map::new(), "kipc::Accounts::table")?,
        })
    }

    /// How much one may use.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// This user, for whom `sponsor` answers, which may be itself.
    pub(super) fn user(accounts: &Arc<Self>, uid: u32, sponsor: u32) -> Result<User, NoMemory> {
        if uid == sponsor {
            return Self::open(accounts, (uid, uid), None);
        }
        let answers = Self::open(accounts, (sponsor, sponsor), None)?;
        Self::open(accounts, (uid, sponsor), Some(answers))
    }

    fn open(accounts: &Arc<Self>, key: Key, sponsor: Option<User>) -> Result<User, NoMemory> {
        if let Some(user) = Self::existing(&accounts.table.lock(), &key) {
            return Ok(user);
        }
        // Before the lock is taken: if it comes to nothing, its sponsor's end takes it, too.
        let account = sys::arc(Account::new(key, sponsor, accounts.clone()))?;
        let mut table = accounts.table.lock();
        if let Some(user) = Self::existing(&table, &key) {
            return Ok(user);
        }
        table.try_insert(key, account.clone())?;
        account.uses.next();
        Ok(User(account.clone()))
    }

    fn existing(table: &Map<Key, Arc<Account>>, key: &Key) -> Option<User> {
        let account = table.get(key)?;
        account.uses.next();
        Some(User(account.clone()))
    }

    /// Forgets an account that had no uses.
    fn close(&self, account: &Arc<Account>) {
        let mut table = self.table.lock();
        // It may have been used, and closed, meanwhile, and the user may have another account now.
        let is_known = table
            .get(&account.key)
            .is_some_and(|known| core::ptr::eq(&raw const **known, &raw const **account));
        if is_known && account.uses.get() == 0 {
            // Not the last reference: that is the caller's, who holds no lock.
            table.remove(&account.key);
        }
    }
}

/// A user who has something, or is about to.
pub(crate) struct User(Arc<Account>);

impl User {
    /// The uid of who answers for what it does.
    pub(super) fn sponsor(&self) -> u32 {
        self.0.key.1
    }

    /// Whether both are one user.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Clone for User {
    fn clone(&self) -> Self {
        // Not from 0: `self` is a use.
        self.0.uses.next();
        Self(self.0.clone())
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if self.0.uses.sub(1) {
            self.0.accounts.close(&self.0);
        }
    }
}

/// So much of a resource, which a user has until this is dropped.
pub(super) struct Quota {
    user: User,
    resource: Resource,
    amount: u64,
}

impl Quota {
    /// Takes an amount, unless that makes more than the user may have.
    pub(super) fn take(user: &User, resource: Resource, amount: u64) -> Result<Self, Refusal> {
        user.0.take(resource, amount)?;
        Ok(Self {
            user: user.clone(),
            resource,
            amount,
        })
    }

    /// Takes one.
    pub(super) fn one(user: &User, resource: Resource) -> Result<Self, Refusal> {
        Self::take(user, resource, 1)
    }

    /// Makes it another amount, or changes nothing.
    pub(super) fn resize(&mut self, amount: u64) -> Result<(), Refusal> {
        match amount.checked_sub(self.amount) {
            Some(more) => self.user.0.take(self.resource, more)?,
            None => {
                let less = self.amount.saturating_sub(amount);
                self.user.0.give_back(self.resource, less);
            }
        }
        self.amount = amount;
        Ok(())
    }

    /// Whose it is.
    pub(super) fn user(&self) -> &User {
        &self.user
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        self.user.0.give_back(self.resource, self.amount);
    }
}

/// How many of the same kind each user has in one place.
pub(super) struct PerUser(Map<u32, u32>);

impl PerUser {
    /// Nobody has any.
    pub(super) fn new() -> Self {
        Self(Map::new())
    }

    /// Counts one more, unless that makes more than `limit`.
    pub(super) fn add(&mut self, user: &User, limit: u32, over: Refusal) -> Result<(), Refusal> {
        match self.0.get_mut(&user.sponsor()) {
            Some(count) if *count >= limit => return Err(over),
            Some(count) => *count = count.saturating_add(1),
            None => self.0.try_insert_for_other(user.sponsor(), 1)?,
        }
        Ok(())
    }

    /// Counts one less.
    pub(super) fn remove(&mut self, user: &User) {
        let left = self.0.get_mut(&user.sponsor()).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            self.0.remove(&user.sponsor());
        }
    }
}
