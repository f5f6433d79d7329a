// SPDX-License-Identifier: GPL-2.0

//! The callbacks of `export.c`: publishers of the kernel.
//!
//! `export.c` calls them for a bus whose namespace has not ended, and for one publisher never two
//! at a time.

use super::ffi;
use super::registration::Handler;
use super::Socket;
use crate::wire::refusal::Refusal;
use core::ptr::NonNull;
use kernel::ffi::c_int;
use kernel::ffi::c_uchar;
use kernel::ffi::c_uint;
use kernel::ffi::c_ulonglong;
use kernel::ffi::c_void;
use kernel::prelude::*;
use kernel::types::ForeignOwnable;

fn negative(refusal: Refusal) -> c_int {
    refusal.errno().saturating_neg()
}

/// The bytes that C passed.
///
/// # Safety
///
/// Unless `len` is 0, `data` must be valid for reads of `len` bytes for `'a`.
unsafe fn bytes<'a>(data: *const c_uchar, len: c_uint) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: By the contract of this function.
    unsafe { core::slice::from_raw_parts(data, len as usize) }
}

/// # Safety
///
/// `bus` must come from `bus_new` and not have been freed; `kernel_sock` must be the kernel's
/// socket of its namespace; `topic` must be valid for `topic_len` bytes and `publisher` for a
/// write.
pub(super) unsafe extern "C" fn publisher_new<H: Handler>(
    bus: *mut c_void,
    kernel_sock: *mut ffi::sock,
    topic: *const c_uchar,
    topic_len: c_uint,
    fingerprint: c_ulonglong,
    publisher: *mut *mut c_void,
) -> c_int {
    // SAFETY: By the contract of this function; the bus is freed after its publishers ended.
    let bus = unsafe { KBox::<H::Bus>::borrow(bus) };
    let Some(socket) = NonNull::new(kernel_sock) else {
        return negative(Refusal::NoMemory);
    };
    // SAFETY: By the contract of this function. The socket is released after the publishers of its
    // namespace ended, hence after this reference was given back.
    let socket = unsafe { Socket::hold(socket) };
    // SAFETY: By the contract of this function.
    let topic = unsafe { bytes(topic, topic_len) };
    match H::publisher(bus, socket, topic, fingerprint) {
        Ok(made) => {
            // SAFETY: By the contract of this function.
            unsafe { publisher.write(made.into_foreign()) };
            0
        }
        Err(refusal) => negative(refusal),
    }
}

/// # Safety
///
/// `bus` must come from `bus_new` and not have been freed; `publisher` must come from
/// [`publisher_new`] and not have ended; `payload` must be valid for `len` bytes and `fate` for a
/// write.
pub(super) unsafe extern "C" fn publisher_publish<H: Handler>(
    bus: *mut c_void,
    publisher: *mut c_void,
    tag: c_uint,
    payload: *const c_uchar,
    len: c_uint,
    fate: *mut ffi::kipc_fate,
) -> c_int {
    // SAFETY: By the contract of this function; the bus is freed after its publishers ended.
    let bus = unsafe { KBox::<H::Bus>::borrow(bus) };
    // SAFETY: By the contract of this function; `publisher_end` waits for this call.
    let publisher = unsafe { KBox::<H::Publisher>::borrow(publisher) };
    // SAFETY: By the contract of this function.
    let payload = unsafe { bytes(payload, len) };
    match H::publish(bus, publisher, tag, payload) {
        Ok(receipt) => {
            // SAFETY: By the contract of this function.
            unsafe {
                fate.write(ffi::kipc_fate {
                    seq: receipt.seq,
                    delivered: receipt.delivered,
                    dropped: receipt.dropped,
                });
            }
            0
        }
        Err(refusal) => negative(refusal),
    }
}

/// # Safety
///
/// `bus` must come from `bus_new` and not have been freed; `publisher` must come from
/// [`publisher_new`], be in no other call, and not be used afterwards.
pub(super) unsafe extern "C" fn publisher_end<H: Handler>(
    bus: *mut c_void,
    publisher: *mut c_void,
) {
    // SAFETY: By the contract of this function; the bus is freed after its publishers ended.
    let bus = unsafe { KBox::<H::Bus>::borrow(bus) };
    // SAFETY: By the contract of this function.
    let publisher = unsafe { KBox::<H::Publisher>::from_foreign(publisher) };
    H::end(bus, publisher);
}
