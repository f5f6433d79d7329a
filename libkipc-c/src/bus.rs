// SPDX-License-Identifier: MIT OR Apache-2.0

//! The way onto the bus, and what is there.

use std::ffi::CString;
use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_void;

use libkipc::Bus;

use crate::pointer;
use crate::status;
use crate::status::KIPC_OK;

/// The bus of the caller's network namespace. Publishers and subscribers do not need it once they
/// are made.
pub struct kipc_bus(pub(crate) Bus);

/// What the module says of itself and of the bus.
#[repr(C)]
pub struct kipc_bus_info {
    /// Version of the wire format.
    pub abi: u32,
    /// Topics on the bus now.
    pub topics: u32,
    /// Sockets that publish or subscribe now.
    pub clients: u32,
    /// Subscriptions on the bus now.
    pub subscriptions: u32,
    /// Most topics that one socket may publish on.
    pub max_advertisements: u32,
    /// Most subscriptions of one socket.
    pub max_subscriptions: u32,
    /// Longest payload of a message, in bytes.
    pub max_message_bytes: u32,
    /// Version of the module, ended by a NUL.
    pub version: [c_char; 32],
}

/// A topic.
#[repr(C)]
pub struct kipc_topic {
    /// Its name. Valid until the function that gets it returns.
    pub name: *const c_char,
    /// Fingerprint of its type; 0 = untyped.
    pub fingerprint: u64,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Who may do what: 4 subscribes, 2 publishes, as the mode of a file.
    pub mode: u32,
    /// Number of publishers.
    pub publishers: u32,
    /// Number of subscribers.
    pub subscribers: u32,
    /// How many messages may be retained.
    pub history: u32,
    /// How many messages are retained now.
    pub retained: u32,
}

/// Finds the bus; lets the kernel load its module if need be.
///
/// # Safety
///
/// `bus` must be NULL or point to where a pointer can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_connect(bus: *mut *mut kipc_bus) -> c_int {
    status::call(|| {
        let connected = Bus::connect()?;
        // SAFETY: The caller promises it.
        unsafe { pointer::give(bus, kipc_bus(connected)) }?;
        Ok(KIPC_OK)
    })
}

/// Finds the bus of a module that was loaded with another netlink protocol number.
///
/// # Safety
///
/// As that of kipc_connect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_connect_protocol(protocol: u32, bus: *mut *mut kipc_bus) -> c_int {
    status::call(|| {
        let connected = Bus::connect_protocol(protocol)?;
        // SAFETY: The caller promises it.
        unsafe { pointer::give(bus, kipc_bus(connected)) }?;
        Ok(KIPC_OK)
    })
}

/// Frees a bus. NULL is nothing to free.
///
/// # Safety
///
/// It must be NULL, or made by this library and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_bus_free(bus: *mut kipc_bus) {
    // SAFETY: The caller promises it.
    unsafe { status::free(bus) }
}

/// Asks the module for its version, its limits, and what is on the bus now.
///
/// # Safety
///
/// The pointers must be NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_info(bus: *const kipc_bus, info: *mut kipc_bus_info) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let bus = unsafe { pointer::shared(bus, "the bus is NULL") }?;
        // SAFETY: As above.
        let place = unsafe { pointer::unique(info, "the place for the info is NULL") }?;
        let info = bus.0.info()?;
        let mut version = [0; 32];
        // The last one stays 0.
        for (to, from) in version.iter_mut().take(31).zip(info.version.bytes()) {
            *to = from as c_char;
        }
        *place = kipc_bus_info {
            abi: info.abi,
            topics: info.topics,
            clients: info.clients,
            subscriptions: info.subscriptions,
            max_advertisements: info.max_advertisements,
            max_subscriptions: info.max_subscriptions,
            max_message_bytes: info.max_message_bytes,
            version,
        };
        Ok(KIPC_OK)
    })
}

/// Calls a function for each topic on the bus, with `context`, until it returns something else than
/// 0.
///
/// # Safety
///
/// `bus` must be NULL or a bus. The function must not unwind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_topics(
    bus: *const kipc_bus,
    each: Option<extern "C" fn(topic: *const kipc_topic, context: *mut c_void) -> c_int>,
    context: *mut c_void,
) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let bus = unsafe { pointer::shared(bus, "the bus is NULL") }?;
        let each = each.ok_or(status::Failure::Argument("the function is NULL"))?;
        for topic in bus.0.topics()? {
            // No topic has a NUL.
            let name = CString::new(topic.name).unwrap_or_default();
            let told = kipc_topic {
                name: name.as_ptr(),
                fingerprint: topic.fingerprint,
                uid: topic.uid,
                gid: topic.gid,
                mode: topic.mode,
                publishers: topic.publishers,
                subscribers: topic.subscribers,
                history: topic.history,
                retained: topic.retained,
            };
            if each(&told, context) != 0 {
                break;
            }
        }
        Ok(KIPC_OK)
    })
}

/// Lets go of what a topic retains. A topic without publishers is gone with it.
///
/// # Safety
///
/// `bus` must be NULL or a bus, `topic` NULL or text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_clear(bus: *const kipc_bus, topic: *const c_char) -> c_int {
    status::call(|| {
        // SAFETY: The caller promises it.
        let bus = unsafe { pointer::shared(bus, "the bus is NULL") }?;
        // SAFETY: As above.
        let topic = unsafe { pointer::text(topic, "the topic is NULL") }?;
        bus.0.clear(topic)?;
        Ok(KIPC_OK)
    })
}

/// The fingerprint of a type: of the name of its codec, such as "bincode2", and its own. 0 if one of
/// them is NULL or not UTF-8.
///
/// # Safety
///
/// Both must be NULL or text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kipc_fingerprint(codec: *const c_char, type_name: *const c_char) -> u64 {
    // SAFETY: The caller promises it.
    let codec = unsafe { pointer::text(codec, "") };
    // SAFETY: As above.
    let type_name = unsafe { pointer::text(type_name, "") };
    match (codec, type_name) {
        (Ok(codec), Ok(type_name)) => libkipc::fingerprint(codec, type_name),
        _ => 0,
    }
}
