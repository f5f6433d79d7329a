// SPDX-License-Identifier: GPL-2.0

//! `kipc` against the module: what it prints, writes and exits with.

use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use libkipc::Bus;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;

/// Runs `kipc` with this input until it ends.
fn kipc_with(input: &str, arguments: &[&str]) -> Output {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(input.as_bytes()).expect("write");
    drop(stdin);
    child.wait_with_output().expect("wait")
}

/// Runs `kipc`, which must succeed, and returns what it prints.
fn kipc(arguments: &[&str]) -> String {
    let output = kipc_with("", arguments);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text
}

fn start(arguments: &[&str]) -> Child {
    Command::new("kipc")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("kipc {arguments:?}: {why}"))
}

fn interrupt(child: Child) -> Output {
    kill_process(Pid::from_child(&child), Signal::INT).expect("interrupt");
    child.wait_with_output().expect("wait")
}

/// Waits until somebody subscribes to a pattern like this.
fn subscribed(pattern: &str) {
    let bus = Bus::connect().expect("connect");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !bus
        .subscriptions()
        .expect("list")
        .iter()
        .any(|subscription| subscription.pattern == pattern)
    {
        assert!(Instant::now() < deadline, "nobody subscribes to {pattern}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

/// Lines, arguments, files and JSON; again and again, and not too fast.
pub fn pub_takes_all_kinds_of_input() {
    let reader = start(&["sub", "--json", "--count", "9", "cli/**"]);
    subscribed("cli/**");
    assert!(kipc_with("one\ntwo\n", &["pub", "cli/a"]).status.success());
    kipc(&["pub", "cli/a", "three"]);
    fs::write("/tmp/payload", b"\x00\xff four").expect("write a file");
    kipc(&["pub", "cli/a", "--file", "/tmp/payload"]);
    let before = Instant::now();
    kipc(&[
        "pub", "cli/a", "--repeat", "2", "--rate", "20", "five", "six",
    ]);
    assert!(before.elapsed() >= Duration::from_millis(150));
    kipc(&["pub", "cli/json", "--json", r#"{"celsius": 21.5}"#]);
    let output = reader.wait_with_output().expect("wait");
    assert!(output.status.success());
    let messages: Vec<_> = objects(&String::from_utf8_lossy(&output.stdout))
        .into_iter()
        .filter(|object| object["type"] == "message")
        .collect();
    let payloads: Vec<_> = messages.iter().map(|m| m["payload"].as_str()).collect();
    let want = ["one", "two", "three", "", "five", "six", "five", "six", ""];
    assert_eq!(
        payloads,
        want.map(|text| (!text.is_empty()).then_some(text))
    );
    assert_eq!(messages[3]["payload_hex"], "00ff20666f7572");
    assert_eq!(messages[8]["value"]["celsius"], 21.5);

    let output = kipc_with("", &["pub", "cli/json", "--json", "{"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no JSON"));
    // Nobody comes.
    let output = kipc_with("", &["pub", "cli/a", "--wait-for-subscriber", "0.05", "x"]);
    assert_eq!(output.status.code(), Some(5));
}

/// What was recorded is replayed: the same messages on the same topics in the same order and with
/// the same pauses; a file that was cut is replayed up to there.
pub fn recordings_are_replayed() {
    let bus = Bus::connect().expect("connect");
    let recorder = start(&["record", "/tmp/recording", "tape/**"]);
    subscribed("tape/**");
    let make = |topic: &str| {
        let builder = bus.publisher::<u32>(topic).expect("a topic");
        builder.tag(3).create().expect("advertise")
    };
    let (a, b) = (make("tape/a"), make("tape/b"));
    for number in 0..10 {
        a.publish(&number).expect("publish");
        b.publish(&(number + 100)).expect("publish");
        std::thread::sleep(Duration::from_millis(30));
    }
    drop((a, b));
    let output = interrupt(recorder);
    assert!(output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("20 messages of 2 topics"), "{told}");

    let replay = |arguments: &[&str]| {
        let builder = bus.subscriber::<u32>("again/**").expect("a pattern");
        let mut subscriber = builder.create().expect("subscribe");
        let start = Instant::now();
        let output = kipc_with("", &[&["replay", "--below", "again"], arguments].concat());
        assert!(output.status.success());
        let mut messages = Vec::new();
        while let Some(item) = subscriber.try_recv().expect("of the same type") {
            if let Some(message) = item.into_message() {
                assert_eq!(message.tag, 3);
                messages.push((message.topic.to_string(), message.value));
            }
        }
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (messages, start.elapsed(), told)
    };
    let want: Vec<_> = (0..10)
        .flat_map(|n| {
            [
                ("again/tape/a".to_owned(), n),
                ("again/tape/b".to_owned(), n + 100),
            ]
        })
        .collect();
    let (messages, time, _) = replay(&["/tmp/recording"]);
    assert_eq!(messages, want);
    assert!(time >= Duration::from_millis(270), "{time:?}");
    let (messages, time, _) = replay(&["--speed", "0", "/tmp/recording"]);
    assert_eq!(messages, want);
    assert!(time < Duration::from_millis(270), "{time:?}");

    let file = fs::read("/tmp/recording").expect("read");
    fs::write("/tmp/cut", &file[..file.len() - 5]).expect("write");
    let (messages, _, told) = replay(&["--speed", "0", "/tmp/cut"]);
    assert_eq!(messages, want[..19]);
    assert!(told.contains("was cut"), "{told}");
    let shown = kipc(&["replay", "--dry-run", "/tmp/recording"]);
    assert_eq!(shown.lines().count(), 20);
    let output = kipc_with("", &["replay", "/bin/busybox"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no recording"));
}

/// Rates, totals and events, as tables and as JSON.
pub fn watching_commands_tell_what_happens() {
    let hz = start(&[
        "hz",
        "--json",
        "--interval",
        "0.5",
        "--count",
        "2",
        "watch/*",
    ]);
    let events = start(&["events", "--json", "watch/*"]);
    subscribed("watch/*");
    std::thread::sleep(Duration::from_millis(100));
    let publishing = start(&["pub", "watch/a", "--rate", "100", "--repeat", "0", "x"]);
    std::thread::sleep(Duration::from_millis(200));
    let top = objects(&kipc(&[
        "top",
        "--json",
        "--interval",
        "0.3",
        "--count",
        "2",
    ]));
    assert_eq!(top.len(), 2);
    for look in &top {
        assert_eq!(
            (&look["topic"], &look["publishers"]),
            (&"watch/a".into(), &1.into())
        );
        let rate = look["published_per_second"].as_f64().expect("a number");
        assert!((20.0..110.0).contains(&rate), "{look}");
    }
    let table = kipc(&["top", "--interval", "0.1", "--count", "1"]);
    assert!(
        table.starts_with("MSG/S") && table.contains("watch/a"),
        "{table}"
    );
    let hz = hz.wait_with_output().expect("wait");
    let rates = objects(&String::from_utf8_lossy(&hz.stdout));
    let rate = rates.last().expect("a rate")["hz"].as_f64();
    assert!(
        (20.0..110.0).contains(&rate.expect("a number")),
        "{rates:?}"
    );
    interrupt(publishing);
    std::thread::sleep(Duration::from_millis(100));
    let events = interrupt(events);
    assert!(events.status.success());
    let kinds: Vec<_> = objects(&String::from_utf8_lossy(&events.stdout))
        .into_iter()
        .map(|event| event["type"].as_str().expect("a type").to_owned())
        .collect();
    assert_eq!(kinds, ["joined", "gone", "removed"]);
}

/// The benchmark of the command line loses nothing and measures something.
pub fn bench_measures_this_machine() {
    for arguments in [
        [
            "bench",
            "--json",
            "--messages",
            "2000",
            "--subscribers",
            "3",
        ]
        .as_slice(),
        &[
            "bench",
            "--json",
            "--messages",
            "2000",
            "--batch",
            "16",
            "--size",
            "100",
        ],
    ] {
        let report: Value = serde_json::from_str(&kipc(arguments)).expect("JSON");
        let number = |name: &str| report[name].as_f64().expect("a number");
        assert!(number("messages_per_second") > 0.0, "{report}");
        assert!(number("round_trip_us_p99") >= number("round_trip_us_median"));
        assert!(number("round_trip_us_median") > 0.0);
        if number("batch") == 1.0 {
            assert_eq!(number("lost"), 0.0);
        }
    }
}

/// The doctor says that all is well, or why not, in one sentence.
pub fn doctor_names_the_trouble() {
    let well = kipc(&["doctor"]);
    assert!(well.contains("the bus can be used"), "{well}");
    assert!(well.contains("updates/kipc.ko"), "{well}");
    let output = kipc_with("", &["doctor", "--json", "--protocol", "30"]);
    assert_eq!(output.status.code(), Some(3));
    let findings: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let trouble = findings["trouble"].as_str().expect("a sentence");
    assert!(trouble.contains("--protocol"), "{trouble}");
}

/// A reader that has seen enough is no failure, and nothing is said.
pub fn broken_pipe_is_quiet() {
    let mut reader = start(&["sub", "cli/pipe"]);
    subscribed("cli/pipe");
    let publishing = start(&["pub", "cli/pipe", "--rate", "200", "--repeat", "0", "x"]);
    let mut line = String::new();
    let mut lines = BufReader::new(reader.stdout.take().expect("stdout is a pipe"));
    lines.read_line(&mut line).expect("read a line");
    drop(lines);
    let output = reader.wait_with_output().expect("wait");
    interrupt(publishing);
    assert!(output.status.success(), "{:?}", output.status);
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
