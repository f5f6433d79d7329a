// SPDX-License-Identifier: GPL-2.0

//! Other users. What a socket may do and what it is charged to follow from who opened it, not from
//! who uses it: so a scenario can hold sockets of several users, and tell all of them what to do.

use crate::client::Client;
use rustix::process::Gid;
use rustix::process::Uid;
use rustix::thread::set_thread_groups;
use rustix::thread::set_thread_res_gid;
use rustix::thread::set_thread_res_uid;

/// A socket that this user opened.
pub fn open(uid: u32) -> Client {
    as_user(uid, Client::open)
}

/// Does something as this user, without root's capabilities, whose only group has the same number.
/// A thread has a user of its own, as far as the kernel is concerned.
pub fn as_user<R: Send>(uid: u32, act: impl FnOnce() -> R + Send) -> R {
    let become_user = move || {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(uid));
        set_thread_groups(&[]).expect("setgroups");
        set_thread_res_gid(gid, gid, gid).expect("setresgid");
        set_thread_res_uid(uid, uid, uid).expect("setresuid");
        act()
    };
    std::thread::scope(|scope| scope.spawn(become_user).join().expect("a thread"))
}
