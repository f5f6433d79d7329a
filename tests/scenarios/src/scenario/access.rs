// SPDX-License-Identifier: GPL-2.0

//! Who may do what with a topic.

use crate::client::Client;
use crate::client::Event;
use crate::client::Refused;
use crate::client::Terms;
use crate::process::Process;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::refusal::Refusal;
use crate::wire::request::Request;
use rustix::process::Gid;
use rustix::process::Uid;
use rustix::thread::set_thread_groups;
use rustix::thread::set_thread_res_gid;
use rustix::thread::set_thread_res_uid;

const OWNER: u32 = 2000;
const GROUP: u32 = 3000;

/// Somebody who opens sockets.
#[derive(Clone, Copy, Debug)]
struct User {
    uid: u32,
    gid: u32,
    groups: &'static [u32],
}

const OWNERS: User = User {
    uid: OWNER,
    gid: GROUP,
    groups: &[],
};
/// In the group by his first group, and by one of the others.
const FIRST_GROUP: User = User {
    uid: 2001,
    gid: GROUP,
    groups: &[],
};
const OTHER_GROUP: User = User {
    uid: 2002,
    gid: 2002,
    groups: &[5, 2999, GROUP, 3001, 70_000],
};
const STRANGER: User = User {
    uid: 2003,
    gid: 2003,
    groups: &[5, 2999, 3001],
};
const ROOT: User = User {
    uid: 0,
    gid: 0,
    groups: &[],
};

impl User {
    /// Does something as this user, without root's capabilities unless he is root.
    fn act<R: Send>(self, act: impl FnOnce() -> R + Send) -> R {
        let become_him = move || {
            let groups: Vec<Gid> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
            set_thread_groups(&groups).expect("setgroups");
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            set_thread_res_gid(gid, gid, gid).expect("setresgid");
            set_thread_res_uid(uid, uid, uid).expect("setresuid");
            act()
        };
        std::thread::scope(|scope| {
            let thread = scope.spawn(become_him);
            thread.join().expect("a thread")
        })
    }

    fn open(self) -> Client {
        self.act(Client::open)
    }
}

fn errno<T>(result: Result<T, Refused>) -> i32 {
    result.map_or_else(|refused| refused.errno, |_| 0)
}

const DENIED: i32 = 13;
const NO_PERMISSION: i32 = 1;

/// What a user gets on a topic with this mode, whether he uses his socket himself or somebody
/// privileged does: r and w, as `ls` writes them.
const MATRIX: &[(u32, [&str; 5])] = &[
    // owner, first group, other group, stranger, root
    (0o600, ["rw", "--", "--", "--", "rw"]),
    (0o640, ["rw", "r-", "r-", "--", "rw"]),
    (0o620, ["rw", "-w", "-w", "--", "rw"]),
    (0o664, ["rw", "rw", "rw", "r-", "rw"]),
    (0o602, ["rw", "--", "--", "-w", "rw"]),
    (0o206, ["-w", "--", "--", "rw", "rw"]),
    (0o666, ["rw", "rw", "rw", "rw", "rw"]),
];

/// Owner, group, others and root, each with a socket of his own and, in the second round, with
/// his socket in the hands of root.
pub fn is_what_the_matrix_says() {
    let users = [OWNERS, FIRST_GROUP, OTHER_GROUP, STRANGER, ROOT];
    for (mode, row) in MATRIX {
        let owner = OWNERS.open();
        let terms = Terms {
            mode: Some(*mode),
            ..Terms::default()
        };
        let topic = owner.advertise_with("matrix", terms).expect("create");
        for (user, rights) in users.iter().zip(row) {
            for borrowed in [false, true] {
                let probe = || {
                    let client = user.open();
                    let run = || {
                        let reads = errno(client.try_subscribe("matrix", 0));
                        let writes = errno(client.advertise_with("matrix", Terms::default()));
                        let policy = errno(client.set_policy(&[]));
                        (reads, writes, policy)
                    };
                    if borrowed { run() } else { user.act(run) }
                };
                let may = |right: &str| if rights.contains(right) { 0 } else { DENIED };
                let admin = if user.uid == 0 { 0 } else { NO_PERMISSION };
                let expected = (may("r"), may("w"), admin);
                assert_eq!(probe(), expected, "{mode:o} {user:?} borrowed: {borrowed}");
                // By a wildcard he gets what he may, and no refusal.
                let wild = user.open();
                wild.subscribe("*");
                owner.publish(topic, b"x");
                let got = wild.drain().len();
                assert_eq!(got > 0, rights.contains('r'), "{mode:o} {user:?}");
            }
        }
    }
    // The other way round: a socket of root in the hands of a user may not change the policy.
    let roots = Client::open();
    let refused = STRANGER.act(|| roots.set_policy(&[]));
    assert_eq!(errno(refused), NO_PERMISSION);
    // A group that is not his own; bits that a mode does not have.
    let terms = |mode, gid| Terms {
        mode,
        gid,
        ..Terms::default()
    };
    let client = STRANGER.open();
    let try_terms = |terms| errno(STRANGER.act(|| client.advertise_with("new", terms)));
    assert_eq!(try_terms(terms(None, Some(GROUP))), NO_PERMISSION);
    assert_eq!(
        try_terms(terms(Some(0o700), None)),
        Refusal::ModeInvalid.errno()
    );
    assert_eq!(try_terms(terms(Some(0o620), Some(3001))), 0);
    let other = STRANGER.open();
    let differs = other.advertise_with("new", terms(Some(0o666), None));
    assert_eq!(errno(differs), Refusal::AccessDiffers.errno());
}

/// Tries what root of a user namespace might; its results in a line.
pub fn probe(topic: &str) -> String {
    let client = Client::open();
    let reads = errno(client.try_subscribe(topic, 0));
    let policy = errno(client.set_policy(&[("mapped", 0, 0, 0o600)]));
    let unmapped = errno(client.set_policy(&[("unmapped", 5, 5, 0o600)]));
    let create = errno(client.advertise_with("mapped", Terms::default()));
    format!("{reads} {policy} {unmapped} {create}")
}

/// Root of a user namespace is nobody on a bus of another, and administers the bus of its own.
pub fn of_root_in_a_user_namespace() {
    let owner = OWNERS.open();
    owner.advertise("private");
    let mut stranger = Process::role_as_user_unshared(1000, "-r", &["probe-access", "private"]);
    let line = format!("{DENIED} {NO_PERMISSION} {NO_PERMISSION} 0");
    assert_eq!(stranger.line(), line, "on the bus of others");
    stranger.succeed();
    let mut admin = Process::role_as_user_unshared(1000, "-rn", &["probe-access", "private"]);
    let unmapped = Refusal::IdUnmapped.errno();
    assert_eq!(admin.line(), format!("0 0 {unmapped} 0"), "on its own bus");
    admin.succeed();
    assert_eq!(
        errno(owner.try_subscribe("private", 0)),
        0,
        "no rule came here"
    );
}

/// Who loses a right loses it at once and in order, who gains it gets what comes from then on;
/// others notice nothing.
pub fn policy_is_replaced_while_messages_flow() {
    let admin = Client::open();
    let [alice, bob] = [2100, 2101].map(|uid| User {
        uid,
        gid: uid,
        groups: &[],
    });
    let mut publisher = Process::role_as_user(alice.uid, &["publish-with-history", "flow/x", "1"]);
    assert_eq!(publisher.line(), "ready");
    let observer = Client::open();
    observer.subscribe_with("flow/*", SUBSCRIBE_EVENTS);
    let readers = [alice, bob].map(|user| {
        let client = user.open();
        client.set_receive_buffer(16 << 10);
        client.subscribe("flow/*");
        client
    });
    let last = |client: &Client| {
        let events = client.drain();
        events.last().cloned()
    };
    for _ in 0..20 {
        // Alice publishes all the time; who may read changes.
        admin
            .set_policy(&[("flow", alice.uid, bob.gid, 0o240)])
            .expect("set");
        let removed = last(&readers[0]);
        assert!(
            matches!(removed, Some(Event::Removed { .. })),
            "{removed:?}"
        );
        assert!(readers[0].drain().is_empty());
        let first = readers[1].expect();
        assert!(matches!(first[0], Event::Topic { .. }), "{first:?}");
        admin.set_policy(&[]).expect("set");
        let removed = last(&readers[1]);
        assert!(
            matches!(removed, Some(Event::Removed { .. })),
            "{removed:?}"
        );
        assert!(readers[1].drain().is_empty());
        let first = readers[0].expect();
        assert!(matches!(first[0], Event::Topic { .. }), "{first:?}");
    }
    // At last she may not publish either.
    observer.drain();
    admin
        .set_policy(&[("flow", bob.uid, bob.gid, 0o600)])
        .expect("set");
    let events = observer.drain();
    let gone = events.iter().position(|e| matches!(e, Event::Gone { .. }));
    let after = &events[gone.expect("gone") + 1..];
    let messages = after.iter().filter(|e| matches!(e, Event::Message { .. }));
    assert_eq!(messages.count(), 0, "nothing comes after gone");
    assert!(observer.drain().is_empty());
    let again = alice.open();
    let refused = errno(again.advertise_with("flow/x", Terms::default()));
    assert_eq!(refused, DENIED);
    let allowed = bob.open().advertise_with("flow/y", Terms::default());
    assert_eq!(errno(allowed), 0);
    // A rule in its place, one too many, and the same twice.
    let rules: Vec<String> = (0..1025).map(|n| format!("r/{n}")).collect();
    let many: Vec<_> = rules.iter().map(|prefix| (&prefix[..], 0, 0, 0)).collect();
    assert_eq!(errno(admin.set_policy(&many[..1024])), 0);
    assert_eq!(
        errno(admin.set_policy(&many)),
        Refusal::TooManyRules.errno()
    );
    let twice = [("a", 0, 0, 0), ("a", 1, 0, 0)];
    assert_eq!(errno(admin.set_policy(&twice)), Refusal::RuleTwice.errno());
    admin.set_policy(&[]).expect("set");
    publisher.kill();
    admin.clear("flow/x").expect("clear");
}

/// A subscription may come before its topic, whose owner then says no.
pub fn denied_subscriber_learns_why_nothing_comes() {
    let subscriber = STRANGER.open();
    subscriber.subscribe("later");
    let owner = OWNERS.open();
    owner.advertise("later");
    let denied = Event::Denied {
        name: "later".to_owned(),
    };
    assert_eq!(subscriber.drain(), [denied]);
}

/// Who makes a forbidden topic again and again does not fill the queues of those who named it.
pub fn denied_subscriber_keeps_room_for_messages() {
    const TIMES: usize = 1000;
    let subscriber = STRANGER.open();
    subscriber.subscribe("later");
    subscriber.subscribe("own");
    let owner = OWNERS.open();
    for _ in 0..TIMES {
        let topic = owner.advertise("later");
        let request = Request::Unadvertise { topic_id: topic };
        owner.request(request).expect("unadvertise");
    }
    let publisher = STRANGER.open();
    let topic = publisher.advertise("own");
    let receipt = publisher.publish_acked(topic, b"there is room");
    assert_eq!(receipt.map(|(_, delivered, _)| delivered), Ok(1));
    let events = subscriber.drain();
    let denied = |event: &&Event| matches!(event, Event::Denied { .. });
    let denied = events.iter().filter(denied).count();
    assert!((1..TIMES).contains(&denied), "{denied}");
}

/// The same through libkipc: an error that says what to do, and no silence.
pub fn denied_subscriber_of_the_library_gets_an_error() {
    let mut subscriber = STRANGER.act(|| {
        let bus = libkipc::Bus::connect().expect("connect");
        let builder = bus.raw_subscriber("later").expect("a pattern");
        builder.create().expect("a subscriber")
    });
    let owner = OWNERS.open();
    let topic = owner.advertise("later");
    owner.publish(topic, b"secret");
    let item = subscriber.recv_timeout(std::time::Duration::from_secs(10));
    let Err(libkipc::Error::Denied { topic, .. }) = &item else {
        panic!("{item:?}");
    };
    assert_eq!(topic.as_str(), "later");
    let refused = STRANGER.act(|| {
        let bus = libkipc::Bus::connect().expect("connect");
        let builder = bus.raw_subscriber("later").expect("a pattern");
        builder.create().map(|_| ())
    });
    let Err(libkipc::Error::Refused(refused)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.errno(), libkipc::Errno::ACCESS);
}
