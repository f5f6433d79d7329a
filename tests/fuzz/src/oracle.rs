// SPDX-License-Identifier: GPL-2.0

//! What a socket may receive, whatever happens on the bus: well-formed messages, each topic's
//! numbers in a row, with every loss told at its place.

use crate::wire::ack::Ack;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::header::Messages;
use crate::wire::message;
use crate::wire::record::Record;
use crate::wire::seed;
use std::collections::HashMap;
use std::collections::HashSet;

/// What one socket was told so far.
#[derive(Default)]
pub struct Oracle {
    /// The number that must come next, of the topics of which that is known.
    next: HashMap<u32, u64>,
    announced: HashSet<u32>,
    /// Topics on which the socket itself publishes, or did: it does not get its own messages.
    own: HashSet<u32>,
    /// Until the queue is empty, nothing can be said of numbers.
    blind: bool,
    /// An answer is missing: which topics are the socket's own is not known.
    lost_track: bool,
    /// Messages, losses and answers so far.
    pub received: u64,
    pub lost: u64,
    pub refused: u64,
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

    /// The queue is empty: what comes is not older than what happened so far.
    pub fn queue_is_empty(&mut self) {
        self.blind = false;
    }

    /// Checks a datagram. Panics if it cannot be.
    pub fn check(&mut self, datagram: &[u8]) -> News {
        let mut news = News::default();
        for message in Messages::new(datagram) {
            let message = message.expect("the kernel sends whole messages");
            self.check_message(message.header, message.payload, &mut news);
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
                self.received += 1;
                self.check_number(data.topic, data.seq, 1);
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
                assert!(count > 0);
                self.lost += count;
                self.check_number(topic_id, first, count);
            }
            Record::Removed { topic_id } => {
                assert!(self.announced.remove(&topic_id) || self.blind || self.lost_track);
                self.next.remove(&topic_id);
            }
            _ => {}
        }
    }

    fn check_number(&mut self, topic: u32, first: u64, count: u64) {
        if self.lost_track {
            return;
        }
        if !self.blind {
            assert!(self.announced.contains(&topic), "unknown topic {topic}");
        }
        if self.blind || self.own.contains(&topic) {
            return;
        }
        let next = self.next.insert(topic, first + count);
        if let Some(next) = next {
            assert_eq!(
                first, next,
                "topic {topic}: a gap, or a number that came before"
            );
        }
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

    fn published(seq: u64) -> Vec<u8> {
        let data = DataHeader {
            topic: 1,
            seq,
            ..DataHeader::default()
        };
        let header = Header {
            len: 56,
            kind: message::PUBLISH,
            ..Header::default()
        };
        [&header.to_bytes()[..], &data.to_bytes()].concat()
    }

    fn told(datagrams: &[Vec<u8>]) -> bool {
        let mut oracle = Oracle::default();
        let topic = Record::Topic {
            topic_id: 1,
            name: Name::new(b"a").unwrap(),
            fingerprint: 0,
        };
        oracle.check(&record(topic));
        let check = || datagrams.iter().for_each(|d| drop(oracle.check(d)));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_ok()
    }

    #[test]
    fn gaps_and_repetitions_are_noticed() {
        let lost = |first, count| {
            record(Record::Lost {
                topic_id: 1,
                first,
                count,
            })
        };
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
        assert!(!told(&[published(1)[..30].to_vec()]));
    }
}
