// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line.

/// How the program was called.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// Also measure very many subscribers.
    pub(crate) full: bool,
    /// Messages per number, an odd one so that the median is one of them.
    pub(crate) messages: usize,
    /// The goal, if there is one.
    pub(crate) max_ratio: Option<f64>,
}

const USAGE: &str = "usage: kipc-bench [--full] [--messages N] [--max-ratio R]";

impl Options {
    /// Parses the arguments behind the program's name.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            full: false,
            messages: 301,
            max_ratio: None,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--full" => options.full = true,
                "--messages" => {
                    options.messages = number(&arg, args.next())?;
                    if options.messages.is_multiple_of(2) {
                        return Err("--messages wants an odd number".into());
                    }
                }
                "--max-ratio" => {
                    let ratio: f64 = number(&arg, args.next())?;
                    // Nothing is greater than NaN: such a goal could not be missed.
                    if !ratio.is_finite() || ratio <= 0.0 {
                        return Err("--max-ratio wants a positive number".into());
                    }
                    options.max_ratio = Some(ratio);
                }
                _ => return Err(format!("unknown option {arg}; {USAGE}")),
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(option: &str, value: Option<String>) -> Result<T, String> {
    value
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| format!("{option} wants a number; {USAGE}"))
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
            parse("--full --messages 11 --max-ratio 1.25"),
            Ok(Options {
                full: true,
                messages: 11,
                max_ratio: Some(1.25),
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
            "--max-ratio NaN",
            "--max-ratio inf",
            "--max-ratio 0",
            "--fast",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
