// SPDX-License-Identifier: GPL-2.0

//! What stands in front of payloads.

use crate::wire::data;
use crate::wire::data::DataHeader;
use crate::wire::refusal::Refusal;
use crate::wire::seed;
use crate::wire::seed::Seed;

/// Reads a data header, as the module does and as libkipc does.
pub(crate) fn header(body: &[u8]) {
    let Some((header, payload)) = DataHeader::read(body) else {
        assert!(body.len() < data::LEN);
        return;
    };
    assert_eq!([&header.to_bytes()[..], payload].concat(), body);
    let sent = DataHeader {
        topic: header.topic,
        tag: header.tag,
        flags: header.flags,
        ..DataHeader::default()
    };
    for known in [data::PUBLISH_FLAGS, data::LAST_WILL_CANCEL] {
        let want = match () {
            () if header.flags & known != header.flags => Err(Refusal::UnknownFlags),
            () if header != sent => Err(Refusal::KernelFieldSet),
            () => Ok((header, payload)),
        };
        assert_eq!(DataHeader::read_request(body, known), want);
    }
}

/// Reads a request of the seed protocol.
pub(crate) fn seed(payload: &[u8]) {
    let want = match payload {
        [] => Err(Refusal::SeedEmpty),
        [seed::REGISTER_SUBSCRIBER, ..] => Ok(Seed::Subscribe),
        [seed::REGISTER_PUBLISHER, ..] => Ok(Seed::Publish),
        [seed::BROADCAST, data @ ..] => Ok(Seed::Broadcast(data)),
        _ => Err(Refusal::SeedUnknownType),
    };
    assert_eq!(Seed::parse(payload), want);
}
