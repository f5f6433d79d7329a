// SPDX-License-Identifier: GPL-2.0

//! Who a worker is: users, and namespaces that it shares with nobody.

use crate::sys;
use rustix::process::DumpableBehavior;
use rustix::process::set_dumpable_behavior;
use rustix::thread::Gid;
use rustix::thread::Uid;
use rustix::thread::UnshareFlags;
use rustix::thread::set_thread_gid;
use rustix::thread::set_thread_groups;
use rustix::thread::set_thread_uid;
use std::fs;

/// Who a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    Root,
    /// An ordinary user with a group of the same number, and perhaps another one.
    User(u32, Option<u32>),
    /// Root, with a bus of its own.
    Network,
    /// An ordinary user that is root in a user namespace, with a bus of its own.
    Container(u32),
}

impl Identity {
    /// The identity of a worker.
    pub fn of(index: u64) -> Self {
        match index % 8 {
            0 | 4 => Self::Root,
            1 | 5 => Self::User(1000, None),
            2 => Self::User(1001, None),
            6 => Self::User(1001, Some(1000)),
            3 => Self::Network,
            _ => Self::Container(1000),
        }
    }

    /// Whether nobody else is on its bus.
    pub fn is_alone(self) -> bool {
        matches!(self, Self::Network | Self::Container(_))
    }

    /// Moves into the network namespace. Until [`Identity::become_it`], root stays root.
    pub fn enter(self) {
        if self == Self::Network {
            sys::unshare(UnshareFlags::NEWNET).expect("a network namespace");
        }
    }

    /// Gives up what this identity does not have. This thread is the only one.
    pub fn become_it(self) {
        match self {
            Self::Root | Self::Network => {}
            Self::User(id, other) => become_user(id, other),
            Self::Container(id) => {
                become_user(id, None);
                // Without it the files below are root's, now that this was root once.
                set_dumpable_behavior(DumpableBehavior::Dumpable).expect("PR_SET_DUMPABLE");
                sys::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET).expect("a container");
                for (file, text) in [
                    ("setgroups", "deny".to_owned()),
                    ("uid_map", format!("0 {id} 1")),
                    ("gid_map", format!("0 {id} 1")),
                ] {
                    fs::write(format!("/proc/self/{file}"), text).expect(file);
                }
            }
        }
    }
}

fn become_user(id: u32, other_group: Option<u32>) {
    let groups: Vec<Gid> = other_group.map(Gid::from_raw).into_iter().collect();
    set_thread_groups(&groups).expect("setgroups");
    set_thread_gid(Gid::from_raw(id)).expect("setgid");
    set_thread_uid(Uid::from_raw(id)).expect("setuid");
}
