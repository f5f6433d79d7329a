// SPDX-License-Identifier: MIT OR Apache-2.0

//! Filters that the kernel runs, compiled to classic BPF.
//!
//! The program is built from its end to its beginning, so that both targets of a test are known
//! when it is written. Jumps of classic BPF go forward only.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::error::Result;
use crate::item::PortId;
use crate::wire::data;
use crate::wire::header;
use crate::wire::message;

/// Most instructions that the kernel takes (`BPF_MAXINSNS`).
const LIMIT: usize = 4096;
/// Where the type stands in `struct nlmsghdr`.
const KIND_OFFSET: usize = 4;

// From linux/bpf_common.h.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Which messages a subscriber receives, decided in the kernel.
///
/// ```no_run
/// use libkipc::{Bus, Filter};
///
/// # fn main() -> libkipc::Result<()> {
/// let bus = Bus::connect()?;
/// let publisher = bus.publisher::<u32>("alarms")?.tag(3).create()?;
/// let urgent = Filter::tags([3, 4]);
/// let others = !Filter::publishers([publisher.port()]);
/// let subscriber = bus
///     .subscriber::<u32>("alarms")?
///     .filter(urgent & others)
///     .create()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a filter does nothing before a subscriber has it"]
pub struct Filter(Test);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    /// The word at this offset of the netlink message is one of these.
    Word(usize, BTreeSet<u32>),
    Not(Box<Test>),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
}

impl Filter {
    /// Messages whose [tag](crate::PublisherBuilder::tag) is one of these; none if there are none.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.filter(libkipc::Filter::tags([1, 2])).create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tags(tags: impl IntoIterator<Item = u32>) -> Self {
        Self(Test::Word(
            header::LEN + data::TAG_OFFSET,
            tags.into_iter().collect(),
        ))
    }

    /// Messages of these [publishers](crate::Publisher::port); none if there are none.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libkipc::Error> {
    /// let other = libkipc::PortId::new(4711);
    /// let builder = libkipc::Bus::connect()?.subscriber::<u32>("count")?;
    /// let subscriber = builder.filter(libkipc::Filter::publishers([other])).create()?;
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn publishers(ports: impl IntoIterator<Item = PortId>) -> Self {
        Self(Test::Word(
            header::LEN + data::PORT_OFFSET,
            ports.into_iter().map(PortId::get).collect(),
        ))
    }

    /// The program that the kernel runs.
    pub(crate) fn compile(&self) -> Result<Vec<Instruction>> {
        let mut program = Program::default();
        let reject = program.push(RETURN, 0);
        let accept = program.push(RETURN, u32::MAX);
        program.test(&self.0, accept, reject);
        let tested = program.next_target();
        // Events and answers always pass.
        let kind = u32::from(u16::from_be_bytes(message::PUBLISH.to_ne_bytes()));
        program.equal(kind, tested, accept);
        program.push(LOAD_HALF, KIND_OFFSET as u32);
        if program.reversed.len() > LIMIT {
            return Err(Error::FilterTooLong {
                length: program.reversed.len(),
                limit: LIMIT,
            });
        }
        program.reversed.reverse();
        Ok(program.reversed)
    }
}

/// Messages that pass both.
impl std::ops::BitAnd for Filter {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(Test::And(Box::new(self.0), Box::new(other.0)))
    }
}

/// Messages that pass one of them.
impl std::ops::BitOr for Filter {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(Test::Or(Box::new(self.0), Box::new(other.0)))
    }
}

/// Messages that do not pass.
impl std::ops::Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        Self(Test::Not(Box::new(self.0)))
    }
}

/// One instruction of classic BPF (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    pub(crate) if_true: u8,
    pub(crate) if_false: u8,
    pub(crate) value: u32,
}

/// An instruction, counted from the end of the program.
type Target = usize;

#[derive(Debug, Default)]
struct Program {
    reversed: Vec<Instruction>,
}

impl Program {
    /// Puts an instruction before all others.
    fn push(&mut self, code: u16, value: u32) -> Target {
        self.reversed.push(Instruction {
            code,
            if_true: 0,
            if_false: 0,
            value,
        });
        self.next_target()
    }

    /// The instruction that was written last, which is the one that runs next.
    fn next_target(&self) -> Target {
        self.reversed.len().saturating_sub(1)
    }

    /// Goes to a target at any distance.
    fn jump(&mut self, to: Target) {
        let distance = self.next_target() - to;
        if distance > 0 {
            self.push(JUMP, distance as u32);
        }
    }

    /// Goes on to one of two targets. A conditional jump reaches 255 instructions only; so it
    /// chooses between two others.
    fn equal(&mut self, value: u32, yes: Target, no: Target) {
        for to in [no, yes] {
            let distance = self.next_target() - to;
            self.push(JUMP, distance as u32);
        }
        self.push(JUMP_IF_EQUAL, value);
        if let Some(last) = self.reversed.last_mut() {
            last.if_false = 1;
        }
    }

    fn test(&mut self, test: &Test, yes: Target, no: Target) {
        match test {
            Test::Word(offset, values) => {
                self.jump(no);
                for &value in values {
                    let distance = self.next_target() - yes;
                    self.push(JUMP, distance as u32);
                    // The kernel loads words in network byte order.
                    self.push(JUMP_IF_EQUAL, u32::from_be_bytes(value.to_ne_bytes()));
                    if let Some(last) = self.reversed.last_mut() {
                        last.if_false = 1;
                    }
                }
                self.push(LOAD_WORD, *offset as u32);
            }
            Test::Not(test) => self.test(test, no, yes),
            Test::And(first, second) => {
                self.test(second, yes, no);
                let then = self.next_target();
                self.test(first, then, no);
            }
            Test::Or(first, second) => {
                self.test(second, yes, no);
                let otherwise = self.next_target();
                self.test(first, yes, otherwise);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::fake;
    use crate::wire::data::DataHeader;
    use crate::wire::record::Record;
    use std::os::unix::net::UnixDatagram;

    /// Whether the kernel lets a datagram through: AF_UNIX runs filters as netlink does.
    fn passes(filter: &Filter, datagram: &[u8]) -> bool {
        let program: Vec<_> = filter
            .compile()
            .unwrap()
            .iter()
            .map(|i| socket2::SockFilter::new(i.code, i.if_true, i.if_false, i.value))
            .collect();
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        socket2::SockRef::from(&ours)
            .attach_filter(&program)
            .unwrap();
        ours.set_nonblocking(true).unwrap();
        // A rejected datagram is an error for its sender here.
        let _ = theirs.send(datagram);
        let mut buffer = [0; 1024];
        match ours.recv(&mut buffer) {
            Ok(length) => {
                assert_eq!(length, datagram.len(), "not cut");
                true
            }
            Err(_) => false,
        }
    }

    fn message(tag: u32, port: u32) -> Vec<u8> {
        let header = DataHeader {
            topic: 1,
            tag,
            port,
            ..DataHeader::default()
        };
        fake::message(header, b"payload")
    }

    #[test]
    fn tags_and_publishers_combine() {
        let tags = || Filter::tags([1, 0x0102_0304, u32::MAX]);
        let ports = || Filter::publishers([PortId(7), PortId(1 << 31)]);
        for tag in [0, 1, 2, 0x0102_0304, 0x0403_0201, u32::MAX] {
            for port in [0, 7, 8, 1 << 31] {
                let datagram = message(tag, port);
                let a = [1, 0x0102_0304, u32::MAX].contains(&tag);
                let b = [7, 1 << 31].contains(&port);
                for (filter, want) in [
                    (tags(), a),
                    (ports(), b),
                    (!tags(), !a),
                    (tags() & ports(), a && b),
                    (tags() | ports(), a || b),
                    (
                        !(tags() & !ports()) | Filter::tags([2]),
                        !a || b || tag == 2,
                    ),
                    (Filter::tags([]), false),
                ] {
                    assert_eq!(passes(&filter, &datagram), want, "{tag} {port} {filter:?}");
                }
            }
        }
    }

    #[test]
    fn records_and_acknowledgements_always_pass() {
        let nothing = Filter::tags([]);
        let (topic_id, port) = (1, 2);
        for datagram in [
            fake::topic(1, "a"),
            fake::record(Record::Gone { topic_id, port }, 0),
            fake::record(Record::Removed { topic_id }, 0),
            fake::ack(1, Ok(())),
        ] {
            assert!(passes(&nothing, &datagram));
        }
        assert!(!passes(&nothing, &message(0, 0)));
    }

    #[test]
    fn long_programs_jump_far_and_too_long_ones_are_refused() {
        let many = Filter::tags(0..2000);
        assert!(passes(&many, &message(0, 0)));
        assert!(passes(&many, &message(1999, 0)));
        assert!(!passes(&many, &message(2000, 0)));
        assert!(matches!(
            Filter::tags(0..2100).compile(),
            Err(Error::FilterTooLong { .. })
        ));
    }
}
