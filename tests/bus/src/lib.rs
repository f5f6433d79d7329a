// SPDX-License-Identifier: GPL-2.0

//! Tests of the bus on the host: the module's own `src/bus` and `src/wire` over another `sys`.
//!
//! - [`unit`]: each operation, each refusal, each promise,
//! - `model`: random histories against a reference,
//! - `index`: topics and subscriptions find each other, and few others on the way,
//! - `memory`: every allocation of every operation fails once,
//! - `threads`: real threads, with the lock order checked at every lock,
//! - `races`: two requests of one socket, interleaved on purpose.

#![cfg(test)]

// The kernel side of the module uses what the tests do not.
#[allow(dead_code)]
#[path = "../../../src/bus/mod.rs"]
mod bus;
#[allow(dead_code)]
#[path = "../../../src/wire/mod.rs"]
mod wire;

mod index;
mod memory;
mod model;
mod person;
mod queue;
mod races;
mod sys;
mod threads;
mod unit;
mod world;
