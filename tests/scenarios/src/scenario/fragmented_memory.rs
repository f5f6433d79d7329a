// SPDX-License-Identifier: GPL-2.0

//! Free memory in small pieces only, as it is on a machine that has been up for long: large
//! messages are kept and copied all the same.

use crate::client::Client;
use crate::client::Event;
use crate::client::publish_message;
use crate::kernel;
use crate::late::Told;
use crate::late::Told::Message;
use crate::late::told;
use crate::process::Process;
use crate::wire::header;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::seed::BROADCAST;
use crate::wire::seed::REGISTER_PUBLISHER;
use crate::wire::seed::REGISTER_SUBSCRIBER;
use std::fs;

/// A payload of nearly a megabyte.
const LEN: usize = 1_000_000;
/// Free memory comes in 2 to the power of this many pages; so many are needed for it.
const ORDER: usize = 8;

/// Memory in small pieces, until this is dropped.
struct Fragmented {
    _helper: Process,
    settings: Vec<(String, String)>,
}

impl Fragmented {
    /// All that a scenario needs itself must be there already.
    fn new() -> Self {
        let huge = "/sys/kernel/mm/transparent_hugepage";
        let mut settings = Vec::new();
        let mut set = |path: String, value: &str| {
            let text = fs::read_to_string(&path).expect("a setting");
            // Of several words, the one in brackets.
            let word = text.split(['[', ']']).nth(1).unwrap_or(text.trim());
            settings.push((path.clone(), word.to_owned()));
            fs::write(path, value).expect("a setting");
        };
        set("/proc/sys/vm/compact_unevictable_allowed".to_owned(), "0");
        // Nobody who may take other memory gets any of the zone DMA.
        set("/proc/sys/vm/lowmem_reserve_ratio".to_owned(), "1");
        set(format!("{huge}/enabled"), "madvise");
        set(format!("{huge}/defrag"), "never");
        for size in [64, 128, 256, 512, 1024, 2048] {
            set(format!("{huge}/hugepages-{size}kB/enabled"), "madvise");
        }
        // Behind what changes this setting, too.
        set("/proc/sys/vm/min_free_kbytes".to_owned(), "2048");
        let mut helper = Process::start(&["fragment-memory"]);
        assert_eq!(helper.line(), "fragmented");
        let large = large_pieces();
        assert!(large == 0, "{large} large pieces of memory are free");
        Self {
            _helper: helper,
            settings,
        }
    }
}

impl Drop for Fragmented {
    fn drop(&mut self) {
        for (path, value) in &self.settings {
            // A panic is under way, perhaps.
            let _ = fs::write(path, value);
        }
    }
}

/// How many free pieces there are in which it would find room, but for the zone DMA.
fn large_pieces() -> u64 {
    let table = fs::read_to_string("/proc/buddyinfo").expect("free memory");
    let lines = table.lines().filter(|line| !line.contains(" DMA "));
    lines
        .flat_map(|line| line.split_whitespace().skip(4 + ORDER))
        .map(|count| count.parse::<u64>().expect("a number"))
        .sum()
}

/// A client whose buffers take large messages, and a payload.
fn client() -> Client {
    kernel::allow_large_queues();
    let client = Client::open();
    client.set_receive_buffer(16 << 20);
    client.set_send_buffer(4 << 20);
    client
}

fn payload_lengths(events: &[Event]) -> Vec<usize> {
    let length = |event: &Event| match event {
        Event::Message { payload, .. } | Event::Seed(payload) => Some(payload.len()),
        _ => None,
    };
    events.iter().filter_map(length).collect()
}

/// A last will is a copy of what was sent.
pub fn has_room_for_a_last_will() {
    let (publisher, subscriber) = (client(), client());
    let payload = vec![7; LEN];
    let topic = publisher.advertise("large");
    subscriber.subscribe("large");
    let fragmented = Fragmented::new();
    let kept = publisher.set_last_will(topic, &payload).map(|_| ());
    drop(publisher);
    let heard = payload_lengths(&subscriber.drain());
    drop(fragmented);
    assert_eq!(kept, Ok(()), "a last will of {LEN} bytes");
    assert_eq!(heard, [LEN]);
}

/// What a history keeps of a datagram with much else in it is a copy.
pub fn has_room_for_a_history() {
    let (publisher, subscriber) = (client(), client());
    let [a, b] = ["large/a", "large/b"].map(|topic| publisher.advertise_history(topic, 8));
    let [a, b] = [a, b].map(|topic| topic.expect("advertise"));
    publisher.publish(a, b"small");
    let payload = vec![7; LEN];
    let message = |topic| publish_message(topic, 0, header::REQUEST, 0, &payload);
    let datagram = [message(a), message(b), message(a)].concat();
    let fragmented = Fragmented::new();
    publisher.send(&datagram);
    let history: Vec<Told> = told(&subscriber.subscribe_with("large/*", SUBSCRIBE_HISTORY).1);
    drop(fragmented);
    for topic in ["large/a", "large/b"] {
        publisher.clear(topic).expect("clear");
    }
    assert_eq!(
        history,
        [1, 2, 3, 1].map(Message),
        "of three times {LEN} bytes on two topics"
    );
}

/// The two protocols have different headers, so a message is copied for clients of the other one.
pub fn has_room_for_the_form_of_the_other_protocol() {
    let (publisher, subscriber, seed) = (client(), client(), client());
    let payload = vec![7; LEN];
    let topic = publisher.advertise("default");
    subscriber.subscribe("default");
    seed.seed(REGISTER_SUBSCRIBER, b"");
    seed.seed(REGISTER_PUBLISHER, b"");
    assert_eq!(publisher.publish_acked(topic, b"small"), Ok((1, 2, 0)));
    seed.drain();
    subscriber.drain();
    let fragmented = Fragmented::new();
    let receipt = publisher.publish_acked(topic, &payload);
    let by_seed = payload_lengths(&seed.drain());
    seed.seed(BROADCAST, &payload);
    let by_v1 = payload_lengths(&subscriber.drain());
    drop(fragmented);
    assert_eq!(receipt, Ok((2, 2, 0)), "delivered and dropped");
    assert_eq!(by_seed, [LEN], "by the seed client");
    assert_eq!(by_v1, [LEN, LEN], "by the client of v1");
}
