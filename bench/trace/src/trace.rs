// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the tracer tells. `plugin/tracer.c` describes it.

use std::collections::BTreeMap;

/// The mark of a window in which something was published.
pub(crate) const SEND: u64 = 1;
/// The same of a window in which it was received.
pub(crate) const RECEIVE: u64 = 2;

/// All that was traced.
#[derive(Default)]
pub(crate) struct Trace {
    /// In the order of the program.
    pub(crate) sections: Vec<Section>,
    nodes: BTreeMap<u64, Node>,
}

#[derive(Clone, Copy)]
struct Node {
    parent: u64,
    call: u64,
}

/// What was traced between two reports.
#[derive(Default)]
pub(crate) struct Section {
    /// How many windows there were, and how many of them are like most.
    pub(crate) windows: u64,
    pub(crate) kept: u64,
    /// What was executed in the windows that were kept.
    pub(crate) counts: Vec<Count>,
    /// Lines that moved.
    pub(crate) lines: Vec<Line>,
    /// By what they moved.
    pub(crate) moves: Vec<Move>,
}

/// How often an instruction was executed.
pub(crate) struct Count {
    pub(crate) node: u64,
    pub(crate) pc: u64,
    pub(crate) count: u64,
}

/// A line that moved in so many windows.
pub(crate) struct Line {
    pub(crate) mark: u64,
    pub(crate) address: u64,
    pub(crate) windows: u64,
}

/// How often a line moved by an instruction.
pub(crate) struct Move {
    pub(crate) mark: u64,
    pub(crate) line: u64,
    pub(crate) offset: u64,
    pub(crate) node: u64,
    pub(crate) pc: u64,
    pub(crate) loads: u64,
    pub(crate) stores: u64,
}

impl Trace {
    /// Reads all of it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut trace = Self::default();
        let mut complete = false;
        for line in text.lines() {
            let malformed = || format!("the tracer said '{line}'");
            if line == "end" {
                complete = true;
                continue;
            }
            trace.add(line).ok_or_else(malformed)?;
        }
        if !complete {
            return Err("the trace has no end".into());
        }
        Ok(trace)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        let kind = words.next()?;
        let mut decimal = || words.next()?.parse::<u64>().ok();
        match kind {
            "section" => {
                // Its number, which is that of its place.
                (decimal()? == self.sections.len() as u64).then_some(())?;
                self.sections.push(Section {
                    windows: decimal()?,
                    kept: decimal()?,
                    ..Section::default()
                });
                return Some(());
            }
            "node" => {
                let (id, parent) = (decimal()?, decimal()?);
                let call = hexadecimal(words.next()?)?;
                self.nodes.insert(id, Node { parent, call });
                return Some(());
            }
            _ => {}
        }
        let section = self.sections.last_mut()?;
        match kind {
            "count" => {
                let node = decimal()?;
                section.counts.push(Count {
                    node,
                    pc: hexadecimal(words.next()?)?,
                    count: words.next()?.parse().ok()?,
                });
            }
            "line" => {
                let mark = decimal()?;
                section.lines.push(Line {
                    mark,
                    address: hexadecimal(words.next()?)?,
                    windows: words.next()?.parse().ok()?,
                });
            }
            "move" => {
                let mark = decimal()?;
                section.moves.push(Move {
                    mark,
                    line: hexadecimal(words.next()?)?,
                    offset: words.next()?.parse().ok()?,
                    node: words.next()?.parse().ok()?,
                    pc: hexadecimal(words.next()?)?,
                    loads: words.next()?.parse().ok()?,
                    stores: words.next()?.parse().ok()?,
                });
            }
            _ => return None,
        }
        Some(())
    }

    /// The calls by which the program came here, the last one first.
    pub(crate) fn calls(&self, node: u64) -> impl Iterator<Item = u64> {
        let mut next = self.nodes.get(&node);
        std::iter::from_fn(move || {
            let node = next?;
            next = self.nodes.get(&node.parent);
            Some(node.call)
        })
    }

    /// All addresses of instructions.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = u64> {
        let counts = self.sections.iter().flat_map(|s| &s.counts).map(|c| c.pc);
        let moves = self.sections.iter().flat_map(|s| &s.moves).map(|m| m.pc);
        counts
            .chain(moves)
            .chain(self.nodes.values().map(|n| n.call))
    }
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_whole_or_not_at_all() {
        let text = "section 0 9 8 7 6 99\nnode 1 0 ff\nnode 2 1 fe\ncount 2 1a 16\n\
                    line 1 c0 3\nmove 1 c0 8 2 1a 1 2\nend\n";
        let trace = Trace::parse(text).unwrap_or_default();
        assert_eq!(trace.sections.len(), 1);
        assert_eq!(trace.sections[0].kept, 8);
        assert_eq!(trace.calls(2).collect::<Vec<_>>(), [0xfe, 0xff]);
        assert_eq!(trace.sections[0].moves[0].stores, 2);
        assert!(Trace::parse("section 0 9 8 7 6 99\n").is_err());
        assert!(Trace::parse("section 1 9 8 7 6 99\nend\n").is_err());
    }
}
