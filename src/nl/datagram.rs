// SPDX-License-Identifier: GPL-2.0

//! Datagrams: those that came in, and those that we compose.

use super::ffi;
use super::socket::outcome_of;
use super::Credentials;
use super::Socket;
use crate::bus::port::Outcome;
use crate::bus::port::Wait;
use crate::wire::data;
use crate::wire::header;
use crate::wire::message;
use crate::wire::record;
use crate::wire::record::lost_at;
use crate::wire::record::Record;
use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Range;
use core::ptr::NonNull;
use kernel::error::to_result;
use kernel::prelude::*;
use kernel::sync::Arc;
use kernel::sync::ArcBorrow;
use kernel::types::ForeignOwnable;

/// One datagram that a process sent, while it is handled. `C` is what [`Inbound::attach`] attaches
/// to sockets.
///
/// # Invariants
///
/// For `'a`, as `kipc_input()` in `glue_net.c` prepared it:
/// - `data` points to `len` initialised bytes of `skb`, which nobody else writes to and which only
///   clones made of [`Inbound::selected`] share,
/// - `sender` is alive and cannot be released, since the sending process holds its file,
/// - `client` is null or what [`Inbound::attach`] attached to `sender`;
/// - `selected` lies within the `len` bytes.
pub(crate) struct Inbound<'a, C: 'static> {
    skb: NonNull<ffi::sk_buff>,
    data: NonNull<u8>,
    len: usize,
    port_id: u32,
    sender: NonNull<ffi::sock>,
    client: Cell<Option<ArcBorrow<'a, C>>>,
    selected: Part,
    // The bytes are borrowed mutably from the caller.
    _bytes: PhantomData<&'a mut [u8]>,
}

impl<'a, C: Send + Sync> Inbound<'a, C> {
    /// Wraps what C hands to the input callback; `None` if a pointer is null, which C excludes.
    ///
    /// # Safety
    ///
    /// `raw` must be as `kipc_input()` fills it, and stay so for `'a`; only values of type `C` may
    /// have been attached to sockets.
    pub(super) unsafe fn new(raw: &'a ffi::kipc_inbound) -> Option<Self> {
        let client = if raw.client.is_null() {
            None
        } else {
            // SAFETY: Not null, hence from `Arc::<C>::into_foreign` in `attach`. `from_foreign` is
            // called on it by `release` alone, which cannot run before the send has returned.
            Some(unsafe { Arc::<C>::borrow(raw.client) })
        };
        // INVARIANT: As the caller guarantees.
        Some(Self {
            skb: NonNull::new(raw.skb)?,
            data: NonNull::new(raw.data)?,
            len: raw.len as usize,
            port_id: raw.portid,
            sender: NonNull::new(raw.sender)?,
            client: Cell::new(client),
            selected: Part { offset: 0, len: 0 },
            _bytes: PhantomData,
        })
    }

    /// All of the datagram.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: By the type invariants; `&self` excludes `write`.
        unsafe { core::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }

    /// Overwrites bytes. What does not lie within the datagram is not written.
    ///
    /// Bytes of a message that has been queued already must not be changed: its readers would see
    /// it (which is no matter of memory safety: they copy bytes).
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        // SAFETY: By the type invariants; `&mut self` makes this the only reference.
        let all = unsafe { core::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) };
        let room = all.get_mut(offset..).unwrap_or_default();
        if let Some(room) = room.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
    }

    /// Port id of the sender's socket, from the kernel, not from the message.
    pub(crate) fn port_id(&self) -> u32 {
        self.port_id
    }

    /// What is attached to the sender's socket.
    pub(crate) fn client(&self) -> Option<ArcBorrow<'a, C>> {
        self.client.get()
    }

    /// Attaches `client` to the sender's socket until that is closed, unless another thread was
    /// faster; either way, what is attached afterwards is [`Inbound::client`].
    pub(crate) fn attach(&self, client: Arc<C>) -> ArcBorrow<'a, C> {
        let ours = client.into_foreign();
        // SAFETY: By the type invariants the socket is alive.
        let attached = unsafe { ffi::kipc_sock_set_client(self.sender.as_ptr(), ours) };
        if attached != ours {
            // SAFETY: `ours` comes from `into_foreign` just above and was not attached.
            drop(unsafe { Arc::<C>::from_foreign(ours) });
        }
        // SAFETY: By the type invariants the socket is alive.
        unsafe { ffi::kipc_trace_register(self.sender.as_ptr(), self.port_id) };
        // SAFETY: As in `new`: it was attached by this method, and stays until `release`.
        let client = unsafe { Arc::<C>::borrow(attached) };
        self.client.set(Some(client));
        client
    }

    /// A reference to the sender's socket.
    pub(crate) fn sender(&self) -> Socket {
        // SAFETY: By the type invariants the socket is alive.
        unsafe { Socket::hold(self.sender) }
    }

    /// The same, to receive messages on, with pids as the sender knows them.
    pub(crate) fn receiver(&self) -> Socket {
        // SAFETY: By the type invariants the socket is alive.
        unsafe { Socket::hold_for_sender(self.sender) }
    }

    /// Credentials of whoever opened the sender's socket.
    pub(crate) fn credentials(&self) -> Credentials {
        // SAFETY: By the type invariants the socket is alive, and the process that sends holds it.
        unsafe { Credentials::of_opener(self.sender) }
    }

    /// Whether whoever sends, not whoever opened the socket, administers the bus.
    pub(crate) fn sender_is_admin(&self) -> bool {
        // SAFETY: By the type invariants the socket is alive.
        unsafe { ffi::kipc_sender_is_admin(self.sender.as_ptr()) != 0 }
    }

    /// Answers the request at `offset` with a dump, which [`Handler::dump`] fills part by part.
    ///
    /// # Errors
    ///
    /// `EBUSY` if one is under way on this socket; `ENOMEM`.
    ///
    /// [`Handler::dump`]: super::Handler::dump
    pub(super) fn start_dump_of<D: ForeignOwnable>(&self, offset: usize, dump: D) -> Result {
        let offset = u32::try_from(offset).map_err(|_| EINVAL)?;
        let (skb, sender) = (self.skb.as_ptr(), self.sender.as_ptr());
        // SAFETY: Both objects are alive by the type invariants, and a request was found at
        // `offset`. `dump` is given away.
        to_result(unsafe {
            ffi::kipc_dump_start(sender, skb, offset, self.port_id, dump.into_foreign())
        })
    }

    /// Chooses the part of the datagram that is queued from now on. A range that does not lie
    /// within the datagram selects nothing.
    pub(crate) fn select(&mut self, range: Range<usize>) {
        let part = Part::of(&range).filter(|_| range.end <= self.len);
        // INVARIANT: Just checked; nothing lies within everything.
        self.selected = part.unwrap_or(Part { offset: 0, len: 0 });
    }

    /// The selected part.
    #[inline(always)]
    pub(crate) fn selected(&self) -> Shared<'_> {
        // INVARIANT: By those of this type.
        Shared {
            skb: self.skb,
            part: self.selected,
            _alive: PhantomData,
        }
    }

    /// The selected part, for longer than this datagram lives.
    pub(crate) fn keep(&self) -> Option<Composed> {
        self.selected().keep()
    }

    /// A new datagram: `head`, then `payload` of this datagram, with its sender's credentials.
    pub(crate) fn compose(&self, head: &[u8], payload: Range<usize>) -> Option<Composed> {
        let payload = self.bytes().get(payload)?;
        // SAFETY: The sk_buff is alive by the type invariants.
        unsafe { Composed::from_parts(self.skb.as_ptr(), head, payload) }
    }
}

/// A part of an sk_buff.
#[derive(Clone, Copy)]
struct Part {
    offset: u32,
    len: u32,
}

impl Part {
    fn of(range: &Range<usize>) -> Option<Self> {
        let len = range.end.checked_sub(range.start)?;
        Some(Self {
            offset: u32::try_from(range.start).ok()?,
            len: u32::try_from(len).ok()?,
        })
    }
}

/// A message that any number of sockets can queue, without copying it.
///
/// # Invariants
///
/// `skb` is alive for `'a`, and `part` lies within it.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    skb: NonNull<ffi::sk_buff>,
    part: Part,
    _alive: PhantomData<&'a ()>,
}

impl Shared<'_> {
    /// Queues it.
    #[inline(always)]
    pub(super) fn queue_on(self, socket: &Socket) -> Outcome {
        let Part { offset, len } = self.part;
        // SAFETY: Both objects are alive, and the part lies within, by their invariants.
        outcome_of(unsafe { ffi::kipc_queue_shared(socket.port(), self.skb.as_ptr(), offset, len) })
    }

    /// Whether it would find room.
    pub(super) fn has_room_on(self, socket: &Socket) -> bool {
        // SAFETY: Both objects are alive by their invariants.
        unsafe { ffi::kipc_may_have_room(socket.as_ptr(), self.skb.as_ptr()) != 0 }
    }

    /// Takes room for it.
    pub(super) fn hold_on(self, socket: &Socket) -> Result<Held, Outcome> {
        let Part { offset, len } = self.part;
        let mut outcome = ffi::kipc_outcome::KIPC_NO_MEMORY;
        // SAFETY: Both objects are alive, and the part lies within, by their invariants; `outcome`
        // is valid for a write.
        let held = unsafe {
            ffi::kipc_hold_shared(socket.port(), self.skb.as_ptr(), offset, len, &mut outcome)
        };
        // INVARIANT: Unless null, the clone is ours, was made for `socket`, and is not queued.
        NonNull::new(held)
            .zip(NonNull::new(socket.as_ptr()))
            .map(|(skb, sock)| Held {
                skb,
                // SAFETY: By the invariant of `socket` it is alive.
                _socket: unsafe { Socket::hold(sock) },
            })
            .ok_or(outcome_of(outcome))
    }

    /// Frees the oldest messages in a socket's queue until there is room for it; false if that
    /// does not help.
    pub(super) fn make_room_on(self, socket: &Socket) -> bool {
        let mut buf = [0; record::MAX_LEN];
        let lost = Record::Lost {
            topic_id: 0,
            first: 0,
            count: 0,
        };
        let Some(lost) = lost.write(&mut buf, 0, 0).and_then(|len| buf.get(..len)) else {
            return false;
        };
        // Constants that are far below 2^32, and a record that is no longer than its buffer.
        let layout = ffi::kipc_layout {
            message_type: message::PUBLISH,
            lost_type: message::LOST,
            message_topic: (header::LEN + data::TOPIC_OFFSET) as u32,
            message_seq: (header::LEN + data::SEQ_OFFSET) as u32,
            lost_topic: lost_at::TOPIC as u32,
            lost_first: lost_at::FIRST as u32,
            lost_count: lost_at::COUNT as u32,
            lost: lost.as_ptr(),
            lost_len: lost.len() as u32,
            first_event: message::TOPIC,
            last_event: message::MATCHED,
        };
        // SAFETY: Both objects are alive by their invariants; `layout` and what it points to
        // outlive the call. The offsets lie within the record, which the tests of the wire format
        // prove.
        unsafe { ffi::kipc_evict(socket.as_ptr(), self.skb.as_ptr(), &layout) == 0 }
    }

    /// Waits until a socket's queue may have room for it.
    pub(super) fn wait_for_room_on(self, socket: &Socket, nanoseconds: u64) -> Wait {
        // SAFETY: Both objects are alive by their invariants. We are in a system call of the
        // publisher, which may sleep, and hold no lock that is a spinlock.
        match unsafe { ffi::kipc_wait_for_room(socket.as_ptr(), self.skb.as_ptr(), nanoseconds) } {
            0 => Wait::Retry,
            _ => Wait::Interrupted,
        }
    }

    /// The same bytes, for longer than this lives.
    fn keep(self) -> Option<Composed> {
        let Part { offset, len } = self.part;
        // SAFETY: The sk_buff is alive, and the part lies within, by the type invariants.
        let kept = unsafe { ffi::kipc_skb_keep(self.skb.as_ptr(), offset, len) };
        // INVARIANT: Unless null, it is new, ours, and `len` bytes long.
        NonNull::new(kept).map(|skb| Composed { skb, len })
    }
}

/// A message that has its room on a socket, and is not queued yet. Dropping it gives the room
/// back.
///
/// # Invariants
///
/// `skb` comes from `kipc_hold_shared()` for `_socket`, and is ours.
pub(crate) struct Held {
    skb: NonNull<ffi::sk_buff>,
    // Dropped after `skb` was freed, which gives room back to the socket.
    _socket: Socket,
}

// SAFETY: An sk_buff that is on no list belongs to whoever has the pointer, on whatever thread.
unsafe impl Send for Held {}

impl Held {
    /// Puts it into the queue of the socket that it was made for.
    pub(super) fn queue(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: By the type invariants; `this` is not dropped, so the sk_buff is given away.
        unsafe { ffi::kipc_queue_held(this.skb.as_ptr()) };
        // SAFETY: `this` is never used again, so the socket is moved out once.
        drop(unsafe { core::ptr::read(&this._socket) });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: By the type invariants; the socket is still held.
        unsafe { ffi::kipc_held_free(self.skb.as_ptr()) };
    }
}

/// A datagram of our own, to be queued on any number of sockets.
///
/// # Invariants
///
/// `skb` is an sk_buff of `len` linear bytes that `self` owns a reference to. Nobody else writes to
/// the bytes.
pub(crate) struct Composed {
    skb: NonNull<ffi::sk_buff>,
    len: u32,
}

// SAFETY: An sk_buff that is on no list belongs to whoever has the pointer, on whatever thread.
unsafe impl Send for Composed {}

impl Composed {
    /// A new datagram of the kernel: `head`, then `payload`.
    pub(crate) fn new(head: &[u8], payload: &[u8]) -> Option<Self> {
        // SAFETY: A null pointer is allowed.
        unsafe { Self::from_parts(core::ptr::null(), head, payload) }
    }

    /// # Safety
    ///
    /// `from` must be null or an sk_buff that stays alive during the call.
    unsafe fn from_parts(from: *const ffi::sk_buff, head: &[u8], payload: &[u8]) -> Option<Self> {
        let head_len = u32::try_from(head.len()).ok()?;
        let payload_len = u32::try_from(payload.len()).ok()?;
        let len = head_len.checked_add(payload_len)?;
        // SAFETY: `from` is as the caller guarantees; both slices are valid and are copied before
        // the call returns; the sum of their lengths was checked.
        let skb = unsafe {
            ffi::kipc_skb_compose(from, head.as_ptr(), head_len, payload.as_ptr(), payload_len)
        };
        // INVARIANT: Unless null, the sk_buff is new, ours, and `len` bytes long.
        NonNull::new(skb).map(|skb| Self { skb, len })
    }

    /// All of the datagram.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: By the type invariants; `&self` excludes `overwrite`.
        unsafe {
            core::slice::from_raw_parts(ffi::kipc_skb_data(self.skb.as_ptr()), self.len as usize)
        }
    }

    /// Overwrites the beginning, if it is that long.
    ///
    /// Must not be done to what has been queued already, or is kept: its readers would see it
    /// (which is no matter of memory safety: they copy bytes).
    pub(crate) fn overwrite(&mut self, head: &[u8]) {
        // SAFETY: By the type invariants; `&mut self` makes this the only reference.
        let all = unsafe {
            core::slice::from_raw_parts_mut(
                ffi::kipc_skb_data(self.skb.as_ptr()),
                self.len as usize,
            )
        };
        if let Some(room) = all.get_mut(..head.len()) {
            room.copy_from_slice(head);
        }
    }

    /// How much memory it takes.
    pub(crate) fn truesize(&self) -> u32 {
        // SAFETY: By the type invariant the sk_buff is alive.
        unsafe { ffi::kipc_skb_truesize(self.skb.as_ptr()) }
    }

    /// The same datagram, for longer than this one lives.
    pub(crate) fn keep(&self) -> Option<Self> {
        self.whole().keep()
    }

    /// A new datagram: `head`, then `payload` of this datagram, with its sender's credentials.
    pub(crate) fn compose(&self, head: &[u8], payload: Range<usize>) -> Option<Self> {
        let payload = self.bytes().get(payload)?;
        // SAFETY: The sk_buff is alive by the type invariants.
        unsafe { Self::from_parts(self.skb.as_ptr(), head, payload) }
    }

    /// All of it, to be queued. Its sender's pid is only told while that lives.
    pub(crate) fn whole(&self) -> Shared<'_> {
        // SAFETY: The sk_buff is alive by the type invariant, and `compose` or `keep` made it. It is
        // used by one thread at a time: values of this type are not `Sync`.
        unsafe { ffi::kipc_skb_check_sender(self.skb.as_ptr()) };
        // INVARIANT: By those of this type.
        Shared {
            skb: self.skb,
            part: Part {
                offset: 0,
                len: self.len,
            },
            _alive: PhantomData,
        }
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the reference is ours to give back.
        unsafe { ffi::kipc_skb_free(self.skb.as_ptr()) };
    }
}
