// SPDX-License-Identifier: GPL-2.0

//! What stands on the other side of the socket: first an honest kernel, then the input.
//!
//! The input is a row of records: a length, then a datagram of that length. With the highest bit
//! of the length set, it is an error of the next receive, or (0) the end of what is there at once:
//! what follows comes with the next request.

use crate::wire::ABI_VERSION;
use crate::wire::header;
use crate::wire::record;
use crate::wire::record::Record;
use crate::wire::request::Request;
use kipc_fuzz_host::script::Script;
use nix::errno::Errno;
use std::cell::RefCell;
use std::collections::VecDeque;

/// What a receive returns.
pub(crate) type Arrival = Result<Vec<u8>, Errno>;

/// What a receive may fail with.
const ERRORS: [Errno; 4] = [Errno::ENOBUFS, Errno::EINTR, Errno::EAGAIN, Errno::EIO];

#[derive(Default)]
struct Kernel {
    /// How many requests more it answers.
    honest: usize,
    /// What it says then: together with a request, and later.
    input: VecDeque<VecDeque<Arrival>>,
    queue: VecDeque<Arrival>,
}

thread_local! {
    static KERNEL: RefCell<Kernel> = RefCell::default();
}

/// Begins anew.
pub(crate) fn start(honest: usize, mut script: Script<'_>) {
    let mut groups = VecDeque::new();
    let mut group = VecDeque::new();
    while !script.is_over() {
        match script.short() {
            length @ 0..0x8000 => group.push_back(Ok(script.bytes(length.into()).to_vec())),
            0x8000 => groups.push_back(std::mem::take(&mut group)),
            number => group.push_back(Err(ERRORS[usize::from(number) % ERRORS.len()])),
        }
    }
    groups.push_back(group);
    KERNEL.set(Kernel {
        honest,
        input: groups,
        queue: VecDeque::new(),
    });
}

/// Takes a request.
pub(crate) fn sent(request: &[u8]) {
    KERNEL.with_borrow_mut(|kernel| match kernel.honest.checked_sub(1) {
        Some(left) => {
            kernel.honest = left;
            kernel.queue.extend(answer(request).map(Ok));
        }
        None => kernel
            .queue
            .extend(kernel.input.pop_front().unwrap_or_default()),
    });
}

/// Says all that is left of the input; returns how many bytes wait in how many arrivals.
pub(crate) fn speak() -> (usize, usize) {
    KERNEL.with_borrow_mut(|kernel| {
        let rest = std::mem::take(&mut kernel.input);
        kernel.queue.extend(rest.into_iter().flatten());
        let bytes = kernel.queue.iter().flatten().map(Vec::len).sum();
        (bytes, kernel.queue.len())
    })
}

/// What is still to come, in another queue.
pub(crate) fn copy() -> VecDeque<Arrival> {
    KERNEL.with_borrow(|kernel| kernel.queue.clone())
}

/// Puts a queue in place of what is there.
pub(crate) fn replace(queue: VecDeque<Arrival>) {
    KERNEL.with_borrow_mut(|kernel| kernel.queue = queue);
}

/// The next arrival; nothing: there is none.
pub(crate) fn arrival() -> Option<Arrival> {
    KERNEL.with_borrow_mut(|kernel| kernel.queue.pop_front())
}

/// Whether something is there.
pub(crate) fn is_readable() -> bool {
    KERNEL.with_borrow(|kernel| !kernel.queue.is_empty())
}

/// The answer to a request, and its acknowledgement.
fn answer(request: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let (message, _) = header::message_at(request, 0).expect("libkipc sends whole messages");
    let seq = message.header.seq;
    let record = match Request::parse(message.header, message.payload) {
        Ok(Request::Info) => Some(Record::Info(INFO)),
        Ok(Request::Advertise { .. }) => Some(Record::Advertised { topic_id: 1 }),
        Ok(Request::Subscribe { .. }) => Some(Record::Subscribed { subscription_id: 1 }),
        _ => None,
    };
    let record = record.map(|record| {
        let mut buf = vec![0; record::MAX_LEN];
        let len = record.write(&mut buf, seq, 7).expect("there is room");
        buf.truncate(len);
        buf
    });
    let mut ack = vec![0; 64];
    let len = crate::wire::ack::write(&mut ack, message.header, 7, Ok(()));
    ack.truncate(len.expect("there is room"));
    let wanted = message.header.flags & header::ACK != 0;
    record.into_iter().chain(wanted.then_some(ack))
}

const INFO: record::Info<'static> = record::Info {
    version: "0",
    abi: ABI_VERSION,
    topics: 1,
    clients: 1,
    subscriptions: 1,
    max_advertisements: 1,
    max_subscriptions: 1,
    max_topics: 1,
    max_topics_per_user: 1,
    max_subscriptions_per_user: 1,
    max_patterns_per_user: 1,
    max_retained_bytes: 1,
    // Datagrams are cut that have no room where answers have.
    max_message_bytes: 1,
};
