// SPDX-License-Identifier: GPL-2.0

//! A 32-bit program on a 64-bit kernel: all that it sends and receives has the layout that it has
//! for everybody.

use crate::client::Client;
use crate::client::Event;
use crate::client::publish_message;
use crate::process::Process;
use crate::wire::data::DataHeader;
use crate::wire::header;

const FINGERPRINT: u64 = 0x1122_3344_5566_7788;

/// It is told what was retained, alone and in a batch, what comes live, and who sent it, and reads
/// a dump.
pub fn publish_receive_and_read_records() {
    let publisher = Client::open();
    let input = publisher
        .advertise_history("compat/in", 16)
        .expect("advertise");
    publisher.publish(input, b"kept");
    let batch = |tag, payload: &[u8]| publish_message(input, tag, header::REQUEST, 0, payload);
    publisher.send(&[batch(u32::MAX, b"batch 1."), batch(3, b"batch 2.")].concat());
    let subscriber = Client::open();
    subscriber.subscribe("compat/out");
    let mut client = Process::start(&["compat-client"]).ready();
    publisher.publish(input, b"live");
    // The last one has no payload.
    assert_eq!(publisher.publish_acked(input, b""), Ok((5, 1, 0)));
    let mut heard = Vec::new();
    while heard.len() < 5 {
        for event in subscriber.expect() {
            if let Event::Message {
                tag,
                fingerprint,
                payload,
                ..
            } = event
            {
                assert_eq!((tag, fingerprint), (4, FINGERPRINT), "a long has 4 bytes");
                heard.push(echoed(&payload, publisher.port(), input));
            }
        }
    }
    let expected = [
        (1, 0, "kept"),
        (2, u32::MAX, "batch 1."),
        (3, 3, "batch 2."),
        (4, 0, "live"),
        (5, 0, ""),
    ];
    let expected = expected.map(|(seq, tag, text)| (seq, tag, text.as_bytes().to_vec()));
    let mut topics = [client.line(), client.line()];
    topics.sort();
    assert_eq!(client.line(), "done");
    client.succeed();
    publisher.clear("compat/in").expect("clear");
    assert_eq!(heard, expected);
    assert_eq!(topics, ["compat/in 5", "compat/out 5"]);
}

/// Number, tag and payload of a message, as the program received it behind the credentials of whoever
/// sent it.
fn echoed(payload: &[u8], port: u32, topic: u32) -> (u64, u32, Vec<u8>) {
    let word = |at: usize| u32::from_ne_bytes(payload[at..at + 4].try_into().expect("4 bytes"));
    assert_eq!([word(0), word(4), word(8)], [std::process::id(), 0, 0]);
    let (data, payload) = DataHeader::read(&payload[12..]).expect("a data header");
    assert_eq!((data.topic, data.port, data.fingerprint), (topic, port, 0));
    assert!(data.time > 0);
    (data.seq, data.tag, payload.to_vec())
}
