// SPDX-License-Identifier: MIT OR Apache-2.0

//! Prints the readings of all sensors, and what happens to their publishers.

use libkipc::Bus;
use libkipc::Item;

#[derive(bincode::Decode)]
struct Reading {
    celsius: f32,
}

fn main() -> libkipc::Result<()> {
    let subscriber = Bus::connect()?
        .subscriber::<Reading>("sensors/**")?
        .type_name("Reading/1")
        .events()
        .create()?;
    for item in subscriber {
        match item {
            Ok(Item::Message(reading)) => println!("{}: {} °C", reading.topic, reading.celsius),
            Ok(Item::Lost { topic, count, .. }) => println!("{topic}: {count} readings lost"),
            Ok(Item::Joined { topic, .. }) => println!("{topic}: a sensor is here"),
            Ok(Item::Gone { topic, .. }) => println!("{topic}: a sensor is gone"),
            Ok(_) => {}
            // Errors concern one message each.
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}
