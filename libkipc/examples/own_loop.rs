// SPDX-License-Identifier: MIT OR Apache-2.0

//! A subscriber in an epoll loop of one's own.

use libkipc::Bus;
use libkipc::Item;
use nix::sys::epoll::Epoll;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::epoll::EpollEvent;
use nix::sys::epoll::EpollFlags;
use nix::sys::epoll::EpollTimeout;

#[derive(bincode::Decode)]
struct Reading {
    celsius: f32,
}

const READINGS: u64 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut readings = Bus::connect()?
        .subscriber::<Reading>("sensors/**")?
        .type_name("Reading/1")
        .create()?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&readings, EpollEvent::new(EpollFlags::EPOLLIN, READINGS))?;
    loop {
        let mut events = [EpollEvent::empty(); 8];
        let count = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..count] {
            if event.data() != READINGS {
                continue;
            }
            // One receive may bring several items: all of them, before waiting again.
            while let Some(item) = readings.try_recv()? {
                if let Item::Message(message) = item {
                    println!("{}: {} degrees", message.topic, message.celsius);
                }
            }
        }
    }
}
