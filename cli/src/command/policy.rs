// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc policy`: the administrator's rules of access.

use std::io;
use std::io::BufRead as _;

use libkipc::Bus;
use libkipc::Rule;
use serde::Serialize;

use crate::cli::Policy;
use crate::failure::Failure;
use crate::output;

/// Stands for all topics in the list of rules.
const ALL: &str = "**";

pub(crate) fn run(bus: &Bus, arguments: &Policy) -> Result<(), Failure> {
    if arguments.set {
        let mut rules = Vec::new();
        for line in io::stdin().lock().lines() {
            let line = line.map_err(|error| Failure::Stream("read standard input", error))?;
            let text = line.split('#').next().unwrap_or_default().trim();
            if !text.is_empty() {
                rules.push(parse(text).map_err(|why| Failure::Input(format!("{why}: {line}")))?);
            }
        }
        return Ok(bus.set_policy(&rules)?);
    }
    bus.policy()?.iter().try_for_each(|rule| {
        output::line(&if arguments.json {
            output::json(&Line {
                prefix: rule.prefix.as_ref().map(|topic| topic.as_str()),
                uid: rule.uid,
                gid: rule.gid,
                mode: output::octal(rule.mode),
            })
        } else {
            show(rule)
        })
    })
}

/// One line of `kipc policy --json`.
#[derive(Serialize)]
struct Line<'a> {
    /// None: all topics.
    prefix: Option<&'a str>,
    uid: u32,
    gid: u32,
    mode: String,
}

/// `MODE UID GID PREFIX`, as it is read and printed.
fn show(rule: &Rule) -> String {
    let prefix = rule.prefix.as_ref().map_or(ALL, |topic| topic.as_str());
    format!(
        "{} {} {} {prefix}",
        output::octal(rule.mode),
        rule.uid,
        rule.gid
    )
}

fn parse(line: &str) -> Result<Rule, String> {
    let mut words = line.splitn(4, char::is_whitespace);
    let mut word = || {
        words
            .next()
            .map(str::trim)
            .ok_or("a rule is MODE UID GID PREFIX")
    };
    let mode = u32::from_str_radix(word()?, 8).map_err(|_| "the mode is not octal")?;
    let uid = word()?.parse().map_err(|_| "the uid is not a number")?;
    let gid = word()?.parse().map_err(|_| "the gid is not a number")?;
    Ok(match word()? {
        ALL => Rule::for_all(uid, gid, mode),
        prefix => {
            let prefix = prefix
                .parse()
                .map_err(|why: libkipc::InvalidTopic| why.to_string())?;
            Rule::new(prefix, uid, gid, mode)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_printed() {
        for line in ["640 1000 100 sensors/room 1", "600 0 0 **"] {
            assert_eq!(show(&parse(line).unwrap()), line);
        }
        for bad in [
            "",
            "640 1 2",
            "680 1 2 a",
            "640 x 2 a",
            "640 1 2 a//b",
            "640 1 2 a/*",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
