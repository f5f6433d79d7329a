// SPDX-License-Identifier: GPL-2.0

//! Many at the same time: what must hold in whatever order things happen.

use super::user::USERS;
use crate::client::Client;
use crate::client::Event;
use crate::client::Terms;
use crate::client::publish_message;
use crate::kernel;
use crate::storm::Storm;
use crate::wire::header;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_FAIL;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::refusal::Refusal;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

const RELIABLE: &str = "crowd/reliable";
const LOSSY: &str = "crowd/lossy";
const GATE: &str = "crowd/gate";

/// What each publisher sends in a round.
const MESSAGES: u64 = 120;

/// How long the last of them may take, while others have nothing to read any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// A queue of a few dozen messages.
const SMALL: usize = 16 << 10;

/// Says in a message of the gate that nobody but its owner may read it.
const SECRET: u64 = u64::MAX;

/// Subscribers: pattern, flags, and whether their queue is small.
const READERS: [(&str, u32, bool); 8] = [
    ("crowd/*", SUBSCRIBE_EVENTS, false),
    (RELIABLE, SUBSCRIBE_BLOCK, true),
    (RELIABLE, SUBSCRIBE_BLOCK | SUBSCRIBE_EVENTS, true),
    (RELIABLE, SUBSCRIBE_FAIL, true),
    (LOSSY, 0, true),
    (LOSSY, SUBSCRIBE_DROP_OLDEST, true),
    ("**/lossy", SUBSCRIBE_DROP_OLDEST | SUBSCRIBE_EVENTS, true),
    // Reliable only for those who agreed, and these did not.
    (LOSSY, SUBSCRIBE_FAIL, true),
];

/// The messages of one topic, as one subscriber got them.
#[derive(Default)]
struct Heard {
    /// Port id and payload by number.
    messages: BTreeMap<u64, (u32, u64)>,
    next: Option<u64>,
    lost: u64,
}

/// What one subscriber got, by topic id.
#[derive(Default)]
struct Ear {
    names: BTreeMap<u32, String>,
    heard: BTreeMap<u32, Heard>,
    removed: usize,
}

impl Ear {
    fn hear(&mut self, event: &Event) {
        match *event {
            Event::Topic {
                topic, ref name, ..
            } => drop(self.names.insert(topic, name.clone())),
            Event::Message {
                topic,
                seq,
                port,
                ref payload,
                ..
            } => {
                let number = payload.first_chunk().copied().map(u64::from_ne_bytes);
                let message = (port, number.expect("a number"));
                let heard = self.go_on(topic, seq, 1);
                heard.messages.insert(seq, message);
            }
            Event::Lost {
                topic,
                first,
                count,
            } => self.go_on(topic, first, count).lost += count,
            Event::Removed { .. } => self.removed += 1,
            _ => {}
        }
    }

    /// Neither a gap nor anything twice.
    fn go_on(&mut self, topic: u32, first: u64, count: u64) -> &mut Heard {
        assert!(self.names.contains_key(&topic), "topic {topic} has no name");
        let heard = self.heard.entry(topic).or_default();
        let due = heard.next.replace(first + count).unwrap_or(first);
        assert_eq!(first, due, "{} goes on", self.names[&topic]);
        heard
    }

    fn on(&self, name: &str) -> Option<(u32, &Heard)> {
        let mut topics = self.names.iter().filter(|(_, n)| *n == name);
        let (topic, _) = topics.next()?;
        Some((*topic, self.heard.get(topic)?))
    }
}

/// What was counted in all rounds.
#[derive(Default)]
struct Totals {
    published: u64,
    received: u64,
    lost: u64,
    again: u64,
    latecomers: u64,
    longest: Duration,
}

/// All subscribers agree on order and content, the reliable lose nothing, late ones find no gap
/// between what was retained and what is new, and nobody reads what he may not.
pub fn agrees(storm: &Storm) {
    let rounds = storm.times(2000);
    let mut rng = storm.rng("crowd");
    kernel::allow_large_queues();
    let observer = Client::open();
    let mut totals = Totals::default();
    for _ in 0..rounds {
        round(&observer, &mut rng, &mut totals);
        assert_eq!(observer.counts(), (0, 0, 0), "what is left");
    }
    println!(
        "# {rounds} rounds, {} messages published, {} delivered, {} lost, none of them reliable; \
         {} refused for full queues, {} latecomers without a gap, {} ms for the slowest publish",
        totals.published,
        totals.received,
        totals.lost,
        totals.again,
        totals.latecomers,
        totals.longest.as_millis()
    );
}

/// Tells the others that it is over, also where something was wrong.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn round(observer: &Client, rng: &mut Rng, totals: &mut Totals) {
    let open = |(pattern, flags, small): &(&str, u32, bool)| {
        let client = Client::open();
        client.set_receive_buffer(if *small { SMALL } else { 8 << 20 });
        client.subscribe_with(pattern, *flags);
        client
    };
    let readers: Vec<Client> = READERS.iter().map(open).collect();
    let terms = Terms {
        history: Some(8),
        mode: Some(0o666),
        ..Terms::default()
    };
    // Keep the topics until everybody is done.
    let keeper = Client::open();
    for topic in [RELIABLE, LOSSY, GATE] {
        keeper.advertise_with(topic, terms).expect("advertise");
    }
    let patient = Terms {
        wait: Some(60_000),
        ..Terms::default()
    };
    let publishers = [
        (0, RELIABLE, patient),
        (1, RELIABLE, patient),
        (2, RELIABLE, patient),
        (0, LOSSY, Terms::default()),
        (1, LOSSY, Terms::default()),
    ];
    let over = AtomicBool::new(false);
    let over = &over;
    let mut seeds = std::iter::repeat_with(|| Rng::with_seed(rng.u64(..)));
    let mut seed = || seeds.next().expect("as many as it takes");
    let (ears, published) = std::thread::scope(|scope| {
        let end = Over(over);
        let readers: Vec<_> = readers
            .iter()
            .zip(READERS)
            .map(|(client, (pattern, _, small))| {
                let topics = if pattern == "crowd/*" { 3 } else { 1 };
                let mut rng = seed();
                scope.spawn(move || read(client, topics, small, &mut rng))
            })
            .collect();
        let latecomers: Vec<_> = (1..=2)
            .map(|user| {
                let mut rng = seed();
                scope.spawn(move || come_late(user, over, &mut rng))
            })
            .collect();
        let gate = scope.spawn(|| swing_gate(over));
        let publishers: Vec<_> = publishers
            .map(|(user, topic, terms)| {
                let mut rng = seed();
                scope.spawn(move || publish(user, topic, terms, &mut rng))
            })
            .into_iter()
            .map(|thread| thread.join().expect("a publisher"))
            .collect();
        drop(end);
        totals.received += gate.join().expect("the gate");
        for latecomer in latecomers {
            totals.latecomers += latecomer.join().expect("a latecomer");
        }
        drop(keeper);
        for topic in [RELIABLE, LOSSY, GATE] {
            observer.clear(topic).expect("clear");
        }
        let ears = readers.into_iter().map(|thread| thread.join());
        let ears: Vec<Ear> = ears.map(|ear| ear.expect("a reader")).collect();
        (ears, publishers)
    });
    for (again, count, longest) in published {
        totals.again += again;
        totals.published += count;
        totals.longest = totals.longest.max(longest);
    }
    compare(&ears, totals);
}

/// What all got, against what the one got that has room for everything.
fn compare(ears: &[Ear], totals: &mut Totals) {
    let all = &ears[0];
    for name in [RELIABLE, LOSSY] {
        let (topic, heard) = all.on(name).expect("it was heard");
        let publishers = if name == RELIABLE { 3 } else { 2 };
        let numbers = heard.messages.keys().copied();
        assert!(numbers.eq(1..=publishers * MESSAGES), "all of {name}");
        // Each publisher's messages are in the order in which it sent them.
        let mut last = BTreeMap::new();
        for (port, number) in heard.messages.values() {
            let before = last.insert(port, *number).unwrap_or(0);
            assert_eq!(*number, before + 1, "{name} from {port}");
        }
        for (ear, (pattern, flags, _)) in ears.iter().zip(READERS) {
            let Some((_, other)) = ear.on(name) else {
                continue;
            };
            let next = other.next.expect("a message");
            assert_eq!(next, publishers * MESSAGES + 1, "{pattern} hears the end");
            let kept = other.messages.len() as u64;
            assert_eq!(
                kept + other.lost,
                publishers * MESSAGES,
                "{pattern} {flags}"
            );
            for (seq, message) in &other.messages {
                assert_eq!(Some(message), heard.messages.get(seq), "{seq} of {topic}");
            }
            if name == RELIABLE {
                assert_eq!(other.lost, 0, "{pattern} {flags} loses reliable messages");
            }
            totals.received += kept;
            totals.lost += other.lost;
        }
    }
}

/// Publishes what it has to; returns how often it was refused for a full queue, how much that was,
/// and how long one of them took at most.
fn publish(user: usize, topic: &str, terms: Terms, rng: &mut Rng) -> (u64, u64, Duration) {
    let client = USERS[user].open();
    let reliable = terms.wait.is_some();
    let topic = client.advertise_with(topic, terms).expect("advertise");
    let (mut number, mut again, mut longest) = (1, 0, Duration::ZERO);
    while number <= MESSAGES {
        let mut payload = number.to_ne_bytes().to_vec();
        payload.resize(rng.usize(8..600), 0);
        let start = Instant::now();
        match rng.u8(..4) {
            0 if !reliable => {
                let count = rng.u64(2..8).min(MESSAGES + 1 - number);
                let message = |number: u64| {
                    let flags = header::REQUEST;
                    publish_message(topic, 0, flags, 0, &number.to_ne_bytes())
                };
                // Of a length that needs no padding.
                let batch: Vec<u8> = (number..number + count).flat_map(message).collect();
                client.send(&batch);
                number += count;
            }
            _ => match client.publish_acked(topic, &payload) {
                Ok((_, _, dropped)) => {
                    assert!(!reliable || dropped == 0, "{dropped} lost it");
                    number += 1;
                }
                Err(refused) => {
                    assert!(reliable && refused.errno == Refusal::WouldBlock.errno());
                    again += 1;
                    std::thread::sleep(Duration::from_micros(rng.u64(..500)));
                }
            },
        }
        longest = longest.max(start.elapsed());
    }
    (again, MESSAGES, longest)
}

/// Reads until these many topics are gone.
fn read(client: &Client, topics: usize, slowly: bool, rng: &mut Rng) -> Ear {
    let mut ear = Ear::default();
    while ear.removed < topics {
        let events = client.receive(PATIENCE);
        assert!(!events.is_empty(), "nothing came within {PATIENCE:?}");
        events.iter().for_each(|event| ear.hear(event));
        if slowly && rng.u8(..6) == 0 {
            std::thread::sleep(Duration::from_micros(rng.u64(..5000)));
        }
    }
    ear
}

/// Subscribes again and again: what is retained comes first, without a gap to what follows.
fn come_late(user: usize, over: &AtomicBool, rng: &mut Rng) -> u64 {
    let mut times = 0;
    while !over.load(Ordering::Acquire) {
        let client = USERS[user].open();
        let mut ear = Ear::default();
        let (subscription, events) = client.subscribe_with(LOSSY, SUBSCRIBE_HISTORY);
        events.iter().for_each(|event| ear.hear(event));
        for _ in 0..rng.u8(..20) {
            let events = client.receive(Duration::from_millis(1));
            events.iter().for_each(|event| ear.hear(event));
        }
        let lost = ear.heard.values().map(|heard| heard.lost).sum::<u64>();
        assert_eq!(lost, 0, "there was room");
        if rng.bool() {
            let request = crate::wire::request::Request::Unsubscribe {
                subscription_id: subscription,
            };
            let events = client.request(request).expect("unsubscribe");
            events.iter().for_each(|event| ear.hear(event));
        }
        times += 1;
    }
    times
}

/// Lets somebody in and out again; he never gets what is sent while he is out. Returns how much he
/// got.
fn swing_gate(over: &AtomicBool) -> u64 {
    let admin = Client::open();
    let gate = Client::open();
    let topic = gate.advertise_with(GATE, Terms::default());
    let topic = topic.expect("advertise");
    let guest = USERS[2].open();
    // Nothing else: he reads too seldom not to lose it.
    guest.subscribe("*/gate");
    let mut received = 0;
    let mut number = 1;
    while !over.load(Ordering::Acquire) {
        for (mode, secret) in [(0o600, true), (0o640, false)] {
            let rule = ("crowd/gate", USERS[0].uid, USERS[2].gid, mode);
            admin.set_policy(&[rule]).expect("set");
            let payload = if secret { SECRET } else { number };
            gate.publish(topic, &payload.to_ne_bytes());
            number += 1;
            let events = guest.drain();
            let mine = events.iter().filter_map(|event| match event {
                Event::Message {
                    topic: t, payload, ..
                } if *t == topic => payload.first_chunk().copied().map(u64::from_ne_bytes),
                _ => None,
            });
            let mine: Vec<u64> = mine.collect();
            let due = if secret { vec![] } else { vec![payload] };
            assert_eq!(mine, due, "mode {mode:o}");
            received += due.len() as u64;
        }
    }
    admin.set_policy(&[]).expect("set");
    received
}
