// SPDX-License-Identifier: GPL-2.0

//! Who opens sockets, and what users may do with a topic.

use crate::client::Client;
use rustix::process::Gid;
use rustix::process::Uid;
use rustix::thread::set_thread_groups;
use rustix::thread::set_thread_res_gid;
use rustix::thread::set_thread_res_uid;

/// A user, as the kernel sees whoever opens a socket.
#[derive(Debug)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub groups: &'static [u32],
}

/// The administrator, one whose group the next one is in, and that one.
pub const USERS: [User; 3] = [
    User {
        uid: 0,
        gid: 0,
        groups: &[],
    },
    User {
        uid: 2000,
        gid: 2000,
        groups: &[],
    },
    User {
        uid: 2001,
        gid: 2001,
        groups: &[2000],
    },
];

impl User {
    /// Opens a socket as this user. A thread of its own, since root does not come back from that.
    pub fn open(&self) -> Client {
        let open = || {
            let groups: Vec<Gid> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
            set_thread_groups(&groups).expect("setgroups");
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            set_thread_res_gid(gid, gid, gid).expect("setresgid");
            set_thread_res_uid(uid, uid, uid).expect("setresuid");
            Client::open()
        };
        std::thread::scope(|scope| scope.spawn(open).join().expect("a thread"))
    }

    pub fn is_admin(&self) -> bool {
        self.uid == 0
    }

    pub fn is_in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}

/// Owner, group and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

impl Access {
    pub fn allows_publish(self, user: &User) -> bool {
        self.allows(user, 2)
    }

    pub fn allows_subscribe(self, user: &User) -> bool {
        self.allows(user, 4)
    }

    /// As with files, only the first class that fits counts; an administrator may do everything.
    fn allows(self, user: &User, right: u32) -> bool {
        let class = match () {
            () if user.is_admin() => return true,
            () if user.uid == self.uid => self.mode >> 6,
            () if user.is_in_group(self.gid) => self.mode >> 3,
            () => self.mode,
        };
        class & right != 0
    }
}

/// What an administrator says of a path and all below it.
#[derive(Clone, Debug)]
pub struct Rule {
    pub prefix: &'static str,
    pub access: Access,
}

/// What the rule with the longest path says of a topic, if there is one.
pub fn ruled(rules: &[Rule], topic: &str) -> Option<Access> {
    let concerns = |rule: &&Rule| match topic.strip_prefix(rule.prefix) {
        Some(rest) => rule.prefix.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    };
    let longest = rules.iter().filter(concerns).max_by_key(|r| r.prefix.len());
    longest.map(|rule| rule.access)
}

/// Whether a pattern matches a topic, segment by segment.
pub fn matches(pattern: &str, topic: &str) -> bool {
    fn tail(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern, topic) {
            ([], []) => true,
            (["**", rest @ ..], _) => {
                tail(rest, topic) || !topic.is_empty() && tail(pattern, &topic[1..])
            }
            (["*", pattern @ ..], [_, topic @ ..]) => tail(pattern, topic),
            ([a, pattern @ ..], [b, topic @ ..]) => a == b && tail(pattern, topic),
            _ => false,
        }
    }
    let pattern: Vec<&str> = pattern.split('/').collect();
    let topic: Vec<&str> = topic.split('/').collect();
    tail(&pattern, &topic)
}
