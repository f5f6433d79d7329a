// SPDX-License-Identifier: GPL-2.0

//! A publisher that waits for a subscriber, and is frozen meanwhile: that is no signal, so its
//! publish goes on when it is thawed. Nor does it keep the system from being suspended.

use crate::client::Client;
use crate::client::Event;
use crate::process::Process;
use crate::role::say;
use crate::wire::message::SUBSCRIBE_BLOCK;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

const MESSAGES: u64 = 40;

/// In another process: publishes on a topic, and waits so long for each message; says what became
/// of them.
pub fn run(wait: &str) {
    let client = Client::open();
    let topic = client.advertise_patiently("frozen", wait.parse().expect("milliseconds"));
    say("ready");
    let mut dropped = 0;
    for number in 1..=MESSAGES {
        match client.publish_acked(topic, &[7; 500]) {
            Ok((seq, _, lost)) => {
                assert_eq!(seq, number);
                dropped += lost;
            }
            Err(refused) => return say(&format!("{number} refused by error {}", refused.errno)),
        }
    }
    say(&format!("published, {dropped} dropped"));
}

/// A subscriber whose queue is full, and the publisher that waits for it.
fn waiting(milliseconds: &str) -> (Client, Process) {
    let subscriber = Client::open();
    subscriber.set_receive_buffer(4096);
    subscriber.subscribe_with("frozen", SUBSCRIBE_BLOCK);
    let process = Process::role(&["frozen-publisher", milliseconds]).ready();
    // Until its queue is full.
    std::thread::sleep(Duration::from_millis(500));
    (subscriber, process)
}

/// Receives until all messages are told of; returns how many came.
fn receive(subscriber: &Client, most: Duration) -> u64 {
    let end = Instant::now() + most;
    let mut received = 0;
    while received < MESSAGES && Instant::now() < end {
        for event in subscriber.receive(Duration::from_millis(200)) {
            received += u64::from(matches!(event, Event::Message { .. }));
        }
    }
    received
}

/// By the freezer of cgroups, again and again.
pub fn waits_on_after_the_freezer_of_cgroups() {
    let (subscriber, mut process) = waiting("60000");
    let group = Group::with(&process);
    for _ in 0..3 {
        group.freeze(Duration::from_millis(300));
        std::thread::sleep(Duration::from_millis(50));
    }
    let received = receive(&subscriber, Duration::from_secs(30));
    let line = process.line();
    process.kill();
    drop(group);
    assert_eq!(line, "published, 0 dropped", "{received} were received");
    assert_eq!(received, MESSAGES);
}

/// The time that it waits at most is over when it is thawed: then the message is lost, as it would
/// have been without.
pub fn has_waited_long_enough_when_it_is_thawed() {
    let (subscriber, mut process) = waiting("1000");
    let group = Group::with(&process);
    group.freeze(Duration::from_millis(2500));
    // Each of the other messages waits for room, too.
    let received = receive(&subscriber, Duration::from_secs(20));
    let line = process.line();
    process.kill();
    drop(group);
    assert!(line.starts_with("published, "), "{line}");
    let dropped = line.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
    assert_eq!(dropped.map(|dropped| dropped + received), Some(MESSAGES));
    assert!((1..4).contains(&dropped.expect("a number")), "{line}");
}

/// The whole system is frozen, as it is before it is suspended, and thawed at once.
pub fn waits_on_after_a_suspension() {
    let (subscriber, mut process) = waiting("60000");
    fs::write("/sys/module/suspend/parameters/pm_test_delay", "1").expect("a setting");
    fs::write("/sys/power/pm_test", "freezer").expect("the kernel can test suspensions");
    let suspended = fs::write("/sys/power/state", "freeze");
    fs::write("/sys/power/pm_test", "none").expect("a setting");
    let received = receive(&subscriber, Duration::from_secs(30));
    let line = process.line();
    process.kill();
    suspended.expect("whoever waits for a subscriber does not prevent it");
    assert_eq!(line, "published, 0 dropped", "{received} were received");
    assert_eq!(received, MESSAGES);
}

/// A cgroup with a process in it, removed when it is dropped.
struct Group(&'static Path);

impl Group {
    fn with(process: &Process) -> Self {
        let root = Path::new("/tmp/kipc-frozen");
        let _ = fs::create_dir(root);
        let mount = Command::new("mount")
            .args(["-t", "cgroup2", "none"])
            .arg(root)
            .status();
        assert!(mount.expect("mount").success(), "mount cgroup2");
        fs::create_dir(root.join("group")).expect("a cgroup");
        let id = process.id().to_string();
        fs::write(root.join("group/cgroup.procs"), id).expect("move it there");
        Self(root)
    }

    /// Freezes for so long. Whether the kernel calls it frozen depends on where the process waits.
    fn freeze(&self, time: Duration) {
        fs::write(self.0.join("group/cgroup.freeze"), "1").expect("freeze");
        std::thread::sleep(time);
        fs::write(self.0.join("group/cgroup.freeze"), "0").expect("thaw");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The process that was killed may still be on its way out.
        for _ in 0..100 {
            if fs::remove_dir(self.0.join("group")).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = Command::new("umount").arg(self.0).status();
    }
}
