// SPDX-License-Identifier: GPL-2.0

//! The module is loaded and unloaded all the time, while others open sockets.

use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use crate::process::Process;
use crate::storm::Storm;
use crate::wire::message::SUBSCRIBE_EVENTS;
use nix::errno::Errno;
use nix::kmod::DeleteModuleFlags;
use nix::kmod::delete_module;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A full run.
const FULL: u32 = 200;

/// How the clients fared.
#[derive(Default)]
struct Fared {
    /// Times that all went well.
    well: u64,
    /// Times that there was no module to be had.
    away: u64,
}

/// Who opens a socket while the module goes gets none, or one that works in all respects.
pub fn races_with_those_who_open_sockets(storm: &Storm) {
    let cycles = storm.times(FULL);
    if kernel::loaded() {
        kernel::unload();
    }
    let loads_before = loads();
    let mut rng = storm.rng("reload");
    let done = AtomicBool::new(false);
    let (mut unloaded, mut refused, mut loaded, mut late) = (0, 0, 0, 0);
    let fared = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..2)
            .map(|_| {
                let seed = rng.u64(..);
                let done = &done;
                scope.spawn(move || {
                    let mut fared = Fared::default();
                    client(seed, &mut fared, || done.load(Ordering::Relaxed));
                    fared
                })
            })
            .collect();
        // These are killed at any moment, perhaps just when they open a socket.
        let mut start = || Process::role(&["storm", "reload", &rng.u64(..).to_string()]);
        let mut processes = [start(), start()];
        while unloaded < cycles {
            // Not by a program: there may be no socket for a moment only.
            match delete_module(c"kipc", DeleteModuleFlags::O_NONBLOCK) {
                Ok(()) => unloaded += 1,
                // In use; just being loaded; not there.
                Err(Errno::EWOULDBLOCK | Errno::EBUSY | Errno::ENOENT) => {
                    refused += 1;
                    std::thread::sleep(Duration::from_micros(200));
                    continue;
                }
                Err(why) => panic!("unload the module: {why}"),
            }
            // Otherwise whoever opens a socket next has it loaded.
            if unloaded % 2 == 0 {
                // It fails if the module is just going, since somebody else was faster twice.
                match modprobe() {
                    true => loaded += 1,
                    false => late += 1,
                }
            }
            if unloaded % 5 == 0 {
                let victim = &mut processes[unloaded as usize / 5 % 2];
                victim.kill();
                *victim = start();
            }
        }
        done.store(true, Ordering::Relaxed);
        let mut sum = Fared::default();
        for client in clients {
            let fared = client.join().expect("a client saw nothing but absence");
            sum.well += fared.well;
            sum.away += fared.away;
        }
        sum
    });
    // The kernel's own count: each load says so.
    assert_eq!(
        loads() - loads_before,
        u64::from(unloaded) + u64::from(kernel::loaded())
    );
    assert!(fared.well > 0, "no client had success");
    if !kernel::loaded() {
        kernel::load();
    }
    assert_eq!(Client::open().counts(), (0, 0, 0));
    assert_eq!(kernel::user_sockets(), 0);
    println!(
        "# unloaded {unloaded} times and refused {refused} times; loaded {loaded} times, {late} \
         times too late, otherwise by whoever opened a socket; clients: {} times well, {} times \
         without a module",
        fared.well, fared.away
    );
}

/// One of the processes, until it is killed.
pub fn run(seed: u64) {
    client(seed, &mut Fared::default(), || false);
}

fn client(seed: u64, fared: &mut Fared, done: impl Fn() -> bool) {
    let mut rng = fastrand::Rng::with_seed(seed);
    while !done() {
        // Nobody else has this topic.
        match cycle(&format!("reload/{}", rng.u64(..))) {
            true => fared.well += 1,
            false => fared.away += 1,
        }
        // There must be moments at which nobody has a socket.
        std::thread::sleep(Duration::from_micros(rng.u64(..80_000)));
    }
}

/// False if there is no module. After the first socket has been had, nothing may fail: it holds
/// the module.
fn cycle(topic: &str) -> bool {
    let publisher = match Client::try_open(0) {
        Ok(client) => client,
        Err(rustix::io::Errno::PROTONOSUPPORT) => return false,
        Err(other) => panic!("open a socket: {other}"),
    };
    let subscriber = Client::open();
    subscriber.subscribe_with(topic, SUBSCRIBE_EVENTS);
    let id = publisher.advertise(topic);
    publisher
        .set_last_will(id, b"farewell")
        .expect("a last will");
    assert_eq!(publisher.publish_acked(id, b"x"), Ok((1, 1, 0)));
    let port = publisher.port();
    drop(publisher);
    // While a process is being started, it has a copy of each descriptor.
    let mut heard = Vec::new();
    while !matches!(heard.last(), Some(Event::Removed { .. })) {
        heard.extend(subscriber.expect());
    }
    let expected = matches!(
        &heard[..],
        [
            Event::Topic { .. },
            Event::Joined { .. },
            Event::Message { seq: 1, .. },
            Event::Message { seq: 2, .. },
            Event::Gone { port: gone, .. },
            Event::Removed { .. },
        ] if *gone == port
    );
    assert!(expected, "{heard:?}");
    true
}

/// How often the kernel has said that the module is there.
fn loads() -> u64 {
    let log = Command::new("dmesg").output().expect("run dmesg");
    let log = String::from_utf8_lossy(&log.stdout);
    let said = log
        .lines()
        .filter(|line| line.contains("kipc: ") && line.contains("ready on"));
    said.count() as u64
}

fn modprobe() -> bool {
    let status = Command::new("modprobe")
        .arg("kipc")
        .stderr(Stdio::null())
        .status();
    status.expect("run modprobe").success()
}
