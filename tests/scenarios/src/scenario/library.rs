// SPDX-License-Identifier: GPL-2.0

//! libkipc against the module: filters, large messages, removed topics, event loops.

use crate::program::runtime;
use libkipc::Bus;
use libkipc::Errno;
use libkipc::Filter;
use libkipc::Item;
use libkipc::Overflow;
use libkipc::Subscriber;
use nix::sys::resource::UsageWho;
use nix::sys::resource::getrusage;
use rustix::event::epoll;
use std::future::Future;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn bus() -> Bus {
    Bus::connect().expect("connect")
}

fn next(subscriber: &mut Subscriber<u32>) -> Item<u32> {
    subscriber
        .recv_timeout(PATIENCE)
        .expect("receive")
        .expect("an item within ten seconds")
}

fn message(item: Item<u32>) -> u32 {
    item.into_message().expect("a message").value
}

/// Only what a filter lets through arrives, from batches too; events always do.
pub fn filter_selects_messages() -> libkipc::Result<()> {
    let bus = bus();
    let chosen = bus.publisher::<u32>("filter/a")?.create()?;
    let other = bus.publisher::<u32>("filter/a")?.create()?;
    let filter = Filter::tags([1, 0x0102_0304]) & Filter::publishers([chosen.port()]);
    let mut subscriber = bus
        .subscriber::<u32>("filter/*")?
        .events()
        .filter(filter)
        .create()?;
    for (tag, number) in [(0, 1), (1, 2), (2, 3), (0x0102_0304, 4), (0x0403_0201, 5)] {
        chosen.tagged(tag).publish(&number)?;
        other.tagged(tag).publish(&(number + 100))?;
    }
    chosen.publish_batch(&[6, 7])?;
    chosen.tagged(1).publish(&8)?;
    drop((chosen, other));
    let (mut numbers, mut joined, mut gone) = (Vec::new(), 0, 0);
    loop {
        match next(&mut subscriber) {
            Item::Message(message) => numbers.push(message.value),
            Item::Joined { .. } => joined += 1,
            Item::Gone { .. } => gone += 1,
            Item::Removed { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((numbers, joined, gone), (vec![2, 4, 8], 2, 2));
    Ok(())
}

/// A message larger than the library's first buffer arrives whole.
pub fn large_messages_arrive() -> libkipc::Result<()> {
    let bus = bus();
    let mut subscriber = bus.raw_subscriber("large")?.create()?;
    let publisher = bus.raw_publisher("large")?.send_buffer(1 << 20).create()?;
    let payload: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
    publisher.publish(&payload)?;
    let item = subscriber.recv_timeout(PATIENCE)?.expect("an item");
    assert_eq!(item.into_message().expect("a message").value, payload);
    Ok(())
}

/// When a topic is gone, that is told, and its numbers begin anew.
pub fn removed_topics_begin_anew() -> libkipc::Result<()> {
    let bus = bus();
    let mut subscriber = bus.subscriber::<u32>("anew")?.create()?;
    for _ in 0..2 {
        bus.publisher::<u32>("anew")?.create()?.publish(&7)?;
        match next(&mut subscriber) {
            Item::Message(message) => assert_eq!(message.seq, 1),
            other => panic!("{other:?}"),
        }
        match next(&mut subscriber) {
            Item::Removed { topic, .. } => assert_eq!(topic, "anew"),
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}

/// A subscriber works in an epoll loop that is not the library's.
pub fn epoll_tells_of_messages() -> libkipc::Result<()> {
    let bus = bus();
    let mut subscriber = bus.subscriber::<u32>("epoll")?.create()?;
    let publisher = bus.publisher::<u32>("epoll")?.create()?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
    let data = epoll::EventData::new_u64(5);
    epoll::add(&epoll, &subscriber, data, epoll::EventFlags::IN).expect("add");
    let now = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    for number in 0..3 {
        let mut events = Vec::with_capacity(4);
        epoll::wait(
            &epoll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&now),
        )
        .expect("wait");
        assert!(events.is_empty());
        publisher.publish_batch(&[number, number + 10])?;
        epoll::wait(
            &epoll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&now),
        )
        .expect("wait");
        assert_eq!(events.len(), 1);
        assert_eq!(subscriber.try_recv()?.map(message), Some(number));
        assert_eq!(subscriber.try_recv()?.map(message), Some(number + 10));
        assert!(subscriber.try_recv()?.is_none());
    }
    Ok(())
}

/// A subscriber that lets messages come together gets all of them, in order, and is woken for far
/// fewer.
pub fn coalescing_takes_many_with_a_wake_up() -> libkipc::Result<()> {
    const COUNT: u32 = 300;
    let bus = bus();
    // How often the subscriber slept.
    let sleeps = |coalesce: Option<Duration>| -> libkipc::Result<i64> {
        let mut builder = bus.subscriber::<u32>("together")?.overflow(Overflow::Block);
        if let Some(time) = coalesce {
            builder = builder.coalesce(time);
        }
        let mut subscriber = builder.create()?;
        let publisher = bus.publisher::<u32>("together")?.wait(PATIENCE).create()?;
        let publish = thread::spawn(move || -> libkipc::Result<()> {
            for number in 0..COUNT {
                publisher.publish(&number)?;
                // Time for a subscriber to go back to sleep.
                thread::sleep(Duration::from_micros(300));
            }
            Ok(())
        });
        let before = voluntary_switches();
        for number in 0..COUNT {
            assert_eq!(message(subscriber.recv()?), number);
        }
        let sleeps = voluntary_switches() - before;
        publish.join().expect("no panic")?;
        Ok(sleeps)
    };
    let each = sleeps(None)?;
    let together = sleeps(Some(Duration::from_millis(20)))?;
    assert!(together * 4 < each, "{together} against {each}");
    Ok(())
}

/// How often this thread gave its processor up.
fn voluntary_switches() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("getrusage");
    usage.voluntary_context_switches()
}

/// Futures that are dropped while they wait lose nothing, in the middle of a batch neither.
pub fn tokio_cancelled_receives_lose_nothing() -> libkipc::Result<()> {
    let bus = bus();
    runtime().block_on(async {
        let subscriber = bus.subscriber::<u32>("cancel")?.create()?;
        let mut subscriber = libkipc::tokio::Subscriber::new(subscriber)?;
        let publisher = bus.publisher::<u32>("cancel")?.create()?;
        for first in (0..300).step_by(3) {
            {
                let mut dropped = Box::pin(subscriber.recv());
                let mut context = Context::from_waker(Waker::noop());
                assert!(matches!(dropped.as_mut().poll(&mut context), Poll::Pending));
                publisher.publish_batch(&[first, first + 1, first + 2])?;
            }
            for number in first..first + 3 {
                let item = tokio::time::timeout(PATIENCE, subscriber.recv()).await;
                assert_eq!(message(item.expect("an item")?), number);
            }
        }
        Ok(())
    })
}

/// publish().await waits for room, and gives up when its time is over.
pub fn tokio_publish_waits_for_room() -> libkipc::Result<()> {
    const COUNT: u32 = 2000;
    let bus = bus();
    runtime().block_on(async {
        let subscriber = bus
            .subscriber::<u32>("room")?
            .overflow(Overflow::Block)
            .receive_buffer(16 << 10)
            .create()?;
        let mut subscriber = libkipc::tokio::Subscriber::new(subscriber)?;
        let builder = bus.publisher::<u32>("room")?;
        let hasty = builder.wait(Duration::from_millis(30)).create()?;
        let hasty = libkipc::tokio::Publisher::new(hasty);
        let mut taken = 0;
        let error = loop {
            match hasty.publish(&taken).await {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
            assert!(taken < COUNT, "the queue has no end");
        };
        assert_eq!(error.errno(), Some(Errno::AGAIN), "{error}");
        let patient = bus.publisher::<u32>("room")?.wait(PATIENCE).create()?;
        let patient = libkipc::tokio::Publisher::new(patient);
        let publish = async {
            for number in taken..COUNT {
                patient.publish(&number).await?;
            }
            libkipc::Result::Ok(())
        };
        let receive = async {
            for number in 0..COUNT {
                let item = tokio::time::timeout(PATIENCE, subscriber.recv()).await;
                assert_eq!(message(item.expect("an item")?), number);
            }
            libkipc::Result::Ok(())
        };
        let (published, received) = tokio::join!(publish, receive);
        published.and(received)
    })
}

/// Queries, rules, retained messages and last wills, all through the library.
pub fn queries_and_settings_do_what_they_say() {
    let bus = Bus::connect().expect("connect");
    let publisher = bus
        .publisher::<u32>("query/x")
        .and_then(|builder| builder.history(2).mode(0o644).create())
        .expect("a publisher");
    for number in 1..=3 {
        publisher.publish(&number).expect("publish");
    }
    publisher.set_last_will(&8).expect("a will");
    publisher.cancel_last_will().expect("none");
    publisher.set_last_will(&9).expect("a will");
    let mut early = bus
        .subscriber::<u32>("query/*")
        .and_then(|builder| builder.history().create())
        .expect("a subscriber");

    let [topic] = &bus.topics().expect("topics")[..] else {
        panic!("one topic");
    };
    assert_eq!((&topic.name[..], topic.mode), ("query/x", 0o644));
    assert_eq!((topic.publishers, topic.subscribers), (1, 1));
    assert_eq!((topic.history, topic.retained), (2, 2));
    let [statistics] = &bus.statistics().expect("statistics")[..] else {
        panic!("one topic");
    };
    assert_eq!((statistics.published, statistics.dropped), (3, 0));
    let [subscription] = &bus.subscriptions().expect("subscriptions")[..] else {
        panic!("one subscription");
    };
    assert_eq!(subscription.pattern, "query/*");
    let clients = bus.clients().expect("clients");
    assert_eq!(clients.len(), 2);
    let own = clients
        .iter()
        .all(|client| client.pid == std::process::id());
    assert!(own && clients.iter().any(|c| c.port == subscription.port));

    let prefix: libkipc::Topic = "query".parse().expect("a topic");
    let rules = [
        libkipc::Rule::for_all(0, 0, 0o600),
        libkipc::Rule::new(prefix, 1, 2, 0o660),
    ];
    bus.set_policy(&rules).expect("set");
    assert_eq!(bus.policy().expect("policy"), rules);
    bus.set_policy(&[]).expect("set");

    drop(publisher);
    let mut got = Vec::new();
    while got.len() < 3 {
        let item = early.recv_timeout(Duration::from_secs(10));
        let item = item.expect("receive").expect("an item");
        got.extend(item.into_message().map(|message| message.value));
    }
    assert_eq!(got, [2, 3, 9], "the history, and the will");
    bus.clear("query/x").expect("clear");
    assert!(bus.topics().expect("topics").is_empty());
    let missing = bus.clear("query/x").expect_err("it is gone");
    assert_eq!(missing.errno(), Some(libkipc::Errno::NOENT));
}
