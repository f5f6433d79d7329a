// SPDX-License-Identifier: GPL-2.0

//! Which topics a pattern brings, whichever of the two was there first.

use crate::client::Client;
use crate::client::Event;

fn heard(client: &Client) -> Vec<String> {
    let mut payloads: Vec<String> = client
        .drain()
        .into_iter()
        .filter_map(|event| match event {
            Event::Message { payload, .. } => Some(String::from_utf8(payload).expect("UTF-8")),
            _ => None,
        })
        .collect();
    payloads.sort();
    payloads
}

/// Patterns subscribed before and after the topics exist select the same.
pub fn select_topics() {
    const TOPICS: [&str; 5] = ["a", "a/b", "a/b/c", "x/b", "x/y/c"];
    let cases: [(&str, &[&str]); 8] = [
        ("a", &["a"]),
        ("*", &["a"]),
        ("**", &TOPICS),
        ("a/**", &["a", "a/b", "a/b/c"]),
        ("*/b", &["a/b", "x/b"]),
        ("**/c", &["a/b/c", "x/y/c"]),
        ("x/*/c", &["x/y/c"]),
        ("none", &[]),
    ];
    let subscribe = || {
        cases.map(|(pattern, _)| {
            let client = Client::open();
            client.subscribe(pattern);
            client
        })
    };
    let before = subscribe();
    let publisher = Client::open();
    let ids = TOPICS.map(|topic| publisher.advertise(topic));
    let after = subscribe();
    // Overlapping subscriptions of one socket bring each message once.
    let overlapping = Client::open();
    let all = overlapping.subscribe("**");
    let some = overlapping.subscribe("a/*");
    overlapping.subscribe("a/b");

    let publish_all = || {
        for (topic, id) in TOPICS.iter().zip(ids) {
            publisher.publish(id, topic.as_bytes());
        }
    };
    publish_all();
    for ((pattern, want), (before, after)) in cases.iter().zip(before.iter().zip(&after)) {
        assert_eq!(&heard(before), want, "{pattern} subscribed before");
        assert_eq!(&heard(after), want, "{pattern} subscribed after");
    }
    assert_eq!(heard(&overlapping), TOPICS);

    // Ending one subscription leaves what the others want.
    use crate::wire::request::Request;
    for (subscription_id, want) in [(all, &["a/b"][..]), (some, &["a/b"])] {
        overlapping
            .request(Request::Unsubscribe { subscription_id })
            .expect("unsubscribe");
        publish_all();
        assert_eq!(heard(&overlapping), want);
    }
    let again = overlapping.request(Request::Unsubscribe {
        subscription_id: all,
    });
    assert_eq!(again.expect_err("it is gone").errno, 2);
}
