// SPDX-License-Identifier: MIT OR Apache-2.0

//! The topics that a subscriber has heard of, by the kernel's numbers.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;

use crate::topic::Topic;

/// Names by number. The last one is at hand: most messages are of the same topic as the one before.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: HashMap<u32, Topic, BuildHasherDefault<Spread>>,
    /// The number of `last`; 0, which is no topic's number, if there is none.
    last_id: u32,
    last: Option<Topic>,
}

impl Names {
    /// The topic with this number, if it was named.
    pub(crate) fn get(&self, id: u32) -> Option<&Topic> {
        self.known.get(&id)
    }

    /// Has the topic with this number at hand; `false` if it was never named.
    #[inline]
    pub(crate) fn select(&mut self, id: u32) -> bool {
        self.last_id == id || self.search(id)
    }

    #[cold]
    fn search(&mut self, id: u32) -> bool {
        let Some(topic) = self.known.get(&id) else {
            return false;
        };
        self.last = Some(topic.clone());
        self.last_id = id;
        true
    }

    /// The topic that was selected.
    #[inline]
    pub(crate) fn selected(&self) -> Option<&Topic> {
        self.last.as_ref()
    }

    /// Learns a name.
    pub(crate) fn insert(&mut self, id: u32, topic: Topic) {
        self.known.insert(id, topic);
        self.last = None;
        self.last_id = 0;
    }

    /// Forgets a name.
    pub(crate) fn remove(&mut self, id: u32) {
        self.known.remove(&id);
        self.last = None;
        self.last_id = 0;
    }
}

/// Spreads numbers that the kernel gave one after the other. Nobody can choose them, so a hash that
/// withstands attacks would protect nothing.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32((*byte).into());
        }
    }

    fn write_u32(&mut self, number: u32) {
        // 2^64 divided by the golden ratio: near numbers go far apart.
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_not_at_hand_either() {
        let mut names = Names::default();
        for id in 1..100 {
            names.insert(id, Topic::new(format!("t/{id}")).unwrap());
        }
        assert!(names.select(7) && names.selected().unwrap() == "t/7");
        assert_eq!(names.get(8).unwrap(), &"t/8");
        names.insert(7, Topic::new("other").unwrap());
        assert!(names.select(7) && names.selected().unwrap() == "other");
        names.remove(7);
        assert!(names.get(7).is_none() && !names.select(7));
        assert!(names.select(8) && !names.select(1000));
    }
}
