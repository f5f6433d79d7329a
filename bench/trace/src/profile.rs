// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the instructions of a publish are.

use crate::groups;
use crate::guest::Guest;
use crate::sources::Sources;
use crate::symbols::Place;
use crate::trace::Section;
use crate::trace::Trace;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// By so much of a hundred may a trace and the clock of the guest differ.
const TOLERANCE: f64 = 2.0;
/// Functions that have fewer instructions in each section are not in the table.
const FEWEST: f64 = 10.0;
/// Lines of source in the table.
const SOURCES_SHOWN: usize = 40;

/// What is told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    group: &'static str,
    module: String,
    function: String,
    source: String,
}

/// One mechanism with so many subscribers.
struct Profile {
    mechanism: String,
    subscribers: u64,
    clock: f64,
    counts: BTreeMap<Key, f64>,
}

impl Profile {
    fn total(&self) -> f64 {
        self.counts.values().sum()
    }

    fn sum(&self, which: impl Fn(&Key) -> bool) -> f64 {
        let some = self.counts.iter().filter(|(key, _)| which(key));
        some.fold(0.0, |sum, (_, count)| sum + count)
    }
}

/// The profiles of all sections.
pub(crate) struct Profiles(Vec<Profile>);

impl Profiles {
    /// Makes sense of a trace.
    pub(crate) fn new(guest: &Guest, trace: &Trace, sources: &Sources) -> Result<Self, String> {
        let mut profiles = Vec::new();
        for (said, section) in guest.lines("section").zip(&trace.sections) {
            let [mechanism, subscribers, clock] = said[..] else {
                return Err(format!("section {said:?}?"));
            };
            if section.kept * 2 < section.windows {
                return Err(format!(
                    "{mechanism} to {subscribers}: only {} of {} messages are alike",
                    section.kept, section.windows
                ));
            }
            let number = |text: &str| text.parse::<u32>().map_err(|why| format!("{text}: {why}"));
            profiles.push(Profile {
                mechanism: mechanism.to_owned(),
                subscribers: number(subscribers)?.into(),
                clock: number(clock)?.into(),
                counts: counts(guest, trace, section, sources),
            });
        }
        if profiles.is_empty() || profiles.len() != trace.sections.len() {
            return Err("the program and the tracer tell of different sections".into());
        }
        for profile in &profiles {
            let apart = (profile.total() / profile.clock - 1.0) * 100.0;
            if apart.abs() > TOLERANCE {
                return Err(format!(
                    "{} to {}: {:.0} instructions were traced, but the clock counted {:.0}",
                    profile.mechanism,
                    profile.subscribers,
                    profile.total(),
                    profile.clock,
                ));
            }
        }
        Ok(Self(profiles))
    }

    fn find(&self, mechanism: &str, subscribers: u64) -> Option<&Profile> {
        let mut found = self.0.iter();
        found.find(|p| p.mechanism == mechanism && p.subscribers == subscribers)
    }

    /// A row of the table: what both mechanisms spend on something.
    fn row(&self, what: &str, which: impl Fn(&Key) -> bool) -> String {
        let mut row = format!("| {what} |");
        for subscribers in [1, 8, 64] {
            for mechanism in ["multicast", "kipc"] {
                let spent = self.find(mechanism, subscribers).map(|p| p.sum(&which));
                let _ = write!(row, " {:.0} |", spent.unwrap_or_default());
            }
        }
        for mechanism in ["multicast", "kipc"] {
            let _ = write!(row, " {:.1} |", self.each(mechanism, &which));
        }
        row
    }

    /// What one more subscriber adds.
    fn each(&self, mechanism: &str, which: impl Fn(&Key) -> bool) -> f64 {
        let few = self.find(mechanism, 8).map(|p| p.sum(&which));
        let many = self.find(mechanism, 64).map(|p| p.sum(&which));
        (many.unwrap_or_default() - few.unwrap_or_default()) / 56.0
    }

    /// The most that is spent on something for each subscriber, in what the tables show.
    fn largest(&self, which: impl Fn(&Key) -> bool) -> f64 {
        let shown = self.0.iter().filter(|p| p.subscribers > 0);
        let each = shown.map(|p| p.sum(&which) / p.subscribers as f64);
        each.fold(0.0, f64::max)
    }

    /// All tables.
    pub(crate) fn markdown(&self) -> String {
        let head = "| raw, 1 | kipc, 1 | raw, 8 | kipc, 8 | raw, 64 | kipc, 64 | \
                    raw, each | kipc, each |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|";
        let mut text = format!("| what for {head}\n");
        for (group, _) in groups::GROUPS {
            if self.largest(|key| key.group == *group) > 0.0 {
                let _ = writeln!(text, "{}", self.row(group, |key| key.group == *group));
            }
        }
        let _ = writeln!(text, "{}", self.row("all", |_| true));
        let _ = writeln!(text, "\n| function, in all it is called for {head}");
        let keys = self.0.iter().flat_map(|profile| profile.counts.keys());
        let mut functions: Vec<_> = keys.map(|key| (&key.function, &key.module)).collect();
        functions.sort();
        functions.dedup();
        let same = |(function, module): (&String, &String), key: &Key| {
            key.function == *function && key.module == *module
        };
        let mut functions: Vec<_> = functions
            .into_iter()
            .map(|f| (self.largest(|key| same(f, key)), f))
            .filter(|(most, _)| *most >= FEWEST)
            .collect();
        functions.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, f) in functions {
            let name = match f.1.as_str() {
                "" => format!("`{}`", f.0),
                module => format!("`{}` of {module}", f.0),
            };
            let _ = writeln!(text, "{}", self.row(&name, |key| same(f, key)));
        }
        let file = |source: &str| source.split(':').next().unwrap_or_default().to_owned();
        text + &self.sources("file", file) + &self.sources("line", str::to_owned)
    }

    /// The files or lines of kipc's own source, as `part` takes them from `FILE:LINE`.
    fn sources(&self, parts: &str, part: impl Fn(&str) -> String) -> String {
        let mut text = format!(
            "\n| {parts} of kipc | kipc, 1 | kipc, 8 | kipc, 64 | kipc, each |\n\
             |---|--:|--:|--:|--:|\n"
        );
        let Some(profile) = self.find("kipc", 64) else {
            return text;
        };
        let own = profile.counts.keys().filter(|key| key.module == "kipc");
        let mut sources: Vec<_> = own.map(|key| part(&key.source)).collect();
        sources.sort();
        sources.dedup();
        let of = |source: &str, key: &Key| key.module == "kipc" && part(&key.source) == source;
        let largest = |source: &str| self.largest(|key| of(source, key));
        sources.sort_by(|a, b| largest(b).total_cmp(&largest(a)));
        for source in sources.iter().take(SOURCES_SHOWN) {
            let is = |key: &Key| of(source, key);
            let _ = write!(text, "| {source} |");
            for subscribers in [1, 8, 64] {
                let spent = self.find("kipc", subscribers).map(|p| p.sum(is));
                let _ = write!(text, " {:.0} |", spent.unwrap_or_default());
            }
            let _ = writeln!(text, " {:.1} |", self.each("kipc", is));
        }
        text
    }

    /// All there is.
    pub(crate) fn csv(&self) -> String {
        let mut text =
            String::from("mechanism,subscribers,group,module,function,source,instructions\n");
        for profile in &self.0 {
            for (key, count) in &profile.counts {
                let _ = writeln!(
                    text,
                    "{},{},\"{}\",{},\"{}\",{},{count:.2}",
                    profile.mechanism,
                    profile.subscribers,
                    key.group,
                    key.module,
                    key.function,
                    key.source,
                );
            }
        }
        text
    }
}

/// What was executed, per window.
fn counts(
    guest: &Guest,
    trace: &Trace,
    section: &Section,
    sources: &Sources,
) -> BTreeMap<Key, f64> {
    let mut counts = BTreeMap::new();
    for count in &section.counts {
        let Place { name, module, .. } = guest.symbols.at(count.pc);
        let calls = trace.calls(count.node).map(|call| guest.symbols.at(call));
        // The innermost that says what it is good for.
        let group = groups::group_of(name, module)
            .or_else(|| {
                calls
                    .into_iter()
                    .find_map(|place| groups::group_of(place.name, place.module))
            })
            .unwrap_or(groups::OTHER);
        let source = guest.symbols.offset_in("kipc", count.pc);
        let source = source.map(|offset| sources.at(offset).unwrap_or("?"));
        let key = Key {
            group,
            module: module.unwrap_or_default().to_owned(),
            function: name.to_owned(),
            source: source.unwrap_or_default().to_owned(),
        };
        *counts.entry(key).or_insert(0.0) += count.count as f64 / section.kept as f64;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles(clock: u64, kept: u64) -> Result<Profiles, String> {
        let guest = format!(
            "section kipc 1 {clock}\ntext kipc 0xffffffffc0000000\nsymbols\n\
             ffffffff81000000 T skb_clone\nffffffff81000100 T memset\n\
             ffffffffc0000010 t f\t[kipc]\n"
        );
        let trace = format!(
            "section 0 10 {kept} 100 100 100\nnode 1 0 ffffffff81000010\n\
             count 1 ffffffff81000104 600\ncount 0 ffffffffc0000012 400\nend\n"
        );
        let sources = Sources::parse("0x12\nf\n/x/tree/src/a.c:7\n")?;
        Profiles::new(&Guest::parse(&guest)?, &Trace::parse(&trace)?, &sources)
    }

    #[test]
    fn an_instruction_belongs_to_the_innermost_function_that_says_what_for() {
        let csv = profiles(100, 10).map(|profiles| profiles.csv());
        let csv = csv.unwrap_or_default();
        assert!(
            csv.contains("kipc,1,\"cloning\",,\"memset\",,60.00\n"),
            "{csv}"
        );
        assert!(csv.contains(",kipc,\"f\",src/a.c:7,40.00\n"), "{csv}");
    }

    #[test]
    fn a_trace_that_the_clock_contradicts_is_refused() {
        assert!(profiles(99, 10).is_ok());
        assert!(profiles(97, 10).is_err());
        assert!(profiles(103, 10).is_err());
        assert!(profiles(250, 4).is_err());
    }
}
