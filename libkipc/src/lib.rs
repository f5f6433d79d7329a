// SPDX-License-Identifier: MIT OR Apache-2.0

//! Typed publish/subscribe between the processes of one Linux machine, with the kernel as the
//! broker.
//!
//! A [`Publisher`] or [`Subscriber`] is one netlink socket of the kernel module *kipc*. There is no
//! daemon and nothing to configure; what a process published, subscribed to or left behind ends
//! when its sockets close, however it ends.
//!
//! ```no_run
//! use libkipc::{Bus, Item};
//!
//! # fn main() -> libkipc::Result<()> {
//! let bus = Bus::connect()?;
//! let mut subscriber = bus.subscriber::<(f32, u64)>("sensors/**")?.create()?;
//! let publisher = bus.publisher::<(f32, u64)>("sensors/room1")?.create()?;
//! publisher.publish(&(21.5, 1))?;
//! if let Item::Message(message) = subscriber.recv()? {
//!     println!("{}: {} degrees", message.topic, message.value.0);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What arrives
//!
//! A subscriber gets [`Item`]s: messages, and in their right place among them what happened to the
//! stream. A subscriber that is too slow loses messages, and finds [`Item::Lost`] with their exact
//! number exactly where they are missing. One that asks for it is told of publishers that come
//! ([`Item::Joined`]) and go ([`Item::Gone`]; always behind the publisher's last message).
//!
//! # Topics
//!
//! A [`Topic`] is a path such as `sensors/room1/temperature`. In a [`Pattern`], `*` stands for one
//! segment and `**` for any number of segments, none included: `sensors/**` matches `sensors`,
//! `sensors/a` and `sensors/a/b`.
//!
//! # Types
//!
//! A value is encoded by a [`Codec`], [`Bincode`] unless the builder is told otherwise. The
//! fingerprint of codec and type travels with every message: a message of another type is an
//! [`Error::TypeMismatch`], never garbage. By default it is made from [`std::any::type_name`],
//! which names the crate and the module of the type. That is right if both sides use the type of
//! one shared crate and one compiler; if they do not, give the type a name of your own on both
//! sides:
//!
//! ```no_run
//! #[derive(bincode::Encode, bincode::Decode)]
//! struct Reading {
//!     celsius: f32,
//! }
//!
//! # fn main() -> libkipc::Result<()> {
//! let publisher = libkipc::Bus::connect()?
//!     .publisher::<Reading>("sensors/room1")?
//!     .type_name("Reading/1")
//!     .create()?;
//! publisher.publish(&Reading { celsius: 21.5 })?;
//! # Ok(())
//! # }
//! ```
//!
//! The derive macros come from the crate `bincode`, version 2, which has to be a dependency of
//! the crate that uses them.
//!
//! # Blocking, polling, threads
//!
//! There are no hidden threads. [`Subscriber`] implements [`AsFd`](std::os::fd::AsFd) for `poll`
//! and the like; see there for the one rule to obey, and the example `own_loop`. The feature
//! `tokio` adds subscribers and publishers that are awaited. A [`Publisher`] may be shared between
//! threads, a [`Subscriber`] may be sent to one.
//!
//! # More
//!
//! The [`cookbook`] says what to ask for, for what one wants. Features, which only add: `tokio`, and
//! `json` for values that people and other languages read (`Json`).

mod bus;
mod codec;
mod control;
pub mod cookbook;
mod errno;
mod error;
mod filter;
mod fingerprint;
mod frame;
mod inbox;
mod item;
mod names;
mod overflow;
mod publisher;
mod query;
mod socket;
mod subscriber;
#[cfg(feature = "tokio")]
pub mod tokio;
mod topic;
#[allow(
    dead_code,
    reason = "the module's half of the wire format, and what only clients of the seed protocol use"
)]
mod wire;

pub use bus::Bus;
pub use bus::Info;
pub use codec::Bincode;
pub use codec::BoxError;
pub use codec::Codec;
pub use codec::Decode;
pub use codec::Encode;
#[cfg(feature = "json")]
pub use codec::Json;
pub use codec::Raw;
pub use errno::Errno;
pub use error::Error;
pub use error::Refused;
pub use error::Result;
pub use filter::Filter;
pub use fingerprint::fingerprint;
pub use item::Credentials;
pub use item::Item;
pub use item::Message;
pub use item::PortId;
pub use overflow::Overflow;
pub use publisher::Delivery;
pub use publisher::Publisher;
pub use publisher::PublisherBuilder;
pub use publisher::Tagged;
pub use query::ClientEntry;
pub use query::Rule;
pub use query::StatisticsEntry;
pub use query::SubscriptionEntry;
pub use query::TopicEntry;
pub use subscriber::Subscriber;
pub use subscriber::SubscriberBuilder;
pub use topic::InvalidTopic;
pub use topic::Pattern;
pub use topic::Topic;

/// The examples of README.md are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    #[test]
    fn version_equals_that_of_the_project() {
        // In a packaged crate the file is not there.
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../VERSION");
        if let Ok(version) = std::fs::read_to_string(path) {
            assert_eq!(version.trim_end(), env!("CARGO_PKG_VERSION"));
        }
    }
}
