// SPDX-License-Identifier: MIT OR Apache-2.0

//! The C interface of [`libkipc`]: opaque handles, status codes, sentences for errors.
//!
//! `kipc.h` is made from this by cbindgen. What C hands over is checked here as far as it can be:
//! NULL is an error, text must be UTF-8. That a pointer which is not NULL points to what its type
//! says is the caller's promise, and each function's `# Safety`.

#![allow(non_camel_case_types, reason = "the names are those of C")]

mod bus;
mod pointer;
mod publisher;
mod status;
mod subscriber;

pub use bus::kipc_bus;
pub use bus::kipc_bus_free;
pub use bus::kipc_bus_info;
pub use bus::kipc_clear;
pub use bus::kipc_connect;
pub use bus::kipc_connect_protocol;
pub use bus::kipc_fingerprint;
pub use bus::kipc_info;
pub use bus::kipc_topic;
pub use bus::kipc_topics;
pub use publisher::kipc_bytes;
pub use publisher::kipc_delivery;
pub use publisher::kipc_publish;
pub use publisher::kipc_publish_acked;
pub use publisher::kipc_publish_batch;
pub use publisher::kipc_publish_tagged;
pub use publisher::kipc_publisher;
pub use publisher::kipc_publisher_cancel_last_will;
pub use publisher::kipc_publisher_create;
pub use publisher::kipc_publisher_fd;
pub use publisher::kipc_publisher_free;
pub use publisher::kipc_publisher_options;
pub use publisher::kipc_publisher_options_init;
pub use publisher::kipc_publisher_port;
pub use publisher::kipc_publisher_set_last_will;
pub use publisher::kipc_publisher_wait_for_subscribers;
pub use status::*;
pub use subscriber::*;
