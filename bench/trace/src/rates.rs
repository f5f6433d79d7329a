// SPDX-License-Identifier: MIT OR Apache-2.0

//! How fast publishers are beside each other, and where they wait for locks.

use crate::groups;
use crate::symbols::without_hashes;
use crate::table::Case;
use crate::table::Csv;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What the program said.
#[derive(Default)]
pub(crate) struct Rates {
    /// Messages per second of each publisher, by round.
    rates: BTreeMap<Case, BTreeMap<u32, Vec<f64>>>,
    contention: BTreeMap<Case, Contention>,
}

/// How often locks were waited for.
#[derive(Default)]
struct Contention {
    messages: f64,
    sites: BTreeMap<String, f64>,
}

impl Rates {
    /// Reads it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rates = Self::default();
        let mut case = None;
        let mut stack = Vec::new();
        for line in text.lines().map(str::trim) {
            let words: Vec<_> = line.split(' ').collect();
            let known = match (words.first(), &case) {
                (Some(&"rate"), _) => rates.add_rate(&words),
                (Some(&"contention"), _) => {
                    case = words.get(1..).and_then(Case::parse);
                    case.as_ref()
                        .and_then(|case| rates.begin_contention(case, words.last()?))
                }
                (Some(&"contention-end"), _) => {
                    case = None;
                    Some(())
                }
                (Some(&"{"), Some(_)) => {
                    stack.clear();
                    Some(())
                }
                (Some(&"}"), Some(case)) => rates.add_contention(case, &words, &stack),
                (_, Some(_)) => {
                    stack.extend(function_of(line));
                    Some(())
                }
                _ => Some(()),
            };
            known.ok_or_else(|| format!("'{line}'?"))?;
        }
        if rates.rates.is_empty() || rates.contention.is_empty() {
            return Err("the program said nothing of rates, or of contention".into());
        }
        Ok(rates)
    }

    fn add_rate(&mut self, words: &[&str]) -> Option<()> {
        let round = words.get(1)?.parse().ok()?;
        let case = Case::parse(words.get(2..)?)?;
        let rate = words.last()?.parse().ok()?;
        let rounds = self.rates.entry(case).or_default();
        rounds.entry(round).or_default().push(rate);
        Some(())
    }

    fn begin_contention(&mut self, case: &Case, messages: &str) -> Option<()> {
        let contention = self.contention.entry(case.clone()).or_default();
        contention.messages = messages.parse().ok()?;
        Some(())
    }

    fn add_contention(&mut self, case: &Case, words: &[&str], stack: &[String]) -> Option<()> {
        let count: u32 = words.last()?.parse().ok()?;
        // What happens outside of a message, such as the end of a process, is not of interest.
        if !stack
            .iter()
            .any(|f| f == "__sys_sendto" || f == "__sys_recvfrom")
        {
            return Some(());
        }
        let mut callers = stack.iter().filter(|f| groups::says_something(f));
        let site = match (callers.next()?, callers.next()) {
            (site, Some(caller)) => format!("`{site}` for `{caller}`"),
            (site, None) => format!("`{site}`"),
        };
        let contention = self.contention.get_mut(case)?;
        *contention.sites.entry(site).or_default() += f64::from(count);
        Some(())
    }

    /// The mean of the publishers of one round, divided by that of one alone in the same round.
    fn ratio(&self, case: &Case) -> f64 {
        let alone = Case {
            publishers: 1,
            ..case.clone()
        };
        let ratios = self.rates.get(case).into_iter().flatten();
        let ratios = ratios.filter_map(|(round, rates)| {
            Some(mean(rates) / mean(self.rates.get(&alone)?.get(round)?))
        });
        median(ratios.collect())
    }

    /// All tables.
    pub(crate) fn markdown(&self, csv: &mut Csv) -> String {
        let mut text = "| topics | mechanism | publishers | waited for a lock, of 1000 messages | \
                        where |\n|---|---|--:|--:|---|\n"
            .to_owned();
        for (case, contention) in &self.contention {
            let per = |count: &f64| count * 1000.0 / contention.messages;
            let all = contention.sites.values().map(per);
            let all = all.fold(0.0, |sum, one| sum + one);
            let mut sites: Vec<_> = contention.sites.iter().collect();
            sites.sort_by(|a, b| b.1.total_cmp(a.1));
            let mut told = Vec::new();
            for (site, count) in sites {
                csv.add("contention", case, "", site, "", per(count));
                told.push(format!("{site} {:.1}", per(count)));
            }
            csv.add("contention", case, "", "all", "", all);
            let told = told.join("; ");
            let _ = writeln!(text, "| {} | {all:.1} | {told} |", case.cells());
        }
        text += "\n| topics | mechanism | publishers | messages/s of each | of one alone |\n\
                 |---|---|--:|--:|--:|\n";
        for (case, rounds) in &self.rates {
            let rate = median(rounds.values().map(|rates| mean(rates)).collect());
            let ratio = self.ratio(case);
            csv.add("rate", case, "", "messages per second of each", "", rate);
            csv.add("rate", case, "", "of one alone", "", ratio);
            let _ = writeln!(text, "| {} | {rate:.0} | {ratio:.2} |", case.cells());
        }
        text
    }
}

/// The function in a line of a stack: `name+0x10/0x20 [module]`.
fn function_of(line: &str) -> Option<String> {
    let (name, _) = line.rsplit_once("+0x")?;
    Some(without_hashes(name))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_compared_within_a_round_and_waiting_is_told_by_its_place() {
        let text = "rate 0 own kipc 1 0 100.0\nrate 0 own kipc 2 0 40.0\nrate 0 own kipc 2 1 60.0\n\
                    contention own kipc 2 500\n# event histogram\n{ common_stacktrace:\n\
                    \t_raw_spin_lock+0x1/0x2\n\tqueue+0x1/0x2\n\tkipc[0123456789abcdef]::f+0x3/0x4 [kipc]\n\
                    \t__sys_sendto+0x1/0x2\n} hitcount:          5\n\nTotals:\n    Hits: 5\n\
                    contention-end\n";
        let rates = Rates::parse(text).unwrap_or_default();
        let mut csv = Csv::new();
        let tables = rates.markdown(&mut csv);
        assert!(tables.contains("| own | kipc | 2 | 10.0 | `queue` for `kipc::f` 10.0 |"));
        assert!(tables.contains("| own | kipc | 2 | 50 | 0.50 |"));
        assert!(Rates::parse("rate 0 own kipc x 0 100.0").is_err());
    }
}
