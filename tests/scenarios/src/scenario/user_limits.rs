// SPDX-License-Identifier: GPL-2.0

//! What one user may have, wherever he has it: at the limit, and one over.

use crate::client::Client;
use crate::client::Refused;
use crate::client::Terms;
use crate::kernel;
use crate::process::Process;
use crate::role::end_with_parent;
use crate::role::say;
use crate::user::as_user;
use nix::sys::resource::Resource;
use nix::sys::resource::setrlimit;
use rustix::io::Errno;
use std::time::Duration;

const USER: u32 = 1000;
const OTHER: u32 = 1001;

/// The user's limit.
const QUOTA: i32 = 122;
/// A limit of the bus, or of a topic.
const NO_SPACE: i32 = 28;

fn errno<T>(result: Result<T, Refused>) -> i32 {
    result.map_or_else(|refused| refused.errno, |_| 0)
}

fn open(uid: u32) -> Client {
    as_user(uid, Client::open)
}

fn advertise(client: &Client, topic: &str) -> i32 {
    errno(client.advertise_with(topic, Terms::OPEN))
}

fn subscribe(client: &Client, pattern: &str) -> i32 {
    errno(client.try_subscribe(pattern, 0))
}

fn load_with(parameters: &[&str]) {
    if kernel::loaded() {
        kernel::unload();
    }
    kernel::load_with(parameters);
}

fn load_as_usual() {
    kernel::unload();
    kernel::load();
}

/// As many sockets as a scenario needs.
pub fn many_descriptors() {
    setrlimit(Resource::RLIMIT_NOFILE, 65536, 65536).expect("RLIMIT_NOFILE");
}

/// Somebody who tries to advertise and stays, with what came of it.
pub fn try_advertise(topic: &str) {
    end_with_parent();
    let client = Client::open();
    say(&advertise(&client, topic).to_string());
    std::thread::sleep(Duration::from_secs(60));
}

/// A user's sockets on all buses of the machine.
pub fn of_sockets_hold_over_all_namespaces() {
    load_with(&["sockets_per_user=3"]);
    let elsewhere = || {
        let words = ["try-advertise", "elsewhere"];
        let mut process = Process::role_as_user_unshared(USER, "-Urn", &words);
        (process.line(), process)
    };
    let (first, second) = (open(USER), open(USER));
    assert_eq!(advertise(&first, "a"), 0);
    assert_eq!(subscribe(&second, "a"), 0);
    let (result, process) = elsewhere();
    assert_eq!(result, "0", "the third");
    let fourth = open(USER);
    assert_eq!(advertise(&fourth, "b"), QUOTA);
    assert_eq!(subscribe(&fourth, "a"), QUOTA);
    fourth.seed(crate::wire::seed::REGISTER_SUBSCRIBER, &[]);
    assert_eq!(elsewhere().0, QUOTA.to_string());
    // Those who are counted may go on, and others are not concerned.
    assert_eq!(subscribe(&first, "x"), 0);
    assert_eq!(advertise(&open(OTHER), "others"), 0);
    drop(process);
    let given_back = || advertise(&open(USER), "b") == 0;
    crate::storm::exact::until(10, "a socket that is gone counts no more", given_back);
    drop((first, second, fourth));
    load_as_usual();
}

/// Advertisements of a user, whoever made the topics.
pub fn of_advertisements_hold_over_all_sockets() {
    load_with(&["advertisements_per_user=4"]);
    let (first, second, other) = (open(USER), open(USER), open(OTHER));
    assert_eq!(advertise(&other, "others"), 0);
    for topic in ["a", "b", "others"] {
        assert_eq!(advertise(&first, topic), 0);
    }
    assert_eq!(advertise(&second, "a"), 0);
    for topic in ["b", "c"] {
        assert_eq!(advertise(&second, topic), QUOTA);
    }
    let (topics, ..) = other.counts();
    assert_eq!(topics, 3, "what was refused left no topic");
    assert_eq!(advertise(&other, "c"), 0);
    drop(first);
    assert_eq!(advertise(&second, "b"), 0);
    drop((second, other));
    load_as_usual();
}

/// Sockets of a user, and what they receive: also where the user has done nothing for it but wait
/// for a topic.
pub fn of_memberships_hold_whoever_makes_them() {
    load_with(&["memberships_per_user=5"]);
    let (first, second, other) = (open(USER), open(USER), open(OTHER));
    for topic in ["a", "b", "c", "d"] {
        assert_eq!(advertise(&other, topic), 0);
    }
    assert_eq!(subscribe(&first, "**"), 0);
    assert_eq!(subscribe(&first, "a"), 0, "the same socket and topic");
    assert_eq!(subscribe(&second, "a"), 0);
    assert_eq!(subscribe(&second, "b"), QUOTA);
    assert_eq!(subscribe(&second, "*"), QUOTA);
    first.drain();
    // That he cannot get one more is not the business of whoever makes it.
    let id = other
        .advertise_with("e", Terms::OPEN)
        .map_err(|why| why.errno);
    let id = id.expect("somebody else's topic");
    let told = first.try_receive(Duration::ZERO);
    assert_eq!(told, Err(Errno::NOBUFS));
    let receipt = other.publish_acked(id, b"x").expect("publish");
    assert_eq!((receipt.1, receipt.2), (0, 0));
    // What he gives back, he may have.
    drop(first);
    assert_eq!(subscribe(&second, "b"), 0);
    drop((second, other));
    load_as_usual();
}

/// Publishers of a topic, and those who receive it, are few enough of each user for there to be
/// room for others.
pub fn of_one_topic_leave_room_for_others() {
    const MOST: usize = 1024;
    many_descriptors();
    let owner = Client::open();
    assert_eq!(advertise(&owner, "crowded"), 0);
    let user: Vec<Client> = as_user(USER, || (0..=MOST).map(|_| Client::open()).collect());
    let (last, within) = user.split_last().expect("some");
    for client in within {
        assert_eq!(advertise(client, "crowded"), 0);
    }
    assert_eq!(advertise(last, "crowded"), NO_SPACE, "one publisher over");
    assert_eq!(advertise(&open(OTHER), "crowded"), 0);
    // The first leaves, and the last may come.
    drop(user);
    let user: Vec<Client> = as_user(USER, || (0..=MOST).map(|_| Client::open()).collect());
    let (last, within) = user.split_last().expect("some");
    for client in within {
        assert_eq!(subscribe(client, "crowded"), 0);
    }
    assert_eq!(subscribe(last, "crowded"), NO_SPACE, "one member over");
    assert_eq!(subscribe(&open(OTHER), "crowded"), 0);
    drop(user);
    // By a wildcard, of a topic that comes later.
    let user: Vec<Client> = as_user(USER, || (0..=MOST).map(|_| Client::open()).collect());
    for client in &user {
        assert_eq!(subscribe(client, "later/**"), 0);
    }
    let id = owner
        .advertise_with("later/a", Terms::OPEN)
        .expect("advertise");
    let (_, delivered, dropped) = owner.publish_acked(id, b"x").expect("publish");
    assert_eq!((delivered, dropped), (MOST as u32, 0));
    let told = |client: &&Client| client.try_receive(Duration::ZERO) == Err(Errno::NOBUFS);
    assert_eq!(user.iter().filter(told).count(), 1);
}

/// Users that a user may make, since he has further ids or a user namespace, have nothing of their
/// own.
pub fn of_a_user_are_those_of_his_user_namespaces() {
    load_with(&["sockets_per_user=3"]);
    let inside = |inside: u32| {
        let inside = inside.to_string();
        let before = ["in-user-namespace", "1000", "100000", &inside];
        let mut process =
            Process::role_behind(&before, &["try-advertise", &format!("of/{inside}")]);
        (process.line(), process)
    };
    let kept: Vec<_> = [1, 2, 3].map(inside).into_iter().collect();
    for (result, _) in &kept {
        assert_eq!(result, "0");
    }
    assert_eq!(inside(4).0, QUOTA.to_string(), "one more, of one more id");
    assert_eq!(advertise(&open(USER), "own"), QUOTA);
    assert_eq!(advertise(&open(OTHER), "others"), 0);
    drop(kept);
    let given_back = || advertise(&open(USER), "own") == 0;
    crate::storm::exact::until(10, "users that are gone count no more", given_back);
    load_as_usual();
}

/// The last topics of a bus are an administrator's.
pub fn of_topics_leave_some_to_administrators() {
    const FOR_ALL: usize = 61_440;
    load_with(&["topics_per_user=65536", "advertisements_per_user=65536"]);
    many_descriptors();
    let user = as_user(USER, || {
        let clients: Vec<Client> = (0..FOR_ALL / 1024).map(|_| Client::open()).collect();
        for number in 0..FOR_ALL {
            let client = &clients[number / 1024];
            assert_eq!(errno(client.try_advertise(&format!("t/{number}"), 0)), 0);
        }
        clients
    });
    assert_eq!(advertise(&open(USER), "over"), NO_SPACE);
    assert_eq!(advertise(&open(OTHER), "over"), NO_SPACE);
    let admin = Client::open();
    assert_eq!(advertise(&admin, "admins"), 0);
    drop((user, admin));
    load_as_usual();
}
