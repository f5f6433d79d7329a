// SPDX-License-Identifier: GPL-2.0

//! The audience of a topic: who gets its messages.

use crate::bus::account::PerUser;
use crate::bus::limits;
use crate::bus::member::Member;
use crate::bus::port::Form;
use crate::bus::port::Port;
use crate::sys::Map;
use crate::sys::NoMemory;
use crate::wire::refusal::Refusal;
use core::ops::ControlFlow;

/// A client's serial number, and the form in which it gets messages.
pub(super) type MemberKey = (u64, Form);

/// Whose request makes somebody a member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its own: its memory cgroup is charged.
    Member,
    /// That of a user who makes a topic, or a rule, and must not be charged for others.
    Another,
}

/// Members of one chunk.
const CHUNK: u32 = 16;

/// Members that lie side by side, so that going through an audience costs little; and no more than
/// these, so that no audience needs much memory in one piece.
struct Chunk<P: Port>([Option<Member<P>>; CHUNK as usize]);

/// Members, each found by its key.
///
/// # Invariants
///
/// The members have the numbers from 0 on, without a gap: number n is the (n % CHUNK)-th of chunk
/// n / CHUNK. `places` knows the number of each; `per_user` counts each; `reliable` counts those whose
/// policy is reliable.
pub(super) struct Audience<P: Port> {
    chunks: Map<u32, Chunk<P>>,
    places: Map<MemberKey, u32>,
    per_user: PerUser,
    reliable: u32,
}

impl<P: Port> Audience<P> {
    /// Nobody.
    pub(super) fn new() -> Self {
        // INVARIANT: There are no members.
        Self {
            chunks: Map::new(),
            places: Map::new(),
            per_user: PerUser::new(),
            reliable: 0,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        // No more than subscriptions, which have ids of 32 bits.
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is anybody whose policy is reliable.
    #[inline]
    pub(super) fn is_reliable(&self) -> bool {
        self.reliable > 0
    }

    /// Whether this is a member.
    pub(super) fn has(&self, key: &MemberKey) -> bool {
        self.places.get(key).is_some()
    }

    /// The member of this number.
    pub(super) fn at(&mut self, number: u32) -> Option<&mut Member<P>> {
        slot(&mut self.chunks, number)?.as_mut()
    }

    /// Changes a member. What it does must leave the key as it is.
    pub(super) fn change<R>(
        &mut self,
        key: &MemberKey,
        change: impl FnOnce(&mut Member<P>) -> R,
    ) -> Option<R> {
        let number = *self.places.get(key)?;
        let member = slot(&mut self.chunks, number)?.as_mut()?;
        let before = member.overflow().is_reliable();
        let result = change(member);
        // INVARIANT: Nothing else changes policies.
        match (before, member.overflow().is_reliable()) {
            (false, true) => self.reliable = self.reliable.saturating_add(1),
            (true, false) => self.reliable = self.reliable.saturating_sub(1),
            _ => {}
        }
        Some(result)
    }

    /// Adds a member, which has no subscriptions yet and whose key is not there.
    pub(super) fn insert(&mut self, member: Member<P>, cause: Cause) -> Result<(), Refusal> {
        let limit = limits::MEMBERS_PER_TOPIC_OF_USER;
        let (key, user, number) = (member.key(), member.user().clone(), self.len());
        self.per_user
            .add(&user, limit, Refusal::TooManyMembersOfUser)?;
        let placed = self.place(key, number, member, cause);
        if placed.is_err() {
            self.per_user.remove(&user);
        }
        placed
    }

    fn place(
        &mut self,
        key: MemberKey,
        number: u32,
        member: Member<P>,
        cause: Cause,
    ) -> Result<(), Refusal> {
        if within_chunk(number) == 0 {
            let chunk = Chunk([const { None }; CHUNK as usize]);
            insert(&mut self.chunks, number / CHUNK, chunk, cause)?;
        }
        // A chunk without members, if this fails, is found again, and replaced, by the next.
        insert(&mut self.places, key, number, cause)?;
        if let Some(slot) = slot(&mut self.chunks, number) {
            // INVARIANT: It is the next number.
            *slot = Some(member);
        }
        Ok(())
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, key: &MemberKey) -> Option<Member<P>> {
        let number = self.places.remove(key)?;
        // INVARIANT: The last one takes the number that is free now, if it is not its own.
        let last = self.len();
        let moved = slot(&mut self.chunks, last)?.take()?;
        if within_chunk(last) == 0 {
            self.chunks.remove(&(last / CHUNK));
        }
        let removed = if number == last {
            moved
        } else {
            let place = self.places.get_mut(&moved.key())?;
            *place = number;
            slot(&mut self.chunks, number)?.replace(moved)?
        };
        if removed.overflow().is_reliable() {
            self.reliable = self.reliable.saturating_sub(1);
        }
        self.per_user.remove(removed.user());
        Some(removed)
    }

    /// Takes any member out, if there is one.
    pub(super) fn pop(&mut self) -> Option<Member<P>> {
        let last = self.len().checked_sub(1)?;
        let key = self.at(last)?.key();
        self.remove(&key)
    }

    /// Visits each member.
    // The loop over the audience is where a publish spends its time.
    #[inline(always)]
    pub(super) fn each(&mut self, mut visit: impl FnMut(&mut Member<P>)) {
        for chunk in self.chunks.values_mut() {
            for member in chunk.0.iter_mut().flatten() {
                visit(member);
            }
        }
    }

    /// Visits members until the visitor breaks.
    pub(super) fn find<B>(
        &mut self,
        mut visit: impl FnMut(&mut Member<P>) -> ControlFlow<B>,
    ) -> Option<B> {
        for chunk in self.chunks.values_mut() {
            for member in chunk.0.iter_mut().flatten() {
                if let ControlFlow::Break(found) = visit(member) {
                    return Some(found);
                }
            }
        }
        None
    }
}

fn insert<K: Ord, V>(map: &mut Map<K, V>, key: K, value: V, cause: Cause) -> Result<(), NoMemory> {
    match cause {
        Cause::Member => map.try_insert(key, value),
        Cause::Another => map.try_insert_for_other(key, value),
    }
}

/// The place of the member of this number in its chunk.
fn within_chunk(number: u32) -> u32 {
    number % CHUNK
}

fn slot<P: Port>(chunks: &mut Map<u32, Chunk<P>>, number: u32) -> Option<&mut Option<Member<P>>> {
    let chunk = chunks.get_mut(&(number / CHUNK))?;
    chunk.0.get_mut(within_chunk(number) as usize)
}
