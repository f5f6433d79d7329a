// SPDX-License-Identifier: GPL-2.0

//! A topic: its publishers, its audience, and the order of its messages.

mod control;

use crate::bus::access::Access;
use crate::bus::access::Right;
use crate::bus::account::Account;
use crate::bus::client::Client;
use crate::bus::history::History;
use crate::bus::member::Member;
use crate::bus::overflow::Overflow;
use crate::bus::overflow::Patience;
use crate::bus::port::Form;
use crate::bus::port::Outcome;
use crate::bus::port::Parcel;
use crate::bus::port::Port;
use crate::bus::port::Receipt;
use crate::bus::port::Stamp;
use crate::bus::publication::Publication;
use crate::bus::publication::Publisher;
use crate::bus::subscription::Subscription;
use crate::bus::text::Text;
use crate::sys;
use crate::sys::Arc;
use crate::sys::Mutex;
use crate::sys::NoMemory;
use crate::sys::Vec;
use crate::wire::refusal::Refusal;

/// One topic. It exists as long as it has a publisher or a retained message.
pub(super) struct Topic<P: Port> {
    /// Its id, which no other topic of the bus has.
    pub(super) id: u32,
    /// Its name.
    pub(super) name: Text,
    /// Account of the user that created it.
    pub(super) account: Arc<Account>,
    /// Access as its creator wants it.
    pub(super) creators: Access,
    /// Whoever holds this decides what comes next on the topic.
    tail: Mutex<Tail<P>>,
}

/// What a topic is called, on its way to those who do not know yet.
#[derive(Clone, Copy)]
pub(super) struct Identity<'a> {
    pub(super) id: u32,
    pub(super) name: &'a Text,
    pub(super) fingerprint: u64,
}

/// The changing part of a topic.
///
/// # Invariants
///
/// `publishers` holds a client at most once, and knows how many of the audience are its own;
/// `audience` holds a client at most once in each form; `reliable` counts members whose policy is reliable; no member holds room unless a publish that
/// has the lock is about to use it.
struct Tail<P: Port> {
    /// Access as it is: the creator's, or that of a rule.
    access: Access,
    /// Number of the last message.
    seq: u64,
    /// How many messages got into queues, and how many did not, over all subscribers.
    delivered: u64,
    dropped: u64,
    /// Fingerprint of the payload's type: the first one advertised that is not 0.
    fingerprint: u64,
    publishers: Vec<Publisher<P>>,
    audience: Vec<Member<P>>,
    /// How many of the audience have a reliable overflow policy.
    reliable: usize,
    history: Option<History<P>>,
}

/// Why a message could not be published now.
pub(super) enum Obstacle<P: Port> {
    /// It is not to be.
    Refusal(Refusal),
    /// A queue that must have room first.
    FullQueue {
        client: Arc<Client<P>>,
        form: Form,
        /// How long its publisher still waits, in nanoseconds.
        left: u64,
    },
}

impl<P: Port> Tail<P> {
    /// Whether the client of this subscription may have it.
    fn allows(&self, subscription: &Subscription<P>) -> bool {
        let credentials = &subscription.client.credentials;
        self.access.allows(credentials, Right::Subscribe)
    }

    /// The publisher of this client, if it is one.
    fn publisher(&mut self, client: &Client<P>) -> Option<&mut Publisher<P>> {
        self.publishers.iter_mut().find(|p| p.client.is(client))
    }

    /// Keeps the invariant where a client came into the audience.
    fn came(&mut self, client: &Client<P>) {
        if let Some(publisher) = self.publisher(client) {
            publisher.own_members = publisher.own_members.saturating_add(1);
        }
    }

    /// Keeps the invariant where a client left the audience.
    fn left(&mut self, client: &Client<P>) {
        if let Some(publisher) = self.publisher(client) {
            publisher.own_members = publisher.own_members.saturating_sub(1);
        }
    }

    /// Takes room on all members with a reliable policy, except on those that would have to be
    /// waited for if `wait` is false. Returns the first that has no room.
    fn hold(
        &mut self,
        from: &Client<P>,
        parcel: &mut impl Parcel<P>,
        wait: bool,
    ) -> Option<&Member<P>> {
        let full = self.audience.iter_mut().position(|member| {
            let overflow = member.overflow();
            overflow.is_reliable()
                && !member.client.is(from)
                && member.hold(parcel) == Outcome::Full
                && (wait || overflow == Overflow::Fail)
        });
        self.audience.get(full?)
    }

    /// Whether a member with a reliable policy must get the messages of a batch one by one: room is
    /// taken for all of them or for none.
    fn splits(&self, from: &Client<P>, parcel: &impl Parcel<P>) -> bool {
        self.audience.iter().any(|member| {
            member.overflow().is_reliable()
                && !member.client.is(from)
                && parcel.must_split_on(&member.client.port, member.form)
        })
    }

    /// Gives back all room that was taken.
    fn let_go(&mut self) {
        for member in self.audience.iter_mut() {
            member.let_go();
        }
    }
}

/// Number of the last message of the parcel.
fn last<P: Port>(stamp: Stamp, parcel: &impl Parcel<P>) -> u64 {
    let more = u64::from(parcel.count()).saturating_sub(1);
    stamp.seq.wrapping_add(more)
}

/// Retains a message that has just been published, or the last ones of a batch.
#[cold]
fn retain<P: Port>(history: &mut History<P>, first: u64, parcel: &mut impl Parcel<P>) {
    let count = parcel.count();
    if count == 1 {
        history.retain(first, parcel.keep());
        return;
    }
    let skipped = count.saturating_sub(history.depth());
    if skipped > 0 {
        history.clear();
    }
    for index in skipped..count {
        parcel.select(Some(index));
        history.retain(first.wrapping_add(index.into()), parcel.keep());
    }
    parcel.select(None);
}

impl<P: Port> Topic<P> {
    /// A topic without publishers and audience.
    pub(super) fn new(
        id: u32,
        name: Text,
        account: Arc<Account>,
        creators: Access,
        access: Access,
    ) -> Result<Self, NoMemory> {
        // INVARIANT: Both are empty.
        let tail = Tail {
            access,
            seq: 0,
            delivered: 0,
            dropped: 0,
            fingerprint: 0,
            publishers: Vec::new(),
            audience: Vec::new(),
            reliable: 0,
            history: None,
        };
        Ok(Self {
            id,
            name,
            account,
            creators,
            tail: sys::mutex!(tail, "kipc::Topic::tail")?,
        })
    }

    fn identity(&self, tail: &Tail<P>) -> Identity<'_> {
        Identity {
            id: self.id,
            name: &self.name,
            fingerprint: tail.fingerprint,
        }
    }

    /// Numbers a message and queues it on the audience, but not on its own sender.
    pub(super) fn publish(
        &self,
        from: &Client<P>,
        publication: &Publication<P>,
        parcel: &mut impl Parcel<P>,
        deadline: &mut Option<u64>,
    ) -> Result<Receipt, Obstacle<P>> {
        let mut tail = self.tail.lock();
        let tail = &mut *tail;
        let stamp = self.stamp(tail, from, publication.fingerprint);
        if tail.reliable > 0 {
            if let Patience::Nanoseconds(patience) = publication.patience {
                let deadline = deadline.get_or_insert(stamp.time.saturating_add(patience));
                let left = deadline.saturating_sub(stamp.time);
                return self.publish_reliably(tail, from, stamp, left, parcel);
            }
        }
        parcel.stamp(stamp);
        Ok(self.publish_at_once(tail, from, stamp, parcel))
    }

    /// The rest of [`Topic::publish`] where nobody is waited for.
    #[inline(always)]
    fn publish_at_once(
        &self,
        tail: &mut Tail<P>,
        from: &Client<P>,
        stamp: Stamp,
        parcel: &mut impl Parcel<P>,
    ) -> Receipt {
        let receipt = if parcel.count() > 1 {
            self.publish_batch(tail, from, stamp, parcel)
        } else {
            self.fan_out(tail, from, stamp.seq, |member, topic| {
                member.deliver(topic, parcel, stamp.seq)
            })
        };
        if let Some(history) = &mut tail.history {
            retain(history, stamp.seq, parcel);
        }
        receipt
    }

    /// The rest of [`Topic::publish`] for a batch.
    #[cold]
    fn publish_batch(
        &self,
        tail: &mut Tail<P>,
        from: &Client<P>,
        stamp: Stamp,
        parcel: &mut impl Parcel<P>,
    ) -> Receipt {
        self.fan_out(tail, from, last(stamp, parcel), |member, topic| {
            member.deliver_batch(topic, parcel, stamp.seq)
        })
    }

    /// The rest of [`Topic::publish`] where somebody asked for it: takes room on all those first,
    /// so that the message goes to all of them or is not published.
    #[cold]
    fn publish_reliably(
        &self,
        tail: &mut Tail<P>,
        from: &Client<P>,
        stamp: Stamp,
        left: u64,
        parcel: &mut impl Parcel<P>,
    ) -> Result<Receipt, Obstacle<P>> {
        let is_batch = parcel.count() > 1;
        if !is_batch {
            parcel.stamp(stamp);
        } else if tail.splits(from, parcel) {
            return Err(Obstacle::Refusal(Refusal::WouldBlock));
        }
        if let Some(full) = tail.hold(from, parcel, left > 0) {
            let obstacle = match full.overflow() {
                Overflow::Fail => Obstacle::Refusal(Refusal::WouldBlock),
                _ if !parcel.may_wait() => Obstacle::Refusal(Refusal::WouldBlock),
                _ => Obstacle::FullQueue {
                    client: full.client.clone(),
                    form: full.form,
                    left,
                },
            };
            tail.let_go();
            return Err(obstacle);
        }
        if is_batch {
            // Not before it is certain: a batch that is refused is still as it was sent.
            parcel.stamp(stamp);
        }
        let receipt = self.fan_out(tail, from, last(stamp, parcel), |member, topic| {
            member.deliver_held(topic, parcel, stamp.seq)
        });
        if let Some(history) = &mut tail.history {
            retain(history, stamp.seq, parcel);
        }
        Ok(receipt)
    }

    /// What the next message is told of itself.
    #[inline]
    fn stamp(&self, tail: &Tail<P>, from: &Client<P>, fingerprint: u64) -> Stamp {
        Stamp {
            topic_id: self.id,
            // At a message per nanosecond, 64 bits last for five centuries.
            seq: tail.seq.wrapping_add(1),
            time: P::now_ns(),
            fingerprint,
            port_id: from.port_id,
        }
    }

    /// Takes the number, and delivers to all but the sender.
    #[inline(always)]
    fn fan_out(
        &self,
        tail: &mut Tail<P>,
        from: &Client<P>,
        seq: u64,
        mut deliver: impl FnMut(&mut Member<P>, Identity<'_>) -> Outcome,
    ) -> Receipt {
        let topic = self.identity(tail);
        tail.seq = seq;
        let mut receipt = Receipt {
            seq,
            delivered: 0,
            dropped: 0,
        };
        for member in tail.audience.iter_mut() {
            if member.client.is(from) {
                continue;
            }
            match deliver(member, topic) {
                Outcome::Queued => receipt.delivered = receipt.delivered.saturating_add(1),
                Outcome::Filtered => {}
                Outcome::Full | Outcome::NoMemory => {
                    receipt.dropped = receipt.dropped.saturating_add(1)
                }
            }
        }
        tail.delivered = tail.delivered.wrapping_add(receipt.delivered.into());
        tail.dropped = tail.dropped.wrapping_add(receipt.dropped.into());
        P::trace_publish(self.id, from.port_id, receipt);
        receipt
    }
}
