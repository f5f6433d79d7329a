// SPDX-License-Identifier: GPL-2.0

//! Room in a queue: what is told of losses, and what is not going to be published, must not take it
//! from messages.

use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_FAIL;
use crate::wire::refusal::Refusal;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Twice as many topics as the queue holds messages, one message on each: half of them are there at
/// the end, the newest, and the others are counted.
pub fn is_not_taken_by_the_words_of_losses() {
    const TOPICS: usize = 400;
    let publisher = Client::open();
    let topics: Vec<u32> = (0..TOPICS)
        .map(|number| publisher.advertise(&format!("many/{number}")))
        .collect();
    let subscriber = Client::open();
    subscriber.subscribe_with("many/*", SUBSCRIBE_DROP_OLDEST);
    // Names are told with the first message, and out of the way then.
    for topic in &topics {
        publisher.publish(*topic, b"first");
        subscriber.drain();
    }
    let mut fits = 0;
    for (number, topic) in topics.iter().enumerate() {
        let (_, delivered, dropped) = publisher.publish_acked(*topic, b"second").expect("publish");
        assert_eq!((delivered, dropped), (1, 0), "number {number}");
        fits += 1;
    }
    let events = subscriber.drain();
    let received: Vec<u32> = events
        .iter()
        .filter_map(|event| match event {
            Event::Message { topic, .. } => Some(*topic),
            _ => None,
        })
        .collect();
    let lost: u64 = events
        .iter()
        .map(|event| match event {
            Event::Lost { count, .. } => *count,
            _ => 0,
        })
        .sum();
    println!("# {} of {fits} are there, {lost} were lost", received.len());
    assert_eq!(received.len() as u64 + lost, fits);
    assert!(received.len() > TOPICS / 4, "{received:?}");
    // But for the one at the front, which stays for a slow reader.
    let newest = &topics[TOPICS - (received.len() - 1)..];
    assert_eq!(received[1..], *newest, "the newest, in their order");
}

/// A publisher that fails, again and again, since another subscriber is full: somebody who reads
/// everything at once loses nothing of others meanwhile.
pub fn is_not_taken_by_what_is_not_published() {
    // More than a queue of the usual size: nothing else finds room beside it.
    const LONG: usize = 220_000;
    let [failing, other, filler] = [(); 3].map(|()| Client::open());
    failing.set_send_buffer(1 << 20);
    let refused = failing.advertise_patiently("refused", 0);
    let flowing = other.advertise("flowing");
    let filling = filler.advertise("filling");
    let [reader, full] = [(); 2].map(|()| Client::open());
    reader.subscribe_with("refused", SUBSCRIBE_FAIL);
    reader.subscribe("flowing");
    full.subscribe("filling");
    full.subscribe_with("refused", SUBSCRIBE_FAIL);
    // It reads nothing from now on.
    while filler.publish_acked(filling, b"x").expect("publish").2 == 0 {}
    let done = AtomicBool::new(false);
    let (lost, tries) = std::thread::scope(|scope| {
        let tries = scope.spawn(|| {
            let payload = vec![7; LONG];
            let mut tries = 0;
            while !done.load(Ordering::Relaxed) {
                let result = failing.publish_acked(refused, &payload);
                let errno = result.expect_err("a subscriber is full").errno;
                assert_eq!(errno, Refusal::WouldBlock.errno());
                tries += 1;
            }
            tries
        });
        let mut lost = 0;
        for _ in 0..kernel::times(40_000) {
            lost += other.publish_acked(flowing, b"hello").expect("publish").2;
            reader.drain();
        }
        done.store(true, Ordering::Relaxed);
        (lost, tries.join().expect("the other publisher"))
    });
    println!("# {tries} tries of the one that fails");
    assert_eq!(lost, 0, "of a reader whose queue is empty each time");
}
