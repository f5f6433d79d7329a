// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which cache lines move from CPU to CPU while publishers take turns.

use crate::groups;
use crate::guest::Guest;
use crate::sources::Sources;
use crate::table::Case;
use crate::table::Csv;
use crate::trace::Move;
use crate::trace::RECEIVE;
use crate::trace::SEND;
use crate::trace::Section;
use crate::trace::Trace;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines that move with fewer of a hundred messages are not described: they move with interrupts
/// and with what the allocator does now and then.
const OFTEN: f64 = 10.0;
/// So many kinds of lines are described.
const KINDS_SHOWN: usize = 20;
/// So many accesses of a kind are.
const ACCESSES_SHOWN: usize = 3;

/// Lines that are moved by the same accesses.
#[derive(Default)]
struct Kind {
    lines: u64,
    /// How many of them move with a message.
    moves: f64,
}

/// The lines of one case.
struct Lines<'a> {
    case: Case,
    section: &'a Section,
}

/// All cases.
pub(crate) struct AllLines<'a> {
    guest: &'a Guest,
    trace: &'a Trace,
    sources: &'a Sources,
    cases: Vec<Lines<'a>>,
}

impl Lines<'_> {
    /// How many messages were sent.
    fn messages(&self) -> f64 {
        // Each in two windows: it was sent, and received.
        self.section.windows as f64 / 2.0
    }

    /// How many lines move with a message, of those that move with so many of a hundred.
    fn moved(&self, mark: u64, often: f64) -> f64 {
        let lines = self.section.lines.iter().filter(|line| line.mark == mark);
        let shares = lines.map(|line| line.windows as f64 / self.messages());
        shares
            .filter(|share| share * 100.0 >= often)
            .fold(0.0, |sum, share| sum + share)
    }
}

impl<'a> AllLines<'a> {
    /// Makes sense of a trace.
    pub(crate) fn new(
        guest: &'a Guest,
        trace: &'a Trace,
        sources: &'a Sources,
    ) -> Result<Self, String> {
        let mut cases = Vec::new();
        for (said, section) in guest.lines("section").zip(&trace.sections) {
            let case = Case::parse(&said).ok_or_else(|| format!("section {said:?}?"))?;
            cases.push(Lines { case, section });
        }
        if cases.is_empty() || cases.len() != trace.sections.len() {
            return Err("the program and the tracer tell of different sections".into());
        }
        Ok(Self {
            guest,
            trace,
            sources,
            cases,
        })
    }

    /// All tables.
    pub(crate) fn markdown(&self, csv: &mut Csv) -> String {
        let mut text = "| topics | mechanism | publishers | lines that move with a publish | \
                        of these, in most | with receiving it |\n|---|---|--:|--:|--:|--:|\n"
            .to_owned();
        for lines in &self.cases {
            let all = lines.moved(SEND, 0.0);
            let most = lines.moved(SEND, 50.0);
            let received = lines.moved(RECEIVE, 0.0);
            let case = &lines.case;
            let _ = writeln!(
                text,
                "| {} | {all:.1} | {most:.1} | {received:.1} |",
                case.cells()
            );
            csv.add("lines", case, "send", "", "", all);
            csv.add("lines", case, "send", "in most messages", "", most);
            csv.add("lines", case, "receive", "", "", received);
        }
        for lines in &self.cases {
            text += &self.kinds(lines, csv);
        }
        text
    }

    /// What moves in one case.
    fn kinds(&self, lines: &Lines<'_>, csv: &mut Csv) -> String {
        let largest = self
            .cases
            .iter()
            .map(|lines| lines.case.publishers)
            .max()
            .unwrap_or_default();
        let mut text = String::new();
        for (mark, phase) in [(SEND, "send"), (RECEIVE, "receive")] {
            let mut kinds: BTreeMap<(String, String), Kind> = BTreeMap::new();
            for line in &lines.section.lines {
                let share = line.windows as f64 / lines.messages();
                if line.mark != mark || share * 100.0 < OFTEN {
                    continue;
                }
                let moves = lines.section.moves.iter();
                let moves = moves.filter(|m| m.mark == mark && m.line == line.address);
                let kind = kinds.entry(self.describe(moves)).or_default();
                kind.lines += 1;
                kind.moves += share;
            }
            let mut kinds: Vec<_> = kinds.into_iter().collect();
            kinds.sort_by(|a, b| b.1.moves.total_cmp(&a.1.moves));
            for ((what, by), kind) in &kinds {
                csv.add("line", &lines.case, phase, what, by, kind.moves);
            }
            // The others are in the CSV.
            if mark != SEND || lines.case.publishers != largest {
                continue;
            }
            let _ = write!(
                text,
                "\nWhat moves with a publish, {}:\n\n| moves | of lines | what | by |\n\
                 |--:|--:|---|---|\n",
                lines.case.words()
            );
            for ((what, by), kind) in kinds.iter().take(KINDS_SHOWN) {
                let _ = writeln!(
                    text,
                    "| {:.2} | {} | {what} | {by} |",
                    kind.moves, kind.lines
                );
            }
            let rest = kinds.iter().skip(KINDS_SHOWN);
            let rest = rest.fold((0, 0.0), |(lines, moves), (_, kind)| {
                (lines + kind.lines, moves + kind.moves)
            });
            let seldom = lines.moved(SEND, 0.0) - lines.moved(SEND, OFTEN);
            let _ = writeln!(text, "| {:.2} | {} | other lines | |", rest.1, rest.0);
            let _ = writeln!(text, "| {seldom:.2} | | lines that move seldom | |");
        }
        text
    }

    /// What a line is, and the accesses that it moves by, most of all first.
    fn describe<'m>(&self, moves: impl Iterator<Item = &'m Move>) -> (String, String) {
        let mut accesses: BTreeMap<String, (u64, String)> = BTreeMap::new();
        let mut all = 0;
        for access in moves {
            let count = access.loads + access.stores;
            let how = match (access.loads, access.stores) {
                (_, 0) => "reads",
                (0, _) => "writes",
                _ => "reads and writes",
            };
            let by = format!("{} {how}", self.who(access));
            let what = self.what(access);
            let entry = accesses.entry(by).or_insert((0, what));
            entry.0 += count;
            all += count;
        }
        let mut accesses: Vec<_> = accesses.into_iter().collect();
        accesses.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        // What happened in an interrupt once says nothing.
        accesses.retain(|(_, (count, _))| *count as f64 * 100.0 >= all as f64 * OFTEN);
        let what = accesses.first().map(|(_, (_, what))| what.clone());
        let by: Vec<_> = accesses.into_iter().map(|(by, _)| by).collect();
        let more = by.len().saturating_sub(ACCESSES_SHOWN);
        let mut shown = by
            .get(..by.len().min(ACCESSES_SHOWN))
            .map(|by| by.join("; "));
        if let (Some(shown), 1..) = (&mut shown, more) {
            shown.push_str("; …");
        }
        (what.unwrap_or_default(), shown.unwrap_or_default())
    }

    /// The variable that lies there.
    fn what(&self, access: &Move) -> String {
        /// What is below is no variable of the kernel or of a module, but was allocated.
        const STATIC: u64 = 0xffff_ffff_8000_0000;
        let address = access.line + access.offset;
        if address < STATIC {
            return "memory".into();
        }
        let place = self.guest.symbols.at(address);
        let module = place.module.map(|module| format!(" of {module}"));
        format!("`{}`{}", place.name, module.unwrap_or_default())
    }

    /// The function that looks at it, and for whom.
    fn who(&self, access: &Move) -> String {
        let place = self.guest.symbols.at(access.pc);
        let mut text = format!("`{}`", place.name);
        if let Some(offset) = self.guest.symbols.offset_in("kipc", access.pc) {
            if let Some(source) = self.sources.at(offset) {
                let _ = write!(text, " ({source})");
            }
            return text;
        }
        let callers = self.trace.calls(access.node);
        let mut callers = callers.map(|call| (call, self.guest.symbols.at(call)));
        let caller = callers
            .find(|(_, caller)| caller.name != place.name && groups::says_something(caller.name));
        if let Some((call, caller)) = caller {
            let _ = write!(text, " for `{}`", caller.name);
            let source = self.guest.symbols.offset_in("kipc", call);
            if let Some(source) = source.and_then(|offset| self.sources.at(offset)) {
                let _ = write!(text, " ({source})");
            }
        }
        text
    }
}
