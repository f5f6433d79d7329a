// SPDX-License-Identifier: GPL-2.0

//! The scenarios: one behaviour per file, named by it.

pub mod access;
mod attacks;
mod batches;
mod behaviours;
mod command_line;
mod crowded_bus;
mod dump_order;
mod dumps;
mod events;
mod exact_loss;
mod fan_out;
mod filters_see;
mod fragmented_memory;
pub mod frozen_publisher;
mod full_queue;
pub mod history;
mod history_of_the_owner;
mod interfaces;
mod kernel_publisher;
mod killed_at_random;
mod large_messages;
mod last_will;
mod library;
mod library_cost;
mod limits;
mod load_unload;
mod malformed_messages;
mod namespaces;
mod namespaces_while_loading;
mod overflow;
mod own_history;
mod patterns;
mod policy_opens_history;
mod publisher_killed;
pub mod quota_across_namespaces;
mod quota_at_the_limit;
mod quota_of_the_departed;
mod refused_topic;
pub mod retained_memory_is_charged;
mod room_of_others;
mod seed_and_v1;
mod seed_fan_out;
mod seed_registers_twice;
pub mod sender_identity;
mod spoofed_port;
mod strictest_policy;
mod subscribe_close_cycles;
mod subscriber_dies_with_full_queue;
mod thirty_two_bits;
mod trace_events;
pub mod typed_round_trip;
pub mod unload_with_kept_sockets;
mod unprivileged_user;
pub mod user_limits;

/// A scenario panics if a promise is broken.
type Scenario = fn();

/// All scenarios, by name.
pub fn all() -> impl Iterator<Item = &'static (&'static str, Scenario)> {
    behaviours::ALL.iter().chain(attacks::ALL)
}
