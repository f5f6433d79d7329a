// SPDX-License-Identifier: GPL-2.0

//! Who opened a socket.

use super::ffi;
use crate::bus::port;
use core::ptr::NonNull;

/// Credentials of whoever opened a socket, as they were then.
///
/// # Invariants
///
/// `opener` is null for the kernel, or a `struct cred` of which `self` owns one reference.
pub(crate) struct Credentials {
    opener: Option<NonNull<ffi::cred>>,
    is_admin: bool,
}

// SAFETY: `struct cred` is reference counted and never changes.
unsafe impl Send for Credentials {}

// SAFETY: As above.
unsafe impl Sync for Credentials {}

impl Credentials {
    /// Those of the kernel.
    pub(crate) fn kernel() -> Self {
        // INVARIANT: Null stands for the kernel.
        Self {
            opener: None,
            is_admin: true,
        }
    }

    /// Those of a socket's opener.
    ///
    /// # Safety
    ///
    /// `sender` must be a netlink socket of our protocol on which a process is just sending.
    pub(super) unsafe fn of_opener(sender: NonNull<ffi::sock>) -> Self {
        let mut is_admin = 0;
        // SAFETY: By the contract of this function; `is_admin` is valid for a write.
        let opener = unsafe { ffi::kipc_cred_of_opener(sender.as_ptr(), &mut is_admin) };
        // INVARIANT: The reference was taken for us.
        Self {
            opener: NonNull::new(opener.cast_mut()),
            is_admin: is_admin != 0,
        }
    }
}

impl port::Credentials for Credentials {
    fn uid(&self) -> u32 {
        match self.opener {
            // SAFETY: Alive by the type invariant.
            Some(cred) => unsafe { ffi::kipc_cred_uid(cred.as_ptr()) },
            None => 0,
        }
    }

    fn gid(&self) -> u32 {
        match self.opener {
            // SAFETY: Alive by the type invariant.
            Some(cred) => unsafe { ffi::kipc_cred_gid(cred.as_ptr()) },
            None => 0,
        }
    }

    fn is_in_group(&self, gid: u32) -> bool {
        match self.opener {
            // SAFETY: Alive by the type invariant.
            Some(cred) => unsafe { ffi::kipc_cred_in_group(cred.as_ptr(), gid) != 0 },
            None => true,
        }
    }

    fn is_admin(&self) -> bool {
        self.is_admin
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        if let Some(cred) = self.opener {
            // SAFETY: By the type invariant, the reference is ours to give back.
            unsafe { ffi::kipc_cred_put(cred.as_ptr()) };
        }
    }
}

/// A user id of whoever is sending, as the initial user namespace knows it; `None` if it does not.
pub(crate) fn map_uid(uid: u32) -> Option<u32> {
    let mut mapped = 0;
    // SAFETY: `mapped` is valid for a write.
    (unsafe { ffi::kipc_map_uid(uid, &mut mapped) } == 0).then_some(mapped)
}

/// A group id of whoever is sending, as the initial user namespace knows it; `None` if it does
/// not.
pub(crate) fn map_gid(gid: u32) -> Option<u32> {
    let mut mapped = 0;
    // SAFETY: `mapped` is valid for a write.
    (unsafe { ffi::kipc_map_gid(gid, &mut mapped) } == 0).then_some(mapped)
}
