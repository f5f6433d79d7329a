// SPDX-License-Identifier: GPL-2.0

//! What the bus needs from its surroundings, over `std`: the names of the module's own `sys`.
//!
//! More than the kernel's, it
//! - fails the n-th allocation of a thread ([`failing`]),
//! - panics when locks are taken in another order than `bus/mod.rs` documents,
//! - runs a closure right before a lock is taken ([`before_lock`]), to interleave on purpose,
//! - counts what is alive ([`live`]), to find leaks.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::PoisonError;

pub(crate) use std::sync::Arc;

/// An allocation failed. Nothing was changed.
#[derive(Debug)]
pub(crate) struct NoMemory;

thread_local! {
    /// How many allocations succeed before one fails.
    static COUNTDOWN: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether all that follow fail, too.
    static EXHAUSTED: Cell<bool> = const { Cell::new(false) };
    static FAILED: Cell<bool> = const { Cell::new(false) };
    static VISITS: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static HELD: RefCell<std::vec::Vec<usize>> = const { RefCell::new(std::vec::Vec::new()) };
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// A lock's name, and what to run before it is taken.
type Hook = (&'static str, Box<dyn FnOnce()>);

/// Runs `f` with its n-th allocation (from 1) failing; also tells whether it came to that.
pub(crate) fn failing<R>(n: usize, f: impl FnOnce() -> R) -> (R, bool) {
    COUNTDOWN.set(Some(n - 1));
    FAILED.set(false);
    let result = f();
    COUNTDOWN.set(None);
    (result, FAILED.get())
}

/// Runs `f` with its n-th allocation (from 1) and all that follow failing; also tells whether it
/// came to that.
pub(crate) fn exhausting<R>(n: usize, f: impl FnOnce() -> R) -> (R, bool) {
    EXHAUSTED.set(true);
    let result = failing(n, f);
    EXHAUSTED.set(false);
    result
}

pub(crate) fn allocate() -> Result<(), NoMemory> {
    match COUNTDOWN.get() {
        None => Ok(()),
        Some(0) => {
            if !EXHAUSTED.get() {
                COUNTDOWN.set(None);
            }
            FAILED.set(true);
            Err(NoMemory)
        }
        Some(n) => {
            COUNTDOWN.set(Some(n - 1));
            Ok(())
        }
    }
}

/// Vectors, mutexes and entries of maps that this thread made, less those that it dropped: 0 if
/// nothing leaked, provided that one thread did it all.
pub(crate) fn live() -> isize {
    LIVE.get()
}

/// How many entries of maps `f` visited.
pub(crate) fn visits(f: impl FnOnce()) -> usize {
    let before = VISITS.get();
    f();
    VISITS.get() - before
}

/// A member of each vector and mutex, for [`live`].
struct Alive;

impl Alive {
    fn new() -> Self {
        LIVE.set(LIVE.get() + 1);
        Self
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

/// A new reference-counted value.
pub(crate) fn arc<T>(value: T) -> Result<Arc<T>, NoMemory> {
    allocate()?;
    Ok(Arc::new(value))
}

pub(crate) use std::boxed::Box;

/// A new value in memory of its own.
pub(crate) fn boxed<T>(value: T) -> Result<Box<T>, NoMemory> {
    allocate()?;
    Ok(Box::new(value))
}

pub(crate) fn boxed_for_other<T>(value: T) -> Result<Box<T>, NoMemory> {
    boxed(value)
}

/// A number that threads share.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(crate) fn try_add(&self, more: u64, limit: u64) -> bool {
        let mut old = self.0.load(Relaxed);
        loop {
            let sum = old.saturating_add(more);
            if sum > limit {
                return false;
            }
            match self.0.compare_exchange(old, sum, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed).wrapping_add(1)
    }

    pub(crate) fn sub(&self, less: u64) -> bool {
        let before = self.0.fetch_sub(less, AcqRel);
        assert!(before >= less, "a counter below 0");
        before == less
    }
}

/// The locks of the bus, outermost first.
const ORDER: [&str; 4] = [
    "kipc::Client::owned",
    "kipc::Bus::registry",
    "kipc::Topic::tail",
    "kipc::Accounts::table",
];

fn rank(name: &str) -> usize {
    let rank = ORDER.iter().position(|known| *known == name);
    rank.unwrap_or_else(|| panic!("{name} has no place in the lock order"))
}

/// Once, right before this thread takes the lock of this name, runs `f`.
pub(crate) fn before_lock(name: &'static str, f: impl FnOnce() + 'static) {
    rank(name);
    HOOK.set(Some((name, Box::new(f))));
}

/// A mutex that knows its place in the lock order.
pub(crate) struct Mutex<T> {
    inner: std::sync::Mutex<T>,
    name: &'static str,
    _alive: Alive,
}

/// Access to the contents of a [`Mutex`].
pub(crate) struct Guard<'a, T> {
    inner: std::sync::MutexGuard<'a, T>,
    rank: usize,
}

impl<T> Mutex<T> {
    /// For [`mutex!`].
    pub(crate) fn new(value: T, name: &'static str) -> Result<Self, NoMemory> {
        rank(name);
        allocate()?;
        Ok(Self {
            inner: std::sync::Mutex::new(value),
            name,
            _alive: Alive::new(),
        })
    }

    /// Waits for the mutex; panics if that is against the lock order.
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let hook = HOOK.with_borrow_mut(|hook| hook.take_if(|(name, _)| *name == self.name));
        if let Some((_, f)) = hook {
            f();
        }
        let rank = rank(self.name);
        HELD.with_borrow_mut(|held| {
            if let Some(inner) = held.iter().find(|inner| **inner >= rank) {
                panic!("lock order: {} is taken under {}", self.name, ORDER[*inner]);
            }
            held.push(rank);
        });
        Guard {
            inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner),
            rank,
        }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| held.retain(|rank| *rank != self.rank));
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// `mutex!(value, "name")`: a new [`Mutex`], or [`NoMemory`].
macro_rules! mutex {
    ($value:expr, $name:literal) => {
        $crate::sys::Mutex::new($value, $name)
    };
}
pub(crate) use mutex;

/// A vector whose growth can fail. It never has room to spare, so that every growth may fail that
/// was not reserved for.
pub(crate) struct Vec<T> {
    inner: std::vec::Vec<T>,
    _alive: Alive,
}

impl<T> Vec<T> {
    pub(crate) fn new() -> Self {
        Self {
            inner: std::vec::Vec::new(),
            _alive: Alive::new(),
        }
    }

    pub(crate) fn try_extend(&mut self, values: &[T]) -> Result<(), NoMemory>
    where
        T: Clone,
    {
        if self.inner.capacity() - self.inner.len() < values.len() {
            allocate()?;
            self.inner.reserve_exact(values.len());
        }
        self.inner.extend_from_slice(values);
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.inner.clear();
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.inner.pop()
    }
}

impl<T> Deref for Vec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.inner
    }
}

/// An ordered map whose growth can fail.
pub(crate) struct Map<K: Ord, V>(BTreeMap<K, V>);

impl<K: Ord, V> Map<K, V> {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        self.0.first_key_value()
    }

    pub(crate) fn try_insert(&mut self, key: K, value: V) -> Result<(), NoMemory> {
        allocate()?;
        if self.0.insert(key, value).is_none() {
            LIVE.set(LIVE.get() + 1);
        }
        Ok(())
    }

    pub(crate) fn try_insert_for_other(&mut self, key: K, value: V) -> Result<(), NoMemory> {
        self.try_insert(key, value)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key).inspect(|_| LIVE.set(LIVE.get() - 1))
    }

    pub(crate) fn visit_from<B>(
        &mut self,
        from: &K,
        mut visit: impl FnMut(&K, &mut V) -> ControlFlow<B>,
    ) -> Option<B> {
        self.0.range_mut(from..).find_map(|(key, value)| {
            VISITS.set(VISITS.get() + 1);
            visit(key, value).break_value()
        })
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values().inspect(|_| VISITS.set(VISITS.get() + 1))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0
            .values_mut()
            .inspect(|_| VISITS.set(VISITS.get() + 1))
    }
}

impl<K: Ord, V> Drop for Map<K, V> {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - self.0.len() as isize);
    }
}

#[test]
#[should_panic(expected = "lock order: kipc::Client::owned is taken under kipc::Topic::tail")]
fn lock_against_the_order_panics() {
    let tail = mutex!((), "kipc::Topic::tail").unwrap();
    let owned = mutex!((), "kipc::Client::owned").unwrap();
    let _tail = tail.lock();
    let _owned = owned.lock();
}

#[test]
#[should_panic(expected = "lock order: kipc::Topic::tail is taken under kipc::Topic::tail")]
fn lock_second_of_a_kind_panics() {
    let one = mutex!((), "kipc::Topic::tail").unwrap();
    let two = mutex!((), "kipc::Topic::tail").unwrap();
    let _one = one.lock();
    let _two = two.lock();
}

#[test]
#[should_panic(expected = "lock order: kipc::Topic::tail is taken under kipc::Accounts::table")]
fn lock_of_accounts_is_the_innermost() {
    let table = mutex!((), "kipc::Accounts::table").unwrap();
    let tail = mutex!((), "kipc::Topic::tail").unwrap();
    let _table = table.lock();
    let _tail = tail.lock();
}

#[test]
fn live_counts_entries_of_maps() {
    let before = live();
    let mut map = Map::new();
    for key in [1, 2, 2, 3] {
        map.try_insert(key, ()).unwrap();
    }
    map.remove(&1);
    map.remove(&1);
    assert_eq!(live(), before + 2);
    drop(map);
    assert_eq!(live(), before);
}

#[test]
fn failing_second_allocation_fails_once() {
    let (results, failed) = failing(2, || [arc(1).is_ok(), arc(2).is_ok(), arc(3).is_ok()]);
    assert_eq!((results, failed), ([true, false, true], true));
    let (results, failed) = exhausting(2, || [arc(1).is_ok(), arc(2).is_ok(), arc(3).is_ok()]);
    assert_eq!((results, failed), ([true, false, false], true));
    assert!(arc(4).is_ok());
}
