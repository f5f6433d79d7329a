// SPDX-License-Identifier: GPL-2.0

//! Publishers that come and go.

use crate::client::Client;
use crate::client::Event;
use crate::process::Process;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::request::Request;

/// In order with the data; only to those who asked; also about those who were there before.
pub fn tell_who_joined_and_who_is_gone() {
    let early = Client::open();
    early.subscribe_with("events/*", SUBSCRIBE_EVENTS);
    let silent = Client::open();
    silent.subscribe("events/*");

    let (one, two) = (Client::open(), Client::open());
    let topic = one.advertise("events/a");
    assert_eq!(two.advertise("events/a"), topic);
    let late = Client::open();
    let (_, mut told) = late.subscribe_with("events/a", SUBSCRIBE_EVENTS);
    told.extend(late.drain());

    one.publish(topic, b"1");
    let port_of_one = one.port();
    drop(one);
    two.publish(topic, b"2");
    two.request(Request::Unadvertise { topic_id: topic })
        .expect("unadvertise");

    let named = Event::Topic {
        topic,
        name: "events/a".to_owned(),
        fingerprint: 0,
    };
    let joined = |port| Event::Joined { topic, port };
    let gone = |port| Event::Gone { topic, port };
    let message = |seq, port, payload: &[u8]| Event::Message {
        topic,
        seq,
        port,
        tag: 0,
        fingerprint: 0,
        payload: payload.to_vec(),
    };
    let (one, two) = (port_of_one, two.port());
    let rest = [
        message(1, one, b"1"),
        gone(one),
        message(2, two, b"2"),
        gone(two),
        Event::Removed { topic },
    ];
    assert_eq!(
        early.drain(),
        [&[named.clone(), joined(one), joined(two)], &rest[..]].concat()
    );
    assert_eq!(told, [named.clone(), joined(one), joined(two)]);
    assert_eq!(late.drain(), rest);
    let silent: Vec<Event> = silent.drain();
    assert_eq!(
        silent,
        [
            named,
            message(1, one, b"1"),
            message(2, two, b"2"),
            Event::Removed { topic }
        ]
    );
}

/// A publisher that asks learns how many subscribers there are, also when one is killed.
pub fn publisher_is_told_its_subscribers() {
    let publisher = Client::open();
    let topic = publisher.advertise_events("watched");
    let told = || match publisher.drain()[..] {
        [Event::Matched { topic: t, count }] if t == topic => count,
        ref other => panic!("{other:?}"),
    };
    let mut subscriber = Process::role(&["subscribe-and-stall", "*"]).ready();
    assert_eq!(told(), 1);
    subscriber.kill();
    assert_eq!(told(), 0);
}
