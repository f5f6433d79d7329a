// SPDX-License-Identifier: GPL-2.0

//! kipc: local publish/subscribe with the kernel as the broker.
//!
//! Data flows one way: a datagram comes in through [`nl`], is parsed once by [`wire`] into types,
//! [`input`] asks the [`bus`] to act on it, and what goes out is queued by [`nl`] again.

#![crate_name = "kipc"]
// No path on which user input could make the kernel panic; checked by clippy.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod bus;
mod input;
mod nl;
mod parcel;
mod publisher;
mod sys;
#[allow(
    dead_code,
    reason = "libkipc compiles the same files; each side needs a part of them"
)]
mod wire;

use crate::bus::account::Accounts;
use crate::bus::limits::Limits;
use kernel::prelude::*;

module! {
    type: Kipc,
    name: "kipc",
    authors: ["The kipc authors"],
    description: "Local publish/subscribe with the kernel as the broker",
    license: "GPL",
    alias: ["net-pf-16-proto-31"],
    params: {
        protocol: u32 {
            default: 31,
            description: "netlink protocol number (0 to 31)",
        },
        sockets_per_user: u32 {
            default: 16384,
            description: "most sockets of one user that publish or subscribe",
        },
        advertisements_per_user: u32 {
            default: 65536,
            description: "most advertisements of one user",
        },
        memberships_per_user: u32 {
            default: 262144,
            description: "most subscribers of one user, where each counts once for each topic",
        },
        topics_per_user: u32 {
            default: 16384,
            description: "most topics of one user",
        },
        subscriptions_per_user: u32 {
            default: 65536,
            description: "most subscriptions of one user",
        },
        patterns_per_user: u32 {
            default: 16384,
            description: "most subscriptions with a wildcard of one user",
        },
        retained_bytes_per_user: u32 {
            default: 16777216,
            description: "most memory in retained messages and last wills of one user",
        },
        message_bytes: u32 {
            default: 1048576,
            description: "longest payload of a message",
        },
    },
}

/// The limits that the module was loaded with.
fn limits() -> Limits {
    Limits {
        sockets_per_user: sys::parameter(module_parameters::sockets_per_user.value()),
        advertisements_per_user: sys::parameter(module_parameters::advertisements_per_user.value()),
        memberships_per_user: sys::parameter(module_parameters::memberships_per_user.value()),
        topics_per_user: sys::parameter(module_parameters::topics_per_user.value()),
        subscriptions_per_user: sys::parameter(module_parameters::subscriptions_per_user.value()),
        patterns_per_user: sys::parameter(module_parameters::patterns_per_user.value()),
        retained_bytes_per_user: sys::parameter(module_parameters::retained_bytes_per_user.value()),
        message_bytes: sys::parameter(module_parameters::message_bytes.value()),
    }
}

/// The module, from load to unload.
struct Kipc {
    _protocol: nl::Registration<input::Kipc>,
}

impl kernel::Module for Kipc {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let protocol = sys::parameter(module_parameters::protocol.value());
        let accounts = Accounts::new(limits()).and_then(sys::arc);
        let accounts = accounts.map_err(|sys::NoMemory| ENOMEM)?;
        let registration = nl::Registration::new(protocol, accounts).inspect_err(|_| {
            pr_err!("netlink protocol {protocol} cannot be had: choose another with protocol=\n");
        })?;
        pr_info!("{} ready on netlink protocol {protocol}\n", nl::version());
        Ok(Self {
            _protocol: registration,
        })
    }
}
