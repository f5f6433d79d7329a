// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! The seed protocol: netlink message type 0, one type byte, then data.
//!
//! Its only topic is the bus's default topic, [`TOPIC`], which v1 clients may use as well. What is
//! broadcast reaches a seed subscriber as one `NLMSG_DONE` message with the data alone.

use super::refusal::Refusal;

/// Netlink message type of all seed requests.
pub(crate) const TYPE: u16 = 0;

/// The topic that seed clients share.
pub(crate) const TOPIC: &str = "default";

/// Type byte: never valid.
pub(crate) const INVALID: u8 = 0;
/// Type byte: register the socket as a subscriber.
pub(crate) const REGISTER_SUBSCRIBER: u8 = 1;
/// Type byte: register the socket as a publisher.
pub(crate) const REGISTER_PUBLISHER: u8 = 2;
/// Type byte: send what follows to every subscriber.
pub(crate) const BROADCAST: u8 = 3;

/// A seed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seed<'a> {
    /// Register the sending socket as a subscriber. Doing it again changes nothing.
    Subscribe,
    /// Register the sending socket as a publisher. Doing it again changes nothing.
    Publish,
    /// Send these bytes to every other registered subscriber.
    Broadcast(&'a [u8]),
}

impl<'a> Seed<'a> {
    /// Parses what follows the netlink header. Data behind a registration is ignored: seed
    /// clients send messages of one fixed size.
    pub(crate) fn parse(payload: &'a [u8]) -> Result<Self, Refusal> {
        let (kind, data) = payload.split_first().ok_or(Refusal::SeedEmpty)?;
        match *kind {
            REGISTER_SUBSCRIBER => Ok(Self::Subscribe),
            REGISTER_PUBLISHER => Ok(Self::Publish),
            BROADCAST => Ok(Self::Broadcast(data)),
            _ => Err(Refusal::SeedUnknownType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_byte_decides() {
        assert_eq!(Seed::parse(&[1, 9, 9]), Ok(Seed::Subscribe));
        assert_eq!(Seed::parse(&[2]), Ok(Seed::Publish));
        assert_eq!(Seed::parse(&[3, 7]), Ok(Seed::Broadcast(&[7])));
        assert_eq!(Seed::parse(&[3]), Ok(Seed::Broadcast(&[])));
        assert_eq!(Seed::parse(&[]), Err(Refusal::SeedEmpty));
        for kind in (4..=255).chain([INVALID]) {
            assert_eq!(Seed::parse(&[kind]), Err(Refusal::SeedUnknownType));
        }
    }
}
