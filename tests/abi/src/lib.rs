// SPDX-License-Identifier: GPL-2.0

//! Asks a C compiler whether the header for C and the wire format in Rust say the same, and
//! compares both with the netlink spec.
#![cfg(test)]

#[allow(
    dead_code,
    reason = "the module compiles the same files; only constants are needed"
)]
#[path = "../../../src/wire/mod.rs"]
mod wire;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;
use wire::data;
use wire::message;
use wire::message::attr;
use wire::seed;

/// Every constant of the header, with its value in Rust.
const NUMBERS: &[(&str, u64)] = &[
    ("KIPC_PROTOCOL", wire::PROTOCOL as u64),
    ("KIPC_ABI_VERSION", wire::ABI_VERSION as u64),
    ("KIPC_TOPIC_MAX", wire::topic::MAX_LEN as u64),
    ("KIPC_MSG_INFO", message::INFO as u64),
    ("KIPC_MSG_ADVERTISE", message::ADVERTISE as u64),
    ("KIPC_MSG_UNADVERTISE", message::UNADVERTISE as u64),
    ("KIPC_MSG_SUBSCRIBE", message::SUBSCRIBE as u64),
    ("KIPC_MSG_UNSUBSCRIBE", message::UNSUBSCRIBE as u64),
    ("KIPC_MSG_CLEAR", message::CLEAR as u64),
    ("KIPC_MSG_LAST_WILL", message::LAST_WILL as u64),
    ("KIPC_MSG_PUBLISH", message::PUBLISH as u64),
    ("KIPC_MSG_PUBLISHED", message::PUBLISHED as u64),
    ("KIPC_MSG_TOPIC", message::TOPIC as u64),
    ("KIPC_MSG_LOST", message::LOST as u64),
    ("KIPC_MSG_JOINED", message::JOINED as u64),
    ("KIPC_MSG_GONE", message::GONE as u64),
    ("KIPC_MSG_REMOVED", message::REMOVED as u64),
    ("KIPC_MSG_MATCHED", message::MATCHED as u64),
    ("KIPC_ADVERTISE_EVENTS", message::ADVERTISE_EVENTS as u64),
    ("KIPC_ATTR_TOPIC", attr::TOPIC as u64),
    ("KIPC_ATTR_TOPIC_ID", attr::TOPIC_ID as u64),
    ("KIPC_ATTR_PATTERN", attr::PATTERN as u64),
    ("KIPC_ATTR_SUBSCRIPTION_ID", attr::SUBSCRIPTION_ID as u64),
    ("KIPC_ATTR_FINGERPRINT", attr::FINGERPRINT as u64),
    ("KIPC_ATTR_FLAGS", attr::FLAGS as u64),
    ("KIPC_ATTR_PORT", attr::PORT as u64),
    ("KIPC_ATTR_SEQ", attr::SEQ as u64),
    ("KIPC_ATTR_COUNT", attr::COUNT as u64),
    ("KIPC_ATTR_VERSION", attr::VERSION as u64),
    ("KIPC_ATTR_ABI", attr::ABI as u64),
    ("KIPC_ATTR_TOPICS", attr::TOPICS as u64),
    ("KIPC_ATTR_CLIENTS", attr::CLIENTS as u64),
    ("KIPC_ATTR_SUBSCRIPTIONS", attr::SUBSCRIPTIONS as u64),
    ("KIPC_ATTR_DELIVERED", attr::DELIVERED as u64),
    ("KIPC_ATTR_DROPPED", attr::DROPPED as u64),
    (
        "KIPC_ATTR_MAX_ADVERTISEMENTS",
        attr::MAX_ADVERTISEMENTS as u64,
    ),
    (
        "KIPC_ATTR_MAX_SUBSCRIPTIONS",
        attr::MAX_SUBSCRIPTIONS as u64,
    ),
    ("KIPC_ATTR_MAX_TOPICS", attr::MAX_TOPICS as u64),
    ("KIPC_ATTR_WAIT", attr::WAIT as u64),
    ("KIPC_ATTR_HISTORY", attr::HISTORY as u64),
    ("KIPC_HISTORY_MAX", message::MAX_HISTORY as u64),
    ("KIPC_SUBSCRIBE_HISTORY", message::SUBSCRIBE_HISTORY as u64),
    ("KIPC_LAST_WILL_CANCEL", data::LAST_WILL_CANCEL as u64),
    ("KIPC_MSG_POLICY", message::POLICY as u64),
    ("KIPC_MSG_DENIED", message::DENIED as u64),
    ("KIPC_ATTR_MODE", attr::MODE as u64),
    ("KIPC_ATTR_UID", attr::UID as u64),
    ("KIPC_ATTR_GID", attr::GID as u64),
    ("KIPC_ATTR_PREFIX", attr::PREFIX as u64),
    ("KIPC_ATTR_RULE", attr::RULE as u64),
    ("KIPC_MODE_BITS", message::MODE_BITS as u64),
    ("KIPC_MODE_DEFAULT", message::DEFAULT_MODE as u64),
    ("KIPC_MODE_SEED", message::SEED_MODE as u64),
    ("KIPC_RULES_MAX", message::MAX_RULES as u64),
    ("KIPC_ATTR_PUBLISHERS", attr::PUBLISHERS as u64),
    ("KIPC_ATTR_SUBSCRIBERS", attr::SUBSCRIBERS as u64),
    ("KIPC_ATTR_RETAINED", attr::RETAINED as u64),
    ("KIPC_ATTR_PID", attr::PID as u64),
    ("KIPC_ATTR_COMM", attr::COMM as u64),
    ("KIPC_ATTR_START_TIME", attr::START_TIME as u64),
    ("KIPC_ATTR_QUEUE_BYTES", attr::QUEUE_BYTES as u64),
    ("KIPC_ATTR_QUEUE_LIMIT", attr::QUEUE_LIMIT as u64),
    ("KIPC_ATTR_DROPS", attr::DROPS as u64),
    ("KIPC_ATTR_DELIVERED_TOTAL", attr::DELIVERED_TOTAL as u64),
    ("KIPC_ATTR_DROPPED_TOTAL", attr::DROPPED_TOTAL as u64),
    ("KIPC_MSG_TOPICS", message::TOPICS as u64),
    ("KIPC_MSG_CLIENTS", message::CLIENTS as u64),
    ("KIPC_MSG_SUBSCRIPTIONS", message::SUBSCRIPTIONS as u64),
    ("KIPC_MSG_STATISTICS", message::STATISTICS as u64),
    (
        "KIPC_ATTR_MAX_TOPICS_PER_USER",
        attr::MAX_TOPICS_PER_USER as u64,
    ),
    (
        "KIPC_ATTR_MAX_SUBSCRIPTIONS_PER_USER",
        attr::MAX_SUBSCRIPTIONS_PER_USER as u64,
    ),
    (
        "KIPC_ATTR_MAX_PATTERNS_PER_USER",
        attr::MAX_PATTERNS_PER_USER as u64,
    ),
    (
        "KIPC_ATTR_MAX_RETAINED_BYTES",
        attr::MAX_RETAINED_BYTES as u64,
    ),
    (
        "KIPC_ATTR_MAX_MESSAGE_BYTES",
        attr::MAX_MESSAGE_BYTES as u64,
    ),
    ("KIPC_WAIT_MAX", message::MAX_WAIT as u64),
    ("KIPC_SUBSCRIBE_EVENTS", message::SUBSCRIBE_EVENTS as u64),
    (
        "KIPC_SUBSCRIBE_DROP_OLDEST",
        message::SUBSCRIBE_DROP_OLDEST as u64,
    ),
    ("KIPC_SUBSCRIBE_BLOCK", message::SUBSCRIBE_BLOCK as u64),
    ("KIPC_SUBSCRIBE_FAIL", message::SUBSCRIBE_FAIL as u64),
    ("KIPC_PUBLISH_NOWAIT", data::PUBLISH_NOWAIT as u64),
    ("KIPC_SEED_TYPE", seed::TYPE as u64),
    ("KIPC_SEED_INVALID", seed::INVALID as u64),
    (
        "KIPC_SEED_REGISTER_SUBSCRIBER",
        seed::REGISTER_SUBSCRIBER as u64,
    ),
    (
        "KIPC_SEED_REGISTER_PUBLISHER",
        seed::REGISTER_PUBLISHER as u64,
    ),
    ("KIPC_SEED_BROADCAST", seed::BROADCAST as u64),
];

/// Every field of `struct kipc_data`, with its offset in Rust.
const FIELDS: &[(&str, usize)] = &[
    ("topic", data::TOPIC_OFFSET),
    ("tag", data::TAG_OFFSET),
    ("seq", data::SEQ_OFFSET),
    ("time", data::TIME_OFFSET),
    ("fingerprint", data::FINGERPRINT_OFFSET),
    ("port", data::PORT_OFFSET),
    ("flags", data::FLAGS_OFFSET),
];

const HEADER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../include/uapi/linux/kipc.h"
);

/// Runs the C compiler; its output, or its complaint.
fn cc(arguments: &[&str], source: &str) -> Result<String, String> {
    let name = format!("kipc-abi-{}-{}.c", std::process::id(), source.len());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, source).expect("write a C file");
    let output = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror"])
        .args(arguments)
        .arg(&path)
        .output()
        .expect("run cc");
    std::fs::remove_file(&path).expect("remove the C file");
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).expect("UTF-8"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn assertions(numbers: &[(&str, u64)], fields: &[(&str, usize)]) -> String {
    let mut source = format!("#include <stddef.h>\n#include \"{HEADER}\"\n");
    for (name, value) in numbers {
        writeln!(source, "_Static_assert({name} == {value}, \"{name}\");").expect("a string");
    }
    for (field, offset) in fields {
        writeln!(
            source,
            "_Static_assert(offsetof(struct kipc_data, {field}) == {offset}, \"{field}\");"
        )
        .expect("a string");
    }
    let (len, topic) = (data::LEN, seed::TOPIC);
    writeln!(
        source,
        "_Static_assert(sizeof(struct kipc_data) == {len}, \"size\");\n\
         _Static_assert(sizeof(KIPC_SEED_TOPIC) == {}, \"seed topic\");\n\
         const char *topic(void); const char *topic(void) {{ return KIPC_SEED_TOPIC; }}",
        topic.len() + 1
    )
    .expect("a string");
    source
}

#[test]
fn header_and_wire_agree() {
    cc(&["-fsyntax-only"], &assertions(NUMBERS, FIELDS)).expect("the header agrees with src/wire");
    let text = std::fs::read_to_string(HEADER).expect("read the header");
    assert!(text.contains(&format!("KIPC_SEED_TOPIC\t\t\t\"{}\"", seed::TOPIC)));
}

#[test]
fn disagreement_would_be_noticed() {
    for wrong in [
        assertions(&[("KIPC_MSG_INFO", 0x11)], FIELDS),
        assertions(NUMBERS, &[("tag", 8)]),
        assertions(&[("KIPC_NO_SUCH_CONSTANT", 0)], FIELDS),
    ] {
        assert!(cc(&["-fsyntax-only"], &wrong).is_err());
    }
}

#[test]
fn every_constant_of_the_header_is_compared() {
    let macros = cc(&["-E", "-dM"], &format!("#include \"{HEADER}\"\n")).expect("preprocess");
    let defined: BTreeSet<&str> = macros
        .lines()
        .filter_map(|line| line.strip_prefix("#define ")?.split_whitespace().next())
        .filter(|name| name.starts_with("KIPC_"))
        .collect();
    let compared: BTreeSet<&str> = NUMBERS
        .iter()
        .map(|(name, _)| *name)
        .chain(["KIPC_SEED_TOPIC"])
        .collect();
    assert_eq!(defined, compared);
}

const SPEC: &str = include_str!("../../../docs/netlink/kipc.yaml");

/// Names and values in a section of the spec: of attributes, or of messages in both directions.
///
/// The spec is plain enough for this reader; what it does not find, the comparison misses.
fn numbers_of_spec(spec: &str, section: &str, prefix: &str) -> BTreeSet<(String, u64)> {
    let mut name = None;
    spec.lines()
        .skip_while(|line| *line != section)
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter_map(|line| {
            let (key, value) = line.trim().split_once(": ")?;
            match key {
                "name" => {
                    name = Some(value.to_uppercase().replace('-', "_"));
                    None
                }
                "value" => {
                    let value = match value.strip_prefix("0x") {
                        Some(digits) => u64::from_str_radix(digits, 16),
                        None => value.parse(),
                    };
                    let name = name.as_ref().expect("a name comes before its value");
                    Some((format!("{prefix}{name}"), value.expect("a number")))
                }
                _ => None,
            }
        })
        .collect()
}

fn numbers_of_wire(prefix: &str) -> BTreeSet<(String, u64)> {
    NUMBERS
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect()
}

#[test]
fn netlink_spec_and_wire_agree() {
    for (section, prefix) in [
        ("attribute-sets:", "KIPC_ATTR_"),
        ("operations:", "KIPC_MSG_"),
    ] {
        let wire = numbers_of_wire(prefix);
        assert_eq!(numbers_of_spec(SPEC, section, prefix), wire);
        let wrong = SPEC
            .replace("value: 0x31", "value: 0x3f")
            .replace("value: 37", "value: 51");
        assert_ne!(numbers_of_spec(&wrong, section, prefix), wire);
    }
    assert!(SPEC.contains(&format!("\nprotonum: {}\n", wire::PROTOCOL)));
}
