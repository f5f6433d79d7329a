// SPDX-License-Identifier: GPL-2.0

//! 10,000 topics and 10,000 subscriptions.

use crate::client::Client;
use crate::client::Event;
use crate::kernel;
use std::time::Duration;
use std::time::Instant;

const SOCKETS: usize = 10;
const EACH: usize = 1000;
const TOTAL: u32 = (SOCKETS * EACH) as u32;
/// Generous for an emulated machine; trying all pairs would take far longer.
const BOUND: Duration = Duration::from_secs(60);

/// Literal patterns and patterns with wildcards of both kinds, each for a few topics.
fn pattern(number: usize) -> String {
    match number % 3 {
        0 => format!("crowd/{number}/value"),
        1 => format!("crowd/{number}/*"),
        _ => format!("crowd/{number}/**"),
    }
}

/// Made in bounded time, whichever is there first; messages reach those who want them; nothing is
/// left afterwards.
pub fn is_made_in_bounded_time() {
    let start = Instant::now();
    let subscribers: Vec<Client> = (0..SOCKETS).map(|_| Client::open()).collect();
    let publishers: Vec<Client> = (0..SOCKETS).map(|_| Client::open()).collect();
    let subscribe = |half: usize| {
        for number in (half * EACH / 2..(half + 1) * EACH / 2)
            .flat_map(|n| (0..SOCKETS).map(move |socket| (socket, n * SOCKETS + socket)))
        {
            subscribers[number.0].subscribe(&pattern(number.1));
        }
    };
    // Half of the subscriptions come before the topics, half of them behind.
    subscribe(0);
    let mut topics = Vec::new();
    for number in 0..SOCKETS * EACH {
        let publisher = &publishers[number % SOCKETS];
        topics.push(publisher.advertise(&format!("crowd/{number}/value")));
    }
    subscribe(1);
    let observer = Client::open();
    assert_eq!(observer.counts(), (TOTAL, 2 * SOCKETS as u32, TOTAL));
    let made = start.elapsed();

    for number in (0..SOCKETS * EACH).step_by(487) {
        let payload = number.to_string();
        let receipt =
            publishers[number % SOCKETS].publish_acked(topics[number], payload.as_bytes());
        assert_eq!(receipt, Ok((1, 1, 0)), "topic {number}");
        let heard = subscribers[number % SOCKETS].drain();
        assert!(
            matches!(&heard[..], [Event::Topic { .. }, Event::Message { payload: p, .. }] if *p == payload.as_bytes()),
            "{heard:?}"
        );
    }
    let start = Instant::now();
    drop(subscribers);
    drop(publishers);
    assert_eq!(observer.counts(), (0, 0, 0));
    let gone = start.elapsed();
    println!("# made in {made:?}, removed in {gone:?}");
    let bound = kernel::within(BOUND);
    assert!(made < bound && gone < bound, "{made:?}, {gone:?}");
}
