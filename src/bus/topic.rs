// SPDX-License-Identifier: GPL-2.0

//! A topic: its publishers, its audience, and the order of its messages.

mod control;

use crate::bus::access::Access;
use crate::bus::access::Right;
use crate::bus::account::PerUser;
use crate::bus::account::Quota;
use crate::bus::audience::Audience;
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
use crate::sys::Map;
use crate::sys::Mutex;
use crate::sys::NoMemory;
use crate::wire::refusal::Refusal;
use core::ops::ControlFlow;

/// One topic. It exists as long as it has a publisher or a retained message.
pub(super) struct Topic<P: Port> {
    /// Its id, which no other topic of the bus has.
    pub(super) id: u32,
    /// Its name.
    pub(super) name: Text,
    /// What the user that created it may have one less of.
    _quota: Quota,
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

/// Who decided how many messages a topic retains. Who comes later in this list overrules who comes
/// earlier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Decider {
    Nobody,
    /// The creator, where a rule names another owner.
    Creator,
    /// The owner, or an administrator.
    Owner,
}

/// The changing part of a topic.
///
/// # Invariants
///
/// `per_user` counts `publishers`; no member holds room unless a publish that has the lock is about
/// to use it.
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
    /// By the serial numbers of their clients, hence in the order in which those came.
    publishers: Map<u64, Publisher<P>>,
    per_user: PerUser,
    audience: Audience<P>,
    history: Option<History<P>>,
    /// Who decided on `history`.
    decider: Decider,
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

    /// Takes room on all members with a reliable policy, except on those that would have to be
    /// waited for if nothing is `left` of the time. Returns what is in the way, if something is; then
    /// some members may hold room.
    fn hold(
        &mut self,
        topic: Identity<'_>,
        from: &Client<P>,
        parcel: &mut impl Parcel<P>,
        left: u64,
    ) -> Option<Obstacle<P>> {
        // A message that is not going to be published must not take room from others meanwhile.
        self.ask(from, parcel, left, |member, parcel| member.has_room(parcel))
            .or_else(|| {
                self.ask(from, parcel, left, |member, parcel| {
                    member.hold(topic, parcel)
                })
            })
    }

    /// Asks all members with a reliable policy, until something is in the way.
    fn ask<M: Parcel<P>>(
        &mut self,
        from: &Client<P>,
        parcel: &mut M,
        left: u64,
        mut question: impl FnMut(&mut Member<P>, &mut M) -> Outcome,
    ) -> Option<Obstacle<P>> {
        self.audience.find(|member| {
            let overflow = member.overflow();
            if !overflow.is_reliable() || member.client.is(from) {
                return ControlFlow::Continue(());
            }
            let refusal = match question(member, parcel) {
                Outcome::Queued | Outcome::Filtered => return ControlFlow::Continue(()),
                Outcome::NoMemory => Refusal::NoMemory,
                Outcome::Full if overflow == Overflow::Fail => Refusal::WouldBlock,
                // It is lost for this one.
                Outcome::Full if left == 0 => return ControlFlow::Continue(()),
                Outcome::Full if !parcel.may_wait() => Refusal::WouldBlock,
                Outcome::Full => {
                    return ControlFlow::Break(Obstacle::FullQueue {
                        client: member.client.clone(),
                        form: member.form,
                        left,
                    })
                }
            };
            ControlFlow::Break(Obstacle::Refusal(refusal))
        })
    }

    /// Whether a member with a reliable policy must get the messages of a batch one by one: room is
    /// taken for all of them or for none.
    fn splits(&mut self, from: &Client<P>, parcel: &impl Parcel<P>) -> bool {
        let split = self.audience.find(|member| {
            let splits = member.overflow().is_reliable()
                && !member.client.is(from)
                && parcel.must_split_on(&member.client.port, member.form);
            if splits {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        split.is_some()
    }

    /// Gives back all room that was taken.
    fn let_go(&mut self) {
        self.audience.each(Member::let_go);
    }
}

/// Number of the last message of the parcel.
fn last<P: Port>(stamp: Stamp, parcel: &impl Parcel<P>) -> u64 {
    let more = u64::from(parcel.count()).saturating_sub(1);
    stamp.seq.wrapping_add(more)
}

/// Retains a message that has just been published, or the last ones of a batch.
#[cold]
fn retain<P: Port>(
    history: &mut History<P>,
    from: &Client<P>,
    first: u64,
    parcel: &mut impl Parcel<P>,
) {
    let count = parcel.count();
    if count == 1 {
        history.retain(first, from, parcel.keep());
        return;
    }
    for index in count.saturating_sub(history.depth())..count {
        parcel.select(Some(index));
        history.retain(first.wrapping_add(index.into()), from, parcel.keep());
    }
    parcel.select(None);
}

impl<P: Port> Topic<P> {
    /// A topic without publishers and audience.
    pub(super) fn new(
        id: u32,
        name: Text,
        quota: Quota,
        creators: Access,
        access: Access,
    ) -> Result<Self, NoMemory> {
        // INVARIANT: There are no publishers.
        let tail = Tail {
            access,
            seq: 0,
            delivered: 0,
            dropped: 0,
            fingerprint: 0,
            publishers: Map::new(),
            per_user: PerUser::new(),
            audience: Audience::new(),
            history: None,
            decider: Decider::Nobody,
        };
        Ok(Self {
            id,
            name,
            _quota: quota,
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
        if tail.audience.is_reliable() {
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
            retain(history, from, stamp.seq, parcel);
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
        if let Some(obstacle) = tail.hold(self.identity(tail), from, parcel, left) {
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
            retain(history, from, stamp.seq, parcel);
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
        tail.audience.each(|member| {
            if member.client.is(from) {
                return;
            }
            match deliver(member, topic) {
                Outcome::Queued => receipt.delivered = receipt.delivered.saturating_add(1),
                Outcome::Filtered => {}
                Outcome::Full | Outcome::NoMemory => {
                    receipt.dropped = receipt.dropped.saturating_add(1)
                }
            }
        });
        tail.delivered = tail.delivered.wrapping_add(receipt.delivered.into());
        tail.dropped = tail.dropped.wrapping_add(receipt.dropped.into());
        P::trace_publish(self.id, from.port_id, receipt);
        receipt
    }
}
