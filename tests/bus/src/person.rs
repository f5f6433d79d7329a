// SPDX-License-Identifier: GPL-2.0

//! Users of the bus in tests.

use crate::bus::port::Credentials;

/// A user, without privileges unless it says so.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) admin: bool,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            uid: 1000,
            gid: 1000,
            groups: Vec::new(),
            admin: false,
        }
    }
}

impl Credentials for Person {
    fn uid(&self) -> u32 {
        self.uid
    }

    fn gid(&self) -> u32 {
        self.gid
    }

    fn is_in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    fn is_admin(&self) -> bool {
        self.admin
    }
}
