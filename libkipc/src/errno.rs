// SPDX-License-Identifier: MIT OR Apache-2.0

//! Error numbers of the kernel.

use std::fmt;
use std::io;

/// An error number (`errno`), as the kernel answers it.
///
/// A number and not an enumeration: a kernel may answer numbers that this version does not know.
///
/// ```
/// use libkipc::Errno;
///
/// assert_eq!(Errno::EXIST.to_string(), "File exists (os error 17)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(i32);

impl Errno {
    /// `EPERM`: another user decides.
    pub const PERM: Self = Self(nix::libc::EPERM);
    /// `EDQUOT`: a limit of this user is reached.
    pub const DQUOT: Self = Self(nix::libc::EDQUOT);
    /// `ENOENT`: no such topic or subscription on this socket.
    pub const NOENT: Self = Self(nix::libc::ENOENT);
    /// A signal ended a wait.
    pub const INTR: Self = Self(nix::libc::EINTR);
    /// `EAGAIN`: the message would not fit now.
    pub const AGAIN: Self = Self(nix::libc::EAGAIN);
    /// `ENOMEM`: the kernel is out of memory.
    pub const NOMEM: Self = Self(nix::libc::ENOMEM);
    /// `EACCES`: the caller lacks the permission.
    pub const ACCESS: Self = Self(nix::libc::EACCES);
    /// `EEXIST`: the socket is a publisher of the topic already.
    pub const EXIST: Self = Self(nix::libc::EEXIST);
    /// `EINVAL`: a malformed request.
    pub const INVAL: Self = Self(nix::libc::EINVAL);
    /// `ENOSPC`: a limit is reached.
    pub const NOSPC: Self = Self(nix::libc::ENOSPC);
    /// `EPROTOTYPE`: the topic carries another type.
    pub const PROTOTYPE: Self = Self(nix::libc::EPROTOTYPE);
    /// `EOPNOTSUPP`: the module does not know the request.
    pub const OPNOTSUPP: Self = Self(nix::libc::EOPNOTSUPP);

    /// The error with this number, which is positive.
    ///
    /// ```
    /// assert_eq!(libkipc::Errno::from_raw(17), libkipc::Errno::EXIST);
    /// ```
    #[must_use]
    pub const fn from_raw(raw: i32) -> Self {
        Self(raw)
    }

    /// The number.
    ///
    /// ```
    /// assert_eq!(libkipc::Errno::EXIST.raw(), 17);
    /// ```
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(f)
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}
