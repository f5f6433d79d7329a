// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is measured, one in each file.

pub(crate) mod memory;
pub(crate) mod round_trip;
pub(crate) mod start_up;
pub(crate) mod stream;
