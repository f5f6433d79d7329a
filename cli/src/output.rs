// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the commands print on standard output.
//!
//! Text is for people: whatever a publisher sends stays on one line and cannot control the
//! terminal. JSON is for programs: one object per line, fields are only ever added.

use std::fmt::Write as _;
use std::io;
use std::io::Write as _;

use libkipc::Credentials;
use libkipc::Info;
use libkipc::Item;
use libkipc::Json;
use libkipc::Message;
use serde::Serialize;

use crate::failure::Failure;

/// Prints a line at once, so that whoever reads from a pipe sees it now.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")
        .and_then(|()| output.flush())
        .map_err(|error| Failure::Stream("write", error))
}

/// The time is over: was it for as many messages as were wanted?
pub(crate) fn enough(received: u64, wanted: Option<u64>) -> Result<(), Failure> {
    match wanted {
        Some(wanted) => Err(Failure::Timeout { received, wanted }),
        None => Ok(()),
    }
}

/// How items are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    pub(crate) json: bool,
    pub(crate) hex: bool,
}

impl Format {
    /// One item as one line, without its end.
    pub(crate) fn item(self, item: &Item<Vec<u8>>) -> String {
        if self.json {
            self.json(item)
        } else {
            self.text(item)
        }
    }

    fn text(self, item: &Item<Vec<u8>>) -> String {
        match item {
            Item::Message(message) => self.message(message),
            Item::Lost {
                topic,
                first,
                count,
                ..
            } => {
                let last = first.saturating_add(count.saturating_sub(1));
                format!("{topic} lost {count}: {first} to {last}")
            }
            Item::Joined {
                topic, publisher, ..
            } => format!("{topic} joined {publisher}"),
            Item::Gone {
                topic, publisher, ..
            } => format!("{topic} gone {publisher}"),
            Item::Removed { topic, .. } => format!("{topic} removed"),
            other => format!("{} unknown item", other.topic()),
        }
    }

    fn message(self, message: &Message<Vec<u8>>) -> String {
        let payload = if self.hex {
            hex(&message.value)
        } else {
            escaped(&message.value)
        };
        let mut head = format!("{} {} {}", message.topic, message.seq, message.publisher);
        if let Some(Credentials { pid, uid, gid, .. }) = message.credentials {
            let _ = write!(head, " pid={pid} uid={uid} gid={gid}");
        }
        format!("{head}: {payload}")
    }

    fn json(self, item: &Item<Vec<u8>>) -> String {
        json(&match item {
            Item::Message(message) => {
                let value = (message.fingerprint == Json::FINGERPRINT && !self.hex)
                    .then(|| serde_json::from_slice(&message.value).ok())
                    .flatten();
                let text = std::str::from_utf8(&message.value).ok();
                let text = text.filter(|_| !self.hex && value.is_none());
                Line::Message {
                    topic: message.topic.as_str(),
                    seq: message.seq,
                    time_ns: u64::try_from(message.time.as_nanos()).unwrap_or(u64::MAX),
                    tag: message.tag,
                    publisher: message.publisher.get(),
                    sender: message.credentials.map(|sender| Sender {
                        pid: sender.pid,
                        uid: sender.uid,
                        gid: sender.gid,
                    }),
                    payload: text,
                    payload_hex: (text.is_none() && value.is_none()).then(|| hex(&message.value)),
                    value,
                }
            }
            Item::Lost {
                topic,
                first,
                count,
                ..
            } => Line::Lost {
                topic: topic.as_str(),
                first: *first,
                count: *count,
            },
            Item::Joined {
                topic, publisher, ..
            } => Line::Joined {
                topic: topic.as_str(),
                publisher: publisher.get(),
            },
            Item::Gone {
                topic, publisher, ..
            } => Line::Gone {
                topic: topic.as_str(),
                publisher: publisher.get(),
            },
            Item::Removed { topic, .. } => Line::Removed {
                topic: topic.as_str(),
            },
            other => Line::Unknown {
                topic: other.topic().as_str(),
            },
        })
    }
}

/// One line of `kipc sub --json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Message {
        topic: &'a str,
        seq: u64,
        /// `CLOCK_MONOTONIC`.
        time_ns: u64,
        tag: u32,
        publisher: u32,
        #[serde(flatten)]
        sender: Option<Sender>,
        /// If it is UTF-8 and not wanted in hexadecimal.
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        payload_hex: Option<String>,
        /// Of a topic of JSON, in place of the payload.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<serde_json::Value>,
    },
    Lost {
        topic: &'a str,
        first: u64,
        count: u64,
    },
    Joined {
        topic: &'a str,
        publisher: u32,
    },
    Gone {
        topic: &'a str,
        publisher: u32,
    },
    Removed {
        topic: &'a str,
    },
    Unknown {
        topic: &'a str,
    },
}

#[derive(Serialize)]
struct Sender {
    pid: i32,
    uid: u32,
    gid: u32,
}

/// The object of `kipc info --json`.
#[derive(Serialize)]
struct InfoLine<'a> {
    version: &'a str,
    abi: u32,
    topics: u32,
    clients: u32,
    subscriptions: u32,
    max_advertisements: u32,
    max_subscriptions: u32,
    max_topics: u32,
    max_topics_per_user: u32,
    max_subscriptions_per_user: u32,
    max_patterns_per_user: u32,
    max_retained_bytes: u32,
    max_message_bytes: u32,
}

pub(crate) fn info_json(info: &Info) -> String {
    json(&InfoLine {
        version: &info.version,
        abi: info.abi,
        topics: info.topics,
        clients: info.clients,
        subscriptions: info.subscriptions,
        max_advertisements: info.max_advertisements,
        max_subscriptions: info.max_subscriptions,
        max_topics: info.max_topics,
        max_topics_per_user: info.max_topics_per_user,
        max_subscriptions_per_user: info.max_subscriptions_per_user,
        max_patterns_per_user: info.max_patterns_per_user,
        max_retained_bytes: info.max_retained_bytes,
        max_message_bytes: info.max_message_bytes,
    })
}

pub(crate) fn info_text(info: &Info) -> String {
    format!(
        "module version    {}\n\
         wire format       {}\n\
         topics            {} of {}\n\
         clients           {}\n\
         subscriptions     {}\n\
         limits per socket {} advertisements, {} subscriptions\n\
         limits per user   {} topics, {} subscriptions ({} with a wildcard), {} retained bytes\n\
         longest message   {} bytes",
        info.version,
        info.abi,
        info.topics,
        info.max_topics,
        info.clients,
        info.subscriptions,
        info.max_advertisements,
        info.max_subscriptions,
        info.max_topics_per_user,
        info.max_subscriptions_per_user,
        info.max_patterns_per_user,
        info.max_retained_bytes,
        info.max_message_bytes
    )
}

/// Serializes what cannot fail: there are only strings and numbers here.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// A mode as `ls` writes it, without what topics do not have.
pub(crate) fn mode(mode: u32) -> String {
    [6, 3, 0]
        .iter()
        .flat_map(|class| {
            let bit = |right: u32, letter| {
                if mode >> class & right == 0 {
                    '-'
                } else {
                    letter
                }
            };
            [bit(4, 'r'), bit(2, 'w')]
        })
        .collect()
}

/// Rows in columns as wide as they must be; the last one may be of any width.
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with this head.
    pub(crate) fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|word| (*word).to_owned()).collect()])
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, row: Vec<String>) {
        self.0.push(row);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |column: usize| {
            let cells = self.0.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.0[0].len()).map(width).collect();
        for (number, row) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            for (column, cell) in row.iter().enumerate() {
                match widths.get(column) {
                    Some(width) if column + 1 < row.len() => write!(f, "{cell:>width$} ")?,
                    _ => write!(f, "{cell}")?,
                }
            }
        }
        Ok(())
    }
}

/// A mode in octal digits, as `chmod` takes it.
pub(crate) fn octal(mode: u32) -> String {
    format!("{mode:03o}")
}

/// The bytes as text, with everything escaped that is not UTF-8 or could leave the line.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '\t' | '\n' | '\r' => out.extend(character.escape_default()),
                _ if is_unsafe(character) => out.extend(character.escape_unicode()),
                _ => out.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Control characters, line separators, and what turns the direction of text around.
fn is_unsafe(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_on_its_line() {
        assert_eq!(escaped("warm ä".as_bytes()), "warm ä");
        assert_eq!(escaped(b"a\nb\\\x1b[2J\xff"), "a\\nb\\\\\\u{1b}[2J\\xff");
        assert_eq!(escaped("\u{202e}".as_bytes()), "\\u{202e}");
    }

    #[test]
    fn modes_and_tables_are_as_people_know_them() {
        assert_eq!(mode(0o640), "rwr---");
        assert_eq!(mode(0o602), "rw---w");
        let mut table = Table::new(&["N", "NAME"]);
        table.row(vec!["10".into(), "a".into()]);
        assert_eq!(table.to_string(), " N NAME\n10 a");
    }

    #[test]
    fn hex_has_two_digits_for_each_byte() {
        assert_eq!(hex(&[0, 0x0a, 0xff]), "000aff");
    }

    #[test]
    fn json_of_a_message_has_its_payload_once() {
        let line = |payload, payload_hex, sender| {
            json(&Line::Message {
                topic: "a",
                seq: 1,
                time_ns: 2,
                tag: 3,
                publisher: 4,
                sender,
                payload,
                payload_hex,
                value: None,
            })
        };
        assert_eq!(
            line(Some("x"), None, None),
            r#"{"type":"message","topic":"a","seq":1,"time_ns":2,"tag":3,"publisher":4,"payload":"x"}"#
        );
        let sender = Sender {
            pid: 5,
            uid: 6,
            gid: 7,
        };
        assert_eq!(
            line(None, Some("ff".into()), Some(sender)),
            r#"{"type":"message","topic":"a","seq":1,"time_ns":2,"tag":3,"publisher":4,"pid":5,"uid":6,"gid":7,"payload_hex":"ff"}"#
        );
    }
}
