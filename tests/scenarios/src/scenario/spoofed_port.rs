// SPDX-License-Identifier: GPL-2.0

//! A sender is who the kernel says, not who its message says.

use crate::client::Client;
use crate::client::Event;
use crate::client::publish_message;
use crate::wire::header;
use crate::wire::seed;

/// Writing somebody else's port id into nlmsg_pid neither borrows his rights nor his name.
pub fn has_no_effect() {
    let subscriber = Client::open();
    subscriber.subscribe("**");
    let honest = Client::open();
    let topic = honest.advertise("spoof");
    honest.seed(seed::REGISTER_PUBLISHER, &[]);
    let liar = Client::open();
    let lie = |mut message: Vec<u8>| {
        message[12..16].copy_from_slice(&honest.port().to_ne_bytes());
        message
    };

    liar.send(&lie(publish_message(topic, 0, header::REQUEST, 1, b"lie")));
    assert!(matches!(liar.drain()[..], [Event::Ack { errno: 2, .. }]));
    let broadcast = crate::client::raw_message(seed::TYPE, 0, 0, &[seed::BROADCAST, b'x']);
    liar.send(&lie(broadcast));
    assert!(matches!(liar.drain()[..], [Event::Ack { errno: 107, .. }]));
    assert_eq!(subscriber.drain(), []);

    // As a publisher of its own, it still appears under its own port id.
    assert_eq!(liar.advertise("spoof"), topic);
    liar.send(&lie(publish_message(
        topic,
        0,
        header::REQUEST,
        1,
        b"truth",
    )));
    let ports: Vec<u32> = subscriber
        .drain()
        .iter()
        .filter_map(|event| match event {
            Event::Message { port, .. } => Some(*port),
            _ => None,
        })
        .collect();
    assert_eq!(ports, [liar.port()]);
}
