// SPDX-License-Identifier: GPL-2.0

//! A user's socket, held open for delivery.

use super::datagram::Held;
use super::datagram::Shared;
use super::ffi;
use super::Credentials;
use crate::bus::port::Outcome;
use crate::bus::port::Port;
use crate::bus::port::QueueState;
use crate::bus::port::Receipt;
use crate::bus::port::Room;
use crate::bus::port::Wait;
use crate::parcel::OwnMessage;
use core::ptr::NonNull;

/// A counted reference to a user's netlink socket, and to the pid namespace of its reader if that is
/// not the initial one.
///
/// # Invariants
///
/// `port.sk` is a socket of our protocol, and `self` owns one reference to it; `port.pid_ns` is null
/// or a pid namespace of which `self` owns one reference.
pub(crate) struct Socket {
    port: ffi::kipc_port,
}

// SAFETY: `struct sock` is reference counted and its receive queue has a lock of its own; none of
// what is done through a `Socket` depends on the thread. `struct pid_namespace` is reference counted
// and only read.
unsafe impl Send for Socket {}

// SAFETY: As above; all operations take the locks that they need in C.
unsafe impl Sync for Socket {}

impl Socket {
    /// Takes a reference, for what tells no pids.
    ///
    /// # Safety
    ///
    /// `sock` must be a netlink socket of our protocol that stays alive during the call.
    pub(super) unsafe fn hold(sock: NonNull<ffi::sock>) -> Self {
        // SAFETY: The caller guarantees that the socket is alive.
        unsafe { ffi::kipc_sock_hold(sock.as_ptr()) };
        // INVARIANT: The reference was just taken.
        Self {
            port: ffi::kipc_port {
                sk: sock.as_ptr(),
                pid_ns: core::ptr::null_mut(),
            },
        }
    }

    /// Takes a reference to a socket on which messages are received; its pids will be those that the
    /// process knows that is sending.
    ///
    /// # Safety
    ///
    /// As for [`Socket::hold`].
    pub(super) unsafe fn hold_for_sender(sock: NonNull<ffi::sock>) -> Self {
        // SAFETY: By the contract of this function.
        let mut socket = unsafe { Self::hold(sock) };
        // INVARIANT: The reference is taken for us.
        // SAFETY: All callers are in the context of a process.
        socket.port.pid_ns = unsafe { ffi::kipc_pid_ns_of_sender() };
        socket
    }

    /// Whether a filter is attached.
    pub(crate) fn has_filter(&self) -> bool {
        // SAFETY: By the type invariant the socket is alive.
        unsafe { ffi::kipc_sock_has_filter(self.as_ptr()) != 0 }
    }

    /// The pointer, for calls into C that keep no longer than `self` lives.
    pub(super) fn as_ptr(&self) -> *mut ffi::sock {
        self.port.sk
    }

    /// The same, for messages.
    #[inline]
    pub(super) fn port(&self) -> *const ffi::kipc_port {
        &raw const self.port
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, this reference is ours to give back.
        unsafe { ffi::kipc_sock_put(self.port.sk) };
        // SAFETY: By the type invariant, this reference, if there is one, is ours to give back.
        unsafe { ffi::kipc_pid_ns_put(self.port.pid_ns) };
    }
}

impl Port for Socket {
    type Held = Held;
    type Credentials = Credentials;
    type Kept = OwnMessage;
    type Shared<'a> = Shared<'a>;

    fn queue_state(&self) -> QueueState {
        let mut state = ffi::kipc_queue_state {
            bytes: 0,
            limit: 0,
            drops: 0,
        };
        // SAFETY: By the type invariant the socket is alive; `state` is valid for a write.
        unsafe { ffi::kipc_queue_state(self.as_ptr(), &mut state) };
        QueueState {
            bytes: state.bytes,
            limit: state.limit,
            drops: state.drops,
        }
    }

    fn send(&self, record: &[u8], room: Room) -> Outcome {
        let Ok(len) = u32::try_from(record.len()) else {
            return Outcome::NoMemory;
        };
        let room = match room {
            Room::Reserve => ffi::kipc_room::KIPC_ROOM_RESERVE,
            Room::Companion => ffi::kipc_room::KIPC_ROOM_COMPANION,
            Room::Spare => ffi::kipc_room::KIPC_ROOM_SPARE,
        };
        // SAFETY: By the type invariant the socket is alive; `record` is valid for `len` bytes and
        // is copied before the call returns.
        let outcome = unsafe { ffi::kipc_queue_copy(self.as_ptr(), record.as_ptr(), len, room) };
        outcome_of(outcome)
    }

    #[inline(always)]
    fn queue(&self, message: Shared<'_>) -> Outcome {
        message.queue_on(self)
    }

    fn has_room(&self, message: Shared<'_>) -> bool {
        message.has_room_on(self)
    }

    fn hold(&self, message: Shared<'_>) -> Result<Held, Outcome> {
        message.hold_on(self)
    }

    fn make_room(&self, message: Shared<'_>) -> bool {
        message.make_room_on(self)
    }

    fn wait_for_room(&self, message: Shared<'_>, nanoseconds: u64) -> Wait {
        message.wait_for_room_on(self, nanoseconds)
    }

    fn commit(&self, held: Held) {
        held.queue();
    }

    fn overrun(&self) {
        // SAFETY: By the type invariant the socket is alive.
        unsafe { ffi::kipc_overrun(self.as_ptr()) };
    }

    fn wake(&self) {
        // SAFETY: By the type invariant the socket is alive.
        unsafe { ffi::kipc_wake(self.as_ptr()) };
    }

    #[inline]
    fn trace_publish(topic_id: u32, port_id: u32, receipt: Receipt) {
        let Receipt {
            seq,
            delivered,
            dropped,
        } = receipt;
        // SAFETY: Plain numbers; always allowed in process context.
        unsafe { ffi::kipc_trace_publish(topic_id, seq, port_id, delivered, dropped) };
    }

    fn trace_drop(topic_id: u32, first: u64, count: u32, port_id: u32) {
        // SAFETY: As above.
        unsafe { ffi::kipc_trace_drop(topic_id, first, count, port_id) };
    }

    fn trace_end(&self, port_id: u32) {
        // SAFETY: By the type invariant the socket is alive.
        unsafe { ffi::kipc_trace_unregister(self.as_ptr(), port_id) };
    }

    fn now_ns() -> u64 {
        super::now_ns()
    }
}

/// What C said became of a message.
#[inline]
pub(super) fn outcome_of(outcome: ffi::kipc_outcome::Type) -> Outcome {
    match outcome {
        ffi::kipc_outcome::KIPC_QUEUED => Outcome::Queued,
        ffi::kipc_outcome::KIPC_FILTERED => Outcome::Filtered,
        ffi::kipc_outcome::KIPC_FULL => Outcome::Full,
        _ => Outcome::NoMemory,
    }
}
