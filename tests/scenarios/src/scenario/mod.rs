// SPDX-License-Identifier: GPL-2.0

//! The scenarios: one behaviour per file, named by it.

pub mod access;
mod batches;
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

/// All scenarios. The first loads the module by opening a socket.
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
        "filters_see_a_live_message_alone",
        filters_see::a_live_message_alone,
    ),
    (
        "filters_see_each_message_of_a_batch_alone",
        filters_see::each_message_of_a_batch_alone,
    ),
    (
        "filters_see_a_message_that_waited_for_room_alone",
        filters_see::a_message_that_waited_for_room_alone,
    ),
    (
        "filters_see_a_retained_message_alone",
        filters_see::a_retained_message_alone,
    ),
    (
        "filters_see_a_last_will_alone",
        filters_see::a_last_will_alone,
    ),
    (
        "filters_see_the_seed_form_alone",
        filters_see::the_seed_form_alone,
    ),
    (
        "filters_see_a_seed_broadcast_alone",
        filters_see::a_seed_broadcast_alone,
    ),
    (
        "sender_identity_of_a_sender_in_a_namespace_of_its_own",
        sender_identity::of_a_sender_in_a_namespace_of_its_own,
    ),
    (
        "sender_identity_of_a_sender_outside_of_the_receivers_namespace",
        sender_identity::of_a_sender_outside_of_the_receivers_namespace,
    ),
    (
        "sender_identity_is_that_of_where_the_receiver_became_one",
        sender_identity::is_that_of_where_the_receiver_became_one,
    ),
    (
        "sender_identity_is_not_what_the_sender_claims",
        sender_identity::is_not_what_the_sender_claims,
    ),
    (
        "sender_identity_of_a_retained_message_ends_with_its_sender",
        sender_identity::of_a_retained_message_ends_with_its_sender,
    ),
    (
        "sender_identity_of_a_last_will_is_there_if_its_sender_lives",
        sender_identity::of_a_last_will_is_there_if_its_sender_lives,
    ),
    (
        "sender_identity_of_a_last_will_is_that_of_whoever_made_it",
        sender_identity::of_a_last_will_is_that_of_whoever_made_it,
    ),
    (
        "user_limits_of_sockets_hold_over_all_namespaces",
        user_limits::of_sockets_hold_over_all_namespaces,
    ),
    (
        "user_limits_of_advertisements_hold_over_all_sockets",
        user_limits::of_advertisements_hold_over_all_sockets,
    ),
    (
        "user_limits_of_memberships_hold_whoever_makes_them",
        user_limits::of_memberships_hold_whoever_makes_them,
    ),
    (
        "user_limits_of_one_topic_leave_room_for_others",
        user_limits::of_one_topic_leave_room_for_others,
    ),
    (
        "user_limits_of_a_user_are_those_of_his_user_namespaces",
        user_limits::of_a_user_are_those_of_his_user_namespaces,
    ),
    (
        "user_limits_of_topics_leave_some_to_administrators",
        user_limits::of_topics_leave_some_to_administrators,
    ),
    (
        "fragmented_memory_is_enough_for_whatever_a_user_can_make_grow",
        fragmented_memory::is_enough_for_whatever_a_user_can_make_grow,
    ),
    (
        "unload_with_kept_sockets_whose_queue_a_publisher_waited_for",
        unload_with_kept_sockets::whose_queue_a_publisher_waited_for,
    ),
    (
        "unload_with_kept_sockets_that_two_message_queues_keep",
        unload_with_kept_sockets::that_two_message_queues_keep,
    ),
    (
        "unload_with_kept_sockets_that_is_closed_while_a_publisher_waits",
        unload_with_kept_sockets::that_is_closed_while_a_publisher_waits,
    ),
    (
        "unload_with_kept_sockets_in_a_namespace_of_its_own",
        unload_with_kept_sockets::in_a_namespace_of_its_own,
    ),
    (
        "unload_with_kept_sockets_with_unread_messages_and_half_of_a_dump",
        unload_with_kept_sockets::with_unread_messages_and_half_of_a_dump,
    ),
    (
        "unload_with_kept_sockets_in_flight_between_processes",
        unload_with_kept_sockets::in_flight_between_processes,
    ),
    (
        "kept_sockets_keep_no_messages",
        unload_with_kept_sockets::keep_no_messages,
    ),
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
    (
        "quota_of_the_departed_counts_on_topics_of_others",
        quota_of_the_departed::counts_on_topics_of_others,
    ),
    (
        "quota_of_the_departed_counts_last_wills_that_came_due",
        quota_of_the_departed::counts_last_wills_that_came_due,
    ),
    (
        "quota_across_namespaces_bounds_what_is_retained",
        quota_across_namespaces::bounds_what_is_retained,
    ),
    (
        "quota_across_namespaces_bounds_topics_and_subscriptions",
        quota_across_namespaces::bounds_topics_and_subscriptions,
    ),
    (
        "quota_across_namespaces_bounds_the_users_of_a_user_namespace",
        quota_across_namespaces::bounds_the_users_of_a_user_namespace,
    ),
    (
        "quota_at_the_limit_last_will_takes_the_place_of_another",
        quota_at_the_limit::last_will_takes_the_place_of_another,
    ),
    (
        "quota_at_the_limit_nobody_is_refused_for_the_sake_of_another",
        quota_at_the_limit::nobody_is_refused_for_the_sake_of_another,
    ),
    (
        "quota_at_the_limit_nothing_is_let_go_for_the_sake_of_another",
        quota_at_the_limit::nothing_is_let_go_for_the_sake_of_another,
    ),
    (
        "retained_memory_is_charged_of_a_history",
        retained_memory_is_charged::of_a_history,
    ),
    (
        "retained_memory_is_charged_of_a_history_of_small_messages",
        retained_memory_is_charged::of_a_history_of_small_messages,
    ),
    (
        "retained_memory_is_charged_of_seed_broadcasts",
        retained_memory_is_charged::of_seed_broadcasts,
    ),
    (
        "retained_memory_is_charged_of_last_wills",
        retained_memory_is_charged::of_last_wills,
    ),
    (
        "history_of_the_owner_is_not_begun_by_a_guest",
        history_of_the_owner::is_not_begun_by_a_guest,
    ),
    (
        "history_of_the_owner_is_not_cleared_by_a_guest",
        history_of_the_owner::is_not_cleared_by_a_guest,
    ),
    (
        "history_of_the_owner_is_the_creators_until_the_owner_decides",
        history_of_the_owner::is_the_creators_until_the_owner_decides,
    ),
    (
        "history_of_the_owner_goes_with_the_topic",
        history_of_the_owner::goes_with_the_topic,
    ),
    (
        "history_of_the_owner_is_not_charged_with_a_guests_messages",
        history_of_the_owner::is_not_charged_with_a_guests_messages,
    ),
    (
        "history_of_the_owner_survives_a_guest_at_its_limit",
        history_of_the_owner::survives_a_guest_at_its_limit,
    ),
    (
        "history_of_the_owner_survives_a_flood_of_a_guest",
        history_of_the_owner::survives_a_flood_of_a_guest,
    ),
    (
        "own_history_does_not_come_back",
        own_history::does_not_come_back,
    ),
    (
        "own_history_is_told_apart_from_that_of_an_earlier_bearer_of_the_port",
        own_history::is_told_apart_from_that_of_an_earlier_bearer_of_the_port,
    ),
    (
        "policy_opens_history_before_what_comes_live",
        policy_opens_history::before_what_comes_live,
    ),
    (
        "policy_opens_history_whatever_else_the_subscriber_has",
        policy_opens_history::whatever_else_the_subscriber_has,
    ),
    ("dump_order_is_by_age", dump_order::is_by_age),
    (
        "dump_order_is_by_age_of_the_socket_before_that_of_the_subscription",
        dump_order::is_by_age_of_the_socket_before_that_of_the_subscription,
    ),
    (
        "thirty_two_bits_publish_receive_and_read_records",
        thirty_two_bits::publish_receive_and_read_records,
    ),
    (
        "frozen_publisher_waits_on_after_the_freezer_of_cgroups",
        frozen_publisher::waits_on_after_the_freezer_of_cgroups,
    ),
    (
        "frozen_publisher_has_waited_long_enough_when_it_is_thawed",
        frozen_publisher::has_waited_long_enough_when_it_is_thawed,
    ),
    (
        "frozen_publisher_waits_on_after_a_suspension",
        frozen_publisher::waits_on_after_a_suspension,
    ),
    (
        "large_messages_have_room_in_pieces_of_memory_for_a_last_will",
        large_messages::has_room_for_a_last_will,
    ),
    (
        "large_messages_have_room_in_pieces_of_memory_for_a_history",
        large_messages::has_room_for_a_history,
    ),
    (
        "large_messages_have_room_in_pieces_of_memory_for_the_form_of_the_other_protocol",
        large_messages::has_room_for_the_form_of_the_other_protocol,
    ),
    (
        "namespaces_while_loading_are_complete_or_have_no_bus",
        namespaces_while_loading::are_complete_or_have_no_bus,
    ),
];
