// SPDX-License-Identifier: MIT OR Apache-2.0

//! One module for each verb.

pub(crate) mod bench;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod generate;
pub(crate) mod hz;
pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod policy;
pub(crate) mod publish;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod subscribe;
pub(crate) mod top;
