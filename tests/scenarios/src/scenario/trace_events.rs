// SPDX-License-Identifier: GPL-2.0

//! Trace events say what was published and what was lost.

use crate::client::Client;
use std::fs;

const TRACING: &str = "/sys/kernel/tracing";

fn write(file: &str, text: &str) {
    fs::write(format!("{TRACING}/{file}"), text).expect("write to tracefs");
}

fn kipc_lines() -> Vec<String> {
    let trace = fs::read_to_string(format!("{TRACING}/trace")).expect("read the trace");
    trace
        .lines()
        .filter_map(|line| Some(line.get(line.find("kipc_")?..)?.to_owned()))
        .collect()
}

fn inode_of(client: &Client) -> u64 {
    rustix::fs::fstat(&client.fd).expect("fstat").st_ino
}

/// Off they say nothing, on they agree with what the publisher is told.
pub fn agree_with_receipts() {
    let (publisher, subscriber) = (Client::open(), Client::open());
    let topic = publisher.advertise("traced");
    subscriber.set_receive_buffer(1);
    subscriber.subscribe("traced");
    write("trace", "");
    assert!(publisher.publish_acked(topic, b"x").is_ok());
    assert_eq!(kipc_lines(), [""; 0], "off");

    let inode = inode_of(&subscriber);
    write("events/kipc/enable", "1");
    let mut want = Vec::new();
    let mut lost = 0;
    for _ in 0..20 {
        let (seq, delivered, dropped) = publisher
            .publish_acked(topic, &[0; 500])
            .expect("published");
        let outcome = if dropped > 0 { "full" } else { "queued" };
        want.push(format!("kipc_deliver: inode={inode} len=556 {outcome}"));
        if dropped > 0 {
            lost += 1;
            want.push(format!(
                "kipc_drop: topic={topic} seq={seq} count=1 port={}",
                subscriber.port()
            ));
        }
        want.push(format!(
            "kipc_publish: topic={topic} seq={seq} port={} delivered={delivered} dropped={dropped}",
            publisher.port()
        ));
    }
    let port = subscriber.port();
    drop(subscriber);
    want.push(format!("kipc_unregister: inode=0 port={port}"));
    let late = Client::open();
    late.subscribe("nothing");
    want.push(format!(
        "kipc_register: inode={} port={}",
        inode_of(&late),
        late.port()
    ));
    write("events/kipc/enable", "0");
    assert!(lost > 0, "the queue was to be full");
    assert_eq!(kipc_lines(), want);
    write("trace", "");
}
