// SPDX-License-Identifier: GPL-2.0

//! The sockets of a worker, what each of them knows, and how actions are carried out.

use crate::action::Action;
use crate::action::Opening;
use crate::action::To;
use crate::action::Way;
use crate::filter;
use crate::filter::Effect;
use crate::generate::Known;
use crate::oracle::Oracle;
use crate::socket::Received;
use crate::socket::Socket;
use crate::totals::Totals;
use crate::wire::header::Messages;
use crate::wire::message;
use rustix::io::Errno;

/// Larger than any datagram of the bus.
const BUFFER: usize = (1 << 20) + (1 << 16);

/// A socket, what it knows and what it may hear.
pub struct Peer {
    socket: Socket,
    pub known: Known,
    oracle: Oracle,
}

impl Peer {
    fn open(how: Opening) -> Self {
        let mut oracle = Oracle::default();
        if how.groups != 0 {
            oracle.others_send();
        }
        Self {
            socket: Socket::open(how),
            known: Known::default(),
            oracle,
        }
    }

    /// A datagram is about to be sent that may leave gaps in what this socket gets.
    fn prepare(&mut self, datagram: &[u8]) {
        // What may end a subscription.
        let ends = Messages::new(datagram)
            .map_while(Result::ok)
            .any(|message| {
                let kind = message.header.kind;
                matches!(kind, message::UNSUBSCRIBE | message::UNADVERTISE)
            });
        if ends {
            self.oracle.expect_gaps();
        }
    }

    fn receive(&mut self, buf: &mut [u8], most: u32) {
        for _ in 0..most {
            match self.socket.receive(buf) {
                Ok(Received::FromKernel(bytes)) => {
                    let news = self.oracle.check(bytes);
                    self.known.learn(&news.topics, &news.subscriptions);
                }
                Ok(Received::Foreign) => {}
                Err(Errno::AGAIN) => return self.oracle.queue_is_empty(),
                // Answers or events did not fit.
                Err(Errno::NOBUFS) => self.oracle.missed_something(),
                Err(errno) => panic!("receive: {errno}"),
            }
        }
    }

    fn filter(&mut self, program: &[crate::sys::Instruction]) {
        let effect = filter::effect(program);
        // Also if the kernel does not take it: what there was before stays.
        self.oracle.filter_changes(effect);
        match self.socket.filter(program) {
            Ok(()) => {}
            // There was none to detach.
            Err(Errno::NOENT) if effect == Effect::Nothing => {}
            Err(errno) => panic!("filter {program:?}: {errno}"),
        }
    }
}

/// The sockets of a worker.
pub struct Peers {
    peers: Vec<Peer>,
    buf: Vec<u8>,
    pub totals: Totals,
}

impl Peers {
    /// So many sockets.
    pub fn open(count: usize) -> Self {
        let how = Opening {
            room: 1 << 16,
            ..Opening::default()
        };
        Self {
            peers: (0..count).map(|_| Peer::open(how)).collect(),
            buf: vec![0; BUFFER],
            totals: Totals {
                sockets: count as u64,
                ..Totals::default()
            },
        }
    }

    /// What one of them knows.
    pub fn known(&self, index: usize) -> &Known {
        &self.peers[index].known
    }

    /// Does something with one of them.
    pub fn act(&mut self, index: usize, action: &Action) {
        match action {
            Action::Open(how) => {
                // Closed first: its port id may be the one that the new socket asks for.
                let old = self.peers.remove(index);
                self.count(&old.oracle);
                drop(old);
                self.peers.insert(index, Peer::open(*how));
                self.totals.sockets += 1;
            }
            Action::Send(way, bytes) => self.send(index, *way, bytes),
            Action::Race(datagrams) => self.race(index, datagrams),
            Action::Receive(most) => self.peers[index].receive(&mut self.buf, *most),
            Action::Filter(program) => self.peers[index].filter(program),
            Action::Set(level, name, value) => {
                // What a kernel or a user does not have is refused.
                let _ = self.peers[index].socket.set(*level, *name, *value);
            }
        }
    }

    fn send(&mut self, index: usize, way: Way, bytes: &[u8]) {
        let mut port = 0;
        if let To::Socket(target) = way.to {
            let target = &mut self.peers[target];
            port = target.socket.port();
            target.oracle.others_send();
        }
        let peer = &mut self.peers[index];
        peer.prepare(bytes);
        let messages = Messages::new(bytes).count().max(1) as u64;
        match (peer.socket.send_so(way, port, bytes), way.to) {
            (Ok(()), _) => self.totals.sent += messages,
            // Too large, or empty.
            (Err(Errno::MSGSIZE | Errno::NODATA), _) => {}
            (Err(Errno::OPNOTSUPP), _) if way.flags != 0 => {}
            // Only root may, or nobody is there, or its queue is full.
            (
                Err(Errno::PERM | Errno::CONNREFUSED | Errno::AGAIN | Errno::SRCH | Errno::NOBUFS),
                To::Groups(_) | To::Socket(_),
            ) => {}
            (Err(errno), _) => panic!("send: {errno}"),
        }
    }

    /// One thread for each datagram.
    fn race(&mut self, index: usize, datagrams: &[Vec<u8>]) {
        let peer = &mut self.peers[index];
        datagrams.iter().for_each(|bytes| peer.prepare(bytes));
        let socket = &peer.socket;
        std::thread::scope(|scope| {
            for bytes in datagrams {
                scope.spawn(move || match socket.send(bytes) {
                    Ok(()) | Err(Errno::MSGSIZE | Errno::NODATA) => {}
                    Err(errno) => panic!("send: {errno}"),
                });
            }
        });
        let messages = |bytes: &Vec<u8>| Messages::new(bytes).count() as u64;
        self.totals.sent += datagrams.iter().map(messages).sum::<u64>();
    }

    fn count(&mut self, oracle: &Oracle) {
        self.totals.received += oracle.received;
        self.totals.lost += oracle.lost;
        self.totals.refused += oracle.refused;
    }

    /// Closes all of them.
    pub fn close(mut self) -> Totals {
        for peer in std::mem::take(&mut self.peers) {
            self.count(&peer.oracle);
        }
        self.totals
    }
}
