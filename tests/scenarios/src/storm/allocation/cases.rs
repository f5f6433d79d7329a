// SPDX-License-Identifier: GPL-2.0

//! The system calls whose allocations fail, each on a small stage of its own.

use super::SEQ;
use crate::client::Client;
use crate::client::Terms;
use crate::client::publish_message;
use crate::client::raw_message;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::message;
use crate::wire::message::ADVERTISE_EVENTS;
use crate::wire::message::SUBSCRIBE_BLOCK;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::message::SUBSCRIBE_FAIL;
use crate::wire::message::SUBSCRIBE_HISTORY;
use crate::wire::request;
use crate::wire::request::Request;
use crate::wire::request::Rule;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;
use rustix::io::Errno;
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;
use std::time::Duration;

/// One kind of system call.
pub struct Case {
    pub name: &'static str,
    /// Makes the stage. It ends when the scene is dropped.
    pub prepare: fn() -> Scene,
}

/// What the actor does.
enum Act {
    Open,
    Send(Vec<u8>),
    /// To a group of netlink's own multicast as well.
    SendToGroup(Vec<u8>),
    Close,
    /// Asks for a dump and reads it to its end.
    Dump(u16),
}

/// A stage: somebody about to do something, and those whom it concerns.
pub struct Scene {
    pub actor: Option<Client>,
    pub watchers: Vec<Client>,
    /// What the actor sends asks for an answer.
    pub is_answered: bool,
    act: Act,
    _extras: Vec<Client>,
}

impl Scene {
    fn new(actor: Client, act: Act) -> Self {
        Self {
            actor: Some(actor),
            watchers: Vec::new(),
            is_answered: false,
            act,
            _extras: Vec::new(),
        }
    }

    fn sends(actor: Client, bytes: Vec<u8>) -> Self {
        Self {
            is_answered: true,
            ..Self::new(actor, Act::Send(bytes))
        }
    }

    fn requests(actor: Client, request: Request<'_>) -> Self {
        let mut buf = [0; request::MAX_LEN];
        let len = request.write(&mut buf, SEQ).expect("it fits");
        Self::sends(actor, buf[..len].to_vec())
    }

    fn watched_by(mut self, watchers: impl IntoIterator<Item = Client>) -> Self {
        self.watchers.extend(watchers);
        self
    }

    fn beside(mut self, extras: impl IntoIterator<Item = Client>) -> Self {
        self._extras.extend(extras);
        self
    }

    /// Does it. Whether the kernel has carried it out, an answer may have to tell.
    pub fn act(&mut self) -> Result<(), Errno> {
        match (&self.act, &self.actor) {
            (Act::Open, _) => self.actor = Some(Client::try_open(0)?),
            (Act::Send(bytes), Some(actor)) => actor.try_send(bytes)?,
            (Act::SendToGroup(bytes), Some(actor)) => actor.try_send_to(bytes, 1)?,
            (Act::Dump(kind), Some(actor)) => {
                actor.try_send(&raw_message(
                    *kind,
                    header::REQUEST | header::DUMP,
                    SEQ,
                    &[],
                ))?;
                loop {
                    // Its parts are allocated when they are asked for.
                    if is_end_of_dump(&actor.try_datagram(Duration::ZERO)?)? {
                        return Ok(());
                    }
                }
            }
            (Act::Close, Some(_)) => self.actor = None,
            (_, None) => {}
        }
        Ok(())
    }
}

/// Whether the dump ends here, or with which errno.
fn is_end_of_dump(datagram: &[u8]) -> Result<bool, Errno> {
    for message in header::Messages::new(datagram) {
        let message = message.expect("the kernel sends whole messages");
        let code = message.payload.first_chunk().copied();
        let code = code.map_or(0, i32::from_ne_bytes);
        match message.header.kind {
            header::TYPE_ERROR | header::TYPE_DONE if code != 0 => {
                return Err(Errno::from_raw_os_error(-code));
            }
            header::TYPE_DONE => return Ok(true),
            // NLMSG_NOOP too: there was no memory for the first part, and it comes now.
            _ => {}
        }
    }
    assert!(!datagram.is_empty(), "a dump without an end");
    Ok(false)
}

fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).expect("a name")
}

fn pattern(text: &str) -> Pattern<'_> {
    Pattern::new(text.as_bytes()).expect("a pattern")
}

fn subscriber(pattern: &str, flags: u32) -> Client {
    let client = Client::open();
    client.subscribe_with(pattern, flags);
    client
}

fn watcher() -> Client {
    subscriber("**", SUBSCRIBE_EVENTS)
}

/// A subscriber with a filter that lets pass whatever is published here.
fn filtering() -> Client {
    let client = subscriber("t/**", 0);
    client.filter_tags(1);
    client
}

fn seed_subscriber() -> Client {
    let client = Client::open();
    client.seed(1, &[]);
    client
}

/// A publisher of topics with all that a publisher may have, and some retained messages.
fn publisher_of(topics: &[&str]) -> Client {
    let client = Client::open();
    for topic in topics {
        let terms = Terms {
            history: Some(4),
            flags: ADVERTISE_EVENTS,
            mode: Some(0o666),
            ..Terms::default()
        };
        let id = client.advertise_with(topic, terms).expect("advertise");
        for text in ["one", "two", "three"] {
            client.publish(id, text.as_bytes());
        }
    }
    client
}

fn advertise(topic: &str) -> Request<'_> {
    Request::Advertise {
        topic: name(topic),
        fingerprint: 0,
        wait: None,
        history: None,
        flags: 0,
        mode: None,
        gid: None,
    }
}

fn acked(topic: u32, payload: &[u8]) -> Vec<u8> {
    publish_message(topic, 0, header::REQUEST | header::ACK, SEQ, payload)
}

/// Subscribers of all kinds, which have had a message already.
fn audience(topic: &str) -> Vec<Client> {
    vec![
        watcher(),
        subscriber(topic, SUBSCRIBE_DROP_OLDEST),
        subscriber(topic, SUBSCRIBE_FAIL),
        subscriber(topic, SUBSCRIBE_BLOCK),
        filtering(),
    ]
}

fn publish_to_all_kinds() -> Scene {
    let watchers = audience("t/all");
    let actor = Client::open();
    let terms = Terms {
        wait: Some(0),
        history: Some(2),
        ..Terms::default()
    };
    let topic = actor.advertise_with("t/all", terms).expect("advertise");
    Scene::sends(actor, acked(topic, b"to all")).watched_by(watchers)
}

fn batch() -> Scene {
    let watchers = audience("t/batch");
    let actor = Client::open();
    let topic = actor.advertise_history("t/batch", 3).expect("advertise");
    actor.publish(topic, b"before");
    let message = publish_message(topic, 0, header::REQUEST, 0, &[5; 24]);
    Scene {
        is_answered: false,
        ..Scene::sends(actor, message.repeat(5)).watched_by(watchers)
    }
}

/// A queue that was full, and has room again.
fn publish_after_loss() -> Scene {
    let slow = Client::open();
    slow.set_receive_buffer(2048);
    slow.subscribe("t/slow");
    let actor = Client::open();
    let topic = actor.advertise("t/slow");
    for _ in 0..40 {
        actor.publish(topic, &[1; 100]);
    }
    while !slow.receive(Duration::ZERO).is_empty() {}
    Scene::sends(actor, acked(topic, b"behind the loss")).watched_by([slow])
}

/// A full queue from which the oldest must go.
fn publish_instead_of_older() -> Scene {
    let slow = Client::open();
    slow.set_receive_buffer(4096);
    slow.subscribe_with("t/old", SUBSCRIBE_DROP_OLDEST);
    let actor = Client::open();
    let topic = actor.advertise("t/old");
    for _ in 0..40 {
        actor.publish(topic, &[1; 100]);
    }
    Scene::sends(actor, acked(topic, &[1; 100])).watched_by([slow])
}

/// Longer than what lies in one page: netlink takes memory from elsewhere for it.
fn publish_large() -> Scene {
    let watcher = watcher();
    watcher.set_receive_buffer(1 << 20);
    let actor = Client::open();
    actor.set_send_buffer(1 << 20);
    let topic = actor.advertise_history("t/large", 2).expect("advertise");
    Scene::sends(actor, acked(topic, &vec![6; 200_000])).watched_by([watcher])
}

fn seed(kind: u8) -> Vec<u8> {
    raw_message(crate::wire::seed::TYPE, 0, SEQ, &[kind, b'x'])
}

fn seed_broadcast() -> Scene {
    let (first, second) = (seed_subscriber(), subscriber("default", 0));
    let actor = Client::open();
    actor.seed(2, &[]);
    Scene::new(actor, Act::Send(seed(3))).watched_by([first, second, watcher()])
}

fn publish_to_seed_subscribers() -> Scene {
    let watchers = [
        seed_subscriber(),
        seed_subscriber(),
        subscriber("default", 0),
    ];
    let actor = Client::open();
    let topic = actor.advertise("default");
    Scene::sends(actor, acked(topic, b"to seed clients")).watched_by(watchers)
}

/// The datagram is shared with others when it comes to the module, which writes to it.
fn publish_to_a_group_as_well() -> Scene {
    let member = Client::try_open_in(0, 1).expect("open a socket in a group");
    let watcher = subscriber("t/shared", 0);
    let actor = Client::open();
    let topic = actor.advertise("t/shared");
    Scene {
        act: Act::SendToGroup(acked(topic, b"to all")),
        ..Scene::sends(actor, Vec::new())
    }
    .watched_by([watcher])
    .beside([member])
}

fn last_will(again: bool) -> Scene {
    let actor = Client::open();
    let topic = actor.advertise("t/will");
    if again {
        actor
            .set_last_will(topic, b"the first")
            .expect("a last will");
    }
    let data = DataHeader {
        topic,
        ..DataHeader::default()
    };
    let body = [&data.to_bytes()[..], b"the last"].concat();
    let flags = header::REQUEST | header::ACK;
    Scene::sends(actor, raw_message(message::LAST_WILL, flags, SEQ, &body)).watched_by([watcher()])
}

/// A socket of an ordinary user.
fn opened_by(uid: u32) -> Client {
    let open = move || {
        let uid = Uid::from_raw(uid);
        set_thread_res_uid(uid, uid, uid).expect("setresuid");
        Client::open()
    };
    std::thread::spawn(open).join().expect("a thread")
}

/// Some lose a right by it, and others gain one.
fn policy() -> Scene {
    Client::open().set_policy(&[]).expect("no rules");
    let (bystander, watcher) = (publisher_of(&["t/rule/a", "t/rule/b"]), watcher());
    let (intruder, welcome) = (opened_by(2000), opened_by(2001));
    intruder.advertise("t/rule/c");
    welcome.subscribe("t/rule/*");
    let rules = [("t/rule", 2001), ("t/rule/a", 0), ("u", 0)];
    let rules = rules.map(|(prefix, uid)| Rule::new(Some(name(prefix)), uid, 0, 0o600));
    let mut buf = vec![0; 4096];
    let len = request::write_policy(&mut buf, SEQ, rules.into_iter()).expect("it fits");
    buf.truncate(len);
    Scene::sends(Client::open(), buf)
        .watched_by([watcher])
        .beside([bystander, intruder, welcome])
}

fn dump(kind: u16) -> Scene {
    let actor = Client::open();
    Scene::new(actor, Act::Dump(kind)).beside([publisher_of(&["t/a", "t/b", "t/c"]), watcher()])
}

fn close_of_publisher() -> Scene {
    let watchers = audience("t/will");
    let actor = Client::open();
    let topic = actor.advertise_history("t/will", 2).expect("advertise");
    actor.publish(topic, b"one");
    actor
        .set_last_will(topic, b"the last")
        .expect("a last will");
    // Without memory the topic retains nothing; it must have somebody else to stay for.
    let other = Client::open();
    other.advertise("t/will");
    Scene::new(actor, Act::Close)
        .watched_by(watchers)
        .beside([other])
}

fn close_of_subscriber() -> Scene {
    let publisher = publisher_of(&["t/a", "t/b"]);
    let actor = subscriber("t/*", SUBSCRIBE_EVENTS | SUBSCRIBE_HISTORY);
    Scene::new(actor, Act::Close).beside([publisher])
}

/// All cases.
pub const ALL: &[Case] = &[
    Case {
        name: "open a socket",
        prepare: || Scene {
            actor: None,
            ..Scene::new(Client::open(), Act::Open)
        },
    },
    Case {
        name: "info",
        prepare: || Scene::requests(Client::open(), Request::Info),
    },
    Case {
        name: "advertise a new topic",
        prepare: || {
            let watchers = [watcher(), subscriber("t/*", 0), subscriber("t/new", 0)];
            Scene::requests(Client::open(), advertise("t/new")).watched_by(watchers)
        },
    },
    Case {
        name: "be the first of a user, and publish",
        prepare: || Scene::requests(Client::open(), advertise("t/alone")),
    },
    Case {
        name: "be the first of a user, and subscribe",
        prepare: || {
            let request = Request::Subscribe {
                pattern: pattern("t/*"),
                flags: 0,
            };
            Scene::requests(Client::open(), request)
        },
    },
    Case {
        name: "advertise with everything",
        prepare: || {
            let request = Request::Advertise {
                topic: name("t/new"),
                fingerprint: 7,
                wait: Some(10),
                history: Some(9),
                flags: ADVERTISE_EVENTS,
                mode: Some(0o640),
                gid: None,
            };
            Scene::requests(Client::open(), request).watched_by([watcher()])
        },
    },
    Case {
        name: "advertise a topic that there is",
        prepare: || {
            Scene::requests(Client::open(), advertise("t/old"))
                .watched_by([watcher()])
                .beside([publisher_of(&["t/old"])])
        },
    },
    Case {
        name: "subscribe to one topic",
        prepare: || {
            let request = Request::Subscribe {
                pattern: pattern("t/a"),
                flags: SUBSCRIBE_DROP_OLDEST,
            };
            Scene::requests(Client::open(), request).beside([publisher_of(&["t/a", "t/b"])])
        },
    },
    Case {
        name: "subscribe to many, with history and events",
        prepare: || {
            let request = Request::Subscribe {
                pattern: pattern("t/**"),
                flags: SUBSCRIBE_EVENTS | SUBSCRIBE_HISTORY,
            };
            Scene::requests(Client::open(), request)
                .beside([publisher_of(&["t/a", "t/b", "t/c/d"]), seed_subscriber()])
        },
    },
    Case {
        name: "register a subscriber in the seed protocol",
        prepare: || {
            Scene::new(Client::open(), Act::Send(seed(1))).beside([publisher_of(&["default"])])
        },
    },
    Case {
        name: "register a publisher in the seed protocol",
        prepare: || Scene::new(Client::open(), Act::Send(seed(2))).watched_by([watcher()]),
    },
    Case {
        name: "broadcast in the seed protocol",
        prepare: seed_broadcast,
    },
    Case {
        name: "publish to subscribers of the seed protocol",
        prepare: publish_to_seed_subscribers,
    },
    Case {
        name: "publish to all kinds of subscribers",
        prepare: publish_to_all_kinds,
    },
    Case {
        name: "publish to one that has had a message",
        prepare: || {
            let watcher = subscriber("t/again", 0);
            let actor = Client::open();
            let topic = actor.advertise("t/again");
            actor.publish(topic, b"once");
            Scene::sends(actor, acked(topic, b"again")).watched_by([watcher])
        },
    },
    Case {
        name: "publish a batch",
        prepare: batch,
    },
    Case {
        name: "publish behind a loss",
        prepare: publish_after_loss,
    },
    Case {
        name: "publish instead of older messages",
        prepare: publish_instead_of_older,
    },
    Case {
        name: "publish a large message",
        prepare: publish_large,
    },
    Case {
        name: "publish, and send the same to a group",
        prepare: publish_to_a_group_as_well,
    },
    Case {
        name: "leave a last will",
        prepare: || last_will(false),
    },
    Case {
        name: "leave another last will",
        prepare: || last_will(true),
    },
    Case {
        name: "unadvertise",
        prepare: || {
            let actor = Client::open();
            let topic_id = actor.advertise("t/end");
            Scene::requests(actor, Request::Unadvertise { topic_id }).watched_by([watcher()])
        },
    },
    Case {
        name: "unsubscribe",
        prepare: || {
            let publisher = publisher_of(&["t/a", "t/b"]);
            let actor = Client::open();
            let subscription_id = actor.subscribe("t/*");
            Scene::requests(actor, Request::Unsubscribe { subscription_id }).beside([publisher])
        },
    },
    Case {
        name: "clear",
        prepare: || {
            let watcher = watcher();
            drop(publisher_of(&["t/old"]));
            let topic = name("t/old");
            Scene::requests(Client::open(), Request::Clear { topic }).watched_by([watcher])
        },
    },
    Case {
        name: "replace the rules of access",
        prepare: policy,
    },
    Case {
        name: "dump of topics",
        prepare: || dump(message::TOPICS),
    },
    Case {
        name: "dump of clients",
        prepare: || dump(message::CLIENTS),
    },
    Case {
        name: "dump of subscriptions",
        prepare: || dump(message::SUBSCRIPTIONS),
    },
    Case {
        name: "dump of statistics",
        prepare: || dump(message::STATISTICS),
    },
    Case {
        name: "dump of rules",
        prepare: || dump(message::POLICY),
    },
    Case {
        name: "close a publisher",
        prepare: close_of_publisher,
    },
    Case {
        name: "close a subscriber",
        prepare: close_of_subscriber,
    },
];
