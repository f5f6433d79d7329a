// SPDX-License-Identifier: MIT OR Apache-2.0

//! Letting messages come together, so that one wake-up takes many.

use crate::error::Result;
use crate::inbox::Inbox;
use crate::socket::Wait;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// When to sleep before looking for more: once after each time that something came.
#[derive(Debug)]
pub(super) struct Coalescing {
    nap: Duration,
    /// Whether something came since the last nap.
    streaming: bool,
}

impl Coalescing {
    pub(super) fn new(nap: Duration) -> Self {
        Self {
            nap,
            streaming: false,
        }
    }

    /// Waits for the next datagram.
    pub(super) fn wait(&mut self, inbox: &mut Inbox, source: &impl AsFd) -> Result<bool> {
        if self.fill(inbox, source, None)? {
            return Ok(true);
        }
        self.streaming = true;
        inbox.fill(source, Wait::Forever)
    }

    /// Takes the next datagram if there is one: now, or after a nap, which ends at the deadline.
    pub(super) fn fill(
        &mut self,
        inbox: &mut Inbox,
        source: &impl AsFd,
        deadline: Option<Instant>,
    ) -> Result<bool> {
        let mut received = inbox.fill(source, Wait::No)?;
        if !received && self.streaming {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            thread::sleep(left.map_or(self.nap, |left| left.min(self.nap)));
            received = inbox.fill(source, Wait::No)?;
        }
        self.streaming = received;
        Ok(received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::ANSWER_ROOM;
    use std::os::unix::net::UnixDatagram;

    const NAP: Duration = Duration::from_millis(300);

    /// Waits for a datagram that is sent some time from now; returns how long that took.
    fn wait(
        coalescing: &mut Coalescing,
        ours: &UnixDatagram,
        theirs: &UnixDatagram,
        after: Duration,
    ) -> Duration {
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        let start = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(after);
                theirs.send(b"x").unwrap();
            });
            assert!(coalescing.wait(&mut inbox, ours).unwrap());
        });
        start.elapsed()
    }

    #[test]
    fn what_comes_after_a_pause_is_taken_at_once_and_what_follows_after_a_nap() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let mut coalescing = Coalescing::new(NAP);
        let soon = Duration::from_millis(20);
        assert!(wait(&mut coalescing, &ours, &theirs, soon) < NAP);
        assert!(wait(&mut coalescing, &ours, &theirs, soon) >= NAP);
        // What is there already needs no nap.
        theirs.send(b"x").unwrap();
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        let start = Instant::now();
        assert!(coalescing.wait(&mut inbox, &ours).unwrap());
        assert!(start.elapsed() < NAP);
        // Longer than a nap: a pause.
        let late = NAP + Duration::from_millis(100);
        let waited = wait(&mut coalescing, &ours, &theirs, late);
        assert!((late..late + NAP).contains(&waited), "{waited:?}");
    }

    #[test]
    fn a_nap_ends_at_the_deadline() {
        let (ours, _theirs) = UnixDatagram::pair().unwrap();
        let mut coalescing = Coalescing::new(Duration::from_secs(60));
        coalescing.streaming = true;
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        let deadline = Some(Instant::now() + Duration::from_millis(10));
        assert!(!coalescing.fill(&mut inbox, &ours, deadline).unwrap());
        assert!(!coalescing.streaming);
    }
}
