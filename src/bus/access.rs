// SPDX-License-Identifier: GPL-2.0

//! Who may publish on a topic, and who may subscribe to it.

use crate::bus::port::Credentials;
use crate::wire::message::DEFAULT_MODE;
use crate::wire::message::SEED_MODE;
use crate::wire::seed;
use crate::wire::topic::Name;

/// What somebody wants to do with a topic. The number is its bit among three of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// `w`: become a publisher.
    Publish = 2,
    /// `r`: become a subscriber.
    Subscribe = 4,
}

/// Owner, group and mode, as files have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// The user that owns the topic.
    pub(crate) uid: u32,
    /// Its group.
    pub(crate) gid: u32,
    /// `rw-` for owner, group and others.
    pub(crate) mode: u32,
}

impl Access {
    /// What the creator of a topic gives it, who may have said so.
    pub(super) fn of_creator(
        creator: &impl Credentials,
        name: Name<'_>,
        mode: Option<u32>,
        gid: Option<u32>,
    ) -> Self {
        let usual = if name.as_str() == seed::TOPIC {
            SEED_MODE
        } else {
            DEFAULT_MODE
        };
        Self {
            uid: creator.uid(),
            gid: gid.unwrap_or(creator.gid()),
            mode: mode.unwrap_or(usual),
        }
    }

    /// Whether a user has a right. As with files, the owner's bits alone count for the owner, and
    /// the group's for its members.
    pub(crate) fn allows(&self, user: &impl Credentials, right: Right) -> bool {
        let class = if user.uid() == self.uid {
            6
        } else if user.is_in_group(self.gid) {
            3
        } else {
            0
        };
        user.is_admin() || self.mode >> class & right as u32 != 0
    }
}
