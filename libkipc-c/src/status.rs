// SPDX-License-Identifier: MIT OR Apache-2.0

//! Status codes, and the last error of each thread.

use std::cell::RefCell;
use std::ffi::CString;
use std::ffi::c_char;
use std::ffi::c_int;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use libkipc::Error;

/// All went well.
pub const KIPC_OK: c_int = 0;
/// Nothing is there yet, or the time is over.
pub const KIPC_NOTHING: c_int = 1;
/// The kernel module is not loaded, and the kernel did not find it.
pub const KIPC_ERROR_MODULE_MISSING: c_int = -1;
/// Module and library speak different versions of the wire format.
pub const KIPC_ERROR_INCOMPATIBLE: c_int = -2;
/// The kernel refused a request; kipc_last_errno() says why.
pub const KIPC_ERROR_REFUSED: c_int = -3;
/// A topic or pattern is malformed.
pub const KIPC_ERROR_INVALID_TOPIC: c_int = -4;
/// A topic that the subscriber names appeared, but it may not subscribe to it. Go on receiving.
pub const KIPC_ERROR_DENIED: c_int = -5;
/// A message is larger than the send buffer allows.
pub const KIPC_ERROR_TOO_LARGE: c_int = -6;
/// A message did not fit and is lost; the next one will fit. Go on receiving.
pub const KIPC_ERROR_TRUNCATED: c_int = -7;
/// The kernel grants no socket buffer of that size.
pub const KIPC_ERROR_BUFFER_LIMIT: c_int = -8;
/// The filter is too long for the kernel.
pub const KIPC_ERROR_FILTER: c_int = -9;
/// The kernel had no memory to queue something. Go on receiving.
pub const KIPC_ERROR_OVERRUN: c_int = -10;
/// What the kernel sent makes no sense to this library.
pub const KIPC_ERROR_PROTOCOL: c_int = -11;
/// A system call failed; kipc_last_errno() says why.
pub const KIPC_ERROR_IO: c_int = -12;
/// A message is of another type than the subscriber's fingerprint says. Go on receiving.
pub const KIPC_ERROR_TYPE: c_int = -13;
/// An argument is NULL that must not be, no UTF-8, or out of range.
pub const KIPC_ERROR_ARGUMENT: c_int = -14;
/// A bug in this library.
pub const KIPC_ERROR_PANIC: c_int = -15;

/// Why a call failed.
pub(crate) enum Failure {
    Bus(Error),
    Argument(&'static str),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Bus(error)
    }
}

struct Last {
    text: CString,
    errno: c_int,
}

thread_local! {
    static LAST: RefCell<Last> = RefCell::new(Last {
        text: CString::default(),
        errno: 0,
    });
}

/// Carries out a call of C: remembers its error, and lets no panic out.
pub(crate) fn call(action: impl FnOnce() -> Result<c_int, Failure>) -> c_int {
    match catch_unwind(AssertUnwindSafe(action)) {
        Ok(Ok(status)) => status,
        Ok(Err(Failure::Bus(error))) => {
            let errno = error.errno().map_or(0, |errno| errno.raw());
            remember(error.with_sources(), errno);
            code(&error)
        }
        Ok(Err(Failure::Argument(what))) => {
            remember(what.to_owned(), 0);
            KIPC_ERROR_ARGUMENT
        }
        Err(_) => {
            remember("bug in libkipc: see standard error".to_owned(), 0);
            KIPC_ERROR_PANIC
        }
    }
}

/// Frees a handle, which may be NULL.
///
/// # Safety
///
/// It must be NULL, or one that `Box::into_raw` made and nobody freed.
pub(crate) unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: The caller promises it.
        let handle = unsafe { Box::from_raw(handle) };
        let _ = catch_unwind(AssertUnwindSafe(|| drop(handle)));
    }
}

fn remember(text: String, errno: c_int) {
    // No text here has a NUL.
    let text = CString::new(text).unwrap_or_default();
    LAST.with_borrow_mut(|last| *last = Last { text, errno });
}

fn code(error: &Error) -> c_int {
    match error {
        Error::ModuleMissing => KIPC_ERROR_MODULE_MISSING,
        Error::Incompatible { .. } => KIPC_ERROR_INCOMPATIBLE,
        Error::Refused(_) => KIPC_ERROR_REFUSED,
        Error::InvalidTopic(_) => KIPC_ERROR_INVALID_TOPIC,
        Error::Denied { .. } => KIPC_ERROR_DENIED,
        Error::TooLarge { .. } => KIPC_ERROR_TOO_LARGE,
        Error::Truncated { .. } => KIPC_ERROR_TRUNCATED,
        Error::BufferLimit { .. } => KIPC_ERROR_BUFFER_LIMIT,
        Error::FilterTooLong { .. } => KIPC_ERROR_FILTER,
        Error::Overrun => KIPC_ERROR_OVERRUN,
        Error::TypeMismatch { .. } => KIPC_ERROR_TYPE,
        Error::Io { .. } => KIPC_ERROR_IO,
        // Bytes are neither encoded nor decoded, and whatever else a later libkipc may add.
        _ => KIPC_ERROR_PROTOCOL,
    }
}

/// What went wrong in this thread's last call that failed, as a sentence that says what to do.
/// Valid until the next call that fails. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn kipc_last_error() -> *const c_char {
    LAST.with_borrow(|last| last.text.as_ptr())
}

/// The kernel's error number of this thread's last call that failed, as in errno.h; 0 if it had
/// none.
#[unsafe(no_mangle)]
pub extern "C" fn kipc_last_errno() -> c_int {
    LAST.with_borrow(|last| last.errno)
}

/// A status in a few words; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn kipc_status_string(status: c_int) -> *const c_char {
    match status {
        KIPC_OK => c"success",
        KIPC_NOTHING => c"nothing is there",
        KIPC_ERROR_MODULE_MISSING => c"the kernel module is not loaded",
        KIPC_ERROR_INCOMPATIBLE => c"module and library do not fit together",
        KIPC_ERROR_REFUSED => c"the kernel refused the request",
        KIPC_ERROR_INVALID_TOPIC => c"malformed topic or pattern",
        KIPC_ERROR_DENIED => c"no access to a topic",
        KIPC_ERROR_TOO_LARGE => c"message too large",
        KIPC_ERROR_TRUNCATED => c"message was cut",
        KIPC_ERROR_BUFFER_LIMIT => c"socket buffer not granted",
        KIPC_ERROR_FILTER => c"filter too long",
        KIPC_ERROR_OVERRUN => c"no memory for something in the kernel",
        KIPC_ERROR_PROTOCOL => c"protocol error",
        KIPC_ERROR_IO => c"system call failed",
        KIPC_ERROR_TYPE => c"message of another type",
        KIPC_ERROR_ARGUMENT => c"wrong argument",
        KIPC_ERROR_PANIC => c"bug in libkipc",
        _ => c"unknown status",
    }
    .as_ptr()
}
