// SPDX-License-Identifier: GPL-2.0

//! The memory of what is kept for later is charged to the memory cgroup of whoever sent it, all of
//! it, whatever the size of a message and the way it came.

use crate::client::Client;
use crate::late;
use crate::process::Process;
use crate::role::say;
use crate::wire::seed::BROADCAST;
use crate::wire::seed::REGISTER_PUBLISHER;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const USER: u32 = 1001;

/// Length and number of the messages of a kind: some megabytes in all.
fn messages(kind: &str) -> (usize, usize) {
    match kind {
        // Less than a page.
        "small" => (1500, 4000),
        // More than that, as all others.
        _ => (60_000, 130),
    }
}

/// As published messages.
pub fn of_a_history() {
    check("history");
}

/// As published messages of less than a page.
pub fn of_a_history_of_small_messages() {
    check("small");
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
    let (len, count) = messages(kind);
    if kind != "wills" {
        assert_eq!(retained as usize, count);
    }
    // Each CPU keeps a little in stock that counts already.
    assert!(
        charged > len * count / 8 * 7,
        "{charged} bytes are charged for {count} {kind} messages of {len} bytes"
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
        "wills" => client.advertise("charged"),
        _ => client
            .advertise_history("charged", 4096)
            .expect("advertise"),
    };
    let (len, count) = messages(kind);
    let payload = vec![7; len];
    // What the process itself needs is there before anybody looks.
    let mut sockets: Vec<Client> = Vec::new();
    if kind == "wills" {
        for _ in 0..count {
            let socket = Client::open();
            socket.advertise("charged");
            sockets.push(socket);
        }
        client.set_last_will(topic, &payload).expect("a will");
    }
    say("ready");
    while fs::read(go).map_or(true, |text| text.is_empty()) {
        std::thread::sleep(Duration::from_millis(10));
    }
    match kind {
        "seed" => (0..count).for_each(|_| client.seed(BROADCAST, &payload)),
        "wills" => sockets.iter().for_each(|socket| {
            socket.set_last_will(topic, &payload).expect("a will");
        }),
        _ => (0..count).for_each(|_| client.publish(topic, &payload)),
    }
    say("sent");
    std::thread::sleep(Duration::from_secs(60));
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
