// SPDX-License-Identifier: GPL-2.0

//! A socket does not get its own messages: not those that it publishes, and not those that a topic
//! retains of it. Those of another socket it gets, also if that had its port id.

use crate::client::Client;
use crate::late;
use crate::late::Told::Message;
use crate::wire::message::SUBSCRIBE_HISTORY;

fn history(client: &Client, pattern: &str) -> Vec<late::Told> {
    late::told(&client.subscribe_with(pattern, SUBSCRIBE_HISTORY).1)
}

/// Among messages of others, and in a pattern that matches several topics.
pub fn does_not_come_back() {
    let (first, second) = (Client::open(), Client::open());
    let [a, b] = ["own/a", "own/b"].map(|topic| first.advertise_history(topic, 8).expect("it"));
    second.advertise("own/a");
    first.publish(a, b"1");
    second.publish(a, b"2");
    first.publish(a, b"3");
    first.publish(b, b"1");
    let firsts = history(&first, "own/*");
    let seconds = history(&second, "own/a");
    second.publish(a, b"4");
    let live = late::told(&first.drain());
    // As for everybody.
    let others = history(&Client::open(), "own/a");
    for topic in ["own/a", "own/b"] {
        first.clear(topic).expect("clear");
    }
    assert_eq!(firsts, [Message(2)]);
    assert_eq!(seconds, [Message(1), Message(3)]);
    assert_eq!(live, [Message(4)]);
    assert_eq!(others, [1, 2, 3, 4].map(Message));
}

/// A batch and a last will of one's own socket are one's own; what an earlier bearer of the same
/// port id left behind is not.
pub fn is_told_apart_from_that_of_an_earlier_bearer_of_the_port() {
    const PORT: u32 = 4_000_000;
    let earlier = Client::try_open(PORT).expect("a port");
    let keeper = Client::open();
    keeper.advertise("borne");
    let id = earlier.advertise_history("borne", 8).expect("advertise");
    earlier.publish(id, b"1");
    earlier.set_last_will(id, b"2").expect("a will");
    drop(earlier);
    let later = Client::try_open(PORT).expect("the same port");
    assert_eq!(later.advertise("borne"), id);
    let message = crate::client::publish_message(id, 0, crate::wire::header::REQUEST, 0, b"batch ");
    later.send(&[&message[..], &[0; 2], &message].concat());
    let laters = history(&later, "borne");
    let others = history(&Client::open(), "borne");
    keeper.clear("borne").expect("clear");
    assert_eq!(others, [1, 2, 3, 4].map(Message));
    assert_eq!(laters, [1, 2].map(Message), "what the earlier bearer left");
}
