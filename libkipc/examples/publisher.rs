// SPDX-License-Identifier: MIT OR Apache-2.0

//! Publishes a reading every second.

use std::thread::sleep;
use std::time::Duration;

use libkipc::Bus;

#[derive(bincode::Encode)]
struct Reading {
    celsius: f32,
}

fn main() -> libkipc::Result<()> {
    // The subscriber is another program with a type of its own, so the type gets a common name.
    let publisher = Bus::connect()?
        .publisher::<Reading>("sensors/room1")?
        .type_name("Reading/1")
        .create()?;
    for step in 0_u8..60 {
        let celsius = 20.0 + f32::from(step % 10) / 10.0;
        let delivery = publisher.publish_acked(&Reading { celsius })?;
        println!("{celsius} °C, delivered to {}", delivery.delivered);
        sleep(Duration::from_secs(1));
    }
    Ok(())
}
