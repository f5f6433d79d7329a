// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks of what C hands over.

use std::ffi::CStr;
use std::ffi::c_char;
use std::ffi::c_void;

use crate::status::Failure;

/// Borrows what a pointer points to.
///
/// # Safety
///
/// If it is not NULL, it must point to a `T` that nobody changes for `'a`.
pub(crate) unsafe fn shared<'a, T>(
    pointer: *const T,
    what: &'static str,
) -> Result<&'a T, Failure> {
    // SAFETY: The caller promises it.
    unsafe { pointer.as_ref() }.ok_or(Failure::Argument(what))
}

/// Borrows what a pointer points to, to change it.
///
/// # Safety
///
/// If it is not NULL, it must point to a `T` that nobody else uses for `'a`.
pub(crate) unsafe fn unique<'a, T>(
    pointer: *mut T,
    what: &'static str,
) -> Result<&'a mut T, Failure> {
    // SAFETY: The caller promises it.
    unsafe { pointer.as_mut() }.ok_or(Failure::Argument(what))
}

/// Borrows text.
///
/// # Safety
///
/// If it is not NULL, it must end with a NUL, and nobody may change it for `'a`.
pub(crate) unsafe fn text<'a>(
    pointer: *const c_char,
    what: &'static str,
) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Err(Failure::Argument(what));
    }
    // SAFETY: The caller promises it.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str()
        .map_err(|_| Failure::Argument("a text is not UTF-8"))
}

/// Borrows an array; NULL will do for one that is empty.
///
/// # Safety
///
/// If it is not NULL, it must point to so many `T` that nobody changes for `'a`.
pub(crate) unsafe fn array<'a, T>(
    pointer: *const T,
    length: usize,
    what: &'static str,
) -> Result<&'a [T], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Failure::Argument(what));
    }
    if length > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Failure::Argument("a length is more than memory can have"));
    }
    // SAFETY: It is not NULL and not longer than an object may be; the rest the caller promises.
    Ok(unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// Borrows a payload; NULL will do for one that is empty.
///
/// # Safety
///
/// As that of [`array`].
pub(crate) unsafe fn bytes<'a>(pointer: *const c_void, length: usize) -> Result<&'a [u8], Failure> {
    // SAFETY: The caller promises it.
    unsafe {
        array(
            pointer.cast(),
            length,
            "the data is NULL, but its length is not 0",
        )
    }
}

/// Hands a new handle to C.
///
/// # Safety
///
/// If it is not NULL, `place` must point to where a pointer can be written.
pub(crate) unsafe fn give<T>(place: *mut *mut T, value: T) -> Result<(), Failure> {
    // SAFETY: The caller promises it.
    let place = unsafe { unique(place, "the place for the handle is NULL") }?;
    *place = Box::into_raw(Box::new(value));
    Ok(())
}

/// Copies an options structure that may be older or newer than this library: what it does not have
/// stays as it is in `options`, what this library does not know is ignored.
///
/// # Safety
///
/// If it is not NULL, `given` must point to a structure that begins with its own size, of which so
/// many bytes are there. Every `T` made of some fields of `options` and some of `given` must be
/// valid, as it is for plain numbers and pointers.
pub(crate) unsafe fn options<T: Copy>(given: *const T, options: &mut T) -> Result<(), Failure> {
    if given.is_null() {
        return Ok(());
    }
    // SAFETY: It begins with its size, as the caller promises.
    let size = unsafe { given.cast::<usize>().read() };
    if size < size_of::<usize>() {
        return Err(Failure::Argument(
            "the size of the options is not set: use the ..._options_init() function",
        ));
    }
    let size = size.min(size_of::<T>());
    // SAFETY: So many bytes are there on both sides, and they are different objects.
    unsafe {
        std::ptr::copy_nonoverlapping(
            given.cast::<u8>(),
            std::ptr::from_mut(options).cast::<u8>(),
            size,
        );
    }
    Ok(())
}
