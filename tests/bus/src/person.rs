// SPDX-License-Identifier: GPL-2.0

//! Users of the bus in tests.

use crate::bus::port::Credentials;
use crate::bus::port::Process;

/// A user, without privileges unless it says so.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) admin: bool,
    /// Who answers for what it uses up; `None`: itself.
    pub(crate) sponsor: Option<u32>,
}

impl Person {
    /// Somebody of this number, in a group of its own.
    pub(crate) fn numbered(uid: u32) -> Self {
        Self {
            uid,
            gid: uid,
            ..Self::default()
        }
    }

    /// Somebody for whom another one answers.
    pub(crate) fn sponsored(uid: u32, sponsor: u32) -> Self {
        Self {
            sponsor: Some(sponsor),
            ..Self::numbered(uid)
        }
    }
}

impl Default for Person {
    fn default() -> Self {
        Self {
            uid: 1000,
            gid: 1000,
            groups: Vec::new(),
            admin: false,
            sponsor: None,
        }
    }
}

impl Credentials for Person {
    fn uid(&self) -> u32 {
        self.uid
    }

    fn sponsor(&self) -> u32 {
        self.sponsor.unwrap_or(self.uid)
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

    fn process(&self) -> Process {
        let mut comm = [0; 16];
        comm[..6].copy_from_slice(b"person");
        Process {
            pid: self.uid + 1,
            comm,
            start_time: 1,
        }
    }
}
