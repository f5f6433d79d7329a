// SPDX-License-Identifier: GPL-2.0

//! Who opened a socket.

use super::ffi;
use crate::bus::port;
use core::ptr::NonNull;

/// Credentials of whoever opened a socket, as they were then, and the process that made it a
/// client.
///
/// # Invariants
///
/// `opener` is null for the kernel, or a `struct cred` of which `self` owns one reference; `pid`
/// is null for the kernel, or a `struct pid` of which `self` owns one reference.
pub(crate) struct Credentials {
    opener: Option<NonNull<ffi::cred>>,
    is_admin: bool,
    pid: Option<NonNull<ffi::pid>>,
    process: port::Process,
}

// SAFETY: `struct cred` and `struct pid` are reference counted and never change.
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
            pid: None,
            process: port::Process {
                comm: *b"kernel\0\0\0\0\0\0\0\0\0\0",
                ..port::Process::default()
            },
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
        let mut process = port::Process::default();
        // SAFETY: `comm` has 16 bytes, and both are valid for writes.
        let pid =
            unsafe { ffi::kipc_pid_of_sender(process.comm.as_mut_ptr(), &mut process.start_time) };
        // INVARIANT: Both references were taken for us.
        Self {
            opener: NonNull::new(opener.cast_mut()),
            is_admin: is_admin != 0,
            pid: NonNull::new(pid),
            process,
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

    fn sponsor(&self) -> u32 {
        match self.opener {
            // SAFETY: Alive by the type invariant.
            Some(cred) => unsafe { ffi::kipc_cred_sponsor(cred.as_ptr()) },
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

    fn process(&self) -> port::Process {
        let pid = match self.pid {
            // SAFETY: Alive by the type invariant.
            Some(pid) => unsafe { ffi::kipc_pid_number(pid.as_ptr()) },
            None => 0,
        };
        port::Process {
            pid,
            ..self.process
        }
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        if let Some(cred) = self.opener {
            // SAFETY: By the type invariant, the reference is ours to give back.
            unsafe { ffi::kipc_cred_put(cred.as_ptr()) };
        }
        if let Some(pid) = self.pid {
            // SAFETY: By the type invariant, the reference is ours to give back.
            unsafe { ffi::kipc_pid_put(pid.as_ptr()) };
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

/// A user id as whoever reads knows it.
pub(crate) fn unmap_uid(uid: u32) -> u32 {
    // SAFETY: Any number is allowed.
    unsafe { ffi::kipc_unmap_uid(uid) }
}

/// A group id as whoever reads knows it.
pub(crate) fn unmap_gid(gid: u32) -> u32 {
    // SAFETY: Any number is allowed.
    unsafe { ffi::kipc_unmap_gid(gid) }
}
