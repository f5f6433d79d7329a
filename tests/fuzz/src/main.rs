// SPDX-License-Identifier: GPL-2.0

//! Throws messages at the module: both protocols, control and data, valid and not, from many
//! processes, users and network namespaces at once; and checks every byte that comes back.
//!
//! `kipc-fuzz [--seed N] [--messages N] [--workers N]` ends when so many messages were sent in
//! all. Each worker's messages follow from the seed, its number, and what the kernel answered.
//! It runs as root in a machine of its own; whether the kernel complains is for others to see.

mod generate;
mod oracle;
mod socket;
#[allow(
    dead_code,
    reason = "the module compiles the same files; a fuzzer needs a part of them"
)]
#[path = "../../../src/wire/mod.rs"]
mod wire;
mod worker;

use std::io::BufRead as _;
use std::io::BufReader;
use std::os::unix::process::CommandExt as _;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;
use worker::Totals;

/// How long workers may take to end after the last message, all waits included.
const GRACE: Duration = Duration::from_secs(90);

/// The arguments of a run.
struct Options {
    seed: u64,
    messages: u64,
    workers: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, seed, messages] = &arguments[..]
        && role == "--worker"
    {
        let number = |text: &String| text.parse().expect("a number");
        println!("{}", worker::run(number(seed), number(messages)));
        return ExitCode::SUCCESS;
    }
    match options(&arguments) {
        Some(options) => run(&options),
        None => {
            eprintln!("usage: kipc-fuzz [--seed N] [--messages N] [--workers N]");
            ExitCode::from(2)
        }
    }
}

fn options(arguments: &[String]) -> Option<Options> {
    let mut options = Options {
        seed: fastrand::u64(..),
        messages: 100_000,
        workers: 8,
    };
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        let value = value.parse().ok()?;
        match &name[..] {
            "--seed" => options.seed = value,
            "--messages" => options.messages = value,
            "--workers" if value > 0 => options.workers = value,
            _ => return None,
        }
    }
    Some(options)
}

/// Starts worker `index`: every second one as an ordinary user, every fourth in a namespace that
/// it shares with nobody.
fn start(options: &Options, index: u64) -> Child {
    let program = std::env::current_exe().expect("own path");
    let mut command = if index % 4 == 3 {
        let mut command = Command::new("unshare");
        command.arg("-n").arg(program);
        command
    } else {
        Command::new(program)
    };
    if index % 2 == 1 && index % 4 != 3 {
        let uid = 1000 + u32::try_from(index / 4 % 2).expect("a small number");
        command.uid(uid).gid(uid);
    }
    let seed = options.seed.wrapping_add(index);
    let share = options.messages.div_ceil(options.workers);
    command
        .args(["--worker", &seed.to_string(), &share.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start a worker")
}

fn run(options: &Options) -> ExitCode {
    println!(
        "seed {}, {} messages, {} workers",
        options.seed, options.messages, options.workers
    );
    // Loads the module: a modprobe that finds it on its way may not wait for it.
    drop(socket::Socket::open(4096));
    let started = Instant::now();
    let mut workers: Vec<Child> = (0..options.workers).map(|i| start(options, i)).collect();
    let mut totals = Totals::default();
    let mut failed = 0;
    for (index, worker) in workers.iter_mut().enumerate() {
        let mut line = String::new();
        let out = worker.stdout.take().expect("stdout is a pipe");
        BufReader::new(out).read_line(&mut line).expect("read");
        let status = wait(worker);
        match line.parse::<Totals>() {
            Ok(part) if status => totals.add(&part),
            _ => {
                let seed = options.seed.wrapping_add(index as u64);
                eprintln!("worker {index} (seed {seed}) failed");
                failed += 1;
            }
        }
    }
    let left = worker::clear_all();
    let seconds = started.elapsed().as_secs_f64();
    println!("{totals}in {seconds:.0} s; left on the bus: {left}");
    ExitCode::from(u8::from(failed > 0 || left != "nothing"))
}

/// Waits for the end of a worker, which must come; whether it was a success.
fn wait(worker: &mut Child) -> bool {
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if let Some(status) = worker.try_wait().expect("wait") {
            return status.success();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    eprintln!("a worker does not end");
    worker.kill().expect("kill");
    worker.wait().expect("wait");
    false
}
