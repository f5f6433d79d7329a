// SPDX-License-Identifier: GPL-2.0

//! What the bus does, for those who use it as it is meant.

use super::Scenario;
use super::access;
use super::batches;
use super::command_line;
use super::crowded_bus;
use super::dumps;
use super::events;
use super::exact_loss;
use super::fan_out;
use super::full_queue;
use super::history;
use super::interfaces;
use super::kernel_publisher;
use super::killed_at_random;
use super::last_will;
use super::library;
use super::library_cost;
use super::limits;
use super::load_unload;
use super::malformed_messages;
use super::namespaces;
use super::overflow;
use super::patterns;
use super::publisher_killed;
use super::refused_topic;
use super::seed_and_v1;
use super::seed_fan_out;
use super::seed_registers_twice;
use super::spoofed_port;
use super::strictest_policy;
use super::subscribe_close_cycles;
use super::subscriber_dies_with_full_queue;
use super::trace_events;
use super::typed_round_trip;
use super::unprivileged_user;

/// The first loads the module by opening a socket.
pub const ALL: &[(&str, Scenario)] = &[
    (
        "socket_alone_loads_the_module",
        load_unload::socket_alone_loads_the_module,
    ),
    (
        "load_and_unload_20_times",
        load_unload::load_and_unload_20_times,
    ),
    (
        "open_socket_pins_the_module",
        load_unload::open_socket_pins_the_module,
    ),
    ("seed_fan_out_to_1", seed_fan_out::to_1),
    ("seed_fan_out_to_3", seed_fan_out::to_3),
    ("seed_fan_out_to_64", seed_fan_out::to_64),
    (
        "seed_client_is_publisher_and_subscriber",
        seed_fan_out::both_at_once,
    ),
    (
        "seed_registers_twice_gets_one_copy",
        seed_registers_twice::gets_one_copy,
    ),
    ("seed_and_v1_clients_talk", seed_and_v1::talk),
    ("malformed_netlink_is_refused", malformed_messages::netlink),
    (
        "malformed_seed_messages_are_refused",
        malformed_messages::seed,
    ),
    (
        "malformed_control_messages_are_refused",
        malformed_messages::control,
    ),
    (
        "malformed_published_messages_are_refused",
        malformed_messages::published,
    ),
    (
        "refused_requests_change_nothing",
        malformed_messages::change_nothing,
    ),
    (
        "spoofed_nlmsg_pid_has_no_effect",
        spoofed_port::has_no_effect,
    ),
    (
        "fan_out_is_numbered_without_gaps",
        fan_out::is_numbered_without_gaps,
    ),
    (
        "fan_out_has_one_order_for_all",
        fan_out::has_one_order_for_all,
    ),
    ("fan_out_of_large_messages", fan_out::of_large_messages),
    (
        "datagram_with_several_messages",
        fan_out::datagram_with_several_messages,
    ),
    ("patterns_select_topics", patterns::select_topics),
    (
        "full_queue_loses_exactly_and_says_where",
        full_queue::loses_exactly_and_says_where,
    ),
    (
        "full_queue_of_one_leaves_others_alone",
        full_queue::of_one_leaves_others_alone,
    ),
    (
        "full_queue_of_the_smallest_size_is_never_deaf",
        full_queue::of_the_smallest_size_is_never_deaf,
    ),
    (
        "overflow_drop_oldest_keeps_the_newest",
        overflow::drop_oldest_keeps_the_newest,
    ),
    (
        "overflow_drop_oldest_is_exact_under_load",
        overflow::drop_oldest_is_exact_under_load,
    ),
    (
        "overflow_fail_publishes_to_all_or_none",
        overflow::fail_publishes_to_all_or_none,
    ),
    (
        "overflow_block_loses_nothing",
        overflow::block_loses_nothing,
    ),
    (
        "overflow_block_goes_on_with_a_slow_reader",
        overflow::block_goes_on_with_a_slow_reader,
    ),
    (
        "overflow_block_ends_when_it_should",
        overflow::block_ends_when_it_should,
    ),
    (
        "overflow_block_ends_with_the_publishers_death",
        overflow::block_ends_with_the_publishers_death,
    ),
    (
        "strictest_policy_counts_for_publishers_that_do_not_wait",
        strictest_policy::counts_for_publishers_that_do_not_wait,
    ),
    ("refused_topic_is_not_told", refused_topic::is_not_told),
    (
        "batches_cost_one_entry_of_a_queue",
        batches::cost_one_entry_of_a_queue,
    ),
    ("batches_have_a_longest_one", batches::have_a_longest_one),
    (
        "batches_end_where_something_is_special",
        batches::end_where_something_is_special,
    ),
    (
        "batches_wait_or_fail_together",
        batches::wait_or_fail_together,
    ),
    (
        "batches_are_lost_and_evicted_exactly",
        batches::are_lost_and_evicted_exactly,
    ),
    (
        "exact_loss_accounts_for_every_message",
        exact_loss::accounts_for_every_message,
    ),
    (
        "subscriber_dies_with_full_queue",
        subscriber_dies_with_full_queue::frees_everything,
    ),
    (
        "events_tell_who_joined_and_who_is_gone",
        events::tell_who_joined_and_who_is_gone,
    ),
    (
        "publisher_killed_is_gone_after_its_last_message",
        publisher_killed::is_gone_after_its_last_message,
    ),
    (
        "killed_at_random_they_leave_no_trace",
        killed_at_random::leave_no_trace,
    ),
    (
        "crowded_bus_is_made_in_bounded_time",
        crowded_bus::is_made_in_bounded_time,
    ),
    (
        "subscribe_close_cycles_leave_nothing",
        subscribe_close_cycles::leave_nothing,
    ),
    (
        "namespaces_do_not_hear_each_other",
        namespaces::do_not_hear_each_other,
    ),
    (
        "unprivileged_user_talks_and_is_named",
        unprivileged_user::talks_and_is_named,
    ),
    (
        "kernel_publisher_is_a_publisher_like_any_other",
        kernel_publisher::is_a_publisher_like_any_other,
    ),
    (
        "kernel_publishers_share_topic_and_port",
        kernel_publisher::share_topic_and_port,
    ),
    (
        "kernel_publisher_needs_no_subscriber",
        kernel_publisher::needs_no_subscriber,
    ),
    (
        "kernel_publisher_keeps_order_beside_a_process",
        kernel_publisher::keeps_order_beside_a_process,
    ),
    (
        "kernel_publisher_stays_in_its_namespace",
        kernel_publisher::stays_in_its_namespace,
    ),
    (
        "kernel_publisher_outlives_its_namespace",
        kernel_publisher::outlives_its_namespace,
    ),
    (
        "typed_round_trip_between_processes",
        typed_round_trip::between_processes,
    ),
    ("library_filter_selects_messages", || {
        library::filter_selects_messages().expect("no error")
    }),
    ("library_large_messages_arrive", || {
        library::large_messages_arrive().expect("no error")
    }),
    ("library_removed_topics_begin_anew", || {
        library::removed_topics_begin_anew().expect("no error")
    }),
    ("library_epoll_tells_of_messages", || {
        library::epoll_tells_of_messages().expect("no error")
    }),
    ("library_coalescing_takes_many_with_a_wake_up", || {
        library::coalescing_takes_many_with_a_wake_up().expect("no error")
    }),
    ("library_tokio_cancelled_receives_lose_nothing", || {
        library::tokio_cancelled_receives_lose_nothing().expect("no error")
    }),
    ("library_tokio_publish_waits_for_room", || {
        library::tokio_publish_waits_for_room().expect("no error")
    }),
    (
        "unload_after_everything",
        load_unload::unload_after_everything,
    ),
    (
        "history_and_live_messages_have_no_gap_1000_times",
        history::has_no_gap_1000_times,
    ),
    (
        "history_outlives_its_publisher_with_its_identity",
        history::outlives_its_publisher_with_its_identity,
    ),
    (
        "history_larger_than_the_queue_is_lost_with_a_word",
        history::larger_than_the_queue_is_lost_with_a_word,
    ),
    (
        "history_stays_within_the_bytes_of_its_user",
        history::stays_within_the_bytes_of_its_user,
    ),
    (
        "history_is_its_users_business",
        history::is_its_users_business,
    ),
    (
        "last_will_is_published_before_gone",
        last_will::is_published_before_gone,
    ),
    (
        "last_will_can_be_changed_and_cancelled",
        last_will::can_be_changed_and_cancelled,
    ),
    (
        "publisher_is_told_its_subscribers",
        events::publisher_is_told_its_subscribers,
    ),
    (
        "access_is_what_the_matrix_says",
        access::is_what_the_matrix_says,
    ),
    (
        "access_of_root_in_a_user_namespace",
        access::of_root_in_a_user_namespace,
    ),
    (
        "policy_is_replaced_while_messages_flow",
        access::policy_is_replaced_while_messages_flow,
    ),
    (
        "denied_subscriber_learns_why_nothing_comes",
        access::denied_subscriber_learns_why_nothing_comes,
    ),
    ("dumps_tell_what_is_there", dumps::tell_what_is_there),
    (
        "dumps_survive_concurrent_change",
        dumps::survive_concurrent_change,
    ),
    (
        "dumps_are_what_the_netlink_spec_says",
        dumps::are_what_the_netlink_spec_says,
    ),
    (
        "trace_events_agree_with_receipts",
        trace_events::agree_with_receipts,
    ),
    (
        "limits_per_user_hold_at_the_limit_and_one_over",
        limits::per_user_hold_at_the_limit_and_one_over,
    ),
    (
        "denied_subscriber_keeps_room_for_messages",
        access::denied_subscriber_keeps_room_for_messages,
    ),
    (
        "denied_subscriber_of_the_library_gets_an_error",
        access::denied_subscriber_of_the_library_gets_an_error,
    ),
    (
        "library_queries_and_settings_do_what_they_say",
        library::queries_and_settings_do_what_they_say,
    ),
    (
        "interfaces_publish_and_receive",
        interfaces::publish_and_receive,
    ),
    ("interfaces_all_meet", interfaces::all_meet),
    ("interfaces_overflow", interfaces::overflow),
    ("interfaces_lost", interfaces::lost),
    ("interfaces_history", interfaces::history),
    ("interfaces_gone", interfaces::gone),
    ("interfaces_access_denied", interfaces::access_denied),
    ("interfaces_module_missing", interfaces::module_missing),
    (
        "library_allocates_nothing_per_message",
        library_cost::allocates_nothing_per_message,
    ),
    (
        "library_watched_subscribers_are_counted",
        library_cost::watched_subscribers_are_counted,
    ),
    (
        "library_borrows_and_speaks_json",
        library_cost::borrows_and_speaks_json,
    ),
    (
        "command_line_pub_takes_all_kinds_of_input",
        command_line::pub_takes_all_kinds_of_input,
    ),
    (
        "command_line_recordings_are_replayed",
        command_line::recordings_are_replayed,
    ),
    (
        "command_line_watching_commands_tell_what_happens",
        command_line::watching_commands_tell_what_happens,
    ),
    (
        "command_line_bench_measures_this_machine",
        command_line::bench_measures_this_machine,
    ),
    (
        "command_line_doctor_names_the_trouble",
        command_line::doctor_names_the_trouble,
    ),
    (
        "command_line_broken_pipe_is_quiet",
        command_line::broken_pipe_is_quiet,
    ),
];
