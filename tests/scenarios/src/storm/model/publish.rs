// SPDX-License-Identifier: GPL-2.0

//! Publishing: whose queue was full is learned from the bus, and must be consistent.

use super::bus;
use super::bus::Queue;
use super::checker::Checker;
use super::item::Draft;
use super::item::Form;
use super::item::Item;
use super::item::Member;
use super::item::Overflow;
use super::operation::Part;
use super::reader::Answer;
use super::reader::Due;
use super::reader::Fate;
use super::request::unadvertise_message;
use crate::client::Event;
use crate::client::raw_message;
use crate::wire::data;
use crate::wire::data::DataHeader;
use crate::wire::data::PUBLISH_NOWAIT;
use crate::wire::header;
use crate::wire::message;
use crate::wire::refusal::Refusal;
use crate::wire::seed;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A message of a datagram, as it was sent.
struct Sent {
    topic: &'static str,
    seq: u32,
    ack: bool,
    flags: u32,
    /// `None`: it ends the advertisement.
    draft: Option<Draft>,
}

impl Sent {
    fn bytes(&self, topic_id: u32) -> Vec<u8> {
        let Some(draft) = &self.draft else {
            return unadvertise_message(self.seq, topic_id);
        };
        let header = DataHeader {
            topic: topic_id,
            tag: draft.tag,
            flags: self.flags,
            ..DataHeader::default()
        };
        let body = [&header.to_bytes()[..], &draft.payload].concat();
        let flags = if self.ack { header::ACK } else { 0 };
        raw_message(message::PUBLISH, header::REQUEST | flags, self.seq, &body)
    }
}

/// The queues by port id, before a datagram and behind it, and its length.
type Measured = (BTreeMap<u32, Queue>, BTreeMap<u32, Queue>, usize);

/// What a datagram did to the queues.
struct Aftermath {
    /// Only of a datagram that was published as one: what several publishes did cannot be told apart.
    measured: Option<Measured>,
    /// The messages that were refused because a queue was full.
    refused: BTreeSet<u32>,
}

/// What is known of one subscriber and one publish.
struct Verdict {
    fate: Fate,
    /// Least and most subscribers that lost it, of one.
    dropped: (u32, u32),
}

impl Checker {
    pub(super) fn send(&mut self, client: usize, parts: &[Part]) {
        let mut sent: Vec<Sent> = Vec::new();
        for part in parts {
            let seq = self.next_seq();
            sent.push(match *part {
                Part::Unadvertise { topic } => Sent {
                    topic,
                    seq,
                    ack: true,
                    flags: 0,
                    draft: None,
                },
                Part::Publish {
                    topic,
                    tag,
                    size,
                    ack,
                    nowait,
                } => Sent {
                    topic,
                    seq,
                    ack,
                    flags: match nowait || self.would_wait(client, topic) {
                        true => PUBLISH_NOWAIT,
                        false => 0,
                    },
                    draft: Some(Draft {
                        tag,
                        payload: self.payload(size),
                    }),
                },
            });
        }
        let mut datagram = Vec::new();
        for message in &sent {
            datagram.resize(datagram.len().next_multiple_of(4), 0);
            datagram.extend(message.bytes(self.id(message.topic)));
        }
        let runs = self.runs(client, &sent);
        let aftermath = self.send_and_look(client, &datagram, runs.len() == 1, &sent);
        for run in runs {
            self.carry_out(client, &sent[run], &aftermath);
        }
    }

    /// Whether a publish would wait for somebody, which a history with one thread cannot.
    fn would_wait(&self, client: usize, topic: &str) -> bool {
        let publication = self.reference.clients[client].publications.get(topic);
        publication.is_some_and(|p| p.wait > Some(0))
            && self
                .others(client, topic)
                .any(|m| m.overflow == Overflow::Block)
    }

    fn others(&self, client: usize, topic: &str) -> impl Iterator<Item = Member> {
        let members = self.reference.members(topic).into_iter();
        members.filter(move |member| member.client != client)
    }

    /// Whether somebody who blocks or fails publishers must get messages one by one. (One who has no
    /// room for a batch has none for a message of it: each counts as the whole datagram.)
    fn splits(&self, client: usize, topic: &str) -> bool {
        self.others(client, topic).any(|member| {
            matches!(member.overflow, Overflow::Block | Overflow::Fail)
                && !self.reference.clients[member.client].gets_batches(member.form)
        })
    }

    /// Which messages of a datagram belong together.
    fn runs(&self, client: usize, sent: &[Sent]) -> Vec<std::ops::Range<usize>> {
        let publications = &self.reference.clients[client].publications;
        let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
        let mut bytes = 0;
        for (index, message) in sent.iter().enumerate() {
            let batches = publications
                .get(message.topic)
                .is_some_and(|p| p.wait.is_none() || !self.splits(client, message.topic));
            let payload = message.draft.as_ref().map(|draft| draft.payload.len());
            let fits = payload.is_some_and(|len| len <= self.longest());
            let len = data::PAYLOAD_OFFSET + payload.unwrap_or(0);
            let ended = sent[..index]
                .iter()
                .any(|m| m.draft.is_none() && m.topic == message.topic);
            if let Some(run) = runs.last_mut() {
                let first = &sent[run.start];
                let alike = (first.topic, first.flags) == (message.topic, message.flags);
                let plain = first.draft.is_some() && !first.ack && !message.ack;
                let together = bytes + len <= self.longest() + data::PAYLOAD_OFFSET;
                let first_fits = first
                    .draft
                    .as_ref()
                    .is_some_and(|d| d.payload.len() <= self.longest());
                if alike && plain && fits && first_fits && batches && together && !ended {
                    run.end = index + 1;
                    bytes += len.next_multiple_of(4);
                    continue;
                }
            }
            runs.push(index..index + 1);
            bytes = len.next_multiple_of(4);
        }
        runs
    }

    fn send_and_look(
        &mut self,
        client: usize,
        datagram: &[u8],
        alone: bool,
        sent: &[Sent],
    ) -> Aftermath {
        let publications = &self.reference.clients[client].publications;
        let topics = sent.iter().map(|message| message.topic);
        let patient = topics
            .filter_map(|topic| publications.get(topic))
            .any(|publication| publication.wait.is_some());
        if patient {
            // So that there is room for a refusal.
            self.fetch(client);
        }
        self.sockets[client].client.send(datagram);
        let mut refused = BTreeSet::new();
        if patient {
            for event in self.fetch(client).iter().flatten() {
                if let Event::Ack { seq, errno, .. } = event
                    && *errno == Refusal::WouldBlock.errno()
                {
                    refused.insert(*seq);
                }
            }
        }
        let measured = alone.then(|| {
            let after = bus::queues(&self.observer, &self.reference);
            (self.queues.clone(), after, datagram.len())
        });
        Aftermath { measured, refused }
    }

    /// Compares the result of messages that belong together.
    fn carry_out(&mut self, client: usize, sent: &[Sent], aftermath: &Aftermath) {
        let first = &sent[0];
        let Some(draft) = &first.draft else {
            let result = self.reference.unadvertise(client, first.topic);
            return self.answer(client, first.seq, None, result);
        };
        let mut reasons = Vec::new();
        if draft.payload.len() > self.longest() {
            reasons.push(Refusal::MessageTooLong);
        }
        let publications = &self.reference.clients[client].publications;
        if !publications.contains_key(first.topic) {
            reasons.push(Refusal::NotAdvertised);
        }
        if reasons.is_empty() && aftermath.refused.contains(&first.seq) {
            self.check_refusal(client, first.topic, aftermath);
            reasons.push(Refusal::WouldBlock);
        }
        if !reasons.is_empty() {
            for message in sent {
                self.refuse(client, message.seq, reasons.clone());
            }
            return;
        }
        let drafts: Vec<Draft> = sent.iter().filter_map(|m| m.draft.clone()).collect();
        let (subscribers, dropped) = self.publish(client, first.topic, &drafts, aftermath);
        if first.ack {
            let answer = Answer::Published {
                number: self.reference.topics[first.topic].seq,
                subscribers,
                dropped: dropped.0..=dropped.1,
            };
            self.due(client, Due::Answer(answer));
            self.due(client, Due::Answer(Answer::Done { seq: first.seq }));
        }
    }

    /// Nothing was published because a queue was full: it must have been one that may say so.
    fn check_refusal(&self, client: usize, topic: &str, aftermath: &Aftermath) {
        let waits = self.reference.clients[client].publications[topic].wait;
        let may_refuse = self.others(client, topic).any(|member| {
            let strict = match member.overflow {
                Overflow::Fail => waits.is_some(),
                Overflow::Block => waits > Some(0),
                _ => false,
            };
            let had_room = aftermath.measured.as_ref().is_some_and(|(before, _, len)| {
                let port = self.reference.clients[member.client].port;
                before[&port].surely_has_room(1, *len)
            });
            strict && !had_room && self.sockets[member.client].kind.room.is_some()
        });
        assert!(may_refuse, "refused, though nobody's queue can be full");
    }

    /// Publishes messages as one; returns how many subscribers they had, and the least and most
    /// that may have lost them.
    fn publish(
        &mut self,
        client: usize,
        topic: &str,
        drafts: &[Draft],
        aftermath: &Aftermath,
    ) -> (u32, (u32, u32)) {
        let wait = self.reference.clients[client].publications[topic].wait;
        let members: Vec<Member> = self.others(client, topic).collect();
        let items = self.reference.publish(client, topic, drafts);
        let (mut subscribers, mut least, mut most) = (0, 0, 0);
        for member in &members {
            let mut own = items.iter().filter(|(to, item)| {
                let form = match item {
                    Item::Message { form, .. } => *form,
                    _ => return false,
                };
                (*to, form) == (member.client, member.form)
            });
            let Some((_, Item::Message { batch, .. })) = own.next() else {
                // Its filter wants none of them.
                continue;
            };
            let entries = if batch.0 > 0 { 1 } else { 1 + own.count() };
            let twice = members.iter().filter(|m| m.client == member.client).count() > 1;
            let verdict = self.judge(member, wait, entries, twice, aftermath);
            subscribers += 1;
            least += verdict.dropped.0;
            most += verdict.dropped.1;
            for (to, item) in &items {
                if let Item::Message { form, .. } = item
                    && (*to, *form) == (member.client, member.form)
                {
                    self.due(*to, Due::Item(item.clone(), verdict.fate));
                }
            }
        }
        (subscribers, (least, most))
    }

    /// What is known of a subscriber that gets these many entries of its queue.
    fn judge(
        &self,
        member: &Member,
        wait: Option<u32>,
        entries: usize,
        twice: bool,
        aftermath: &Aftermath,
    ) -> Verdict {
        let kind = self.sockets[member.client].kind;
        let received = Verdict {
            // It may have to make room for another one later.
            fate: match kind.evicts && kind.room.is_some() {
                true => Fate::Open,
                false => Fate::Received,
            },
            dropped: (0, 0),
        };
        const OPEN: Verdict = Verdict {
            fate: Fate::Open,
            dropped: (0, 1),
        };
        let promised = match member.overflow {
            Overflow::Fail => wait.is_some(),
            Overflow::Block => wait > Some(0),
            _ => false,
        };
        if kind.room.is_none() || promised {
            return received;
        }
        let Some((before, after, len)) = &aftermath.measured else {
            return OPEN;
        };
        let port = self.reference.clients[member.client].port;
        let (before, after) = (before[&port], after[&port]);
        let evicts = member.overflow == Overflow::DropOldest;
        let entries = if twice { entries + 1 } else { entries };
        if before.drops == after.drops {
            let full = before.surely_is_full(*len);
            assert!(
                !full || member.form == Form::Seed,
                "{before:?} took {len} bytes"
            );
            return received;
        }
        let had_room = before.surely_has_room(entries, *len);
        assert!(!had_room, "{before:?} did not take {len} bytes");
        match entries == 1 && !evicts {
            true => Verdict {
                fate: Fate::Lost,
                dropped: (1, 1),
            },
            false => OPEN,
        }
    }

    pub(super) fn broadcast(&mut self, client: usize, size: usize) {
        let seq = self.next_seq();
        let payload = self.payload(size);
        let body = [&[3], &payload[..]].concat();
        let sent = Sent {
            topic: "default",
            seq,
            ack: false,
            flags: PUBLISH_NOWAIT,
            draft: Some(Draft { tag: 0, payload }),
        };
        let bytes = raw_message(seed::TYPE, 0, seq, &body);
        let publications = &self.reference.clients[client].publications;
        if publications.contains_key("default") {
            let aftermath = self.send_and_look(client, &bytes, true, std::slice::from_ref(&sent));
            return self.carry_out(client, &[sent], &aftermath);
        }
        self.sockets[client].client.send(&bytes);
        let mut reasons = vec![Refusal::SeedNotPublisher];
        if size > self.longest() {
            reasons.push(Refusal::MessageTooLong);
        }
        self.refuse(client, seq, reasons);
    }
}
