// SPDX-License-Identifier: GPL-2.0

//! The memory of what is kept for later is charged to the memory cgroup of whoever sent it, all of
//! it, whatever the size of a message and the way it came.

use crate::client::Client;
use crate::late;
use crate::process::Process;
use crate::wire::seed::BROADCAST;
use crate::wire::seed::REGISTER_PUBLISHER;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const USER: u32 = 1001;
/// A payload that is larger than a page, many of these, and how much they are in all.
const LEN: usize = 60_000;
const MESSAGES: usize = 130;
const ALL: usize = LEN * MESSAGES;

/// As published messages, some of them in batches.
pub fn of_a_history() {
    check("history");
}

/// As broadcasts of the seed protocol.
pub fn of_seed_broadcasts() {
    check("seed");
}

/// As last wills.
pub fn of_last_wills() {
    check("wills");
}

fn check(kind: &str) {
    let go = format!("/tmp/kipc-go-{kind}");
    let _ = fs::remove_file(&go);
    let group = Group::new();
    let mut process = Process::role_as_user(USER, &["charged", kind, &go]).ready();
    fs::write(group.file("cgroup.procs"), process.id().to_string()).expect("move it there");
    let before = group.current();
    fs::write(&go, "go").expect("say so");
    assert_eq!(process.line(), "sent");
    let charged = group.current().saturating_sub(before);
    let retained = late::retained_in_all(&Client::open());
    process.kill();
    let admin = Client::open();
    for topic in ["charged", "default"] {
        // It has only one of them.
        let _ = admin.clear(topic);
    }
    fs::remove_file(&go).expect("remove it");
    if kind != "wills" {
        assert_eq!(retained as usize, MESSAGES);
    }
    // Each CPU keeps a little in stock that counts already.
    assert!(
        charged > ALL / 8 * 7,
        "{charged} bytes are charged for {MESSAGES} {kind} of {LEN} bytes"
    );
}

/// In another process.
pub fn run(kind: &str, go: &str) {
    let client = Client::open();
    let topic = match kind {
        "seed" => {
            let id = client
                .advertise_history("default", 4096)
                .expect("advertise");
            client.seed(REGISTER_PUBLISHER, b"");
            id
        }
        "history" => client
            .advertise_history("charged", 4096)
            .expect("advertise"),
        _ => client.advertise("charged"),
    };
    let payload = vec![7; LEN];
    // What the process itself needs is there before anybody looks.
    let mut sockets: Vec<Client> = Vec::with_capacity(MESSAGES);
    for _ in 0..if kind == "wills" { MESSAGES } else { 0 } {
        let socket = Client::open();
        socket.advertise("charged");
        sockets.push(socket);
    }
    if kind == "wills" {
        client.set_last_will(topic, &payload).expect("a will");
    } else if kind == "history" {
        client.publish(topic, &payload);
        client.clear("charged").expect("clear");
    }
    say("ready");
    while fs::read(go).map_or(true, |text| text.is_empty()) {
        std::thread::sleep(Duration::from_millis(10));
    }
    match kind {
        "seed" => (0..MESSAGES).for_each(|_| client.seed(BROADCAST, &payload)),
        "history" => (0..MESSAGES).for_each(|_| client.publish(topic, &payload)),
        _ => sockets.iter().for_each(|socket| {
            socket.set_last_will(topic, &payload).expect("a will");
        }),
    }
    say("sent");
    std::thread::sleep(Duration::from_secs(60));
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("flush");
}

/// A memory cgroup, removed when it is dropped.
struct Group(&'static Path);

impl Group {
    fn new() -> Self {
        let root = Path::new("/tmp/kipc-charged");
        let _ = fs::create_dir(root);
        let mount = Command::new("mount")
            .args(["-t", "cgroup2", "none"])
            .arg(root)
            .status();
        assert!(mount.expect("mount").success(), "mount cgroup2");
        fs::write(root.join("cgroup.subtree_control"), "+memory").expect("memory cgroups");
        fs::create_dir(root.join("group")).expect("a cgroup");
        Self(root)
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.join("group").join(name)
    }

    /// What is charged, in bytes.
    fn current(&self) -> usize {
        let text = fs::read_to_string(self.file("memory.current")).expect("bytes");
        text.trim().parse().expect("bytes")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
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
