// SPDX-License-Identifier: GPL-2.0

//! The protocol's registration with netlink, and the callbacks from C.

use super::export;
use super::ffi;
use super::Inbound;
use super::Socket;
use crate::bus::port::Receipt;
use crate::wire::refusal::Refusal;
use core::marker::PhantomData;
use kernel::error::to_result;
use kernel::ffi::c_int;
use kernel::ffi::c_uchar;
use kernel::ffi::c_uint;
use kernel::ffi::c_void;
use kernel::prelude::*;
use kernel::sync::Arc;
use kernel::sync::ArcBorrow;
use kernel::types::ForeignOwnable;

/// What happens on the sockets of the protocol. All calls may sleep.
pub(crate) trait Handler: 'static {
    /// What the buses of all network namespaces share.
    type Shared: Send + Sync + 'static;
    /// One per network namespace.
    type Bus: Send + Sync + 'static;
    /// What [`Inbound::attach`] attaches to a socket.
    type Client: Send + Sync + 'static;
    /// A dump that is under way.
    type Dump: Send + Sync + 'static;
    /// A publisher of the kernel.
    type Publisher: Send + Sync + 'static;

    /// A network namespace appeared; `None`: out of memory.
    fn bus(shared: ArcBorrow<'_, Self::Shared>) -> Option<KBox<Self::Bus>>;

    /// A process sent a datagram. Calls for one socket may run at the same time on several CPUs.
    fn input(bus: &Self::Bus, inbound: Inbound<'_, Self::Client>);

    /// A socket to which a client is attached was closed. Nothing comes from it any more.
    fn release(bus: &Self::Bus, client: Arc<Self::Client>);

    /// Writes the next part of a dump; returns its length, 0 at the end, or `None` without memory.
    fn dump(
        bus: &Self::Bus,
        dump: &mut Self::Dump,
        part: &mut [u8],
        request: Asker,
    ) -> Option<usize>;

    /// Another module wants to publish; `socket` is the kernel's own in the namespace of the bus.
    fn publisher(
        bus: &Self::Bus,
        socket: Socket,
        topic: &[u8],
        fingerprint: u64,
    ) -> Result<KBox<Self::Publisher>, Refusal>;

    /// Another module publishes.
    fn publish(
        bus: &Self::Bus,
        publisher: &Self::Publisher,
        tag: u32,
        payload: &[u8],
    ) -> Result<Receipt, Refusal>;

    /// The module publishes no more, or the namespace ends.
    fn end(bus: &Self::Bus, publisher: KBox<Self::Publisher>);
}

/// Whom the records of a dump answer.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    /// `nlmsg_seq` of the request.
    pub(crate) seq: u32,
    /// Port id of its sender.
    pub(crate) port_id: u32,
}

/// The protocol exists from [`Registration::new`] until this value is dropped.
///
/// # Invariants
///
/// `kipc_register` succeeded with the callbacks of `H` and `shared`, a foreign `Arc<H::Shared>`, and
/// `kipc_unregister` was not called.
pub(crate) struct Registration<H: Handler> {
    shared: *mut c_void,
    _handler: PhantomData<fn() -> H>,
}

// SAFETY: `shared` stands for an `Arc` of a type that is `Send` and `Sync`.
unsafe impl<H: Handler> Send for Registration<H> {}

// SAFETY: As above.
unsafe impl<H: Handler> Sync for Registration<H> {}

impl<H: Handler> Registration<H> {
    const OPS: ffi::kipc_ops = ffi::kipc_ops {
        bus_new: Some(bus_new::<H>),
        bus_free: Some(bus_free::<H>),
        input: Some(input::<H>),
        release: Some(release::<H>),
        dump_part: Some(dump_part::<H>),
        dump_free: Some(dump_free::<H>),
        publisher_new: Some(export::publisher_new::<H>),
        publisher_publish: Some(export::publisher_publish::<H>),
        publisher_end: Some(export::publisher_end::<H>),
    };

    /// Registers netlink protocol `protocol`; one registration can exist at a time.
    pub(crate) fn new(protocol: u32, shared: Arc<H::Shared>) -> Result<Self> {
        let ops: &'static ffi::kipc_ops = &Self::OPS;
        let shared = shared.into_foreign();
        // SAFETY: `ops` is static, and its functions do what `kipc_ops` asks for; `shared` is valid
        // until it is taken back. Until the registration ends, no other client type than `H::Client`
        // can be attached, since C refuses a second registration.
        let registered = to_result(unsafe { ffi::kipc_register(ops, shared, protocol) });
        if registered.is_err() {
            // SAFETY: It comes from `into_foreign` above, and C does not use it any more.
            drop(unsafe { Arc::<H::Shared>::from_foreign(shared) });
        }
        registered?;
        // INVARIANT: It succeeded.
        Ok(Self {
            shared,
            _handler: PhantomData,
        })
    }
}

impl<H: Handler> Drop for Registration<H> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. An open socket pins the module, so none is open now and
        // no callback runs.
        unsafe { ffi::kipc_unregister() };
        // SAFETY: By the type invariant it comes from `into_foreign`; C does not use it any more.
        drop(unsafe { Arc::<H::Shared>::from_foreign(self.shared) });
    }
}

/// # Safety
///
/// `shared` must be what was registered.
unsafe extern "C" fn bus_new<H: Handler>(shared: *mut c_void) -> *mut c_void {
    // SAFETY: By the contract of this function it is a foreign `Arc<H::Shared>`, which is taken back
    // only when C does not use it any more.
    let shared = unsafe { Arc::<H::Shared>::borrow(shared) };
    match H::bus(shared) {
        Some(bus) => bus.into_foreign(),
        None => core::ptr::null_mut(),
    }
}

/// # Safety
///
/// `bus` must come from [`bus_new`], and must not be used afterwards.
unsafe extern "C" fn bus_free<H: Handler>(bus: *mut c_void) {
    // SAFETY: By the contract of this function.
    drop(unsafe { KBox::<H::Bus>::from_foreign(bus) });
}

/// # Safety
///
/// `bus` must come from [`bus_new`] and not have been freed; `inbound` must be as `kipc_input()`
/// fills it.
unsafe extern "C" fn input<H: Handler>(bus: *mut c_void, inbound: *const ffi::kipc_inbound) {
    // SAFETY: `bus_free` is called when the namespace ends, which the sending socket prevents.
    let bus = unsafe { KBox::<H::Bus>::borrow(bus) };
    // SAFETY: `kipc_input()` passes a pointer to a variable of its own.
    let inbound = unsafe { &*inbound };
    // SAFETY: `kipc_input()` filled it, and `H::Client` is the only type that is attached.
    if let Some(inbound) = unsafe { Inbound::new(inbound) } {
        H::input(bus, inbound);
    }
}

/// # Safety
///
/// `bus` must come from [`bus_new`] and not have been freed; `client` must have been attached by
/// [`Inbound::attach`] and not be attached any more.
unsafe extern "C" fn release<H: Handler>(bus: *mut c_void, client: *mut c_void) {
    // SAFETY: As in `input`: the closing socket still holds its namespace.
    let bus = unsafe { KBox::<H::Bus>::borrow(bus) };
    // SAFETY: It was attached as a foreign `Arc<H::Client>`; `kipc_release()` took it off the
    // socket, so this is the one call on it.
    let client = unsafe { Arc::<H::Client>::from_foreign(client) };
    H::release(bus, client);
}

/// # Safety
///
/// `bus` must come from [`bus_new`] and not have been freed; `dump` must be a foreign
/// `KBox<H::Dump>` that was not freed, and be in no other call; `part` must be valid for writes of
/// `room` bytes.
unsafe extern "C" fn dump_part<H: Handler>(
    bus: *mut c_void,
    dump: *mut c_void,
    part: *mut c_uchar,
    room: c_uint,
    seq: c_uint,
    port_id: c_uint,
) -> c_int {
    // SAFETY: As in `input`: the reading socket holds its namespace.
    let bus = unsafe { KBox::<H::Bus>::borrow(bus) };
    // SAFETY: By the contract of this function; netlink calls for one dump one at a time.
    let dump = unsafe { KBox::<H::Dump>::borrow_mut(dump) };
    // SAFETY: By the contract of this function.
    unsafe { part.write_bytes(0, room as usize) };
    // SAFETY: By the contract of this function; all bytes are initialised.
    let part = unsafe { core::slice::from_raw_parts_mut(part, room as usize) };
    match H::dump(bus, dump, part, Asker { seq, port_id }) {
        // No more than `room`, which is an `int` in an sk_buff.
        Some(len) => c_int::try_from(len).unwrap_or(0),
        None => Refusal::NoMemory.errno().saturating_neg(),
    }
}

/// # Safety
///
/// `dump` must be a foreign `KBox<H::Dump>`, and must not be used afterwards.
unsafe extern "C" fn dump_free<H: Handler>(dump: *mut c_void) {
    // SAFETY: By the contract of this function.
    drop(unsafe { KBox::<H::Dump>::from_foreign(dump) });
}

/// Answers the request at `offset` of a datagram with a dump.
pub(crate) fn start_dump<H: Handler>(
    inbound: &Inbound<'_, H::Client>,
    offset: usize,
    dump: H::Dump,
) -> Result<(), Refusal> {
    let dump = KBox::new(dump, GFP_KERNEL_ACCOUNT).map_err(|_| Refusal::NoMemory)?;
    inbound
        .start_dump_of(offset, dump)
        .map_err(|why| match why {
            EBUSY => Refusal::DumpRunning,
            _ => Refusal::NoMemory,
        })
}
