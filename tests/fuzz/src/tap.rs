// SPDX-License-Identifier: GPL-2.0

//! nlmon: a device that shows the netlink messages of its network namespace to whoever looks. The
//! kernel shows those of some protocols only and kipc's is not among them; a tap must do no harm.

use rustix::fd::OwnedFd;
use rustix::net::AddressFamily;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SocketFlags;
use rustix::net::SocketType;
use rustix::net::recv;
use rustix::net::socket_with;
use std::num::NonZeroU32;
use std::process::Command;
use std::process::Stdio;

/// `ETH_P_ALL` in network byte order.
const ALL: u32 = 3u16.to_be() as u32;

/// A tap that is up, and who looks.
pub struct Tap {
    /// Not every kernel has packet sockets.
    watcher: Option<OwnedFd>,
}

impl Tap {
    /// Makes one in this network namespace; `None` if the kernel has no nlmon or this user may
    /// not.
    pub fn up() -> Option<Self> {
        let ip = |arguments: &[&str]| {
            let ended = Command::new("ip")
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            ended.is_ok_and(|status| status.success())
        };
        // It may be there already.
        ip(&["link", "add", "kipc-tap", "type", "nlmon"]);
        ip(&["link", "set", "kipc-tap", "up"]).then(|| Self { watcher: watcher() })
    }

    /// Takes what there is to see; what nobody takes is thrown away.
    pub fn look(&self, buf: &mut [u8]) {
        if let Some(watcher) = &self.watcher {
            while recv(watcher, &mut *buf, RecvFlags::DONTWAIT).is_ok() {}
        }
    }
}

/// Sees all that goes over any device of this network namespace.
fn watcher() -> Option<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let all = NonZeroU32::new(ALL).map(Protocol::from_raw);
    socket_with(AddressFamily::PACKET, SocketType::RAW, flags, all).ok()
}
