// SPDX-License-Identifier: GPL-2.0

//! The numbers of messages as one subscriber finds them: each topic's in a row, with every loss
//! told at its place.

use crate::client::Event;
use std::collections::BTreeMap;

/// What one subscriber was told so far.
#[derive(Default)]
pub struct Numbers {
    /// The number that comes next, by topic.
    next: BTreeMap<u32, u64>,
    /// Messages that were told to be lost.
    pub lost: u64,
}

impl Numbers {
    /// Looks at what the subscriber received; panics if there is a gap.
    pub fn hear(&mut self, event: &Event) {
        match *event {
            Event::Topic { topic, .. } | Event::Removed { topic } => {
                self.next.remove(&topic);
            }
            Event::Lost {
                topic,
                first,
                count,
            } => {
                self.count(topic, first, count);
                self.lost += count;
            }
            Event::Message { topic, seq, .. } => self.count(topic, seq, 1),
            _ => {}
        }
    }

    fn count(&mut self, topic: u32, first: u64, count: u64) {
        let next = self.next.insert(topic, first + count);
        assert_eq!(
            first,
            next.unwrap_or(first),
            "numbers of a topic have no gap"
        );
    }
}
