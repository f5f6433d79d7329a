// SPDX-License-Identifier: GPL-2.0

//! Namespaces that are made while the module comes and goes, with sockets open in many of them.

use crate::client::Client;
use crate::client::Terms;
use crate::client::raw_message;
use crate::kernel;
use crate::wire::header;
use nix::errno::Errno;
use nix::kmod::DeleteModuleFlags;
use nix::kmod::delete_module;
use nix::sched::CloneFlags;
use nix::sched::unshare;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// How often the module goes.
const UNLOADS: u32 = 25;

/// Whoever has a socket whose namespace has a bus finds all of it in order.
pub fn are_complete_or_have_no_bus() {
    let done = AtomicBool::new(false);
    let (well, away, no_bus) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let (unloaded, refused) = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Those before it keep their namespaces.
                let mut sockets = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
                    let counter = match talk(&mut sockets) {
                        Talk::Well => &well,
                        Talk::Away => &away,
                        Talk::NoBus => &no_bus,
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                    if sockets.len() > 24 {
                        // For a moment, the module can go.
                        sockets.clear();
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            });
        }
        let end = Instant::now() + kernel::within(Duration::from_secs(90));
        let (mut unloaded, mut refused) = (0, 0);
        while unloaded < kernel::times(UNLOADS).max(2) && Instant::now() < end {
            match delete_module(c"kipc", DeleteModuleFlags::O_NONBLOCK) {
                Ok(()) => unloaded += 1,
                Err(Errno::EWOULDBLOCK | Errno::EBUSY | Errno::ENOENT) => refused += 1,
                Err(why) => panic!("unload the module: {why}"),
            }
            let _ = Command::new("modprobe")
                .arg("kipc")
                .stderr(Stdio::null())
                .status();
        }
        done.store(true, Ordering::Relaxed);
        (unloaded, refused)
    });
    if !kernel::loaded() {
        kernel::load();
    }
    assert_eq!(Client::open().counts(), (0, 0, 0));
    let [well, away, no_bus] = [well, away, no_bus].map(AtomicU32::into_inner);
    println!(
        "# unloaded {unloaded} times, refused {refused} times; namespaces: {well} well, {away} \
         without a module, {no_bus} with a socket from before their bus"
    );
    assert!(unloaded > 1 && well > 10);
}

enum Talk {
    Well,
    Away,
    NoBus,
}

/// One namespace, of which the sockets stay.
fn talk(sockets: &mut Vec<Client>) -> Talk {
    let publisher = match Client::try_open(0) {
        Ok(client) => client,
        Err(rustix::io::Errno::PROTONOSUPPORT) => return Talk::Away,
        Err(why) => panic!("open a socket: {why}"),
    };
    // Asks for nothing.
    match publisher.try_send(&raw_message(header::TYPE_NOOP, header::REQUEST, 0, &[])) {
        Ok(()) => {}
        Err(rustix::io::Errno::CONNREFUSED) => {
            sockets.push(publisher);
            return Talk::NoBus;
        }
        Err(why) => panic!("send: {why}"),
    }
    publisher.drain();
    let subscriber = Client::open();
    subscriber.subscribe("inside/*");
    let terms = Terms {
        history: Some(2),
        ..Terms::default()
    };
    let topic = publisher.advertise_with("inside/a", terms).expect("it");
    publisher.set_last_will(topic, b"farewell").expect("a will");
    assert_eq!(publisher.publish_acked(topic, b"x"), Ok((1, 1, 0)));
    assert_eq!(publisher.counts(), (1, 2, 1));
    sockets.extend([publisher, subscriber]);
    Talk::Well
}
