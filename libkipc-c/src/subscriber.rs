// SPDX-License-Identifier: MIT OR Apache-2.0

//! Subscribing.

use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_void;
use std::os::fd::AsRawFd as _;
use std::ptr;
use std::time::Duration;

use libkipc::Filter;
use libkipc::Item;
use libkipc::Overflow;
use libkipc::PortId;
use libkipc::Raw;
use libkipc::Subscriber;

use crate::bus::kipc_bus;
use crate::pointer;
use crate::status;
use crate::status::Failure;
use crate::status::KIPC_NOTHING;
use crate::status::KIPC_OK;

/// What does not fit into a full queue is lost.
pub const KIPC_OVERFLOW_DROP_NEWEST: c_int = 0;
/// The oldest messages of a full queue make room.
pub const KIPC_OVERFLOW_DROP_OLDEST: c_int = 1;
/// Publishers that agreed to wait do so.
pub const KIPC_OVERFLOW_BLOCK: c_int = 2;
/// Publishing fails, for publishers that agreed to it.
pub const KIPC_OVERFLOW_FAIL: c_int = 3;

/// A published message.
pub const KIPC_ITEM_MESSAGE: c_int = 0;
/// Messages are missing here: `count`, from number `seq` on.
pub const KIPC_ITEM_LOST: c_int = 1;
/// A publisher appeared.
pub const KIPC_ITEM_JOINED: c_int = 2;
/// A publisher is gone; nothing more comes from it.
pub const KIPC_ITEM_GONE: c_int = 3;
/// A topic is gone.
pub const KIPC_ITEM_REMOVED: c_int = 4;
/// Something that this version does not know; ignore it.
pub const KIPC_ITEM_UNKNOWN: c_int = 5;

/// Receives from all topics that match a pattern. For one thread at a time.
pub struct kipc_subscriber {
    subscriber: Subscriber<Vec<u8>, Raw>,
    /// Topic of the last item, ended by a NUL; kept for its capacity.
    topic: Vec<u8>,
}

/// What a subscriber is to be. Set by kipc_subscriber_options_init(), then changed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kipc_subscriber_options {
    /// Size of this structure.
    pub size: usize,
    /// Fingerprint of the type to receive; 0: whatever type comes.
    pub fingerprint: u64,
    /// What happens when the queue is full: KIPC_OVERFLOW_...
    pub overflow: c_int,
    /// Whether publishers that come and go are told.
    pub events: bool,
    /// Whether to begin with what the topics retain.
    pub history: bool,
    /// Whether to fill pid, uid and gid.
    pub credentials: bool,
    /// Bytes of the queue (SO_RCVBUF); 0: the system's default.
    pub receive_buffer: usize,
    /// Receive only messages with one of these tags; NULL: with any.
    pub tags: *const u32,
    /// How many tags.
    pub tag_count: usize,
    /// Receive only messages of these publishers; NULL: of any.
    pub publishers: *const u32,
    /// How many publishers.
    pub publisher_count: usize,
    /// Microseconds for which messages of a stream come together before kipc_recv() and
    /// kipc_recv_timeout() take them, so that one wake-up takes many; 0: each is taken at once.
    pub coalesce: u64,
}

/// What a subscriber receives. Its pointers are valid until the next call with that subscriber.
#[repr(C)]
pub struct kipc_item {
    /// What it is: KIPC_ITEM_...
    pub kind: c_int,
    /// Its topic.
    pub topic: *const c_char,
    /// The payload of a message; NULL otherwise.
    pub data: *const c_void,
    /// Bytes of the payload.
    pub length: usize,
    /// Number of the message in its topic, or of the first that is lost.
    pub seq: u64,
    /// How many are lost.
    pub count: u64,
    /// When the message got its number: CLOCK_MONOTONIC in nanoseconds.
    pub time: u64,
    /// Fingerprint of the topic's type.
    pub fingerprint: u64,
    /// The publisher's socket.
    pub publisher: u32,
    /// The message's tag.
    pub tag: u32,
    /// Whether pid, uid and gid are those of the sender.
    pub has_credentials: bool,
    /// Process that sent the message.
    pub pid: i32,
    /// User that sent it.
    pub uid: u32,
    /// Group that sent it.
    pub gid: u32,
}

const DEFAULTS: kipc_subscriber_options = kipc_subscriber_options {
    size: size_of::<kipc_subscriber_options>(),
    fingerprint: 0,
    overflow: KIPC_OVERFLOW_DROP_NEWEST,
    events: false,
    history: false,
    credentials: false,
    receive_buffer: 0,
    tags: ptr::null(),
    tag_count: 0,
    publishers: ptr::null(),
    publisher_count: 0,
    coalesce: 0,
};

const EMPTY: kipc_item = kipc_item {
    kind: KIPC_ITEM_UNKNOWN,
    topic: ptr::null(),
    data: ptr::null(),
    length: 0,
    seq: 0,
    count: 0,
    time: 0,
    fingerprint: 0,
    publisher: 0,
    tag: 0,
    has_credentials: false,
    pid: 0,
    uid: 0,
    gid: 0,
};

/// Sets options to their defaults.
///
/// # Safety
///
/// It must be NULL or point to where options can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_subscriber_options_init(
    options: *mut kipc_subscriber_options,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        *unsafe { pointer::unique(options, "the options are NULL") }? = DEFAULTS;
        Ok(KIPC_OK)
    })
}

/// Opens a socket and subscribes. Options may be NULL.
///
/// # Safety
///
/// The pointers must be NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_subscriber_create(
    bus: *const kipc_bus,
    pattern: *const c_char,
    options: *const kipc_subscriber_options,
    subscriber: *mut *mut kipc_subscriber,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let bus = unsafe { pointer::shared(bus, "the bus is NULL") }?;
        // SAFETY: As above.
        let pattern = unsafe { pointer::text(pattern, "the pattern is NULL") }?;
        let mut wanted = DEFAULTS;
        // SAFETY: As above; the fields are numbers and pointers, and C has set a `bool` to 0 or 1.
        unsafe { pointer::options(options, &mut wanted) }?;
        let overflow = match wanted.overflow {
            KIPC_OVERFLOW_DROP_NEWEST => Overflow::DropNewest,
            KIPC_OVERFLOW_DROP_OLDEST => Overflow::DropOldest,
            KIPC_OVERFLOW_BLOCK => Overflow::Block,
            KIPC_OVERFLOW_FAIL => Overflow::Fail,
            _ => return Err(Failure::Argument("the overflow is no KIPC_OVERFLOW_...")),
        };
        let mut builder = bus
            .0
            .raw_subscriber(pattern)?
            .fingerprint(wanted.fingerprint)
            .overflow(overflow);
        if wanted.events {
            builder = builder.events();
        }
        if wanted.history {
            builder = builder.history();
        }
        if wanted.credentials {
            builder = builder.credentials();
        }
        if wanted.receive_buffer != 0 {
            builder = builder.receive_buffer(wanted.receive_buffer);
        }
        if wanted.coalesce != 0 {
            builder = builder.coalesce(Duration::from_micros(wanted.coalesce));
        }
        // SAFETY: As above.
        if let Some(filter) = unsafe { filter(&wanted) }? {
            builder = builder.filter(filter);
        }
        let made = kipc_subscriber {
            subscriber: builder.create()?,
            topic: Vec::new(),
        };
        // SAFETY: As above.
        unsafe { pointer::give(subscriber, made) }?;
        Ok(KIPC_OK)
    })
}

/// The filter that the options want.
///
/// # Safety
///
/// The arrays must be NULL or as long as the options say.
unsafe fn filter(wanted: &kipc_subscriber_options) -> Result<Option<Filter>, Failure> {
    let mut filter = None;
    if !wanted.tags.is_null() {
        // SAFETY: The caller promises it.
        let tags = unsafe { pointer::array(wanted.tags, wanted.tag_count, "") }?;
        filter = Some(Filter::tags(tags.iter().copied()));
    }
    if !wanted.publishers.is_null() {
        // SAFETY: The caller promises it.
        let ports = unsafe { pointer::array(wanted.publishers, wanted.publisher_count, "") }?;
        let publishers = Filter::publishers(ports.iter().copied().map(PortId::new));
        filter = Some(match filter {
            Some(tags) => tags & publishers,
            None => publishers,
        });
    }
    Ok(filter)
}

/// Frees a subscriber. NULL is nothing to free.
///
/// # Safety
///
/// It must be NULL, or made by this library and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_subscriber_free(subscriber: *mut kipc_subscriber) {
    // SAFETY: The caller promises it.
    unsafe { status::free(subscriber) }
}

/// Waits for the next item.
///
/// # Safety
///
/// `subscriber` must be NULL or a subscriber that no other thread uses; `item` NULL or a place for
/// an item.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_recv(
    subscriber: *mut kipc_subscriber,
    item: *mut kipc_item,
) -> c_int {
    // SAFETY: The caller promises it.
    unsafe {
        receive(subscriber, item, |subscriber| {
            subscriber.recv_as().map(Some)
        })
    }
}

/// Takes the next item, if there is one: otherwise it is KIPC_NOTHING. After a poll, call this until
/// then, before polling again: one receive may take several items from the kernel.
///
/// # Safety
///
/// As that of kipc_recv().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_try_recv(
    subscriber: *mut kipc_subscriber,
    item: *mut kipc_item,
) -> c_int {
    // SAFETY: The caller promises it.
    unsafe { receive(subscriber, item, |subscriber| subscriber.try_recv_as()) }
}

/// Waits for the next item for so many milliseconds at most; then it is KIPC_NOTHING.
///
/// # Safety
///
/// As that of kipc_recv().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_recv_timeout(
    subscriber: *mut kipc_subscriber,
    milliseconds: u32,
    item: *mut kipc_item,
) -> c_int {
    let timeout = Duration::from_millis(milliseconds.into());
    // SAFETY: The caller promises it.
    unsafe {
        receive(subscriber, item, |subscriber| {
            subscriber.recv_timeout_as(timeout)
        })
    }
}

/// Takes an item in one of the ways to do so; without one it is KIPC_NOTHING.
///
/// # Safety
///
/// As that of kipc_recv().
unsafe fn receive(
    subscriber: *mut kipc_subscriber,
    item: *mut kipc_item,
    next: impl FnOnce(&mut Subscriber<Vec<u8>, Raw>) -> libkipc::Result<Option<Item<&[u8]>>>,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let subscriber = unsafe { pointer::unique(subscriber, "the subscriber is NULL") }?;
        // SAFETY: As above.
        let place = unsafe { pointer::unique(item, "the place for the item is NULL") }?;
        let kipc_subscriber { subscriber, topic } = subscriber;
        let Some(item) = next(subscriber)? else {
            return Ok(KIPC_NOTHING);
        };
        *place = show(&item, topic);
        Ok(KIPC_OK)
    })
}

/// The item as C sees it.
fn show(item: &Item<&[u8]>, topic: &mut Vec<u8>) -> kipc_item {
    topic.clear();
    topic.extend_from_slice(item.topic().as_str().as_bytes());
    topic.push(0);
    let empty = kipc_item {
        topic: topic.as_ptr().cast(),
        ..EMPTY
    };
    match item {
        Item::Message(message) => {
            let sender = message.credentials;
            kipc_item {
                kind: KIPC_ITEM_MESSAGE,
                data: message.value.as_ptr().cast(),
                length: message.value.len(),
                seq: message.seq,
                time: u64::try_from(message.time.as_nanos()).unwrap_or(u64::MAX),
                fingerprint: message.fingerprint,
                publisher: message.publisher.get(),
                tag: message.tag,
                has_credentials: sender.is_some(),
                pid: sender.map_or(0, |sender| sender.pid),
                uid: sender.map_or(0, |sender| sender.uid),
                gid: sender.map_or(0, |sender| sender.gid),
                ..empty
            }
        }
        Item::Lost { first, count, .. } => kipc_item {
            kind: KIPC_ITEM_LOST,
            seq: *first,
            count: *count,
            ..empty
        },
        Item::Joined { publisher, .. } => kipc_item {
            kind: KIPC_ITEM_JOINED,
            publisher: publisher.get(),
            ..empty
        },
        Item::Gone { publisher, .. } => kipc_item {
            kind: KIPC_ITEM_GONE,
            publisher: publisher.get(),
            ..empty
        },
        Item::Removed { .. } => kipc_item {
            kind: KIPC_ITEM_REMOVED,
            ..empty
        },
        _ => empty,
    }
}

/// The subscriber's descriptor, which stays its own, for poll(); -1 if it is NULL.
///
/// # Safety
///
/// `subscriber` must be NULL or a subscriber.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_subscriber_fd(subscriber: *const kipc_subscriber) -> c_int {
    // SAFETY: The caller promises it.
    unsafe { subscriber.as_ref() }.map_or(-1, |subscriber| subscriber.subscriber.as_raw_fd())
}
