// SPDX-License-Identifier: GPL-2.0

//! Names, patterns and matching agree with `reference`, for any bytes.

#![no_main]

#[allow(dead_code, reason = "only a part of the wire format is compared")]
#[path = "../../../../src/wire/mod.rs"]
mod wire;

use kipc_fuzz_host::reference;
use kipc_fuzz_host::script::Script;
use wire::topic::Invalid;
use wire::topic::Name;
use wire::topic::Pattern;
use wire::topic::MAX_LEN;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    match script.byte() % 2 {
        0 => {
            let count = usize::from(script.byte());
            let pattern = script.bytes(count);
            compare(pattern, script.bytes(usize::MAX));
        }
        // Any bytes are a path here, so that the matcher gets some to work on.
        _ => {
            let count = usize::from(script.byte());
            let segments = ["a", "b", "**", "*", "ä"];
            let pattern = path(script.bytes(count), &segments);
            let name = path(script.bytes(usize::MAX), &["a", "b", "ä"]);
            compare(pattern.as_bytes(), name.as_bytes());
        }
    }
});

fn path(bytes: &[u8], segments: &[&str]) -> String {
    let segment = |byte: &u8| segments[usize::from(*byte) % segments.len()];
    bytes.iter().map(segment).collect::<Vec<_>>().join("/")
}

fn compare(pattern: &[u8], name: &[u8]) {
    for bytes in [pattern, name] {
        check(bytes);
    }
    let (Ok(pattern), Ok(name)) = (Pattern::new(pattern), Name::new(name)) else {
        return;
    };
    let expected = reference::matches(pattern.as_str(), name.as_str());
    assert_eq!(pattern.matches(name), expected, "{pattern:?} on {name:?}");
    // What matches something in every place matches this, too.
    let anything: Vec<&str> = name.as_str().split('/').map(|_| "*").collect();
    for pattern in ["**", &anything.join("/"), name.as_str()] {
        let pattern = Pattern::new(pattern.as_bytes()).expect("a pattern");
        assert!(pattern.matches(name), "{pattern:?} on {name:?}");
    }
}

fn check(bytes: &[u8]) {
    let (name, pattern) = (Name::new(bytes), Pattern::new(bytes));
    assert_eq!(name.is_ok(), reference::is_name(bytes), "{name:?}");
    assert_eq!(pattern.is_ok(), reference::is_pattern(bytes), "{pattern:?}");
    if let Ok(pattern) = pattern {
        assert_eq!(pattern.as_str().as_bytes(), bytes);
        assert_eq!(pattern.as_name(), name.ok());
    }
    for invalid in [name.err(), pattern.err()].into_iter().flatten() {
        assert!(is_true_of(invalid, bytes), "{invalid:?} of {bytes:?}");
    }
}

/// Whether the reason for a refusal is there.
fn is_true_of(invalid: Invalid, bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes);
    match invalid {
        Invalid::Empty => bytes.is_empty(),
        Invalid::TooLong => bytes.len() > MAX_LEN,
        Invalid::NotUtf8 => text.is_err(),
        Invalid::Control => text.is_ok_and(|text| text.chars().any(reference::is_control)),
        Invalid::EmptySegment => bytes.split(|byte| *byte == b'/').any(<[u8]>::is_empty),
        Invalid::Wildcard | Invalid::MixedSegment => bytes.contains(&b'*'),
    }
}
