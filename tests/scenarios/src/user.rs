// SPDX-License-Identifier: GPL-2.0

//! Other users. What a socket may do and what it is charged to follow from who opened it, not from
//! who uses it: so a scenario can hold sockets of several users, and tell all of them what to do.

use crate::client::Client;
use rustix::thread::Gid;
use rustix::thread::Uid;
use rustix::thread::set_thread_gid;
use rustix::thread::set_thread_groups;
use rustix::thread::set_thread_uid;

/// A socket that this user opened.
pub fn open(uid: u32) -> Client {
    within(uid, Client::open)
}

/// Does something as this user, whose only group has the same number. A thread has a user of its
/// own, as far as the kernel is concerned.
pub fn within<T: Send>(uid: u32, what: impl FnOnce() -> T + Send) -> T {
    let thread = move || {
        set_thread_groups(&[]).expect("no further groups");
        set_thread_gid(Gid::from_raw(uid)).expect("its group");
        set_thread_uid(Uid::from_raw(uid)).expect("its user");
        what()
    };
    std::thread::scope(|scope| scope.spawn(thread).join()).expect("what another user does")
}
