// SPDX-License-Identifier: GPL-2.0

//! One list of behaviours, the same through libkipc, tokio, C and the command line.

use std::fs;

use crate::interface;
use crate::interface::Failed;
use crate::interface::Interface;
use crate::interface::Seen;
use crate::kernel;

/// So many that they do not fit into a queue.
const MANY: usize = 2_000;

fn numbered(count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("message {number}"))
        .collect()
}

fn message(number: u64) -> Seen {
    Seen::Message(number, format!("message {number}"))
}

/// The numbers of what was received, and how many are told to be lost; nothing overlaps or is
/// missing between them.
fn accounted(seen: &[Seen]) -> (Vec<u64>, u64) {
    let (mut next, mut received, mut lost) = (1, Vec::new(), 0);
    for item in seen {
        match item {
            Seen::Message(seq, text) => {
                assert_eq!((*seq, &text[..]), (next, &format!("message {seq}")[..]));
                received.push(*seq);
                next += 1;
            }
            Seen::Lost(first, count) => {
                assert_eq!(*first, next);
                lost += count;
                next += count;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(next, MANY as u64 + 1);
    (received, lost)
}

fn each(test: impl Fn(Interface)) {
    interface::ALL.into_iter().for_each(|interface| {
        test(interface);
        println!("# {interface:?}");
    });
}

/// What is published is received, in order, by a subscriber of a pattern.
pub fn publish_and_receive() {
    each(|interface| {
        let mut subscriber = interface.subscribe(&["interface/*"]).expect("subscribe");
        let published = interface.publish(&["interface/a"], &numbered(3));
        assert_eq!(published, Ok(()));
        assert_eq!(
            subscriber.until_removed(),
            [message(1), message(2), message(3)]
        );
    });
}

/// Through whatever interface it was published, it is received through every other.
pub fn all_meet() {
    for publisher in interface::ALL {
        let mut subscribers = interface::ALL
            .map(|interface| interface.subscribe(&["interface/a"]).expect("subscribe"));
        assert_eq!(publisher.publish(&["interface/a"], &numbered(1)), Ok(()));
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.until_removed(), [message(1)]);
        }
    }
}

/// A stalled subscriber with "drop oldest" has the newest in its queue; one with "fail" makes a
/// publisher that heeds it fail.
pub fn overflow() {
    each(|interface| {
        let mut subscriber = interface
            .subscribe(&["--overflow", "drop-oldest", "interface/a"])
            .expect("subscribe");
        subscriber.stall();
        let published = interface.publish(&["interface/a"], &numbered(MANY));
        assert_eq!(published, Ok(()));
        subscriber.go_on();
        let (received, lost) = accounted(&subscriber.until_removed());
        assert_eq!(received.last(), Some(&(MANY as u64)));
        assert!(lost > 0);

        let subscriber = interface
            .subscribe(&["--overflow", "fail", "interface/a"])
            .expect("subscribe");
        subscriber.stall();
        let published = interface.publish(&["--wait", "0.1", "interface/a"], &numbered(MANY));
        assert_eq!(published, Err(Failed::Refused));
    });
}

/// A stalled subscriber finds exactly how much it lost, where it did.
pub fn lost() {
    each(|interface| {
        let mut subscriber = interface.subscribe(&["interface/a"]).expect("subscribe");
        subscriber.stall();
        let published = interface.publish(&["interface/a"], &numbered(MANY));
        assert_eq!(published, Ok(()));
        subscriber.go_on();
        let (received, lost) = accounted(&subscriber.until_removed());
        assert_eq!(received.first(), Some(&1));
        assert!(lost > 0);
    });
}

/// What a topic retains comes to a subscriber that asks for it, after its publisher's end.
pub fn history() {
    each(|interface| {
        let published = interface.publish(&["--history", "2", "interface/a"], &numbered(5));
        assert_eq!(published, Ok(()));
        let mut subscriber = interface
            .subscribe(&["--history", "interface/*"])
            .expect("subscribe");
        assert_eq!(
            [subscriber.next(), subscriber.next()],
            [message(4), message(5)]
        );
        let bus = libkipc::Bus::connect().expect("connect");
        bus.clear("interface/a").expect("clear");
        assert_eq!(subscriber.next(), Seen::Removed);
    });
}

/// A publisher's end is told after its last message.
pub fn gone() {
    each(|interface| {
        let mut subscriber = interface
            .subscribe(&["--events", "interface/a"])
            .expect("subscribe");
        assert_eq!(interface.publish(&["interface/a"], &numbered(2)), Ok(()));
        let want = [Seen::Joined, message(1), message(2), Seen::Gone];
        assert_eq!(subscriber.until_removed(), want);
    });
}

/// A topic of root is not for others.
pub fn access_denied() {
    let bus = libkipc::Bus::connect().expect("connect");
    let builder = bus.raw_publisher("interface/a").expect("a topic");
    let _publisher = builder.mode(0o600).create().expect("create");
    each(|interface| {
        let denied = interface.subscribe_as(1000, &["interface/a"]);
        assert_eq!(denied.err(), Some(Failed::Refused));
        assert!(interface.subscribe(&["interface/a"]).is_ok());
    });
}

/// Without the module there is a sentence and an exit code of its own.
pub fn module_missing() {
    const MODPROBE: &str = "/proc/sys/kernel/modprobe";
    if kernel::loaded() {
        kernel::unload();
    }
    let modprobe = fs::read_to_string(MODPROBE).expect("read a sysctl");
    fs::write(MODPROBE, "/bin/false").expect("write a sysctl");
    each(|interface| {
        let missing = Some(Failed::ModuleMissing);
        assert_eq!(interface.subscribe(&["interface/a"]).err(), missing);
        assert_eq!(interface.publish(&["interface/a"], &[]).err(), missing);
    });
    fs::write(MODPROBE, modprobe.trim()).expect("write a sysctl");
    kernel::load();
}
