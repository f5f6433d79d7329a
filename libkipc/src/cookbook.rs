// SPDX-License-Identifier: MIT OR Apache-2.0

//! Recipes: what to ask for, for what one wants.
//!
//! # The present value of something
//!
//! The topic retains its last message, and every subscriber that asks for it begins with that: it
//! does not matter who starts first, and the value outlives its publisher.
//!
//! ```no_run
//! use libkipc::{Bus, Item};
//!
//! # fn main() -> libkipc::Result<()> {
//! let bus = Bus::connect()?;
//! let setting = bus.publisher::<u32>("lamps/hall/level")?.history(1).create()?;
//! setting.publish(&70)?;
//!
//! let mut now = bus.subscriber::<u32>("lamps/hall/level")?.history().create()?;
//! if let Item::Message(level) = now.recv()? {
//!     println!("{} %", level.value);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Work that must not be lost
//!
//! The worker makes publishers wait while its queue is full; the publisher agrees to wait, waits
//! for a worker to be there, and looks at what became of each job. A worker that dies is missed:
//! it is counted no more.
//!
//! ```no_run
//! use std::time::Duration;
//! use libkipc::{Bus, Item, Overflow};
//!
//! # fn main() -> libkipc::Result<()> {
//! let bus = Bus::connect()?;
//! # let patience = Duration::from_secs(30);
//! let jobs = bus.publisher::<String>("jobs")?.wait(patience).watch_subscribers().create()?;
//! if jobs.wait_for_subscribers(1, patience)? {
//!     let delivery = jobs.publish_acked(&"resize 7.png".into())?;
//!     assert_eq!(delivery.dropped, 0);
//! }
//!
//! let worker = bus.subscriber::<String>("jobs")?.overflow(Overflow::Block).create()?;
//! for item in worker {
//!     if let Item::Message(job) = item? {
//!         println!("working on {}", job.value);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Telemetry, of which the newest counts
//!
//! The reader lets go of the oldest, and is told how much that was. Publishers never wait for it,
//! and send many readings with one system call.
//!
//! ```no_run
//! use libkipc::{Bus, Item, Overflow};
//!
//! # fn main() -> libkipc::Result<()> {
//! let bus = Bus::connect()?;
//! let readings = bus.publisher::<(u64, f32)>("sensors/room1")?.deferred_refusals().create()?;
//! readings.publish_batch(&[(1, 21.5), (2, 21.6), (3, 21.6)])?;
//!
//! let display = bus.subscriber::<(u64, f32)>("sensors/*")?.overflow(Overflow::DropOldest);
//! for item in display.create()? {
//!     match item? {
//!         Item::Message(reading) => println!("{}: {:?}", reading.topic, reading.value),
//!         Item::Lost { count, .. } => println!("{count} readings were skipped"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Watching processes die
//!
//! A publisher is there as long as its socket is. Whoever asks is told of its end, after its last
//! message, however it ended. A last will says more than that.
//!
//! ```no_run
//! use libkipc::{Bus, Item};
//!
//! # fn main() -> libkipc::Result<()> {
//! let bus = Bus::connect()?;
//! let alive = bus.publisher::<String>("services/camera")?.create()?;
//! alive.set_last_will(&"the camera's process is dead".into())?;
//!
//! for item in bus.subscriber::<String>("services/*")?.events().create()? {
//!     match item? {
//!         Item::Joined { topic, .. } => println!("{topic} is up"),
//!         Item::Message(words) => println!("{} says: {}", words.topic, words.value),
//!         Item::Gone { topic, publisher, .. } => println!("{topic} is down ({publisher})"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Receiving only what matters
//!
//! The publisher tags what it sends; the kernel drops what a subscriber does not want, before it
//! wakes it up.
//!
//! ```no_run
//! use libkipc::{Bus, Filter};
//!
//! const ERROR: u32 = 1;
//!
//! # fn main() -> libkipc::Result<()> {
//! let bus = Bus::connect()?;
//! let log = bus.publisher::<String>("log/camera")?.create()?;
//! log.publish(&"a frame".into())?;
//! log.tagged(ERROR).publish(&"no frame".into())?;
//!
//! let errors = bus.subscriber::<String>("log/**")?.filter(Filter::tags([ERROR])).create()?;
//! # drop(errors);
//! # Ok(())
//! # }
//! ```
//!
//! # A service with tokio
//!
//! With the feature `tokio`. Receiving is safe to cancel, so it may stand in a `select!`.
//!
#![cfg_attr(feature = "tokio", doc = "```no_run")]
#![cfg_attr(not(feature = "tokio"), doc = "```ignore")]
//! use libkipc::{Bus, Item, tokio::{Publisher, Subscriber}};
//!
//! # async fn serve() -> libkipc::Result<()> {
//! let bus = Bus::connect()?;
//! let mut orders = Subscriber::new(bus.subscriber::<u32>("orders")?.create()?)?;
//! let bills = Publisher::new(bus.publisher::<u32>("bills")?.create()?);
//! loop {
//!     if let Item::Message(order) = orders.recv().await? {
//!         bills.publish(&(order.value * 3)).await?;
//!     }
//! }
//! # }
//! ```
