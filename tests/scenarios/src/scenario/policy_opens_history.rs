// SPDX-License-Identifier: GPL-2.0

//! A rule that opens a topic to a subscriber who asked for its history: that comes first, then what
//! is published from then on.

use crate::client::Client;
use crate::late;
use crate::late::Told;
use crate::late::Told::Message;
use crate::user;
use crate::wire::message::SUBSCRIBE_HISTORY;

const USER: u32 = 1001;

/// A private topic with two retained messages, subscribed to with these flags before it is opened;
/// then a third message. Returns what is told.
fn told(subscriptions: &[(&str, u32)]) -> Vec<Told> {
    let admin = Client::open();
    let topic = admin.advertise_history("vault/a", 8).expect("advertise");
    admin.publish(topic, b"1");
    admin.publish(topic, b"2");
    let subscriber = user::open(USER);
    for (pattern, flags) in subscriptions {
        subscriber.subscribe_with(pattern, *flags);
    }
    let before = late::told(&subscriber.drain());
    admin.set_policy(&[("vault", 0, 0, 0o644)]).expect("policy");
    admin.publish(topic, b"3");
    let after = late::told(&subscriber.drain());
    admin.set_policy(&[]).expect("policy");
    admin.publish(topic, b"4");
    let closed = late::told(&subscriber.drain());
    admin.set_policy(&[("vault", 0, 0, 0o644)]).expect("policy");
    let again = late::told(&subscriber.drain());
    admin.set_policy(&[]).expect("policy");
    admin.clear("vault/a").expect("clear");
    assert_eq!((before, closed), (vec![], vec![]), "it is forbidden");
    let first = match again.first() {
        // It left and came anew.
        Some(_) => [1, 2, 3, 4].map(Message).to_vec(),
        None => vec![],
    };
    assert_eq!(again, first);
    after
}

/// One subscription.
pub fn before_what_comes_live() {
    assert_eq!(
        told(&[("vault/*", SUBSCRIBE_HISTORY)]),
        [1, 2, 3].map(Message)
    );
    assert_eq!(told(&[("vault/*", 0)]), [Message(3)]);
}

/// Two subscriptions of one socket become valid at once, of which one asks for the history: which
/// of them the module comes upon first is no matter.
pub fn whatever_else_the_subscriber_has() {
    let plain = [("vault/*", 0), ("vault/*", SUBSCRIBE_HISTORY)];
    assert_eq!(told(&plain), [1, 2, 3].map(Message), "the plain one first");
    let wider = [("vault/**", SUBSCRIBE_HISTORY), ("vault/*", 0)];
    assert_eq!(told(&wider), [1, 2, 3].map(Message));
    let above = [("**", SUBSCRIBE_HISTORY), ("vault/*", 0)];
    assert_eq!(told(&above), [1, 2, 3].map(Message), "the wider one last");
}
