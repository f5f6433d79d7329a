// SPDX-License-Identifier: GPL-2.0

//! The walk over attributes.

use crate::wire::align;
use crate::wire::attr::Attribute;
use crate::wire::attr::Attributes;
use crate::wire::attr::Set;
use crate::wire::attr::HEADER_LEN;
use crate::wire::header;
use crate::wire::message::attr;
use crate::wire::refusal::Refused;

/// Each attribute is where it says; returns their types.
pub(crate) fn walk(payload: &[u8]) -> Vec<u16> {
    let mut kinds = Vec::new();
    let mut at = 0;
    let mut attributes = Attributes::new(payload);
    while let Some(found) = attributes.next() {
        let place = header::LEN + at;
        match found {
            Ok(attribute) => {
                assert_eq!(attribute.offset, place);
                let value = &payload[at + HEADER_LEN..][..attribute.value.len()];
                assert_eq!(attribute.value, value);
                values(attribute);
                kinds.push(attribute.kind);
                at += align(HEADER_LEN + value.len());
            }
            Err(refused) => {
                assert_eq!(refused.offset, Some(place));
                assert!(at < payload.len(), "nothing is malformed where nothing is");
                assert!(attributes.next().is_none());
                assert!(Set::parse_lenient(payload).is_err());
                return kinds;
            }
        }
    }
    let set = Set::parse_lenient(payload).expect("every attribute was well-formed");
    for kind in &kinds {
        let first = kinds.iter().position(|other| other == kind);
        let offset = Attributes::new(payload)
            .flatten()
            .nth(first.expect("it is there"))
            .map(|attribute| attribute.offset);
        assert_eq!(set.get(*kind).map(|found| found.offset), offset);
    }
    kinds
}

fn values(attribute: Attribute<'_>) {
    assert_eq!(attribute.u32().is_ok(), attribute.value.len() == 4);
    assert_eq!(attribute.u64().is_ok(), attribute.value.len() == 8);
    let text = attribute.string();
    assert!(attribute.value == text || attribute.value == [text, &[0]].concat());
    let inside = attribute.nested(&[attr::PREFIX, attr::UID, attr::GID, attr::MODE]);
    if let Err(Refused { offset, .. }) = inside {
        let start = attribute.offset + HEADER_LEN;
        let range = start..start + attribute.value.len();
        assert!(offset.is_some_and(|offset| range.contains(&offset)));
    }
}
