// SPDX-License-Identifier: GPL-2.0

//! What a socket may receive, whatever happens on the bus: well-formed messages, each topic's
//! numbers in a row, with every loss told at its place.
//!
//! A socket filter takes numbers out without a word. Then numbers still grow, a loss still counts
//! only what the filter would have let through, and nothing else is sure: see [`Next::exact`].

use crate::filter::Effect;
use crate::wire::ack::Ack;
use crate::wire::data;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::header::Messages;
use crate::wire::message;
use crate::wire::record::Record;
use crate::wire::seed;
use std::collections::HashMap;
use std::collections::HashSet;

/// The longest datagram of the bus, while the module's parameters are what they are.
const LONGEST: usize = (1 << 20) + data::PAYLOAD_OFFSET;

/// What one socket was told so far.
#[derive(Default)]
pub struct Oracle {
    /// What must come next, of the topics of which that is known.
    next: HashMap<u32, Next>,
    announced: HashSet<u32>,
    /// Topics on which the socket itself publishes, or did: it does not get its own messages.
    own: HashSet<u32>,
    /// Until the queue is empty, nothing can be said of numbers.
    blind: bool,
    /// An answer is missing: which topics are the socket's own is not known.
    lost_track: bool,
    /// What the socket's filter does to messages that are published now.
    filter: Effect,
    /// The worst that a filter may have done to what lies in the queue.
    filtered: Effect,
    /// There was a filter at some time.
    ever_filtered: bool,
    /// What lies in the queue may not be the kernel's, and what the kernel says of it is nonsense.
    forged: bool,
    /// Messages, losses and answers so far.
    pub received: u64,
    pub lost: u64,
    pub refused: u64,
}

/// What must come next on a topic.
struct Next {
    number: u64,
    /// This very number; otherwise it, or one above it. A filter leaves gaps, also in a loss that
    /// is told after it was detached: whoever knows only such a loss knows no exact number.
    exact: bool,
    /// Time of the last message.
    time: u64,
}

/// What a datagram told of ids.
#[derive(Default)]
pub struct News {
    pub topics: Vec<u32>,
    pub subscriptions: Vec<u32>,
}

impl Oracle {
    /// Something may have happened that leaves gaps, such as the end of a subscription.
    pub fn expect_gaps(&mut self) {
        self.blind = true;
        self.next.clear();
    }

    /// An answer or event did not fit into the queue.
    pub fn missed_something(&mut self) {
        self.lost_track = true;
    }

    /// From now on, root may send to this socket. If the queue is full, what it sent may be evicted
    /// and counted like the kernel's own, and push out answers.
    pub fn others_send(&mut self) {
        self.forged = true;
        self.lost_track = true;
    }

    /// The socket's filter is about to become one that does this.
    pub fn filter_changes(&mut self, effect: Effect) {
        self.filter = effect;
        self.filtered = self.filtered.max(effect);
        if self.filtered != Effect::Nothing {
            self.ever_filtered = true;
            self.next.values_mut().for_each(|next| next.exact = false);
        }
    }

    /// The queue is empty: what comes is not older than what happened so far.
    pub fn queue_is_empty(&mut self) {
        self.blind = false;
        self.filtered = self.filter;
    }

    /// Checks a datagram. Panics if it cannot be.
    pub fn check(&mut self, datagram: &[u8]) -> News {
        assert!(datagram.len() <= LONGEST, "{} bytes", datagram.len());
        let mut news = News::default();
        for message in Messages::new(datagram) {
            match message {
                Ok(message) => self.check_message(message.header, message.payload, &mut news),
                Err(_) if self.filtered == Effect::Cuts => self.expect_gaps(),
                Err(why) => panic!("the kernel sends whole messages: {why:?}"),
            }
        }
        news
    }

    fn check_message(&mut self, header: Header, payload: &[u8], news: &mut News) {
        match header.kind {
            header::TYPE_ERROR => {
                let ack = Ack::read(header, payload).expect("an acknowledgement");
                self.refused += u64::from(ack.errno != 0);
                assert_eq!(ack.errno != 0, ack.sentence.is_some(), "{ack:?}");
            }
            // A broadcast of the seed protocol, or the end of a dump.
            header::TYPE_DONE => {}
            message::PUBLISH => {
                assert_eq!((header.port, header.seq, header.flags), (0, 0, 0));
                let (data, _) = DataHeader::read(payload).expect("a data header");
                assert_eq!(data.flags & !data::PUBLISH_FLAGS, 0, "{data:?}");
                assert!(data.seq > 0 && data.time > 0, "{data:?}");
                self.received += 1;
                self.check_number(data.topic, data.seq, 1, Some(data.time));
            }
            _ => match Record::parse(header, payload) {
                Ok(record) => self.check_record(record, news),
                Err(why) => panic!("{why:?} in {header:?} {payload:02x?}"),
            },
        }
    }

    fn check_record(&mut self, record: Record<'_>, news: &mut News) {
        match record {
            Record::Advertised { topic_id } => {
                self.own.insert(topic_id);
                news.topics.push(topic_id);
            }
            Record::Subscribed { subscription_id } => news.subscriptions.push(subscription_id),
            Record::Topic { topic_id, name, .. } => {
                if name.as_str() == seed::TOPIC {
                    // In the seed protocol, nothing tells that one has become its publisher.
                    self.own.insert(topic_id);
                }
                self.announced.insert(topic_id);
                // A new member of the audience: its numbers start anywhere.
                self.next.remove(&topic_id);
            }
            Record::Lost {
                topic_id,
                first,
                count,
            } => {
                assert!(self.forged || first > 0 && count > 0, "{record:?}");
                self.lost = self.lost.wrapping_add(count);
                self.check_number(topic_id, first, count, None);
            }
            Record::Removed { topic_id } => {
                assert!(self.announced.remove(&topic_id) || self.blind || self.lost_track);
                self.next.remove(&topic_id);
            }
            _ => {}
        }
    }

    /// Numbers from `first` on were told: of a message, which has a time, or of a loss.
    fn check_number(&mut self, topic: u32, first: u64, count: u64, time: Option<u64>) {
        if self.lost_track {
            return;
        }
        if !self.blind {
            assert!(self.announced.contains(&topic), "unknown topic {topic}");
        }
        if self.blind || self.own.contains(&topic) {
            return;
        }
        let filtered = self.filtered != Effect::Nothing;
        let before = self.next.get(&topic);
        if let Some(next) = before {
            assert!(
                first >= next.number,
                "topic {topic}: number {first} after {}",
                next.number - 1
            );
            assert!(
                !next.exact || first == next.number,
                "topic {topic}: a gap from {} to {first}",
                next.number
            );
            assert!(
                time.is_none_or(|time| time >= next.time),
                "topic {topic}: time goes back before {first}"
            );
        }
        let exact = match (time, before) {
            (Some(_), _) => true,
            (None, Some(next)) => next.exact,
            (None, None) => !self.ever_filtered,
        };
        let next = Next {
            number: first + count,
            exact: exact && !filtered,
            time: time.or(before.map(|next| next.time)).unwrap_or(0),
        };
        self.next.insert(topic, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::record;
    use crate::wire::topic::Name;

    fn record(record: Record<'_>) -> Vec<u8> {
        let mut buf = [0; record::MAX_LEN];
        let len = record.write(&mut buf, 0, 0).unwrap();
        buf[..len].to_vec()
    }

    fn published_at(seq: u64, time: u64) -> Vec<u8> {
        let data = DataHeader {
            topic: 1,
            seq,
            time,
            ..DataHeader::default()
        };
        let header = Header {
            len: 56,
            kind: message::PUBLISH,
            ..Header::default()
        };
        [&header.to_bytes()[..], &data.to_bytes()].concat()
    }

    fn published(seq: u64) -> Vec<u8> {
        published_at(seq, seq)
    }

    fn lost(first: u64, count: u64) -> Vec<u8> {
        record(Record::Lost {
            topic_id: 1,
            first,
            count,
        })
    }

    /// An oracle that knows the topic.
    fn oracle() -> Oracle {
        let mut oracle = Oracle::default();
        let topic = Record::Topic {
            topic_id: 1,
            name: Name::new(b"a").unwrap(),
            fingerprint: 0,
        };
        oracle.check(&record(topic));
        oracle
    }

    fn goes_on(oracle: &mut Oracle, datagrams: &[Vec<u8>]) -> bool {
        let mut check = || datagrams.iter().for_each(|d| drop(oracle.check(d)));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut check)).is_ok()
    }

    fn told(datagrams: &[Vec<u8>]) -> bool {
        goes_on(&mut oracle(), datagrams)
    }

    #[test]
    fn gaps_and_repetitions_are_noticed() {
        assert!(told(&[
            published(5),
            published(6),
            lost(7, 2),
            published(9)
        ]));
        assert!(!told(&[published(5), published(7)]));
        assert!(!told(&[published(5), published(5)]));
        assert!(!told(&[published(5), lost(6, 1), published(8)]));
        assert!(!told(&[published(5), lost(7, 1)]));
        assert!(!told(&[lost(5, 1), published(7)]));
        assert!(!told(&[lost(5, 0)]));
        assert!(!told(&[published(1)[..30].to_vec()]));
        assert!(!told(&[published_at(5, 9), published_at(6, 8)]));
    }

    #[test]
    fn a_filter_leaves_gaps_and_nothing_else() {
        let filtered = |datagrams: &[Vec<u8>]| {
            let mut oracle = oracle();
            oracle.filter_changes(Effect::Rejects);
            goes_on(&mut oracle, datagrams)
        };
        assert!(filtered(&[published(5), published(9)]));
        assert!(filtered(&[published(5), lost(8, 2), published(12)]));
        assert!(!filtered(&[published(5), published(5)]));
        assert!(!filtered(&[published(5), lost(8, 2), published(9)]));
        assert!(!filtered(&[published(1)[..30].to_vec()]));
    }

    #[test]
    fn what_a_filter_cut_short_says_nothing() {
        let mut oracle = oracle();
        oracle.filter_changes(Effect::Cuts);
        assert!(goes_on(
            &mut oracle,
            &[published(5), published(6)[..30].to_vec(), published(3)]
        ));
        assert!(!goes_on(&mut oracle, &[lost(8, 0)]));
    }

    #[test]
    fn without_the_filter_numbers_are_exact_again() {
        let detached = |datagrams: &[Vec<u8>]| {
            let mut oracle = oracle();
            oracle.filter_changes(Effect::Rejects);
            assert!(goes_on(&mut oracle, &[published(5)]));
            oracle.filter_changes(Effect::Nothing);
            // Still what the filter left.
            assert!(goes_on(&mut oracle, &[published(8)]));
            oracle.queue_is_empty();
            goes_on(&mut oracle, datagrams)
        };
        assert!(detached(&[published(11), published(12)]));
        assert!(!detached(&[published(11), published(13)]));
        // A loss that began under the filter.
        assert!(detached(&[lost(9, 3), published(14), published(15)]));
        assert!(!detached(&[lost(9, 3), published(14), published(16)]));
        assert!(!detached(&[lost(9, 3), published(11)]));
    }
}
