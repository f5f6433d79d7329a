// SPDX-License-Identifier: GPL-2.0

//! Messages for the time after their publisher's end.

use crate::client::Client;
use crate::client::Event;
use crate::process::Process;
use crate::wire::data::LAST_WILL_CANCEL;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::refusal::Refusal;
use crate::wire::request::Request;

/// SIGKILL: the will, then "gone", both once; and the will is retained like any message.
pub fn is_published_before_gone() {
    let watcher = Client::open();
    watcher.subscribe_with("doomed", SUBSCRIBE_EVENTS);
    for _ in 0..20 {
        let mut publisher = Process::role(&["latch", "doomed", "alive", "dead"]).ready();
        publisher.kill();
        let mut story = Vec::new();
        for event in watcher.drain() {
            match event {
                Event::Message { payload, .. } => story.push(payload),
                Event::Gone { .. } => story.push(b"gone".to_vec()),
                _ => {}
            }
        }
        assert_eq!(story, [&b"alive"[..], b"dead", b"gone"]);
        let late = Client::open();
        let (_, events) = late.subscribe_with("doomed", SUBSCRIBE_HISTORY);
        let retained: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Message { payload, .. } => Some(&payload[..]),
                _ => None,
            })
            .collect();
        assert_eq!(retained, [&b"alive"[..], b"dead"]);
        late.clear("doomed").expect("clear");
        watcher.drain();
    }
    drop(watcher);
    assert_eq!(Client::open().counts(), (0, 0, 0));
}

/// The last one counts; cancelled, or with its advertisement withdrawn, it is not published.
pub fn can_be_changed_and_cancelled() {
    let watcher = Client::open();
    watcher.subscribe("*");
    let publisher = Client::open();
    let refused = |result: Result<_, crate::client::Refused>, refusal: Refusal| {
        let refused = result.map(|_: Vec<Event>| ()).unwrap_err();
        assert_eq!(refused.errno, refusal.errno());
        assert_eq!(Ok(&refused.sentence[..]), refusal.sentence().to_str());
    };
    refused(publisher.set_last_will(1, b"x"), Refusal::NotAdvertised);
    let [a, b, c] = ["a", "b", "c"].map(|topic| publisher.advertise(topic));
    refused(
        publisher.last_will(a, LAST_WILL_CANCEL, b"x"),
        Refusal::CancelWithPayload,
    );
    refused(publisher.last_will(a, 1, b"x"), Refusal::UnknownFlags);
    for topic in [a, b, c] {
        publisher.set_last_will(topic, b"first").expect("a will");
        publisher.set_last_will(topic, b"second").expect("a will");
    }
    publisher
        .last_will(b, LAST_WILL_CANCEL, b"")
        .expect("cancel");
    publisher
        .request(Request::Unadvertise { topic_id: c })
        .expect("unadvertise");
    drop(publisher);
    let messages: Vec<_> = watcher
        .drain()
        .into_iter()
        .filter_map(|event| match event {
            Event::Message { topic, payload, .. } => Some((topic, payload)),
            _ => None,
        })
        .collect();
    assert_eq!(messages, [(a, b"second".to_vec())]);
}
