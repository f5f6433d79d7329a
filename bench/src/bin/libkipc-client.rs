// SPDX-License-Identifier: MIT OR Apache-2.0

//! Publishes 64 bytes and receives them on another socket, so many times, by libkipc. Compare with
//! `bench/client/hand-written.c`.
//!
//!     libkipc-client ROUNDS

use libkipc::Bus;
use libkipc::Item;

fn main() -> libkipc::Result<()> {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let bus = Bus::connect()?;
    let mut subscriber = bus.raw_subscriber("cost/*")?.create()?;
    let builder = bus.raw_publisher("cost/a")?;
    let publisher = builder.deferred_refusals().create()?;
    let mut payload = [0; 64];
    let mut sum = 0;
    for round in 0..rounds.unwrap_or(0_u64) {
        payload[0] = round as u8;
        publisher.publish(&payload)?;
        if let Item::Message(message) = subscriber.recv_as::<&[u8]>()? {
            sum += u64::from(message.topic.as_str().as_bytes()[0]);
            sum += u64::from(message.value[0]) + message.value.len() as u64;
        }
    }
    println!("{sum}");
    Ok(())
}
