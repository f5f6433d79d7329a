// SPDX-License-Identifier: MIT OR Apache-2.0

//! One module for each verb.

pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod policy;
pub(crate) mod publish;
pub(crate) mod subscribe;
