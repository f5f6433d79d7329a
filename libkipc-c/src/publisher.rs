// SPDX-License-Identifier: MIT OR Apache-2.0

//! Publishing.

use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_void;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use libkipc::Publisher;
use libkipc::Raw;

use crate::bus::kipc_bus;
use crate::pointer;
use crate::status;
use crate::status::Failure;
use crate::status::KIPC_NOTHING;
use crate::status::KIPC_OK;

/// Publishes on one topic. May be used by several threads at once.
pub struct kipc_publisher(Publisher<[u8], Raw>);

/// What a publisher is to be. Set by kipc_publisher_options_init(), then changed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kipc_publisher_options {
    /// Size of this structure.
    pub size: usize,
    /// Fingerprint of the type; 0 = untyped.
    pub fingerprint: u64,
    /// Number that subscribers' filters can test.
    pub tag: u32,
    /// Milliseconds that a publish waits for subscribers that block; 0: none holds this publisher
    /// up.
    pub wait: u32,
    /// Messages that the topic retains; 0: what other publishers asked for.
    pub history: u32,
    /// Mode of the topic if it is new, as of a file; -1: 0600.
    pub mode: i32,
    /// Group of the topic if it is new; -1: the user's first group.
    pub group: i64,
    /// Bytes of the send buffer; 0: the system's default.
    pub send_buffer: usize,
    /// Whether kipc_publisher_wait_for_subscribers() is to work.
    pub watch_subscribers: bool,
}

/// What became of a published message.
#[repr(C)]
pub struct kipc_delivery {
    /// Number of the message in its topic.
    pub seq: u64,
    /// Subscribers whose queue took it.
    pub delivered: u32,
    /// Subscribers that lost it.
    pub dropped: u32,
}

/// A payload.
#[repr(C)]
pub struct kipc_bytes {
    /// Its bytes; may be NULL if there are none.
    pub data: *const c_void,
    /// How many.
    pub length: usize,
}

const DEFAULTS: kipc_publisher_options = kipc_publisher_options {
    size: size_of::<kipc_publisher_options>(),
    fingerprint: 0,
    tag: 0,
    wait: 0,
    history: 0,
    mode: -1,
    group: -1,
    send_buffer: 0,
    watch_subscribers: false,
};

/// Sets options to their defaults.
///
/// # Safety
///
/// It must be NULL or point to where options can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publisher_options_init(
    options: *mut kipc_publisher_options,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        *unsafe { pointer::unique(options, "the options are NULL") }? = DEFAULTS;
        Ok(KIPC_OK)
    })
}

/// Opens a socket and advertises a topic. Options may be NULL.
///
/// # Safety
///
/// The pointers must be NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publisher_create(
    bus: *const kipc_bus,
    topic: *const c_char,
    options: *const kipc_publisher_options,
    publisher: *mut *mut kipc_publisher,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let bus = unsafe { pointer::shared(bus, "the bus is NULL") }?;
        // SAFETY: As above.
        let topic = unsafe { pointer::text(topic, "the topic is NULL") }?;
        let mut wanted = DEFAULTS;
        // SAFETY: As above; the fields are numbers, and C has set a `bool` to 0 or 1.
        unsafe { pointer::options(options, &mut wanted) }?;
        let mut builder = bus
            .0
            .raw_publisher(topic)?
            .fingerprint(wanted.fingerprint)
            .tag(wanted.tag);
        if wanted.wait != 0 {
            builder = builder.wait(Duration::from_millis(wanted.wait.into()));
        }
        if wanted.history != 0 {
            builder = builder.history(wanted.history);
        }
        if wanted.mode != -1 {
            let mode = u32::try_from(wanted.mode);
            builder = builder.mode(mode.map_err(|_| Failure::Argument("the mode is negative"))?);
        }
        if wanted.group != -1 {
            let group = u32::try_from(wanted.group);
            builder = builder.group(group.map_err(|_| Failure::Argument("no such group"))?);
        }
        if wanted.send_buffer != 0 {
            builder = builder.send_buffer(wanted.send_buffer);
        }
        if wanted.watch_subscribers {
            builder = builder.watch_subscribers();
        }
        // SAFETY: As above.
        unsafe { pointer::give(publisher, kipc_publisher(builder.create()?)) }?;
        Ok(KIPC_OK)
    })
}

/// Frees a publisher: subscribers are told that it is gone. NULL is nothing to free.
///
/// # Safety
///
/// It must be NULL, or made by this library and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publisher_free(publisher: *mut kipc_publisher) {
    // SAFETY: The caller promises it.
    unsafe { status::free(publisher) }
}

/// Does something with a publisher and a payload.
///
/// # Safety
///
/// As that of kipc_publish().
unsafe fn send(
    publisher: *const kipc_publisher,
    data: *const c_void,
    length: usize,
    action: impl FnOnce(&Publisher<[u8], Raw>, &[u8]) -> libkipc::Result<()>,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let publisher = unsafe { pointer::shared(publisher, "the publisher is NULL") }?;
        // SAFETY: As above.
        action(&publisher.0, unsafe { pointer::bytes(data, length) }?)?;
        Ok(KIPC_OK)
    })
}

/// Publishes a message. That nobody subscribes is no error.
///
/// # Safety
///
/// `publisher` must be NULL or a publisher; `data` NULL or so many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publish(
    publisher: *const kipc_publisher,
    data: *const c_void,
    length: usize,
) -> c_int {
    // SAFETY: The caller promises it.
    unsafe {
        send(publisher, data, length, |publisher, data| {
            publisher.publish(data)
        })
    }
}

/// Publishes a message under another tag than that of the options.
///
/// # Safety
///
/// As that of kipc_publish().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publish_tagged(
    publisher: *const kipc_publisher,
    tag: u32,
    data: *const c_void,
    length: usize,
) -> c_int {
    // SAFETY: The caller promises it.
    unsafe {
        send(publisher, data, length, |publisher, data| {
            publisher.tagged(tag).publish(data)
        })
    }
}

/// Publishes a message and tells what became of it.
///
/// # Safety
///
/// As that of kipc_publish(); `delivery` must be NULL or point to where it can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publish_acked(
    publisher: *const kipc_publisher,
    data: *const c_void,
    length: usize,
    delivery: *mut kipc_delivery,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let publisher = unsafe { pointer::shared(publisher, "the publisher is NULL") }?;
        // SAFETY: As above.
        let data = unsafe { pointer::bytes(data, length) }?;
        // SAFETY: As above.
        let place = unsafe { pointer::unique(delivery, "the place for the delivery is NULL") }?;
        let delivery = publisher.0.publish_acked(data)?;
        *place = kipc_delivery {
            seq: delivery.seq,
            delivered: delivery.delivered,
            dropped: delivery.dropped,
        };
        Ok(KIPC_OK)
    })
}

/// Publishes messages with one system call; each subscriber gets them as one entry of its queue.
///
/// # Safety
///
/// `publisher` must be NULL or a publisher; `messages` must point to so many payloads, each of which
/// as kipc_publish() wants it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publish_batch(
    publisher: *const kipc_publisher,
    messages: *const kipc_bytes,
    count: usize,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let publisher = unsafe { pointer::shared(publisher, "the publisher is NULL") }?;
        // SAFETY: As above.
        let messages = unsafe { pointer::array(messages, count, "the messages are NULL") }?;
        let mut payloads = Vec::with_capacity(count);
        for message in messages {
            // SAFETY: As above.
            payloads.push(unsafe { pointer::bytes(message.data, message.length) }?);
        }
        publisher.0.publish_batch(payloads)?;
        Ok(KIPC_OK)
    })
}

/// Leaves a message that the kernel publishes when this publisher is gone, however it ends.
///
/// # Safety
///
/// As that of kipc_publish().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publisher_set_last_will(
    publisher: *const kipc_publisher,
    data: *const c_void,
    length: usize,
) -> c_int {
    // SAFETY: The caller promises it.
    unsafe {
        send(publisher, data, length, |publisher, data| {
            publisher.set_last_will(data)
        })
    }
}

/// Takes the last will back.
///
/// # Safety
///
/// `publisher` must be NULL or a publisher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publisher_cancel_last_will(
    publisher: *const kipc_publisher,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let publisher = unsafe { pointer::shared(publisher, "the publisher is NULL") }?;
        publisher.0.cancel_last_will()?;
        Ok(KIPC_OK)
    })
}

/// Waits until so many sockets subscribe, for so many milliseconds at most; then it is KIPC_NOTHING.
/// The options must say watch_subscribers.
///
/// # Safety
///
/// `publisher` must be NULL or a publisher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publisher_wait_for_subscribers(
    publisher: *const kipc_publisher,
    count: u64,
    milliseconds: u32,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let publisher = unsafe { pointer::shared(publisher, "the publisher is NULL") }?;
        let timeout = Duration::from_millis(milliseconds.into());
        Ok(match publisher.0.wait_for_subscribers(count, timeout)? {
            true => KIPC_OK,
            false => KIPC_NOTHING,
        })
    })
}

/// The publisher's socket address, which subscribers see; 0 if it is NULL.
///
/// # Safety
///
/// `publisher` must be NULL or a publisher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publisher_port(publisher: *const kipc_publisher) -> u32 {
    // SAFETY: The caller promises it.
    unsafe { publisher.as_ref() }.map_or(0, |publisher| publisher.0.port().get())
}

/// The publisher's descriptor, which stays its own; -1 if it is NULL.
///
/// # Safety
///
/// `publisher` must be NULL or a publisher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_publisher_fd(publisher: *const kipc_publisher) -> c_int {
    // SAFETY: The caller promises it.
    unsafe { publisher.as_ref() }.map_or(-1, |publisher| publisher.0.as_raw_fd())
}
