// SPDX-License-Identifier: GPL-2.0

//! The few things that the bus needs from its surroundings, here from the kernel crate.
//!
//! What changes between kernel releases is confined to this file. The host tests of the bus bring
//! a `sys` of their own with the same names, over `std`.

use core::borrow::Borrow;
use core::ops::ControlFlow;
use core::ops::Deref;
use core::ops::DerefMut;
use core::pin::Pin;
use kernel::prelude::*;
use kernel::rbtree::RBTree;
use kernel::sync::atomic::Atomic;
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

    /// Makes room for `more` further elements.
    pub(crate) fn try_reserve(&mut self, more: usize) -> Result<(), NoMemory> {
        self.0
            .reserve(more, GFP_KERNEL_ACCOUNT)
            .map_err(|_| NoMemory)
    }

    /// Appends.
    pub(crate) fn try_push(&mut self, value: T) -> Result<(), NoMemory> {
        self.0.push(value, GFP_KERNEL_ACCOUNT).map_err(|_| NoMemory)
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

    /// Inserts before element `index`, or at the end if there is no such element.
    pub(crate) fn try_insert(&mut self, index: usize, value: T) -> Result<(), NoMemory> {
        self.try_push(value)?;
        if let Some(moved) = self.0.get_mut(index..) {
            moved.rotate_right(1);
        }
        Ok(())
    }

    /// Takes element `index`; those behind it move up.
    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        let moved = self.0.get_mut(index..)?;
        if moved.is_empty() {
            return None;
        }
        moved.rotate_left(1);
        self.0.pop()
    }

    /// Takes the last element.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Takes element `index`, which the last one replaces.
    pub(crate) fn swap_remove(&mut self, index: usize) -> Option<T> {
        let last = self.0.len().checked_sub(1)?;
        if index > last {
            return None;
        }
        self.0.swap(index, last);
        self.0.pop()
    }
}

impl<T> Deref for Vec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Vec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
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

    /// Adds, unless that gives more than `limit`.
    pub(crate) fn try_add(&self, more: u64, limit: u64) -> bool {
        let sum = self.0.fetch_add(more, Relaxed).saturating_add(more);
        if sum > limit {
            self.sub(more);
            return false;
        }
        true
    }

    /// Takes away what was added.
    pub(crate) fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Relaxed);
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

    /// Adds an entry; an older one of the same key is dropped.
    pub(crate) fn try_insert(&mut self, key: K, value: V) -> Result<(), NoMemory> {
        match self
            .tree
            .try_create_and_insert(key, value, GFP_KERNEL_ACCOUNT)
        {
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
}
