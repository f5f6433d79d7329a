// SPDX-License-Identifier: GPL-2.0

//! The module is unloaded while something of a user's keeps sockets that are closed.
//!
//! `mq_notify()` holds on to a netlink socket for as long as the message queue wants to notify
//! somebody, also when no process has the socket any more. The module cannot be held up by that: it
//! goes at once, or says that it is in use.

use crate::client::Client;
use crate::kernel;
use crate::process::Process;
use crate::user::as_user;
use crate::wire::message;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use rustix::fd::AsRawFd as _;
use rustix::net::SendAncillaryBuffer;
use rustix::net::SendAncillaryMessage;
use rustix::net::SendFlags;
use std::fs;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

const UID: u32 = 1000;

/// How long "at once" is, on a slow machine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A message of which few fit into a queue.
const LARGE: usize = 100_000;

/// Closes sockets that message queues of an ordinary user's keep, so many for each.
fn close_but_keep(queues: u32, sockets: Vec<Client>) -> Process {
    // Duplicates are inherited, unlike the descriptors themselves.
    let inherited: Vec<_> = sockets
        .iter()
        .map(|socket| rustix::io::dup(&socket.fd).expect("dup"))
        .collect();
    let mut words = vec!["hold-by-queue".to_owned(), queues.to_string()];
    words.extend(inherited.iter().map(|fd| fd.as_raw_fd().to_string()));
    Process::start_as_user(UID, &words).ready()
}

/// Tries to unload; true if that was possible, and fails if it is not known at once whether it is.
/// `keeper` is killed then, or nothing could be tried afterwards.
fn unloads(mut keeper: Option<&mut Process>) -> bool {
    let mut rmmod = Command::new("rmmod")
        .arg("kipc")
        .stderr(Stdio::null())
        .spawn()
        .expect("run rmmod");
    let start = Instant::now();
    let patience = kernel::within(AT_ONCE);
    let mut late = false;
    loop {
        if let Some(status) = rmmod.try_wait().expect("wait") {
            assert!(!late, "rmmod did not end within {patience:?}");
            assert_eq!(status.success(), !kernel::loaded());
            return status.success();
        }
        assert!(
            start.elapsed() < 4 * patience,
            "rmmod does not end, though nothing is kept any more: {}",
            fs::read_to_string(format!("/proc/{}/stack", rmmod.id())).unwrap_or_default()
        );
        if start.elapsed() > patience && !late {
            late = true;
            keeper.as_mut().expect("rmmod does not end").kill();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Unloads with a keeper there, and again when it is gone; then the module can be loaded again.
fn unload_before_and_behind(mut keeper: Process) {
    let gone = unloads(Some(&mut keeper));
    keeper.kill();
    if !gone {
        // What the process had is freed behind its end.
        let start = Instant::now();
        while !unloads(None) {
            assert!(start.elapsed() < kernel::within(AT_ONCE), "still in use");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    kernel::load();
    assert_eq!(Client::open().counts(), (0, 0, 0));
}

/// A reader, and a publisher that gave up waiting for it: so the reader's queue is watched.
fn reader_that_was_waited_for(topic: &str) -> (Client, Client) {
    let (reader, publisher) = (Client::open(), Client::open());
    publisher.set_send_buffer(1 << 20);
    let id = publisher.advertise_patiently(topic, 50);
    reader.subscribe_with(topic, SUBSCRIBE_BLOCK);
    while publisher.publish_acked(id, &[7; LARGE]).expect("publish").2 == 0 {}
    (reader, publisher)
}

/// The queue of the closed socket holds what a publisher waited for.
pub fn whose_queue_a_publisher_waited_for() {
    kernel::allow_large_queues();
    let (reader, publisher) = as_user(UID, || reader_that_was_waited_for("waited"));
    let keeper = close_but_keep(1, vec![reader]);
    drop(publisher);
    unload_before_and_behind(keeper);
}

/// Several such sockets, each kept by two message queues.
pub fn that_two_message_queues_keep() {
    kernel::allow_large_queues();
    let pairs: Vec<_> = (0..4)
        .map(|n| as_user(UID, || reader_that_was_waited_for(&format!("waited/{n}"))))
        .collect();
    let (readers, publishers): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let keeper = close_but_keep(2, readers);
    drop(publishers);
    unload_before_and_behind(keeper);
}

/// The socket is closed while a publisher waits for it.
pub fn that_is_closed_while_a_publisher_waits() {
    kernel::allow_large_queues();
    let (reader, publisher) = as_user(UID, || (Client::open(), Client::open()));
    publisher.set_send_buffer(1 << 20);
    let id = publisher.advertise_patiently("closed", 60_000);
    reader.subscribe_with("closed", SUBSCRIBE_BLOCK);
    let start = Instant::now();
    let keeper = std::thread::scope(|scope| {
        let publisher = &publisher;
        let waiting = scope.spawn(move || {
            // Some fit, and the next one waits, until the reader is gone.
            while publisher.publish_acked(id, &[7; LARGE]).expect("publish").1 > 0 {}
        });
        std::thread::sleep(Duration::from_millis(500));
        assert!(!waiting.is_finished(), "nobody reads");
        let keeper = close_but_keep(1, vec![reader]);
        waiting.join().expect("a publisher");
        keeper
    });
    assert!(start.elapsed() < kernel::within(Duration::from_secs(30)));
    drop(publisher);
    unload_before_and_behind(keeper);
}

/// The same in a network namespace of the user's own.
pub fn in_a_namespace_of_its_own() {
    kernel::allow_large_queues();
    let inside = Process::role_as_user_unshared(UID, "-Urn", &["keep-a-waited-for-reader"]).ready();
    unload_before_and_behind(inside);
}

/// The role for that: keeps a reader, closed, and nothing else that is open.
pub fn keep_in_a_namespace() {
    let (reader, publisher) = reader_that_was_waited_for("waited");
    let inherited = rustix::io::dup(&reader.fd).expect("dup");
    let number = inherited.as_raw_fd().to_string();
    let mut keeper = Process::start(&["hold-by-queue", "1", &number]).ready();
    drop((reader, inherited, publisher));
    crate::role::say("ready");
    keeper.wait();
}

/// Messages that nobody read, of a subscriber that drops the oldest, and half of a dump.
pub fn with_unread_messages_and_half_of_a_dump() {
    kernel::allow_large_queues();
    let (reader, publisher) = as_user(UID, || (Client::open(), Client::open()));
    // Who asks to be notified by a socket whose queue is full waits for room in it.
    reader.set_receive_buffer(16 << 20);
    let topics: Vec<_> = (0..300)
        .map(|n| publisher.advertise(&format!("unread/{n}")))
        .collect();
    reader.subscribe_with("unread/*", SUBSCRIBE_DROP_OLDEST);
    reader.start_dump(message::TOPICS, 7);
    for _ in 0..4 {
        for topic in &topics {
            publisher.publish(*topic, &[7; 1000]);
        }
    }
    let keeper = close_but_keep(2, vec![reader]);
    drop(publisher);
    unload_before_and_behind(keeper);
}

/// A socket that nobody has but a message to somebody.
pub fn in_flight_between_processes() {
    kernel::allow_large_queues();
    let (reader, publisher) = as_user(UID, || reader_that_was_waited_for("flying"));
    let (one, other) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let fds = [
        std::os::fd::AsFd::as_fd(&reader.fd),
        std::os::fd::AsFd::as_fd(&other),
    ];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    rustix::net::sendmsg(
        &one,
        &[IoSlice::new(b"x")],
        &mut control,
        SendFlags::empty(),
    )
    .expect("send descriptors");
    drop((reader, publisher));
    assert!(!unloads(None), "whoever receives it may use it");
    // The other end is now held by a message in its own queue only.
    drop((one, other));
    let start = Instant::now();
    while kernel::loaded() && !unloads(None) {
        assert!(start.elapsed() < kernel::within(Duration::from_secs(10)));
        // Unix sockets that hold each other are looked for when another one is closed.
        drop(std::os::unix::net::UnixStream::pair());
        std::thread::sleep(Duration::from_millis(50));
    }
    kernel::load();
}

/// Memory that is not in use, in kB.
fn free() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemFree:"));
    let number = line.expect("MemFree").trim().trim_end_matches(" kB");
    number.parse().expect("a number of kB")
}

/// What a closed socket did not read is not kept with it: limits of queues are limits of sockets
/// that there are.
pub fn keep_no_messages() {
    const MESSAGES: u64 = 100;
    const KILOBYTES: u64 = 1000;
    kernel::allow_large_queues();
    let (reader, publisher) = as_user(UID, || (Client::open(), Client::open()));
    publisher.set_send_buffer(4 << 20);
    reader.set_receive_buffer(200 << 20);
    let id = publisher.advertise("kept");
    reader.subscribe("kept");
    let payload = vec![7; (KILOBYTES << 10) as usize];
    let before = free();
    for _ in 0..MESSAGES {
        let receipt = publisher.publish_acked(id, &payload).expect("publish");
        assert_eq!((receipt.1, receipt.2), (1, 0));
    }
    let full = before.saturating_sub(free());
    assert!(full > MESSAGES * KILOBYTES / 2, "{full} kB");
    let mut keeper = close_but_keep(1, vec![reader]);
    // Some of it may be freed by a grace period, or a worker.
    let start = Instant::now();
    let kept = loop {
        let kept = before.saturating_sub(free());
        if kept < full / 4 || start.elapsed() > kernel::within(AT_ONCE) {
            break kept;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    keeper.kill();
    drop(publisher);
    assert!(
        kept < full / 4,
        "a closed socket keeps {kept} kB of {full} kB"
    );
}
