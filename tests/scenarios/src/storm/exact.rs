// SPDX-License-Identifier: GPL-2.0

//! What several storms need: traffic that nothing may disturb, and patience.

use crate::client::Client;
use crate::client::Event;
use crate::event;
use crate::kernel;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;
use rustix::fd::OwnedFd;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::recvfrom;
use rustix::net::sendto;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

/// A publisher and a subscriber in lockstep: each message is received before the next one is sent.
/// So none can be lost for want of room, however slow the machine is.
pub struct Pair {
    publisher: Client,
    pub subscriber: Client,
    topic: u32,
    messages: u64,
    longest: Duration,
}

impl Pair {
    /// On a topic that nobody else uses.
    pub fn new(topic: &str) -> Self {
        let (publisher, subscriber) = (Client::open(), Client::open());
        let topic_id = publisher.advertise(topic);
        subscriber.subscribe(topic);
        Self {
            publisher,
            subscriber,
            topic: topic_id,
            messages: 0,
            longest: Duration::ZERO,
        }
    }

    /// One message, which must arrive, alone, with the next number; returns how long that took.
    pub fn lap(&mut self) -> Duration {
        let number = self.messages + 1;
        let start = Instant::now();
        let receipt = self
            .publisher
            .publish_acked(self.topic, &number.to_ne_bytes());
        // Others may listen, too, and have no room.
        let (seq, delivered, _) = receipt.expect("publish");
        assert_eq!((seq, delivered > 0), (number, true));
        self.hear(number);
        let took = start.elapsed();
        self.messages = number;
        self.longest = self.longest.max(took);
        took
    }

    /// So many messages, which must fit into the queue, then all of them are received.
    pub fn burst(&mut self, count: u64) {
        let first = self.messages + 1;
        for number in first..first + count {
            self.publisher.publish(self.topic, &number.to_ne_bytes());
        }
        for number in first..first + count {
            self.hear(number);
        }
        self.messages += count;
    }

    /// Receives the message with this number; nothing may be missing before it.
    fn hear(&self, number: u64) {
        let mut heard = None;
        while heard.is_none() {
            for event in self.subscriber.expect() {
                match event {
                    Event::Message { seq, payload, .. } => heard = Some((seq, payload)),
                    // Topics come and go.
                    Event::Topic { .. } | Event::Removed { .. } | Event::Denied { .. } => {}
                    other => panic!("message {number} was to come, not {other:?}"),
                }
            }
        }
        assert_eq!(heard, Some((number, number.to_ne_bytes().to_vec())));
    }
}

/// What undisturbed traffic amounted to.
pub struct Undisturbed {
    pub messages: u64,
    pub longest: Duration,
}

/// A [`Pair`] at work for as long as a storm lasts.
pub struct Bystander {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<Undisturbed>>,
}

impl Bystander {
    /// Starts on a topic of its own, with a pause between messages, so that the storm comes to
    /// something, too.
    pub fn start(topic: &str, pause: Duration) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let mut pair = Pair::new(topic);
        let stop = done.clone();
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                pair.lap();
                std::thread::sleep(pause);
            }
            Undisturbed {
                messages: pair.messages,
                longest: pair.longest,
            }
        });
        Self {
            done,
            thread: Some(thread),
        }
    }

    /// Ends it; panics if it had anything to object to.
    pub fn finish(mut self) -> Undisturbed {
        self.done.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("finished once");
        thread.join().expect("a bystander was disturbed")
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The storm has failed already.
            let _ = thread.join();
        }
    }
}

/// A socket that another process opened and bound.
pub struct Handed(pub OwnedFd);

impl Handed {
    pub fn send(&self, bytes: &[u8]) {
        let to = SocketAddrNetlink::new(0, 0);
        let sent = sendto(&self.0, bytes, SendFlags::empty(), &to);
        assert_eq!(sent, Ok(bytes.len()));
    }

    /// The messages of the next datagram, which must come.
    pub fn expect(&self) -> Vec<Event> {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: 10,
            tv_nsec: 0,
        };
        assert_eq!(poll(&mut fds, Some(&patience)), Ok(1), "something comes");
        let mut buf = vec![0; 1 << 20];
        let (_, len, _) = recvfrom(&self.0, &mut buf[..], RecvFlags::empty()).expect("receive");
        event::parse(&buf[..len])
    }
}

/// Waits until `reached`, at most so many seconds.
pub fn until(seconds: u64, what: &str, mut reached: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !reached() {
        assert!(Instant::now() < end, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How much slower this kernel is than a stock one in the lab, at least 1: a debug kernel takes
/// longer for everything.
pub fn slowness() -> u32 {
    let client = Client::open();
    let mut times: Vec<Duration> = (0..500)
        .map(|_| {
            let start = Instant::now();
            client.counts();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let usual = Duration::from_micros(500);
    let factor = times[times.len() / 2].as_micros() / usual.as_micros();
    u32::try_from(factor).expect("a factor").max(1)
}

/// Whether the kernel keeps books on its own memory.
pub fn is_debug_kernel() -> bool {
    fs::metadata("/sys/kernel/debug/kmemleak").is_ok()
}

/// By how much unreclaimable slab may waver, in kB, whatever happens: sockets are freed by RCU,
/// and slabs are kept half empty. KASAN holds back what is freed, up to a part of all memory.
pub fn slab_wavers() -> u64 {
    let usual = 4096;
    if !is_debug_kernel() {
        return usual;
    }
    let meminfo = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let total = meminfo.lines().next().expect("MemTotal comes first");
    let total = total.split_whitespace().nth(1).expect("a number of kB");
    usual + total.parse::<u64>().expect("a number of kB") / 16
}

/// Waits until the slab is no more than it was, but for how it wavers; returns by how much it grew.
pub fn slab_is_back(before: u64) -> i64 {
    let grown = || kernel::unreclaimable_slab() as i64 - before as i64;
    let most = slab_wavers() as i64;
    until(60, &format!("slab has grown by {most} kB at most"), || {
        grown() <= most
    });
    grown()
}
