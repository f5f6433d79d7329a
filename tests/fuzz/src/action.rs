// SPDX-License-Identifier: GPL-2.0

//! What a worker does, one thing at a time, in a form that can be printed and done again.
//!
//! One line each: the number of a socket, a verb, its arguments. A line of nothing but hexadecimal
//! digits is a datagram to the kernel from socket 0.

use crate::sys::Instruction;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

/// Something that is done with a socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Close the socket, if there is one, and open another.
    Open(Opening),
    /// Send a datagram.
    Send(Way, Vec<u8>),
    /// Send datagrams to the kernel from several threads at once, which take turns.
    Race(Vec<Vec<u8>>),
    /// Receive so many datagrams, if they are there.
    Receive(u32),
    /// Attach a filter; without instructions, detach it.
    Filter(Vec<Instruction>),
    /// Set an option: level, name, value.
    Set(i32, i32, u32),
}

/// How a socket is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Opening {
    /// Size of the receive buffer.
    pub room: u32,
    /// Port id; 0: the kernel chooses.
    pub port: u32,
    /// Multicast groups, for root only.
    pub groups: u32,
    /// Whether it takes datagrams from the kernel only.
    pub connected: bool,
}

/// How a datagram is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Way {
    pub to: To,
    /// `MSG_*`.
    pub flags: u32,
    /// In how many pieces it lies in memory.
    pub pieces: u8,
}

/// Where a datagram is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum To {
    #[default]
    Kernel,
    /// These groups, and the kernel.
    Groups(u32),
    /// A socket of this worker.
    Socket(usize),
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len() + 1);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string has room");
    }
    // An empty datagram is also one.
    if text.is_empty() { "-".into() } else { text }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(Vec::new());
    }
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(how) => write!(
                f,
                "open {} {} {} {}",
                how.room,
                how.port,
                how.groups,
                u8::from(how.connected)
            ),
            Self::Send(way, bytes) => {
                write!(f, "send {} {} {}", way.to, way.flags, way.pieces)?;
                write!(f, " {}", hex(bytes))
            }
            Self::Race(datagrams) => {
                f.write_str("race")?;
                datagrams.iter().try_for_each(|d| write!(f, " {}", hex(d)))
            }
            Self::Receive(most) => write!(f, "receive {most}"),
            Self::Filter(program) => {
                f.write_str("filter")?;
                program.iter().try_for_each(|i| {
                    write!(f, " {}:{}:{}:{}", i.code, i.if_true, i.if_false, i.operand)
                })
            }
            Self::Set(level, name, value) => write!(f, "set {level} {name} {value}"),
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel => f.write_str("kernel"),
            Self::Groups(groups) => write!(f, "groups:{groups}"),
            Self::Socket(index) => write!(f, "socket:{index}"),
        }
    }
}

impl FromStr for To {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            None if text == "kernel" => Ok(Self::Kernel),
            Some(("groups", groups)) => groups.parse().map(Self::Groups).map_err(drop),
            Some(("socket", index)) => index.parse().map(Self::Socket).map_err(drop),
            _ => Err(()),
        }
    }
}

fn instruction(text: &str) -> Option<Instruction> {
    let mut numbers = text.split(':').map(|word| word.parse::<u32>().ok());
    let mut next = || numbers.next().flatten();
    Some(Instruction {
        code: next()?.try_into().ok()?,
        if_true: next()?.try_into().ok()?,
        if_false: next()?.try_into().ok()?,
        operand: next()?,
    })
}

/// The socket and the action of a line.
pub fn parse(line: &str) -> Option<(usize, Action)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let [datagram] = words[..] {
        return Some((0, Action::Send(Way::default(), bytes(datagram)?)));
    }
    let [socket, verb, ref rest @ ..] = words[..] else {
        return None;
    };
    let number = |index: usize| rest.get(index)?.parse::<u32>().ok();
    let action = match verb {
        "open" => Action::Open(Opening {
            room: number(0)?,
            port: number(1)?,
            groups: number(2)?,
            connected: number(3)? != 0,
        }),
        "send" => {
            let way = Way {
                to: rest.first()?.parse().ok()?,
                flags: number(1)?,
                pieces: number(2)?.try_into().ok()?,
            };
            Action::Send(way, bytes(rest.get(3)?)?)
        }
        "race" => Action::Race(rest.iter().map(|word| bytes(word)).collect::<Option<_>>()?),
        "receive" => Action::Receive(number(0)?),
        "filter" => {
            let program = rest.iter().map(|word| instruction(word));
            Action::Filter(program.collect::<Option<_>>()?)
        }
        "set" => Action::Set(
            number(0)?.try_into().ok()?,
            number(1)?.try_into().ok()?,
            number(2)?,
        ),
        _ => return None,
    };
    Some((socket.parse().ok()?, action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter;
    use fastrand::Rng;

    #[test]
    fn actions_round_trip() {
        let program = filter::program(&mut Rng::with_seed(1));
        let ways = [To::Kernel, To::Groups(3), To::Socket(11)].map(|to| Way {
            to,
            flags: 1,
            pieces: 3,
        });
        let mut actions = vec![
            Action::Open(Opening {
                room: 2048,
                port: 100,
                groups: 1,
                connected: true,
            }),
            Action::Race(vec![vec![1, 2], vec![], vec![3]]),
            Action::Receive(7),
            Action::Filter(program),
            Action::Filter(vec![]),
            Action::Set(1, 8, u32::MAX),
        ];
        actions.extend(ways.map(|way| Action::Send(way, vec![0, 0xff, 7])));
        for (socket, action) in actions.into_iter().enumerate() {
            let line = format!("{socket} {action}");
            assert_eq!(parse(&line), Some((socket, action)), "{line}");
        }
    }

    #[test]
    fn a_datagram_alone_is_sent_from_the_first_socket() {
        let send = |bytes: &[u8]| Some((0, Action::Send(Way::default(), bytes.to_vec())));
        assert_eq!(parse("10ff"), send(&[0x10, 0xff]));
        assert_eq!(parse("-"), send(&[]));
        for wrong in ["", "1", "1 open", "x receive 1", "0 jump", "0 set 1 2", "ü"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
