// SPDX-License-Identifier: GPL-2.0

//! Free memory in small pieces only, as it is on a machine that has been up for long: large
//! messages are kept and copied all the same.

use crate::client::Client;
use crate::client::Event;
use crate::client::publish_message;
use crate::fragmented::Fragmented;
use crate::kernel;
use crate::late::Told;
use crate::late::Told::Message;
use crate::late::told;
use crate::wire::header;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::seed::BROADCAST;
use crate::wire::seed::REGISTER_PUBLISHER;
use crate::wire::seed::REGISTER_SUBSCRIBER;

/// A payload of nearly a megabyte.
const LEN: usize = 1_000_000;

/// A client whose buffers take large messages, and a payload.
fn client() -> Client {
    kernel::allow_large_queues();
    let client = Client::open();
    client.set_receive_buffer(16 << 20);
    client.set_send_buffer(4 << 20);
    client
}

fn payload_lengths(events: &[Event]) -> Vec<usize> {
    let length = |event: &Event| match event {
        Event::Message { payload, .. } | Event::Seed(payload) => Some(payload.len()),
        _ => None,
    };
    events.iter().filter_map(length).collect()
}

/// A last will is a copy of what was sent.
pub fn has_room_for_a_last_will() {
    let (publisher, subscriber) = (client(), client());
    let payload = vec![7; LEN];
    let topic = publisher.advertise("large");
    subscriber.subscribe("large");
    let fragmented = Fragmented::new();
    let kept = publisher.set_last_will(topic, &payload).map(|_| ());
    drop(publisher);
    let heard = payload_lengths(&subscriber.drain());
    drop(fragmented);
    assert_eq!(kept, Ok(()), "a last will of {LEN} bytes");
    assert_eq!(heard, [LEN]);
}

/// What a history keeps of a datagram with much else in it is a copy.
pub fn has_room_for_a_history() {
    let (publisher, subscriber) = (client(), client());
    let [a, b] = ["large/a", "large/b"].map(|topic| publisher.advertise_history(topic, 8));
    let [a, b] = [a, b].map(|topic| topic.expect("advertise"));
    publisher.publish(a, b"small");
    let payload = vec![7; LEN];
    let message = |topic| publish_message(topic, 0, header::REQUEST, 0, &payload);
    let datagram = [message(a), message(b), message(a)].concat();
    let fragmented = Fragmented::new();
    publisher.send(&datagram);
    let history: Vec<Told> = told(&subscriber.subscribe_with("large/*", SUBSCRIBE_HISTORY).1);
    drop(fragmented);
    for topic in ["large/a", "large/b"] {
        publisher.clear(topic).expect("clear");
    }
    assert_eq!(
        history,
        [1, 2, 3, 1].map(Message),
        "of three times {LEN} bytes on two topics"
    );
}

/// The two protocols have different headers, so a message is copied for clients of the other one.
pub fn has_room_for_the_form_of_the_other_protocol() {
    let (publisher, subscriber, seed) = (client(), client(), client());
    let payload = vec![7; LEN];
    let topic = publisher.advertise("default");
    subscriber.subscribe("default");
    seed.seed(REGISTER_SUBSCRIBER, b"");
    seed.seed(REGISTER_PUBLISHER, b"");
    assert_eq!(publisher.publish_acked(topic, b"small"), Ok((1, 2, 0)));
    seed.drain();
    subscriber.drain();
    let fragmented = Fragmented::new();
    let receipt = publisher.publish_acked(topic, &payload);
    let by_seed = payload_lengths(&seed.drain());
    seed.seed(BROADCAST, &payload);
    let by_v1 = payload_lengths(&subscriber.drain());
    drop(fragmented);
    assert_eq!(receipt, Ok((2, 2, 0)), "delivered and dropped");
    assert_eq!(by_seed, [LEN], "by the seed client");
    assert_eq!(by_v1, [LEN, LEN], "by the client of v1");
}
