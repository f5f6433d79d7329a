// SPDX-License-Identifier: GPL-2.0

//! The default topic is shared by both protocols.

use crate::client::Client;
use crate::client::Event;
use crate::wire::seed;

/// Each hears the other in its own form.
pub fn talk() {
    let seed_subscriber = Client::open();
    seed_subscriber.seed(seed::REGISTER_SUBSCRIBER, &[]);
    let v1_subscriber = Client::open();
    v1_subscriber.subscribe(seed::TOPIC);

    let seed_publisher = Client::open();
    seed_publisher.seed(seed::REGISTER_PUBLISHER, &[]);
    seed_publisher.seed(seed::BROADCAST, b"from seed");
    let v1_publisher = Client::open();
    let topic = v1_publisher.advertise(seed::TOPIC);
    assert_eq!(v1_publisher.publish_acked(topic, b"from v1"), Ok((2, 2, 0)));

    assert_eq!(
        seed_subscriber.drain(),
        [b"from seed".to_vec(), b"from v1".to_vec()].map(Event::Seed)
    );
    let message = |seq, port, payload: &[u8]| Event::Message {
        topic,
        seq,
        port,
        tag: 0,
        fingerprint: 0,
        payload: payload.to_vec(),
    };
    assert_eq!(
        v1_subscriber.drain(),
        [
            Event::Topic {
                topic,
                name: seed::TOPIC.to_owned(),
                fingerprint: 0
            },
            message(1, seed_publisher.port(), b"from seed"),
            message(2, v1_publisher.port(), b"from v1"),
        ]
    );
    // One socket may speak both; it is two members of the audience then.
    seed_subscriber.subscribe(seed::TOPIC);
    assert_eq!(v1_publisher.publish_acked(topic, b"x"), Ok((3, 3, 0)));
}
