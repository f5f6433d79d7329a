// SPDX-License-Identifier: GPL-2.0

//! Each operation, each refusal and each promise of the bus on its own.

mod access;
mod accounts;
mod audience;
mod batch;
mod delivery;
mod dump;
mod events;
mod history;
mod last_will;
mod lifetime;
mod limits;
mod loss;
mod overflow;
mod publications;
mod subscriptions;
