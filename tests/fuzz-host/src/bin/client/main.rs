// SPDX-License-Identifier: GPL-2.0

//! libkipc over a socket that says anything: errors are all that may come of it.
//!
//! Its modules are compiled here, all but `socket`, in whose place stands one without a kernel.

#![no_main]
#![allow(dead_code, reason = "a library offers more than one program uses")]

/// A module for the path, so that theirs find their own.
#[path = "../../../../../libkipc/src"]
mod library {
    pub(crate) mod bus;
    pub(crate) mod codec;
    pub(crate) mod control;
    pub(crate) mod errno;
    pub(crate) mod error;
    pub(crate) mod filter;
    pub(crate) mod fingerprint;
    pub(crate) mod frame;
    pub(crate) mod inbox;
    pub(crate) mod item;
    pub(crate) mod names;
    pub(crate) mod overflow;
    pub(crate) mod publisher;
    pub(crate) mod query;
    pub(crate) mod subscriber;
    pub(crate) mod topic;
    pub(crate) mod wire;
}

mod kernel;
mod publishing;
mod queries;
mod socket;
mod subscribing;

// The names that they use, as in libkipc/src/lib.rs.
use library::bus;
use library::codec;
use library::control;
use library::errno;
use library::error;
use library::filter;
use library::fingerprint;
use library::frame;
use library::inbox;
use library::item;
use library::names;
use library::overflow;
use library::publisher;
use library::query;
use library::subscriber;
use library::topic;
use library::wire;

pub use bus::Bus;
pub use codec::Bincode;
pub use codec::BoxError;
pub use codec::Codec;
pub use codec::Decode;
pub use codec::Encode;
pub use codec::Json;
pub use codec::Raw;
pub use errno::Errno;
pub use error::Error;
pub use error::Refused;
pub use error::Result;
pub use filter::Filter;
pub use item::Credentials;
pub use item::Item;
pub use item::Message;
pub use item::PortId;
pub use overflow::Overflow;
pub use publisher::Publisher;
pub use publisher::PublisherBuilder;
pub use subscriber::Subscriber;
pub use subscriber::SubscriberBuilder;
pub use topic::InvalidTopic;
pub use topic::Pattern;
pub use topic::Topic;

use kipc_fuzz_host::script::Script;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    // So many requests are answered as a kernel would; the others by the input.
    let honest = script.byte() % 4;
    let (scenario, options) = (script.byte(), script.byte());
    kernel::start(honest.into(), script);
    let Ok(bus) = Bus::connect() else {
        return;
    };
    match scenario % 4 {
        0 => queries::run(&bus),
        1 => publishing::run(&bus, options),
        2 => subscribing::run(&bus, options),
        _ => subscribing::compare(&bus),
    }
});
