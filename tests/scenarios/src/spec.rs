// SPDX-License-Identifier: GPL-2.0

//! The machine-readable spec of the protocol, and a decoder that knows nothing but that: neither
//! the wire format's code nor its constants.

use std::collections::BTreeMap;

const SPEC: &str = include_str!("../../../docs/netlink/kipc.yaml");

/// What the spec says of attributes and dumps.
pub struct Spec {
    /// Name and type, by number.
    attributes: BTreeMap<u16, (String, String)>,
    /// The number of a dump, and the attributes of its records.
    dumps: BTreeMap<String, (u16, Vec<String>)>,
}

/// A record: attributes by name, numbers as digits.
pub type Record = BTreeMap<String, String>;

impl Spec {
    /// Reads the spec, as far as it is needed.
    pub fn read() -> Self {
        let (mut attributes, mut dumps) = (BTreeMap::new(), BTreeMap::new());
        let (mut section, mut name, mut number) = ("", String::new(), 0_u16);
        let mut in_dump = false;
        for line in SPEC.lines() {
            if !line.starts_with([' ', '-', '#']) && line.ends_with(':') {
                section = line;
            }
            match line.trim() {
                "do:" => in_dump = false,
                "dump:" => in_dump = true,
                _ => {}
            }
            let Some((key, value)) = line.trim().split_once(": ") else {
                continue;
            };
            match (section, key) {
                (_, "name") => name = value.to_owned(),
                (_, "value") => {
                    number = match value.strip_prefix("0x") {
                        Some(digits) => u16::from_str_radix(digits, 16),
                        None => value.parse(),
                    }
                    .expect("a number");
                }
                ("attribute-sets:", "type") => {
                    attributes.insert(number, (name.clone(), value.to_owned()));
                }
                ("operations:", "attributes") if in_dump => {
                    let list = value.trim_matches(['[', ']']).split(", ");
                    let list = list.map(str::to_owned).collect();
                    dumps.insert(name.clone(), (number, list));
                }
                _ => {}
            }
        }
        Self { attributes, dumps }
    }

    /// Number of a dump.
    pub fn number(&self, dump: &str) -> u16 {
        self.dumps[dump].0
    }

    /// Decodes what follows the netlink header of a record; it must have the attributes that the
    /// spec names, and no others.
    pub fn decode(&self, dump: &str, mut payload: &[u8]) -> Record {
        let mut record = Record::new();
        while !payload.is_empty() {
            let half = |at: usize| u16::from_ne_bytes([payload[at], payload[at + 1]]);
            let len = usize::from(half(0));
            let (name, kind) = &self.attributes[&half(2)];
            let value = &payload[4..len];
            let text = match &kind[..] {
                "u32" => u32::from_ne_bytes(value.try_into().expect("4 bytes")).to_string(),
                "u64" => u64::from_ne_bytes(value.try_into().expect("8 bytes")).to_string(),
                "string" => {
                    let text = std::str::from_utf8(value).expect("UTF-8");
                    text.strip_suffix('\0').expect("a NUL").to_owned()
                }
                other => panic!("no record has a {other}"),
            };
            assert!(record.insert(name.clone(), text).is_none(), "{name} twice");
            payload = &payload[len.next_multiple_of(4)..];
        }
        let mut named = self.dumps[dump].1.clone();
        named.sort_unstable();
        assert_eq!(record.keys().cloned().collect::<Vec<_>>(), named, "{dump}");
        record
    }
}
