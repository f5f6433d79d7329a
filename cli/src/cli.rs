// SPDX-License-Identifier: MIT OR Apache-2.0

//! The arguments.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use libkipc::Overflow;
use libkipc::Pattern;
use libkipc::Topic;

/// Publish, subscribe and look at kipc, the kernel's publish/subscribe bus
#[derive(Debug, Parser)]
#[command(name = "kipc", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Netlink protocol number, if the module was loaded with another one
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 31)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=31), hide_short_help = true)]
    pub(crate) protocol: u32,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success; also when the reader of the output or an interrupt ended it
  1  failure
  2  wrong arguments
  3  the kernel module is not loaded
  4  the kernel refused the request
  5  the time was over: before --count messages, or before a subscriber";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish messages on a topic
    Pub(Publish),
    /// Print the messages of all topics that match a pattern
    Sub(Subscribe),
    /// Show the module's version and limits, and what is on the bus
    Info(Info),
    /// List the topics
    Ls(List),
    /// Show how many messages were published, delivered and dropped, by topic
    Stat(List),
    /// List the sockets that publish or subscribe
    Clients(List),
    /// List the subscriptions
    Subscriptions(List),
    /// Show how often messages come, by topic
    Hz(Hz),
    /// Watch the bus: rates, publishers and subscribers of each topic
    Top(Top),
    /// Print publishers and topics that come and go, without messages
    Events(Events),
    /// Keep messages in a file, for replay
    Record(Record),
    /// Publish what a file keeps, as it came
    Replay(Replay),
    /// Measure how fast messages go through the kernel on this machine
    Bench(Bench),
    /// Print or replace the rules of access
    Policy(Policy),
    /// Let go of what a topic retains
    Clear(Clear),
    /// Find out why the bus cannot be used, and what helps
    Doctor(Doctor),
    /// Print the completions of a shell
    Completions(Completions),
    /// Write the manual pages into a directory
    Man(Man),
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Publish {
    /// Where to publish, such as sensors/room1
    pub(crate) topic: Topic,

    /// The messages; without any, each line of standard input is one, published as it is read
    #[arg(value_name = "MESSAGE")]
    pub(crate) messages: Vec<OsString>,

    /// Publish the contents of a file as one message; may be given more than once
    #[arg(long, value_name = "FILE", conflicts_with = "messages")]
    pub(crate) file: Vec<PathBuf>,

    /// The messages are JSON: check that, and mark the topic as one of JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Publish so many messages per second at most
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    pub(crate) rate: Option<f64>,

    /// Publish the messages so many times; 0: until interrupted
    #[arg(long, value_name = "TIMES", default_value_t = 1)]
    pub(crate) repeat: u64,

    /// Wait until somebody subscribes, before the first message
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait_for_subscriber: Option<Duration>,

    /// Number that subscribers' socket filters can test
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) tag: u32,

    /// Print what became of each message
    #[arg(long)]
    pub(crate) ack: bool,

    /// Heed subscribers that ask for it: wait for their queues so long at most, or fail
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,

    /// Retain so many messages for subscribers that come later (with --history)
    #[arg(long, value_name = "NUMBER")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=4096))]
    pub(crate) history: Option<u32>,

    /// Who may use the topic if it is new, as the mode of a file: 4 subscribes, 2 publishes
    /// [default: 600]
    #[arg(long, value_name = "OCTAL", value_parser = mode)]
    pub(crate) mode: Option<u32>,

    /// Group of the topic if it is new
    #[arg(long, value_name = "GID")]
    pub(crate) group: Option<u32>,

    /// Have this message published when this command ends, however it does
    #[arg(long, value_name = "MESSAGE")]
    pub(crate) last_will: Option<OsString>,

    /// Size of the send buffer (SO_SNDBUF); a message may be about twice as large
    #[arg(long, value_name = "BYTES")]
    pub(crate) send_buffer: Option<usize>,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Subscribe {
    /// Which topics: '*' stands for one segment, '**' for any number, as in 'sensors/**'
    pub(crate) pattern: Pattern,

    /// End after so many messages
    #[arg(long, value_name = "NUMBER")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,

    /// Print publishers that come and go, too
    #[arg(long)]
    pub(crate) events: bool,

    /// First of all, print what the topics retain
    #[arg(long)]
    pub(crate) history: bool,

    /// What happens when the queue is full; block and fail concern publishers with --wait
    #[arg(long, value_enum, default_value_t = OverflowPolicy::DropNewest)]
    pub(crate) overflow: OverflowPolicy,

    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,

    /// Print payloads as hexadecimal digits
    #[arg(long)]
    pub(crate) hex: bool,

    /// Print the process, user and group that sent each message
    #[arg(long)]
    pub(crate) credentials: bool,

    /// Size of the queue in the kernel (SO_RCVBUF)
    #[arg(long, value_name = "BYTES")]
    pub(crate) receive_buffer: Option<usize>,

    /// Say on standard error when the subscription stands
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// What happens when a subscriber's queue is full.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OverflowPolicy {
    /// The message that does not fit is lost
    DropNewest,
    /// The oldest messages make room
    DropOldest,
    /// Publishers wait
    Block,
    /// Publishing fails
    Fail,
}

impl From<OverflowPolicy> for Overflow {
    fn from(policy: OverflowPolicy) -> Self {
        match policy {
            OverflowPolicy::DropNewest => Self::DropNewest,
            OverflowPolicy::DropOldest => Self::DropOldest,
            OverflowPolicy::Block => Self::Block,
            OverflowPolicy::Fail => Self::Fail,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Info {
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Hz {
    /// Which topics, as in kipc sub
    pub(crate) pattern: Pattern,

    /// Seconds over which each rate is taken
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = some_seconds)]
    pub(crate) interval: Duration,

    /// End after so many intervals
    #[arg(long, value_name = "NUMBER")]
    pub(crate) count: Option<u64>,

    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Top {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = some_seconds)]
    pub(crate) interval: Duration,

    /// End after so many looks
    #[arg(long, value_name = "NUMBER")]
    pub(crate) count: Option<u64>,

    /// Print one JSON object per topic and look
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Events {
    /// Which topics, as in kipc sub
    #[arg(default_value = "**")]
    pub(crate) pattern: Pattern,

    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,

    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Record {
    /// The file, which is overwritten; docs/recording.md describes it
    pub(crate) file: PathBuf,

    /// Which topics, as in kipc sub
    #[arg(default_value = "**")]
    pub(crate) pattern: Pattern,

    /// First of all, keep what the topics retain
    #[arg(long)]
    pub(crate) history: bool,

    /// End after so many messages
    #[arg(long, value_name = "NUMBER")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,

    /// Size of the queue in the kernel (SO_RCVBUF)
    #[arg(long, value_name = "BYTES")]
    pub(crate) receive_buffer: Option<usize>,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Replay {
    /// The file that kipc record made
    pub(crate) file: PathBuf,

    /// So many times as fast as it was; 0: without pauses
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = not_negative)]
    pub(crate) speed: f64,

    /// Publish below this topic instead of where it was
    #[arg(long, value_name = "TOPIC")]
    pub(crate) below: Option<Topic>,

    /// Who may use topics that are new, as in kipc pub
    #[arg(long, value_name = "OCTAL", value_parser = mode)]
    pub(crate) mode: Option<u32>,

    /// Print what would be published, and publish nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Bench {
    /// Messages of each measurement
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) messages: u64,

    /// Bytes of each message
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub(crate) size: usize,

    /// Subscribers of each message
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) subscribers: u32,

    /// Messages of each system call; subscribers that are too slow lose some if it is more than 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) batch: u32,

    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Doctor {
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Say how things stand for another installed kernel, such as the one that runs after the
    /// next boot
    #[arg(long, value_name = "RELEASE")]
    pub(crate) kernel: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// For which shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub(crate) struct Man {
    /// Where to; it must exist
    pub(crate) directory: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Policy {
    /// Print one JSON object per line
    #[arg(long, conflicts_with = "set")]
    pub(crate) json: bool,

    /// Replace all rules by those on standard input, one MODE UID GID PREFIX per line, such as
    /// "640 1000 100 sensors"; '**' stands for all topics. Needs CAP_NET_ADMIN
    #[arg(long)]
    pub(crate) set: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Clear {
    /// Which topic
    pub(crate) topic: Topic,
}

/// Parses the octal digits of a mode.
fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode & !0o666 == 0 => Ok(mode),
        _ => Err("not a mode such as 644: r to subscribe (4), w to publish (2)".into()),
    }
}

/// Parses a number that is not negative.
fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number >= 0.0 && f64::is_finite(number) => Ok(number),
        _ => Err("not a number such as 2 or 0.5".into()),
    }
}

/// Parses a number above 0.
fn positive(text: &str) -> Result<f64, String> {
    let number = not_negative(text)?;
    if number > 0.0 {
        Ok(number)
    } else {
        Err("it must be more than 0".into())
    }
}

/// Parses a number of seconds above 0.
fn some_seconds(text: &str) -> Result<Duration, String> {
    seconds(text)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "not a number of seconds above 0".into())
}

/// Parses a number of seconds, which may have a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "not a number of seconds such as 5 or 0.5".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seconds_may_have_a_fraction_but_no_sign() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["-1", "x", "", "NaN", "inf"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
