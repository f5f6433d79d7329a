// SPDX-License-Identifier: GPL-2.0

//! One process of the fuzzer: some sockets, and what is done with them, one action after another.

use crate::action::Action;
use crate::action::Opening;
use crate::action::To;
use crate::action::Way;
use crate::bus;
use crate::corpus::Corpus;
use crate::coverage::Coverage;
use crate::coverage::Reached;
use crate::filter;
use crate::generate;
use crate::generate::Known;
use crate::identity::Identity;
use crate::journal::Journal;
use crate::mutate;
use crate::options::Share;
use crate::peer::Peers;
use crate::sys;
use crate::tap::Tap;
use crate::totals::Totals;
use fastrand::Rng;
use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Instant;

/// Sockets of a worker.
const SOCKETS: usize = 12;
/// Port ids that all workers of a bus fight for.
const PORTS: u32 = 24;
/// `MSG_OOB`, `MSG_DONTROUTE`, `MSG_DONTWAIT`, `MSG_EOR`, `MSG_CONFIRM`, `MSG_NOSIGNAL`, `MSG_MORE`.
const FLAGS: [u32; 7] = [0x1, 0x4, 0x40, 0x80, 0x800, 0x4000, 0x8000];

/// Decides what is done next.
struct Planner {
    rng: Rng,
    corpus: Corpus,
    threads: u8,
}

impl Planner {
    fn action(&mut self, known: &Known) -> Action {
        match self.rng.u16(..1024) {
            0..4 => Action::Open(self.opening()),
            4..7 => self.option(),
            7..10 => Action::Filter(self.filter()),
            10..12 if self.threads > 1 => {
                let count = self.rng.u8(2..=self.threads);
                Action::Race((0..count).map(|_| self.datagram(known)).collect())
            }
            12..400 => Action::Receive(self.rng.u32(1..64)),
            _ => Action::Send(self.way(), self.datagram(known)),
        }
    }

    fn opening(&mut self) -> Opening {
        let room = [1, 2048, 8192, 1 << 16, 1 << 18];
        Opening {
            room: room[self.rng.usize(..room.len())],
            port: if self.rng.u8(..) < 64 {
                100 + self.rng.u32(..PORTS)
            } else {
                0
            },
            groups: if self.rng.u8(..) < 24 {
                1 << self.rng.u32(..3)
            } else {
                0
            },
            connected: self.rng.u8(..) < 64,
        }
    }

    fn option(&mut self) -> Action {
        let rng = &mut self.rng;
        match rng.u8(..8) {
            // NETLINK_PKTINFO and on: what is said of groups, of full queues, of requests.
            0 | 1 => Action::Set(sys::SOL_NETLINK, rng.i32(3..13), rng.u32(..2)),
            2 => Action::Set(sys::SOL_SOCKET, sys::SO_PASSCRED, rng.u32(..2)),
            3 => {
                let flag = [sys::SO_TIMESTAMP, sys::SO_RXQ_OVFL][rng.usize(..2)];
                Action::Set(sys::SOL_SOCKET, flag, rng.u32(..2))
            }
            4 => Action::Set(sys::SOL_SOCKET, sys::SO_SNDBUF, 1 << rng.u32(10..22)),
            5 => Action::Set(sys::SOL_SOCKET, sys::SO_RCVBUFFORCE, 1 << rng.u32(..22)),
            _ => Action::Set(sys::SOL_SOCKET, sys::SO_RCVBUF, 1 << rng.u32(..20)),
        }
    }

    fn filter(&mut self) -> Vec<sys::Instruction> {
        if self.rng.u8(..) < 100 {
            Vec::new()
        } else {
            filter::program(&mut self.rng)
        }
    }

    fn way(&mut self) -> Way {
        let rng = &mut self.rng;
        let mut way = Way::default();
        match rng.u8(..) {
            0..8 => way.pieces = rng.u8(2..9),
            8..12 => way.flags = FLAGS[rng.usize(..FLAGS.len())],
            12 | 13 => way.to = To::Groups(1 << rng.u32(..3)),
            14 => way.to = To::Socket(rng.usize(..SOCKETS)),
            _ => {}
        }
        way
    }

    fn datagram(&mut self, known: &Known) -> Vec<u8> {
        let rng = &mut self.rng;
        match rng.u16(..2048) {
            0..4 => Vec::new(),
            4 => generate::flood(rng, known),
            5..90 => generate::batch(rng, known),
            90..1024 => match (self.corpus.any(rng), self.corpus.any(rng)) {
                (Some(one), Some(other)) => mutate::datagram(rng, known, one, other),
                _ => generate::datagram(rng, known),
            },
            _ => generate::datagram(rng, known),
        }
    }
}

/// What a worker brings home.
pub struct Harvest {
    pub totals: Totals,
    pub reached: Option<Reached>,
}

/// Does one share of a run; `None` if something was wrong, which was said.
pub fn run(share: &Share) -> Option<Harvest> {
    let identity = Identity::of(share.index);
    identity.enter();
    // Only root can open it.
    let coverage = share.guided.then(Coverage::start).flatten();
    assert!(coverage.is_some() || !share.guided, "KCOV is gone");
    identity.become_it();
    let tap = Tap::up();
    assert!(
        tap.is_some() || !(share.tapped && identity.is_alone()),
        "no nlmon on this bus"
    );
    let mut journal = Journal::default();
    let done = catch_unwind(AssertUnwindSafe(|| {
        let harvest = send_share(share, coverage, tap.as_ref(), &mut journal);
        if identity.is_alone() {
            assert_eq!(bus::clear_all(), "nothing", "is left on the bus");
        }
        harvest
    }));
    if done.is_err() {
        eprint!("the last actions of worker {}:\n{journal}", share.index);
    }
    done.ok()
}

fn send_share(
    share: &Share,
    mut coverage: Option<Coverage>,
    tap: Option<&Tap>,
    journal: &mut Journal,
) -> Harvest {
    let mut planner = Planner {
        rng: Rng::with_seed(share.seed),
        corpus: Corpus::default(),
        threads: share.threads,
    };
    let mut peers = Peers::open(SOCKETS);
    let mut digest = DefaultHasher::new();
    let started = Instant::now();
    while peers.totals.sent < share.messages && started.elapsed().as_secs() < share.seconds {
        let index = planner.rng.usize(..SOCKETS);
        let action = planner.action(peers.known(index));
        let action = journal.write(index, action);
        if share.say {
            eprintln!("{index} {action}");
        }
        (index, action).hash(&mut digest);
        if let Some(coverage) = &coverage {
            coverage.reset();
        }
        peers.act(index, action);
        let new = coverage.as_mut().is_some_and(Coverage::collect);
        match (action, tap) {
            (Action::Send(_, datagram), _) if new => {
                planner.corpus.keep(&mut planner.rng, datagram);
            }
            (Action::Open(_), Some(tap)) => tap.look(&mut [0; 4096]),
            _ => {}
        }
    }
    if let Some(coverage) = &coverage {
        coverage.reset();
    }
    let mut totals = peers.close();
    totals.kept = planner.corpus.len() as u64;
    totals.digest = digest.finish();
    Harvest {
        totals,
        reached: coverage.map(|mut coverage| {
            coverage.collect();
            coverage.reached()
        }),
    }
}
