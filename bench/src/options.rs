// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line.

use std::path::PathBuf;

/// How the program was called.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// Measure only what the goals are about, and little else.
    pub(crate) short: bool,
    /// Messages per number, an odd one so that the median is one of them.
    pub(crate) messages: usize,
    /// Fail if a goal is missed.
    pub(crate) goals: bool,
    /// Fail if something costs more than it does in this CSV file.
    pub(crate) compare: Option<PathBuf>,
    /// Answer what this mechanism brings, until nothing comes any more.
    pub(crate) echo: Option<String>,
}

const USAGE: &str =
    "usage: kipc-bench [--short] [--messages N] [--goals] [--compare FILE] | --echo MECHANISM";

impl Options {
    /// Parses the arguments behind the program's name.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            messages: 301,
            ..Self::default()
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--short" => options.short = true,
                "--messages" => {
                    options.messages = value(&arg, args.next())?
                        .parse()
                        .map_err(|_| format!("--messages wants a number; {USAGE}"))?;
                    if options.messages.is_multiple_of(2) {
                        return Err("--messages wants an odd number".into());
                    }
                }
                "--goals" => options.goals = true,
                "--compare" => options.compare = Some(value(&arg, args.next())?.into()),
                "--echo" => options.echo = Some(value(&arg, args.next())?),
                _ => return Err(format!("unknown option {arg}; {USAGE}")),
            }
        }
        Ok(options)
    }
}

fn value(option: &str, value: Option<String>) -> Result<String, String> {
    value.ok_or_else(|| format!("{option} wants a value; {USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_understood() {
        assert_eq!(
            parse("--short --messages 11 --goals --compare a.csv"),
            Ok(Options {
                short: true,
                messages: 11,
                goals: true,
                compare: Some("a.csv".into()),
                echo: None,
            })
        );
        assert_eq!(parse("").map(|options| options.messages), Ok(301));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "--messages 300",
            "--messages",
            "--messages -1",
            "--compare",
            "--fast",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
