// SPDX-License-Identifier: GPL-2.0

//! Doing something as an ordinary user.

use rustix::process::Gid;
use rustix::process::Uid;
use rustix::thread::set_thread_groups;
use rustix::thread::set_thread_res_gid;
use rustix::thread::set_thread_res_uid;

/// Does something as this user, without root's capabilities. A socket that he opens is his, also if
/// it is used by somebody else afterwards.
pub fn as_user<R: Send>(uid: u32, act: impl FnOnce() -> R + Send) -> R {
    let become_him = move || {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(uid));
        set_thread_groups(&[]).expect("setgroups");
        set_thread_res_gid(gid, gid, gid).expect("setresgid");
        set_thread_res_uid(uid, uid, uid).expect("setresuid");
        act()
    };
    std::thread::scope(|scope| scope.spawn(become_him).join().expect("a thread"))
}
