// SPDX-License-Identifier: GPL-2.0

//! What a user retains counts, wherever it is and however long: also on topics of others, and when
//! its last socket is gone.

use crate::client::Client;
use crate::client::Terms;
use crate::late;
use crate::user;
use crate::wire::refusal::Refusal;

const OWNER: u32 = 1000;
const GUEST: u32 = 1001;

/// A payload whose memory is not contiguous, and that fits an ordinary send buffer.
const LEN: usize = 150_000;

/// So many of these are as much as a user may retain, or more.
const MOST: u32 = (16 << 20) / LEN as u32;

fn name(number: u32) -> String {
    format!("departed/{number}")
}

/// Topics on which others may publish. Every second one has a history from the start; if it has
/// none, a guest may try to ask for it.
fn topics(owner: &Client, count: u32) {
    for number in 0..count {
        let terms = Terms {
            mode: Some(0o666),
            history: (number % 2 == 1).then_some(4096),
            ..Terms::default()
        };
        owner
            .advertise_with(&name(number), terms)
            .expect("advertise");
    }
}

/// Advertises one of these, with a history if it is to be had.
fn advertise(guest: &Client, number: u32) -> u32 {
    let name = name(number);
    let result = guest
        .advertise_history(&name, 4096)
        .or_else(|refused| match refused.errno {
            errno if errno == Refusal::HistoryOfOther.errno() => guest.try_advertise(&name, 0),
            _ => Err(refused),
        });
    result.expect("advertise")
}

/// The guest comes once for each topic, retains what it may, and goes. Then it comes with a topic
/// of its own.
pub fn counts_on_topics_of_others() {
    const TOPICS: u32 = 4;
    let owner = user::open(OWNER);
    topics(&owner, TOPICS);
    for number in 0..TOPICS {
        let guest = user::open(GUEST);
        let topic = advertise(&guest, number);
        for _ in 0..MOST {
            guest.publish(topic, &[7; LEN]);
        }
    }
    let guest = user::open(GUEST);
    let own = guest
        .advertise_history("departed/own", 4096)
        .expect("advertise");
    for _ in 0..MOST {
        guest.publish(own, &[7; LEN]);
    }
    drop(guest);
    let admin = Client::open();
    let retained = late::retained_in_all(&admin);
    for number in 0..TOPICS {
        admin.clear(&name(number)).expect("clear");
    }
    // It may be that nothing of it was retained.
    let _ = admin.clear("departed/own");
    assert!(
        retained <= MOST,
        "{retained} messages of a user are retained, who may have {MOST}"
    );
    assert!(retained > MOST / 2, "{retained} messages are retained");
}

/// Each of many sockets is the only one of its user, leaves a last will on a topic of its own
/// choice, and is closed: the will is published and retained.
pub fn counts_last_wills_that_came_due() {
    const TOPICS: u32 = 2 * MOST;
    let owner = user::open(OWNER);
    topics(&owner, TOPICS);
    let mut refused = 0;
    for number in 0..TOPICS {
        let guest = user::open(GUEST);
        let topic = advertise(&guest, number);
        if let Err(why) = guest.set_last_will(topic, &[7; LEN]) {
            assert_eq!(why.errno, Refusal::TooMuchRetained.errno());
            refused += 1;
        }
    }
    let admin = Client::open();
    let retained = late::retained_in_all(&admin);
    for number in 0..TOPICS {
        admin.clear(&name(number)).expect("clear");
    }
    assert!(
        retained <= MOST,
        "{retained} last wills of a user are retained, who may have {MOST}; {refused} were refused"
    );
    assert!(refused > 0, "a will beyond the limit is refused");
}
