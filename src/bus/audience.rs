// SPDX-License-Identifier: GPL-2.0

//! The audience of a topic: who gets its messages.

use crate::bus::account::PerUser;
use crate::bus::limits;
use crate::bus::member::Member;
use crate::bus::port::Form;
use crate::bus::port::Port;
use crate::sys;
use crate::sys::Box;
use crate::sys::Map;
use crate::sys::NoMemory;
use crate::wire::refusal::Refusal;
use core::convert::Infallible;
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

/// The chunks by number. Most audiences need only the first, which is at hand.
struct Chunks<P: Port> {
    first: Option<Box<Chunk<P>>>,
    further: Map<u32, Chunk<P>>,
}

impl<P: Port> Chunks<P> {
    /// The place of the member of this number.
    fn slot(&mut self, number: u32) -> Option<&mut Option<Member<P>>> {
        let chunk = match number / CHUNK {
            0 => self.first.as_mut()?,
            chunk => self.further.get_mut(&chunk)?,
        };
        chunk.0.get_mut(within_chunk(number) as usize)
    }

    /// Makes the chunk in which a member of this number lies, which has none yet.
    fn make(&mut self, number: u32, cause: Cause) -> Result<(), NoMemory> {
        let chunk = Chunk([const { None }; CHUNK as usize]);
        match (number / CHUNK, cause) {
            (0, Cause::Member) => self.first = Some(sys::boxed(chunk)?),
            (0, Cause::Another) => self.first = Some(sys::boxed_for_other(chunk)?),
            (key, _) => insert(&mut self.further, key, chunk, cause)?,
        }
        Ok(())
    }

    /// Forgets the chunk in which a member of this number lay, the last one there.
    fn forget(&mut self, number: u32) {
        match number / CHUNK {
            0 => self.first = None,
            chunk => drop(self.further.remove(&chunk)),
        }
    }

    /// Visits each member, until the visitor breaks.
    // The loop over the audience is where a publish spends its time.
    #[inline(always)]
    fn visit<B>(
        &mut self,
        mut visit: impl FnMut(&mut Member<P>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if let Some(first) = &mut self.first {
            for member in first.0.iter_mut().map_while(Option::as_mut) {
                visit(member)?;
            }
        }
        if self.further.len() > 0 {
            for chunk in self.further.values_mut() {
                for member in chunk.0.iter_mut().map_while(Option::as_mut) {
                    visit(member)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Members, each found by its key.
///
/// # Invariants
///
/// The members have the numbers from 0 on, without a gap: number n is the (n % CHUNK)-th of chunk
/// n / CHUNK. `places` knows the number of each; `per_user` counts each; `reliable` counts those whose
/// policy is reliable.
pub(super) struct Audience<P: Port> {
    chunks: Chunks<P>,
    places: Map<MemberKey, u32>,
    per_user: PerUser,
    reliable: u32,
}

impl<P: Port> Audience<P> {
    /// Nobody.
    pub(super) fn new() -> Self {
        // INVARIANT: There are no members.
        Self {
            chunks: Chunks {
                first: None,
                further: Map::new(),
            },
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
        self.chunks.slot(number)?.as_mut()
    }

    /// Changes a member. What it does must leave the key as it is.
    pub(super) fn change<R>(
        &mut self,
        key: &MemberKey,
        change: impl FnOnce(&mut Member<P>) -> R,
    ) -> Option<R> {
        let number = *self.places.get(key)?;
        let member = self.chunks.slot(number)?.as_mut()?;
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
            self.chunks.make(number, cause)?;
        }
        // A chunk without members, if this fails, is found again, and replaced, by the next.
        insert(&mut self.places, key, number, cause)?;
        if let Some(slot) = self.chunks.slot(number) {
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
        let moved = self.chunks.slot(last)?.take()?;
        if within_chunk(last) == 0 {
            self.chunks.forget(last);
        }
        let removed = if number == last {
            moved
        } else {
            let place = self.places.get_mut(&moved.key())?;
            *place = number;
            self.chunks.slot(number)?.replace(moved)?
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
    #[inline(always)]
    pub(super) fn each(&mut self, mut visit: impl FnMut(&mut Member<P>)) {
        let _: ControlFlow<Infallible> = self.chunks.visit(|member| {
            visit(member);
            ControlFlow::Continue(())
        });
    }

    /// Visits members until the visitor breaks.
    pub(super) fn find<B>(
        &mut self,
        visit: impl FnMut(&mut Member<P>) -> ControlFlow<B>,
    ) -> Option<B> {
        match self.chunks.visit(visit) {
            ControlFlow::Break(found) => Some(found),
            ControlFlow::Continue(()) => None,
        }
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
