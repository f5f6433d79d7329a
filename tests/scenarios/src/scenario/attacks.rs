// SPDX-License-Identifier: GPL-2.0

//! What an ordinary user must not be able to do to others, to the administrator or to the module,
//! and what must hold where memory, time or namespaces are not as usual.

use super::Scenario;
use super::dump_order;
use super::filters_see;
use super::fragmented_memory;
use super::frozen_publisher;
use super::history_of_the_owner;
use super::large_messages;
use super::namespaces_while_loading;
use super::own_history;
use super::policy_opens_history;
use super::quota_across_namespaces;
use super::quota_at_the_limit;
use super::quota_of_the_departed;
use super::retained_memory_is_charged;
use super::room_of_others;
use super::sender_identity;
use super::thirty_two_bits;
use super::unload_with_kept_sockets;
use super::user_limits;

/// None of them needs another one before it.
pub const ALL: &[(&str, Scenario)] = &[
    (
        "room_of_others_is_not_taken_by_the_words_of_losses",
        room_of_others::is_not_taken_by_the_words_of_losses,
    ),
    (
        "room_of_others_is_not_taken_by_what_is_not_published",
        room_of_others::is_not_taken_by_what_is_not_published,
    ),
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
