// SPDX-License-Identifier: GPL-2.0

//! The few things that the bus needs from its surroundings, here from the kernel crate.
//!
//! What changes between kernel releases is confined to this file. The host tests of the bus bring
//! a `sys` of their own with the same names, over `std`.

use core::borrow::Borrow;
use core::ops::ControlFlow;
use core::ops::Deref;
use core::pin::Pin;
use kernel::alloc::Flags;
use kernel::prelude::*;
use kernel::rbtree::RBTree;
use kernel::sync::atomic::Atomic;
use kernel::sync::atomic::Full;
use kernel::sync::atomic::Relaxed;
use kernel::sync::lock::mutex::MutexBackend;

pub(crate) use kernel::sync::Arc;

/// The value of a module parameter, of which Linux 7.2 hands out a reference and 7.3 the value.
pub(crate) fn parameter(value: impl Borrow<u32>) -> u32 {
    *value.borrow()
}

/// An allocation failed. Nothing was changed.
#[derive(Debug)]
pub(crate) struct NoMemory;

/// A new reference-counted value, charged to the caller's memory cgroup.
pub(crate) fn arc<T>(value: T) -> Result<Arc<T>, NoMemory> {
    Arc::new(value, GFP_KERNEL_ACCOUNT).map_err(|_| NoMemory)
}

/// A value in memory of its own.
pub(crate) type Box<T> = KBox<T>;

/// A new [`Box`], charged to the caller's memory cgroup.
pub(crate) fn boxed<T>(value: T) -> Result<Box<T>, NoMemory> {
    KBox::new(value, GFP_KERNEL_ACCOUNT).map_err(|_| NoMemory)
}

/// A new [`Box`] that somebody else asked for than whoever calls: neither is charged.
pub(crate) fn boxed_for_other<T>(value: T) -> Result<Box<T>, NoMemory> {
    KBox::new(value, GFP_KERNEL).map_err(|_| NoMemory)
}

/// A mutex that sleeps. Made by [`mutex!`], which gives each place its own lockdep class.
pub(crate) struct Mutex<T>(Pin<KBox<kernel::sync::Mutex<T>>>);

/// Access to the contents of a [`Mutex`].
pub(crate) type Guard<'a, T> = kernel::sync::lock::Guard<'a, T, MutexBackend>;

impl<T> Mutex<T> {
    /// For [`mutex!`].
    pub(crate) fn from_init(init: impl PinInit<kernel::sync::Mutex<T>>) -> Result<Self, NoMemory> {
        KBox::pin_init(init, GFP_KERNEL_ACCOUNT)
            .map(Self)
            .map_err(|_| NoMemory)
    }

    /// Waits for the mutex.
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock()
    }
}

/// `mutex!(value, "name")`: a new [`Mutex`], or [`NoMemory`].
macro_rules! mutex {
    ($value:expr, $name:literal) => {
        $crate::sys::Mutex::from_init(kernel::new_mutex!($value, $name))
    };
}
pub(crate) use mutex;

/// A vector whose growth can fail.
pub(crate) struct Vec<T>(KVec<T>);

impl<T> Vec<T> {
    /// An empty vector; allocates nothing.
    pub(crate) fn new() -> Self {
        Self(KVec::new())
    }

    /// Appends all of a slice.
    pub(crate) fn try_extend(&mut self, values: &[T]) -> Result<(), NoMemory>
    where
        T: Clone,
    {
        self.0
            .extend_from_slice(values, GFP_KERNEL_ACCOUNT)
            .map_err(|_| NoMemory)
    }

    /// Takes all elements out; room stays.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the last element.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }
}

impl<T> Deref for Vec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// A number that threads share.
pub(crate) struct Counter(Atomic<u64>);

impl Counter {
    /// 0.
    pub(crate) fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// The number now.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Adds, unless that gives more than `limit`; others never see a number above it.
    pub(crate) fn try_add(&self, more: u64, limit: u64) -> bool {
        let mut old = self.0.load(Relaxed);
        loop {
            let sum = old.saturating_add(more);
            if sum > limit {
                return false;
            }
            match self.0.cmpxchg(old, sum, Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
    }

    /// Adds 1 and returns the sum.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed).wrapping_add(1)
    }

    /// Takes away what was added; true if that was all.
    pub(crate) fn sub(&self, less: u64) -> bool {
        self.0.fetch_sub(less, Full) == less
    }
}

/// An ordered map whose growth can fail.
pub(crate) struct Map<K: Ord, V> {
    tree: RBTree<K, V>,
    len: usize,
}

impl<K: Ord, V> Map<K, V> {
    /// An empty map; allocates nothing.
    pub(crate) fn new() -> Self {
        Self {
            tree: RBTree::new(),
            len: 0,
        }
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.tree.get(key)
    }

    /// The value of a key, to be changed.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.tree.get_mut(key)
    }

    /// The first entry.
    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        self.tree.iter().next()
    }

    /// Adds an entry; an older one of the same key is dropped.
    pub(crate) fn try_insert(&mut self, key: K, value: V) -> Result<(), NoMemory> {
        self.insert(key, value, GFP_KERNEL_ACCOUNT)
    }

    /// Adds an entry that somebody else asked for than whoever calls: the memory cgroup of neither is
    /// charged. An older one of the same key is dropped.
    pub(crate) fn try_insert_for_other(&mut self, key: K, value: V) -> Result<(), NoMemory> {
        self.insert(key, value, GFP_KERNEL)
    }

    fn insert(&mut self, key: K, value: V, flags: Flags) -> Result<(), NoMemory> {
        match self.tree.try_create_and_insert(key, value, flags) {
            Ok(None) => self.len = self.len.saturating_add(1),
            Ok(Some(_)) => {}
            Err(_) => return Err(NoMemory),
        }
        Ok(())
    }

    /// Removes an entry.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let value = self.tree.remove(key)?;
        self.len = self.len.saturating_sub(1);
        Some(value)
    }

    /// Visits the entries in the order of their keys, beginning at `from` or, if there is no such
    /// key, behind it, until the visitor breaks.
    pub(crate) fn visit_from<B>(
        &mut self,
        from: &K,
        mut visit: impl FnMut(&K, &mut V) -> ControlFlow<B>,
    ) -> Option<B> {
        let mut next = self.tree.cursor_lower_bound_mut(from);
        while let Some(mut cursor) = next {
            let (key, value) = cursor.current_mut();
            if let ControlFlow::Break(result) = visit(key, value) {
                return Some(result);
            }
            next = cursor.move_next();
        }
        None
    }

    /// All values, in the order of their keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.tree.values()
    }

    /// All values, to be changed.
    #[inline(always)]
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.tree.values_mut()
    }
}
