// SPDX-License-Identifier: GPL-2.0

//! What the targets in `bin` share.
//!
//! - `wire`: the parser of the wire format, and that what it reads can be written again,
//! - `topics`: names, patterns and matching, beside another implementation,
//! - `index`: the bus finds the subscriptions that trying all of them finds,
//! - `client`: libkipc over a socket that says anything,
//! - `abi`: the same through the C interface; it is written in C, in `../abi`.

pub mod reference;
pub mod script;
