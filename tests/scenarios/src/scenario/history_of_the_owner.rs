// SPDX-License-Identifier: GPL-2.0

//! What a topic retains is decided by its owner. A guest, another user that may publish there,
//! neither sets it nor clears it nor keeps the owner from doing so; and what a guest's messages
//! cost is the guest's.

use crate::client::Client;
use crate::client::Refused;
use crate::client::Terms;
use crate::late;
use crate::late::Told::Lost;
use crate::late::Told::Message;
use crate::user;
use crate::wire::refusal::Refusal;
use crate::wire::request::Request;

const OWNER: u32 = 1000;
const GUEST: u32 = 1001;
const OTHER: u32 = 1002;
const LEN: usize = 150_000;
const MOST: u32 = (16 << 20) / LEN as u32;

fn errno<T>(result: Result<T, Refused>) -> i32 {
    result.map_or_else(|refused| refused.errno, |_| 0)
}

const EPERM: i32 = Refusal::HistoryOfOther.errno();

/// Advertises with a history, and takes the advertisement back.
fn ask(client: &Client, topic: &str, depth: u32) -> i32 {
    let asked = client.advertise_history(topic, depth);
    if let Ok(topic_id) = asked {
        let request = Request::Unadvertise { topic_id };
        client.request(request).expect("unadvertise");
    }
    errno(asked)
}

/// Creates a topic on which everybody may publish.
fn open_topic(owner: &Client, topic: &str, history: Option<u32>) -> u32 {
    let terms = Terms {
        mode: Some(0o666),
        history,
        ..Terms::default()
    };
    owner.advertise_with(topic, terms).expect("advertise")
}

/// The owner has asked for none yet: it stays so, whatever a guest says, and the owner may ask
/// later.
pub fn is_not_begun_by_a_guest() {
    let owner = user::open(OWNER);
    open_topic(&owner, "mine", None);
    let guest = user::open(GUEST);
    let asked = [1, 4096, 0].map(|depth| ask(&guest, "mine", depth));
    let id = guest.advertise("mine");
    guest.publish(id, b"stale");
    let retained = late::retained_in_all(&guest);
    let again = user::open(OWNER);
    let owners = [10, 0].map(|depth| ask(&again, "mine", depth));
    let cleared = errno(again.clear("mine"));
    let _ = Client::open().clear("mine");
    assert_eq!(asked[..2], [EPERM; 2], "a guest asks for a history");
    // "None" is the number that is there.
    assert_eq!((asked[2], retained), (0, 0));
    assert_eq!((owners, cleared), ([0; 2], 0), "the owner decides");
}

/// A guest may not clear, whether something is retained or not, and not end a history either.
pub fn is_not_cleared_by_a_guest() {
    let owner = user::open(OWNER);
    let id = open_topic(&owner, "bare", None);
    owner.publish(id, b"x");
    let latched = open_topic(&owner, "latched", Some(2));
    owner.publish(latched, b"1");
    let guest = user::open(GUEST);
    let ended = [0, 1, 3].map(|depth| ask(&guest, "latched", depth));
    let same = ask(&guest, "latched", 2);
    let cleared = ["latched", "bare"].map(|topic| errno(guest.clear(topic)));
    let history = late::history("latched");
    Client::open().clear("latched").expect("clear");
    assert_eq!(ended, [EPERM; 3]);
    assert_eq!(same, 0);
    assert_eq!(cleared, [EPERM; 2], "a guest clears");
    assert_eq!(history, [Message(1)]);
}

/// A rule gives a topic to somebody else than its creator, who may ask for a history until the
/// owner has decided.
pub fn is_the_creators_until_the_owner_decides() {
    let admin = Client::open();
    admin
        .set_policy(&[("ruled", OWNER, OWNER, 0o666)])
        .expect("policy");
    let creator = user::open(OTHER);
    let id = creator.advertise_history("ruled", 2).expect("advertise");
    let retains = creator.publish_acked(id, b"1").map(|_| ());
    let creators = ask(&user::open(OTHER), "ruled", 3);
    let guests = [
        ask(&user::open(GUEST), "ruled", 4),
        errno(user::open(GUEST).clear("ruled")),
    ];
    let owner = user::open(OWNER);
    let owners = ask(&owner, "ruled", 5);
    let later = [
        ask(&user::open(OTHER), "ruled", 6),
        errno(user::open(OTHER).clear("ruled")),
    ];
    let cleared = errno(owner.clear("ruled"));
    drop(creator);
    let _ = admin.clear("ruled");
    admin.set_policy(&[]).expect("policy");
    assert_eq!((retains, creators), (Ok(()), 0), "before the owner came");
    assert_eq!(guests, [EPERM; 2]);
    assert_eq!(owners, 0, "the owner decides");
    assert_eq!(later, [EPERM; 2], "after that, the creator does not");
    assert_eq!(cleared, 0);
}

/// A rule that gives an old topic to another user gives it the say as well.
pub fn goes_with_the_topic() {
    let admin = Client::open();
    let first = user::open(OTHER);
    let id = open_topic(&first, "moved", Some(2));
    first.publish(id, b"1");
    admin
        .set_policy(&[("moved", OWNER, OWNER, 0o666)])
        .expect("policy");
    let owner = user::open(OWNER);
    let owners = [ask(&owner, "moved", 4), errno(owner.clear("moved"))];
    let firsts = [
        ask(&user::open(OTHER), "moved", 1),
        errno(user::open(OTHER).clear("moved")),
    ];
    let _ = admin.clear("moved");
    admin.set_policy(&[]).expect("policy");
    assert_eq!(owners, [0; 2], "it is the new owner's");
    assert_eq!(firsts, [EPERM; 2], "and not the old one's");
}

/// A guest fills the owner's topic with as much as one may retain. Nothing of that is the owner's
/// charge: its other topics retain, and it may have last wills.
pub fn is_not_charged_with_a_guests_messages() {
    let owner = user::open(OWNER);
    open_topic(&owner, "open", Some(4096));
    let guest = user::open(GUEST);
    let id = guest.advertise("open");
    for _ in 0..MOST {
        guest.publish(id, &[7; LEN]);
    }
    let own = owner.advertise_history("own", 4).expect("advertise");
    owner.publish(own, &[7; LEN]);
    let history = late::history("own");
    let will = errno(owner.set_last_will(own, &[7; LEN]));
    let admin = Client::open();
    for topic in ["open", "own"] {
        let _ = admin.clear(topic);
    }
    drop(owner);
    let _ = admin.clear("own");
    assert_eq!(history, [Message(1)], "of the owner's other topic");
    assert_eq!(will, 0, "the owner's last will");
}

/// A guest that is at its own limit cannot have the owner's messages let go: its messages leave a
/// gap, which a late subscriber learns of at its place.
pub fn survives_a_guest_at_its_limit() {
    let owner = user::open(OWNER);
    let id = open_topic(&owner, "open", Some(4096));
    let guest = user::open(GUEST);
    assert_eq!(guest.advertise("open"), id);
    let hoard = guest.advertise_history("hoard", 4096).expect("advertise");
    for _ in 0..MOST {
        guest.publish(hoard, &[7; LEN]);
    }
    owner.publish(id, b"1");
    owner.publish(id, b"2");
    guest.publish(id, &[7; LEN]);
    guest.publish(id, &[7; LEN]);
    owner.publish(id, b"5");
    guest.publish(id, &[7; LEN]);
    owner.publish(id, b"7");
    let history = late::history("open");
    let admin = Client::open();
    for topic in ["open", "hoard"] {
        admin.clear(topic).expect("clear");
    }
    assert_eq!(
        history,
        [
            Message(1),
            Message(2),
            Lost(3, 2),
            Message(5),
            Lost(6, 1),
            Message(7)
        ]
    );
}

/// A guest publishes more than it may retain, all on the owner's topic. What was there before it
/// stays, however much comes.
pub fn survives_a_flood_of_a_guest() {
    let owner = user::open(OWNER);
    let id = open_topic(&owner, "open", Some(4096));
    for number in 0_u32..3 {
        owner.publish(id, &number.to_ne_bytes());
    }
    let guest = user::open(GUEST);
    guest.advertise("open");
    for _ in 0..2 * MOST {
        guest.publish(id, &[7; LEN]);
    }
    owner.publish(id, b"last");
    let history = late::history("open");
    Client::open().clear("open").expect("clear");
    let numbers = late::numbers(&history);
    let last = u64::from(3 + 2 * MOST + 1);
    assert_eq!(numbers[..3], [1, 2, 3], "the owner's first messages stay");
    assert_eq!(numbers.last(), Some(&last), "and its last one");
    // Each message is told, or its loss.
    let mut next = 1;
    for told in &history {
        let (first, count) = match *told {
            Message(number) => (number, 1),
            Lost(first, count) => (first, count),
        };
        assert_eq!(first, next, "{history:?}");
        next += count;
    }
    assert_eq!(next, last + 1);
    assert!(numbers.len() as u32 <= MOST + 4, "{}", numbers.len());
}
