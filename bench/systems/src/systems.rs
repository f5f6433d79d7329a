// SPDX-License-Identifier: MIT OR Apache-2.0

//! The systems, one in each file, with their settings.

pub(crate) mod dbus;
pub(crate) mod iceoryx2;
pub(crate) mod kipc;
pub(crate) mod mosquitto;
pub(crate) mod nats;
pub(crate) mod nng;
pub(crate) mod redis;
pub(crate) mod seqpacket;
pub(crate) mod zenoh;
pub(crate) mod zeromq;
