// SPDX-License-Identifier: GPL-2.0

//! What is asked of a run, and of one worker of it.

/// How the fuzzer is called.
pub const USAGE: &str = "\
usage: kipc-fuzz [--seed N] [--messages N] [--seconds N] [--workers N] [--only WORKER]
                 [--threads N] [--sites N] [--functions] [--leaks] [--say]
                 [--require-coverage] [--require-nlmon]
       kipc-fuzz --replay FILE";

/// What is asked of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub seed: u64,
    pub messages: u64,
    /// When to end although messages are left.
    pub seconds: u64,
    pub workers: u64,
    /// The only worker that there is, of all those.
    pub only: Option<u64>,
    /// How many threads may send on one socket at once.
    pub threads: u8,
    /// How many places of the module are instrumented.
    pub sites: Option<usize>,
    /// Whether to name the functions that were not reached.
    pub functions: bool,
    /// Whether to look for leaks at the end, which takes its time.
    pub leaks: bool,
    /// Whether each action is said before it is done: a crash leaves no journal.
    pub say: bool,
    pub require_coverage: bool,
    pub require_nlmon: bool,
}

impl Options {
    /// Reads the arguments; `None` if they are wrong.
    pub fn parse(arguments: &[String]) -> Option<Self> {
        let mut options = Self {
            seed: fastrand::u64(..),
            messages: 100_000,
            seconds: u64::MAX,
            workers: 8,
            only: None,
            threads: 4,
            sites: None,
            functions: false,
            leaks: false,
            say: false,
            require_coverage: false,
            require_nlmon: false,
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let mut number = || arguments.next()?.parse::<u64>().ok();
            match &name[..] {
                "--seed" => options.seed = number()?,
                "--messages" => options.messages = number()?,
                "--seconds" => options.seconds = number()?,
                "--workers" => options.workers = number()?,
                "--only" => options.only = Some(number()?),
                "--threads" => options.threads = number()?.try_into().ok()?,
                "--sites" => options.sites = Some(number()?.try_into().ok()?),
                "--functions" => options.functions = true,
                "--leaks" => options.leaks = true,
                "--say" => options.say = true,
                "--require-coverage" => options.require_coverage = true,
                "--require-nlmon" => options.require_nlmon = true,
                _ => return None,
            }
        }
        let known = options.only.is_none_or(|only| only < options.workers);
        (options.workers > 0 && known).then_some(options)
    }

    /// The workers that run.
    pub fn indices(&self) -> Vec<u64> {
        match self.only {
            Some(only) => vec![only],
            None => (0..self.workers).collect(),
        }
    }

    /// The share of one worker.
    pub fn share(&self, index: u64, guided: bool, tapped: bool) -> Share {
        Share {
            index,
            seed: self.seed.wrapping_add(index),
            messages: self.messages.div_ceil(self.workers),
            seconds: self.seconds,
            threads: self.threads,
            guided,
            tapped,
            say: self.say,
        }
    }
}

/// What is asked of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub index: u64,
    pub seed: u64,
    pub messages: u64,
    pub seconds: u64,
    pub threads: u8,
    /// Whether the kernel has KCOV.
    pub guided: bool,
    /// Whether it has nlmon.
    pub tapped: bool,
    pub say: bool,
}

impl Share {
    /// As arguments of a process.
    pub fn arguments(&self) -> Vec<String> {
        let numbers = [
            self.index,
            self.seed,
            self.messages,
            self.seconds,
            self.threads.into(),
            self.guided.into(),
            self.tapped.into(),
            self.say.into(),
        ];
        let words = numbers.iter().map(u64::to_string);
        std::iter::once("--worker".to_owned())
            .chain(words)
            .collect()
    }

    /// From these; `None` if they are others.
    pub fn parse(arguments: &[String]) -> Option<Self> {
        let [role, rest @ ..] = arguments else {
            return None;
        };
        let numbers: Vec<u64> = rest.iter().map_while(|word| word.parse().ok()).collect();
        let [index, seed, messages, seconds, threads, guided, tapped, say] = numbers[..] else {
            return None;
        };
        (role == "--worker").then_some(Self {
            index,
            seed,
            messages,
            seconds,
            threads: threads.try_into().ok()?,
            guided: guided != 0,
            tapped: tapped != 0,
            say: say != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_read() {
        let options = parse("--seed 7 --messages 100 --workers 3 --only 2 --functions").unwrap();
        assert_eq!((options.seed, options.functions), (7, true));
        assert_eq!(options.indices(), [2]);
        let share = options.share(2, true, false);
        assert_eq!((share.seed, share.messages), (9, 34));
        assert_eq!(Share::parse(&share.arguments()), Some(share));
        for wrong in ["--seed", "--seed x", "--only 8", "--workers 0", "seed 1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
