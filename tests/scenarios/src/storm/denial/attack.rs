// SPDX-License-Identifier: GPL-2.0

//! What one unprivileged user can do to use up what others need, each until it is killed.

use crate::client::Client;
use crate::client::Refused;
use crate::client::Terms;
use crate::client::publish_message;
use crate::wire::data;
use crate::wire::data::PUBLISH_NOWAIT;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::message;
use crate::wire::message::ADVERTISE_EVENTS;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::request::Request;
use crate::wire::seed;
use crate::wire::topic::Pattern;
use rustix::process::Resource;
use rustix::process::getrlimit;
use rustix::process::setrlimit;
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

/// All attacks.
pub const ALL: [&str; 12] = [
    "topics",
    "patterns",
    "retained",
    "requests",
    "dumps",
    "matched",
    "stalled",
    "split-batches",
    "audience",
    "oldest",
    "block",
    "denied",
];

/// How much slower than usual the kernel is, so that all that is set up is smaller.
static FACTOR: OnceLock<usize> = OnceLock::new();

fn part(usual: usize) -> usize {
    usual / FACTOR.get().expect("set at the beginning")
}

/// Sockets of an attacker that needs many.
fn sockets() -> usize {
    part(200).max(20)
}

/// Topics of an attacker that needs many.
fn many() -> usize {
    part(256).max(20)
}

/// The longest datagram that a socket may send by default: SO_SNDBUF, less what netlink needs.
const DATAGRAM: usize = 212_992 - 32;

/// One step; the attack goes on with the next.
type Attack = Box<dyn FnMut()>;

/// Attacks until it is killed; tells each time a step took longer than all before.
pub fn run(name: &str, factor: usize) {
    FACTOR.set(factor).expect("set once");
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("setrlimit");
    let mut step = match name {
        "topics" => topics(),
        "patterns" => patterns(),
        "retained" => retained(),
        "requests" => requests(),
        "dumps" => dumps(),
        "matched" => matched(),
        "stalled" => stalled(),
        "split-batches" => split_batches(),
        "audience" => audience(),
        "oldest" => oldest(),
        "block" => block(),
        "denied" => denied(),
        "flood" => flood(),
        _ => panic!("unknown attack {name}"),
    };
    say("ready");
    let mut longest = Duration::ZERO;
    loop {
        let start = Instant::now();
        step();
        let took = start.elapsed();
        if took > longest {
            longest = took;
            say(&took.as_micros().to_string());
        }
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("flush");
}

/// Does something until it is refused, or has been done often enough.
fn to_the_limit<T>(most: usize, mut each: impl FnMut(usize) -> Result<T, Refused>) {
    if let Some(refused) = (0..most).find_map(|number| each(number).err()) {
        // ENOSPC, EDQUOT
        assert!([28, 122].contains(&refused.errno), "{refused:?}");
    }
}

/// Topics, over as many sockets as it takes; two attackers share the limit of their user.
fn fill_with_topics(most: usize) -> Vec<Client> {
    let mut sockets = Vec::new();
    let process = std::process::id();
    to_the_limit(most, |number| {
        if number % 1024 == 0 {
            sockets.push(Client::open());
        }
        let socket: &Client = sockets.last().expect("just opened");
        socket.try_advertise(&format!("fill/{process}/{number}"), 0)
    });
    sockets
}

fn topics() -> Attack {
    let sockets = fill_with_topics(usize::MAX);
    let own = Client::open();
    let mut number = 0_u64;
    Box::new(move || {
        let _hold = &sockets;
        // One over the limit, with a name of its own each time.
        number += 1;
        let name = format!("over/{}/{number}", own.port());
        if let Ok(topic) = own.try_advertise(&name, 0) {
            let _ = own.request(Request::Unadvertise { topic_id: topic });
        }
    })
}

fn patterns() -> Attack {
    let topics = fill_with_topics(many());
    let mut sockets = Vec::new();
    to_the_limit(usize::MAX, |number| {
        if number % 1024 == 0 {
            sockets.push(Client::open());
        }
        let socket: &Client = sockets.last().expect("just opened");
        socket.try_subscribe(&format!("*/{number}/x"), 0)
    });
    let own = Client::open();
    Box::new(move || {
        let _hold = (&topics, &sockets);
        // Tried on every pattern that begins with a wildcard.
        if let Ok(topic) = own.try_advertise(&format!("new/{}", own.port()), 0) {
            own.request(Request::Unadvertise { topic_id: topic })
                .expect("it was advertised");
        }
        // Tried on every topic, if the user may have one more.
        if let Ok((subscription_id, _)) = own.try_subscribe("*/x", 0) {
            own.request(Request::Unsubscribe { subscription_id })
                .expect("it was subscribed");
        }
    })
}

fn retained() -> Attack {
    let own = Client::open();
    let topics: Vec<u32> = (0..8)
        .map(|number| {
            let name = format!("retained/{}/{number}", own.port());
            own.advertise_history(&name, 4096).expect("advertise")
        })
        .collect();
    let mut number = 0;
    Box::new(move || {
        number += 1;
        own.publish(topics[number % topics.len()], &[7; 3000]);
    })
}

/// One datagram full of the dearest small requests, of which none is refused. It takes as long as
/// it takes; but not longer than its process lives.
fn requests() -> Attack {
    let topics = fill_with_topics(many());
    let own = Client::open();
    let mut subscription_id = 0;
    Box::new(move || {
        let _hold = &topics;
        let mut datagram = Vec::new();
        while datagram.len() < DATAGRAM - 128 {
            subscription_id += 1;
            let pattern = Pattern::new(b"**").expect("a pattern");
            append(&mut datagram, Request::Subscribe { pattern, flags: 0 });
            append(&mut datagram, Request::Unsubscribe { subscription_id });
        }
        own.send(&datagram);
        // There was no room for most of the answers.
        while own.try_receive(Duration::ZERO) != Ok(Vec::new()) {}
    })
}

fn append(datagram: &mut Vec<u8>, request: Request<'_>) {
    let mut buf = [0; 128];
    let len = request.write(&mut buf, 1).expect("it fits");
    let mut header = Header::read(&buf).expect("a header");
    // No acknowledgement.
    header.flags = header::REQUEST;
    buf[..header::LEN].copy_from_slice(&header.to_bytes());
    datagram.extend_from_slice(&buf[..len.next_multiple_of(4)]);
}

fn dumps() -> Attack {
    let topics = fill_with_topics(many());
    let own = Client::open();
    Box::new(move || {
        let _hold = &topics;
        for kind in [message::TOPICS, message::STATISTICS, message::CLIENTS] {
            own.dump(kind, |_| {});
        }
    })
}

/// Many who are told of each subscriber, on a topic with many subscribers.
fn matched() -> Attack {
    let name = format!("matched/{}", std::process::id());
    let publishers: Vec<Client> = (0..sockets()).map(|_| Client::open()).collect();
    for publisher in &publishers {
        let terms = Terms {
            flags: ADVERTISE_EVENTS,
            ..Terms::default()
        };
        publisher.advertise_with(&name, terms).expect("advertise");
    }
    let subscribers = subscribers(sockets(), &name, 0);
    let own = Client::open();
    Box::new(move || {
        let _hold = (&publishers, &subscribers);
        let (subscription_id, _) = own.subscribe_with(&name, 0);
        own.request(Request::Unsubscribe { subscription_id })
            .expect("unsubscribe");
    })
}

fn subscribers(count: usize, pattern: &str, flags: u32) -> Vec<Client> {
    let subscriber = |_| {
        let client = Client::open();
        client.subscribe_with(pattern, flags);
        client
    };
    (0..count).map(subscriber).collect()
}

/// As many messages as a datagram can hold, or a part of that. Flags that differ keep them from being a batch.
fn many_messages(topic: u32, is_batch: bool) -> Vec<u8> {
    let mut datagram = Vec::new();
    for number in 0..part(DATAGRAM / data::PAYLOAD_OFFSET) {
        let mut message = publish_message(topic, 0, header::REQUEST, 0, &[]);
        if !is_batch && number % 2 == 0 {
            // The last of the fields in the data header.
            let end = message.len();
            message[end - 4..].copy_from_slice(&PUBLISH_NOWAIT.to_ne_bytes());
        }
        datagram.extend_from_slice(&message);
    }
    datagram
}

/// One call that publishes as much as it can to many who do not read.
fn stalled() -> Attack {
    let name = format!("stalled/{}", std::process::id());
    let own = Client::open();
    let topic = own.advertise(&name);
    let subscribers = subscribers(sockets(), &name, 0);
    Box::new(move || {
        let _hold = &subscribers;
        own.send(&many_messages(topic, false));
    })
}

/// One batch, for subscribers that must get its messages one by one.
fn split_batches() -> Attack {
    let own = Client::open();
    let topic = own.advertise(seed::TOPIC);
    // Each has a part of the batch copied for itself, all of it before anybody can end that.
    let subscribers: Vec<Client> = (0..sockets() / 4).map(|_| Client::open()).collect();
    for subscriber in &subscribers {
        subscriber.seed(seed::REGISTER_SUBSCRIBER, &[]);
    }
    Box::new(move || {
        let _hold = &subscribers;
        own.send(&many_messages(topic, true));
    })
}

/// A topic that comes, for many subscribers, and goes.
fn audience() -> Attack {
    let subscribers = subscribers(sockets(), "**", 0);
    let own = Client::open();
    Box::new(move || {
        let _hold = &subscribers;
        let topic = own.advertise(&format!("audience/{}", own.port()));
        own.request(Request::Unadvertise { topic_id: topic })
            .expect("unadvertise");
    })
}

/// A message for which many must go, from a queue in which many records stand.
fn oldest() -> Attack {
    let own = Client::open();
    let topics: Vec<u32> = (0..2)
        .map(|number| own.advertise(&format!("oldest/{}/{number}", own.port())))
        .collect();
    let pattern = format!("oldest/{}/*", own.port());
    let subscribers = subscribers(64, &pattern, SUBSCRIBE_DROP_OLDEST);
    Box::new(move || {
        let _hold = &subscribers;
        for number in 0..300 {
            own.publish(topics[number % 2], &[1; 100]);
        }
        own.publish(topics[0], &[1; 190_000]);
    })
}

/// Publishers that wait, and a subscriber that makes room for one at a time.
fn block() -> Attack {
    let name = format!("block/{}", std::process::id());
    let subscriber = Client::open();
    subscriber.subscribe_with(&name, SUBSCRIBE_BLOCK);
    for _ in 0..8 {
        let name = name.clone();
        std::thread::spawn(move || {
            let client = Client::open();
            let topic = client.advertise_patiently(&name, 60_000);
            loop {
                client.publish(topic, &[1; 100]);
            }
        });
    }
    Box::new(move || {
        subscriber.receive(Duration::from_millis(100));
    })
}

/// A topic that others have named in a subscription, and may not have.
fn denied() -> Attack {
    let own = Client::open();
    Box::new(move || {
        // The other attacker has it now and then.
        if let Ok(topic) = own.try_advertise(super::WANTED, 0) {
            let _ = own.request(Request::Unadvertise { topic_id: topic });
        }
    })
}

/// Messages that everybody may read.
fn flood() -> Attack {
    let own = Client::open();
    let terms = Terms {
        mode: Some(0o644),
        ..Terms::default()
    };
    let name = format!("flood/{}", own.port());
    let topic = own.advertise_with(&name, terms).expect("advertise");
    Box::new(move || {
        // Others may be forbidden to it, and so may this one.
        let _ = own.publish_acked(topic, &[1; 1000]);
    })
}
