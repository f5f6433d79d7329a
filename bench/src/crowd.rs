// SPDX-License-Identifier: MIT OR Apache-2.0

//! Topics and sockets on the same bus that have nothing to do with what is measured.

use crate::link::kipc;
use crate::link::netlink::Socket;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::setrlimit;

/// So many topics, and so many sockets. Each publishes one and subscribes to another.
pub(crate) const CROWD: usize = 10_000;

/// Open files of everything else.
const OTHERS: u64 = 10_000;

/// Lets this process have as many sockets as it needs, and as much room in message queues.
pub(crate) fn lift_limits() -> Result<(), String> {
    let files = CROWD as u64 + OTHERS;
    for (resource, limit) in [(Resource::Nofile, Some(files)), (Resource::Msgqueue, None)] {
        let limits = Rlimit {
            current: limit,
            maximum: limit,
        };
        setrlimit(resource, limits).map_err(|errno| format!("{resource:?}: {errno}"))?;
    }
    Ok(())
}

/// Opens them. They are gone when this is dropped.
pub(crate) fn gather() -> Result<Vec<Socket>, String> {
    let member = |number| {
        let socket = kipc::open()?;
        let topic = format!("crowd/{number}/value");
        kipc::advertise(&socket, &topic, None, None)?;
        let other = number % 100;
        let pattern = match number % 3 {
            0 => format!("crowd/{number}/value"),
            1 => format!("crowd/{number}/{other}/*"),
            _ => format!("crowd/{number}/**"),
        };
        kipc::subscribe(&socket, &pattern, 0)?;
        Ok(socket)
    };
    (0..CROWD).map(member).collect()
}
