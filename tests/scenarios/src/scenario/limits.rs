// SPDX-License-Identifier: GPL-2.0

//! Limits: reached they hold, one over is refused, and what is given back counts no more.

use crate::client::Client;
use crate::client::Refused;
use crate::kernel;
use crate::process::Process;
use crate::wire::refusal::Refusal;

fn refused<T>(result: Result<T, Refused>, refusal: Refusal) {
    let Err(refused) = result else {
        panic!("{refusal:?} was expected");
    };
    let sentence = refusal.sentence().to_str().expect("UTF-8");
    assert_eq!(
        (refused.errno, &refused.sentence[..]),
        (refusal.errno(), sentence)
    );
}

/// The limits per user, with the module's parameters made small.
pub fn per_user_hold_at_the_limit_and_one_over() {
    if kernel::loaded() {
        kernel::unload();
    }
    kernel::load_with(&[
        "topics_per_user=3",
        "subscriptions_per_user=4",
        "patterns_per_user=2",
        "retained_bytes_per_user=8192",
        "message_bytes=1000",
    ]);
    // Over all sockets of a user.
    let (first, second) = (Client::open(), Client::open());
    for topic in ["a", "b"] {
        first.advertise(topic);
    }
    let topic = second.advertise("c");
    let over = || second.try_advertise("d", 0);
    refused(over(), Refusal::TooManyTopicsOfUser);
    second.advertise("a");
    // Another user has limits of his own.
    let mut user = Process::role_as_user(1000, &["advertise-and-stay", "u/1"]).ready();
    user.kill();
    // Of the four, two may have a wildcard.
    let wild = Client::open();
    wild.subscribe("a/*");
    wild.subscribe("**");
    refused(
        second.try_subscribe("*/b", 0),
        Refusal::TooManyPatternsOfUser,
    );
    drop(wild);
    for pattern in ["a", "b"] {
        first.subscribe(pattern);
        second.subscribe(pattern);
    }
    let over_subscription = || second.try_subscribe("c", 0);
    refused(over_subscription(), Refusal::TooManySubscriptionsOfUser);
    // At the limit and one over it: the payload.
    assert!(second.publish_acked(topic, &[7; 1000]).is_ok());
    refused(
        second.publish_acked(topic, &[7; 1001]),
        Refusal::MessageTooLong,
    );
    // Retained bytes: wills until there is no more room.
    for topic in [topic, second.advertise("b")] {
        second.set_last_will(topic, &[7; 1000]).expect("a will");
    }
    let wills = (0..20)
        .map(|_| Client::open())
        .take_while(|client| {
            let topic = client.advertise("a");
            // Kept by the socket, which must stay.
            let kept = client.set_last_will(topic, &[7; 1000]);
            if let Err(why) = &kept {
                assert_eq!(why.errno, Refusal::TooMuchRetained.errno());
            }
            kept.is_ok()
        })
        .collect::<Vec<_>>();
    assert!((1..8).contains(&wills.len()), "{}", wills.len());
    drop(wills);
    // What a socket had is given back when it closes.
    drop(first);
    second.subscribe("c");
    second.subscribe("d");
    refused(over_subscription(), Refusal::TooManySubscriptionsOfUser);
    assert_eq!(second.counts(), (3, 1, 4));
    drop(second);
    let last = Client::open();
    assert_eq!(last.counts(), (0, 0, 0));
    for topic in ["x", "y", "z"] {
        last.advertise(topic);
    }
    refused(last.try_advertise("d", 0), Refusal::TooManyTopicsOfUser);
    drop(last);
    kernel::unload();
    kernel::load();
}
