// SPDX-License-Identifier: GPL-2.0

//! At the limit of what a user may retain: what takes the place of something needs no more room,
//! and what is refused to one socket is refused to no other.

use crate::client::Client;
use crate::client::Event;
use crate::client::Refused;
use crate::kernel;
use crate::late;
use crate::user;
use crate::wire::data::LAST_WILL_CANCEL;
use crate::wire::refusal::Refusal;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

const USER: u32 = 1001;
const LEN: usize = 60_000;
const MOST: usize = (16 << 20) / LEN;
/// What is left of the limit is filled with these.
const SMALL: usize = 1000;

fn is_refused(result: Result<Vec<Event>, Refused>) -> bool {
    match result {
        Ok(_) => false,
        Err(why) => {
            assert_eq!(why.errno, Refusal::TooMuchRetained.errno());
            true
        }
    }
}

/// Sockets of the user that have as many last wills of this length as there may be; the last one is
/// refused its own.
fn full_of_wills(topic: u32, len: usize) -> Vec<Client> {
    let mut sockets = Vec::new();
    loop {
        let socket = user::open(USER);
        socket.advertise("wills");
        let refused = is_refused(socket.set_last_will(topic, &vec![1; len]));
        sockets.push(socket);
        if refused {
            return sockets;
        }
        assert!(sockets.len() < 2 * MOST, "there is a limit");
    }
}

/// Sockets of the user by which its limit is reached but for a little: room for so many small
/// messages.
fn nearly_full(topic: u32, room: usize) -> Vec<Client> {
    let large = full_of_wills(topic, LEN);
    let mut small = full_of_wills(topic, SMALL);
    assert!(small.len() > room, "of {} small ones", small.len());
    small.truncate(small.len() - room);
    small.into_iter().chain(large).collect()
}

/// The length of a last will that this socket, which has none, may not have either.
fn just_too_much(greedy: &Client, topic: u32) -> usize {
    let len = (1..)
        .map(|times| 4 * times * SMALL)
        .find(|len| is_refused(greedy.set_last_will(topic, &vec![1; *len])))
        .expect("there is a limit");
    // A shorter one was not refused.
    let cancelled = greedy.last_will(topic, LAST_WILL_CANCEL, b"");
    cancelled.expect("cancel");
    len
}

/// A last will that replaces another one of its size, and a longer one that fits where the old one
/// is gone; but the old one stays where the new one is refused.
pub fn last_will_takes_the_place_of_another() {
    let watcher = Client::open();
    watcher.set_receive_buffer(1 << 20);
    watcher.subscribe("wills");
    let first = user::open(USER);
    let topic = first.advertise("wills");
    assert!(!is_refused(first.set_last_will(topic, &vec![1; LEN])));
    let sockets = full_of_wills(topic, LEN);
    let replaced = [LEN, LEN / 2, LEN].map(|len| first.set_last_will(topic, &vec![2; len]));
    // More than the old one and what is left.
    let refused = first.set_last_will(topic, &vec![3; 3 * LEN]);
    drop(sockets);
    watcher.drain();
    drop(first);
    let will = watcher.drain().into_iter().find_map(|event| match event {
        Event::Message { payload, .. } => Some((payload[0], payload.len())),
        _ => None,
    });
    for result in replaced {
        assert_eq!(result, Ok(vec![]), "it takes no more room than before");
    }
    assert!(is_refused(refused));
    assert_eq!(will, Some((2, LEN)), "the last one that was not refused");
}

/// One socket asks again and again for more than there is left; another one of the same user, for
/// what there is room for.
pub fn nobody_is_refused_for_the_sake_of_another() {
    let first = user::open(USER);
    let topic = first.advertise("wills");
    let _sockets = nearly_full(topic, 3);
    let (greedy, modest) = (user::open(USER), user::open(USER));
    greedy.advertise("wills");
    modest.advertise("wills");
    let too_much = vec![1; just_too_much(&greedy, topic)];
    let done = AtomicBool::new(false);
    let tries = kernel::times(60_000);
    let (greedy_refused, modest_refused) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut refused = 0_u32;
            while !done.load(Ordering::Relaxed) {
                refused += u32::from(is_refused(greedy.set_last_will(topic, &too_much)));
            }
            refused
        });
        let mut refused = 0_u32;
        for _ in 0..tries {
            refused += u32::from(is_refused(modest.set_last_will(topic, b"modest")));
        }
        done.store(true, Ordering::Relaxed);
        (asking.join().expect("no error"), refused)
    });
    assert!(greedy_refused > 10, "{greedy_refused}");
    assert_eq!(
        modest_refused, 0,
        "of {tries} times that there was room, while another was refused {greedy_refused} times"
    );
}

/// The same beside a history: what it retains is not let go since another socket asks for too much.
pub fn nothing_is_let_go_for_the_sake_of_another() {
    const FEW: usize = 3;
    let first = user::open(USER);
    let topic = first.advertise("wills");
    let _sockets = nearly_full(topic, FEW + 1);
    let (greedy, modest) = (user::open(USER), user::open(USER));
    greedy.advertise("wills");
    let too_much = vec![1; just_too_much(&greedy, topic)];
    let latched = modest.advertise_history("latched", 16).expect("advertise");
    let done = AtomicBool::new(false);
    let too_few = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert!(is_refused(greedy.set_last_will(topic, &too_much)));
            }
        });
        let mut too_few = Vec::new();
        for _ in 0..kernel::times(8000) {
            modest.clear("latched").expect("clear");
            (0..FEW).for_each(|_| modest.publish(latched, b"modest"));
            let retained = late::retained(&modest);
            let (_, count) = retained
                .iter()
                .find(|(name, _)| name == "latched")
                .expect("it");
            if *count as usize != FEW {
                too_few.push(*count);
            }
        }
        done.store(true, Ordering::Relaxed);
        too_few
    });
    Client::open().clear("latched").expect("clear");
    assert_eq!(
        too_few, [0; 0],
        "{FEW} are to be retained, whenever one looks"
    );
}
