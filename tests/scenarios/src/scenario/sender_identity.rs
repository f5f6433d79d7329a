// SPDX-License-Identifier: GPL-2.0

//! Which process a message is said to come from.
//!
//! A number of a process means something in one pid namespace only. A receiver is told the number
//! that the sender has where the receiver is, and 0 if it has none there, or is no more: never a
//! number that is another process's.

use crate::client::Client;
use crate::client::Terms;
use crate::client::publish_message;
use crate::client::raw_message;
use crate::kernel;
use crate::process::Process;
use crate::role::end_with_parent;
use crate::role::say;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::message;
use libkipc::Bus;
use libkipc::Item;
use libkipc::Raw;
use libkipc::Subscriber;
use nix::sys::socket::ControlMessage;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::UnixCredentials;
use nix::sys::socket::sendmsg;
use rustix::fd::AsRawFd as _;
use rustix::process::Pid;
use rustix::process::PidfdFlags;
use rustix::process::PidfdGetfdFlags;
use rustix::process::Signal;
use rustix::process::WaitIdOptions;
use rustix::process::pidfd_getfd;
use rustix::process::pidfd_open;
use std::io::IoSlice;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

const UID: u32 = 1000;

/// For everybody, with a message retained.
const TERMS: Terms = Terms {
    fingerprint: 0,
    wait: None,
    history: Some(4),
    flags: 0,
    mode: Some(0o666),
    gid: None,
};

/// Somebody who wants to know who sends.
struct Receiver(Subscriber<Vec<u8>, Raw>);

impl Receiver {
    fn new(topic: &str, history: bool) -> Self {
        let builder = Bus::connect()
            .and_then(|bus| bus.raw_subscriber(topic))
            .expect("connect")
            .credentials();
        let builder = if history { builder.history() } else { builder };
        Self(builder.create().expect("a subscriber"))
    }

    /// The next message and the process and the user that it is said to come from.
    fn next(&mut self) -> (String, i32, u32) {
        loop {
            let patience = kernel::within(Duration::from_secs(30));
            let item = self.0.recv_timeout(patience).expect("receive");
            if let Item::Message(message) = item.expect("a message is to come") {
                let sender = message.credentials.expect("credentials");
                let text = String::from_utf8_lossy(&message.value).into_owned();
                return (text, sender.pid, sender.uid);
            }
        }
    }
}

/// This process, as the initial namespace numbers it: that is where /proc was mounted.
fn own_outer_id() -> i32 {
    let link = std::fs::read_link("/proc/self").expect("/proc");
    let number = link.to_str().and_then(|number| number.parse().ok());
    number.expect("the number of a process")
}

/// Sends bytes and claims to be another process.
fn send_as(client: &Client, bytes: &[u8], claimed: i32) {
    let own = UnixCredentials::new();
    let claim = UnixCredentials::from(nix::libc::ucred {
        pid: claimed,
        uid: own.uid(),
        gid: own.gid(),
    });
    let sent = sendmsg::<()>(
        client.fd.as_raw_fd(),
        &[IoSlice::new(bytes)],
        &[ControlMessage::ScmCredentials(&claim)],
        MsgFlags::empty(),
        None,
    );
    assert_eq!(sent, Ok(bytes.len()));
}

/// The role of a sender: says which process it is, publishes, in different ways, and stays.
pub fn sender(topic: &str, how: &str) {
    end_with_parent();
    let client = Client::open();
    let id = client.advertise_with(topic, TERMS).expect("advertise");
    let message = |text: &str| publish_message(id, 0, header::REQUEST, 0, text.as_bytes());
    let mut child = None;
    match how {
        "plainly" => client.publish(id, b"plain"),
        "claiming" => {
            // A process that there is; in a namespace of its own, the sender may name any.
            let other = Command::new("sleep")
                .arg("60")
                .stdout(Stdio::null())
                .spawn()
                .expect("sleep");
            send_as(&client, &message("claimed"), other.id() as i32);
            let mut batch = message("claimed");
            batch.resize(batch.len().next_multiple_of(4), 0);
            batch.extend(message("claimed"));
            send_as(&client, &batch, other.id() as i32);
            child = Some(other);
        }
        "willing" => client
            .set_last_will(id, b"will")
            .map(|_| ())
            .expect("a last will"),
        _ => panic!("unknown way {how}"),
    }
    say(&format!(
        "{} {} {}",
        own_outer_id(),
        std::process::id(),
        client.fd.as_raw_fd()
    ));
    std::thread::sleep(Duration::from_secs(60));
    if let Some(mut child) = child {
        child.kill().expect("kill");
    }
}

/// The role of a receiver: says of each message who is said to have sent it.
pub fn receiver(topic: &str, history: bool, count: &str) {
    end_with_parent();
    let mut receiver = Receiver::new(topic, history);
    say("ready");
    for _ in 0..count.parse().expect("a number") {
        let (text, pid, _) = receiver.next();
        say(&format!("{text} {pid}"));
    }
    std::thread::sleep(Duration::from_secs(60));
}

/// What a sender says first: its number outside, inside, and the descriptor of its socket.
fn introduced(sender: &mut Process) -> [i32; 3] {
    let line = sender.line();
    let numbers: Vec<i32> = line
        .split(' ')
        .map(|number| number.parse().expect("a number"))
        .collect();
    numbers.try_into().expect("three numbers")
}

/// A sender that is the first process of a pid namespace of its own, where an ordinary user is
/// root.
fn sender_inside(topic: &str, how: &str) -> Process {
    Process::role_as_user_unshared(UID, "-Urpf", &["send-to", topic, how])
}

/// A receiver of root in a pid namespace of its own.
fn receiver_inside(topic: &str, what: &str, count: &str) -> Process {
    Process::role_behind(&["unshare", "-pf"], &["report-senders", topic, what, count]).ready()
}

/// Ends these, and what they left.
fn end(processes: impl IntoIterator<Item = Process>, topic: &str) {
    drop(processes.into_iter().collect::<Vec<_>>());
    let client = Client::open();
    // What ends with its parent does so a little later.
    let start = Instant::now();
    while client.clear(topic).is_ok() {
        assert!(start.elapsed() < kernel::within(Duration::from_secs(10)));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// From inside: outside, the sender has another number; next door, none.
pub fn of_a_sender_in_a_namespace_of_its_own() {
    let mut outside = Receiver::new("inside", false);
    let mut next_door = receiver_inside("inside", "live", "1");
    let mut sender = sender_inside("inside", "plainly");
    let [outer, inner, _] = introduced(&mut sender);
    assert_eq!(inner, 1);
    assert_eq!(outside.next(), ("plain".to_owned(), outer, UID));
    assert_eq!(next_door.line(), "plain 0", "one message, two receivers");
    // Also if it was retained meanwhile, as long as the sender lives.
    let mut late = Receiver::new("inside", true);
    assert_eq!(late.next(), ("plain".to_owned(), outer, UID));
    end([sender, next_door], "inside");
}

/// From outside: inside, the sender has no number.
pub fn of_a_sender_outside_of_the_receivers_namespace() {
    let mut inside = receiver_inside("outside", "live", "1");
    let mut sender = Process::role(&["send-to", "outside", "plainly"]);
    let [outer, ..] = introduced(&mut sender);
    assert_eq!(inside.line(), "plain 0", "the sender is {outer} outside");
    let mut late = receiver_inside("outside", "retained", "1");
    assert_eq!(late.line(), "plain 0", "the sender is {outer} outside");
    end([sender, inside, late], "outside");
}

/// A socket that became a client inside, and is read outside, is told what holds inside.
pub fn is_that_of_where_the_receiver_became_one() {
    // It lives as long as nobody sends.
    let mut handing = Process::role_behind(&["unshare", "-pf"], &["hand-over-receiver", "handed"]);
    let line = handing.line();
    let (outer, fd) = line.split_once(' ').expect("two numbers");
    let outer = Pid::from_raw(outer.parse().expect("a number")).expect("a process");
    let process = pidfd_open(outer, PidfdFlags::empty()).expect("pidfd_open");
    let fd = fd.parse().expect("a number");
    let socket = pidfd_getfd(process, fd, PidfdGetfdFlags::empty()).expect("pidfd_getfd");
    let mut sender = Process::role(&["send-to", "handed", "plainly"]);
    introduced(&mut sender);
    let mut senders = Vec::new();
    let mut room = vec![0; 1 << 16];
    let mut control = nix::cmsg_space!(UnixCredentials);
    while senders.is_empty() {
        let mut parts = [std::io::IoSliceMut::new(&mut room)];
        let received = nix::sys::socket::recvmsg::<()>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        )
        .expect("receive");
        let len = received.bytes;
        let pid = received
            .cmsgs()
            .expect("control messages")
            .find_map(|message| match message {
                nix::sys::socket::ControlMessageOwned::ScmCredentials(sender) => Some(sender.pid()),
                _ => None,
            });
        let is_message = room[..len][4..6] == message::PUBLISH.to_ne_bytes();
        senders.extend(pid.filter(|_| is_message));
    }
    assert_eq!(senders, [0], "the sender is not in there");
    end([sender, handing], "handed");
}

/// The role of somebody whose receiving socket is taken over.
pub fn hand_over_receiver(topic: &str) {
    end_with_parent();
    let client = Client::open();
    rustix::net::sockopt::set_socket_passcred(&client.fd, true).expect("SO_PASSCRED");
    client.subscribe(topic);
    say(&format!("{} {}", own_outer_id(), client.fd.as_raw_fd()));
    std::thread::sleep(Duration::from_secs(60));
}

/// What a sender says of itself does not matter; not if it is root of its namespaces, and not if
/// it is root. A batch is not different.
pub fn is_not_what_the_sender_claims() {
    let mut receiver = Receiver::new("claims", false);
    let mut receive = |mut sender: Process, uid: u32| {
        let [outer, ..] = introduced(&mut sender);
        for _ in 0..3 {
            assert_eq!(receiver.next(), ("claimed".to_owned(), outer, uid));
        }
        end([sender], "claims");
    };
    receive(sender_inside("claims", "claiming"), UID);
    receive(Process::role(&["send-to", "claims", "claiming"]), 0);
}

/// A retained message names its sender while that lives, and nobody afterwards: its number may be
/// another's by then.
pub fn of_a_retained_message_ends_with_its_sender() {
    let mut sender = Process::role(&["send-to", "retained", "plainly"]);
    let [outer, ..] = introduced(&mut sender);
    assert_eq!(Receiver::new("retained", true).next().1, outer);
    // Ended, but nobody has taken notice of that yet.
    let pid = Pid::from_raw(outer).expect("a process");
    rustix::process::kill_process(pid, Signal::KILL).expect("kill");
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    rustix::process::waitid(rustix::process::WaitId::Pid(pid), ended).expect("waitid");
    assert_eq!(Receiver::new("retained", true).next().1, 0);
    drop(sender);
    assert_eq!(Receiver::new("retained", true).next().1, 0);
    Client::open().clear("retained").expect("clear");
}

/// A last will of a process that was killed names nobody, neither live nor retained; that of one
/// which only closed its socket names it.
pub fn of_a_last_will_is_there_if_its_sender_lives() {
    let mut receiver = Receiver::new("will", false);
    let publisher = Client::open();
    let id = publisher.advertise_with("will", TERMS).expect("advertise");
    publisher.set_last_will(id, b"alive").expect("a will");
    drop(publisher);
    let own = std::process::id() as i32;
    assert_eq!(receiver.next(), ("alive".to_owned(), own, 0));
    let mut sender = Process::role(&["send-to", "will", "willing"]);
    introduced(&mut sender);
    sender.kill();
    assert_eq!(receiver.next(), ("will".to_owned(), 0, 0));
    let mut late = Receiver::new("will", true);
    assert_eq!(late.next(), ("alive".to_owned(), own, 0));
    assert_eq!(late.next(), ("will".to_owned(), 0, 0));
    Client::open().clear("will").expect("clear");
}

/// A last will of a process that has ended, whose socket somebody else has taken over and closes
/// later; and one that claims to be another process's.
pub fn of_a_last_will_is_that_of_whoever_made_it() {
    let mut receiver = Receiver::new("heir", false);
    let mut sender = Process::role(&["send-to", "heir", "willing"]);
    let [outer, _, fd] = introduced(&mut sender);
    let pid = Pid::from_raw(outer).expect("a process");
    let process = pidfd_open(pid, PidfdFlags::empty()).expect("pidfd_open");
    let heir = pidfd_getfd(process, fd, PidfdGetfdFlags::empty()).expect("pidfd_getfd");
    sender.kill();
    drop(heir);
    assert_eq!(receiver.next(), ("will".to_owned(), 0, 0));

    let publisher = Client::open();
    let id = publisher.advertise_with("heir", TERMS).expect("advertise");
    let data = DataHeader {
        topic: id,
        ..DataHeader::default()
    };
    let body = [&data.to_bytes()[..], b"claimed"].concat();
    let will = raw_message(message::LAST_WILL, header::REQUEST, 0, &body);
    send_as(&publisher, &will, 1);
    drop(publisher);
    let own = std::process::id() as i32;
    assert_eq!(receiver.next(), ("claimed".to_owned(), own, 0));
    Client::open().clear("heir").expect("clear");
}
