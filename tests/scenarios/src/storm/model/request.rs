// SPDX-License-Identifier: GPL-2.0

//! Requests, and what the reference says of them.

use super::bus;
use super::checker::Checker;
use super::checker::NONE;
use super::item::Draft;
use super::item::Form;
use super::item::Items;
use super::item::Reasons;
use super::user::Rule;
use crate::client::Event;
use crate::client::Terms;
use crate::client::raw_message;
use crate::wire::data::DataHeader;
use crate::wire::data::LAST_WILL_CANCEL;
use crate::wire::header;
use crate::wire::message;
use crate::wire::message::SUBSCRIBE_DROP_OLDEST;
use crate::wire::refusal::Refusal;
use crate::wire::request;
use crate::wire::request::Request;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;

/// A message that ends an advertisement.
pub(super) fn unadvertise_message(seq: u32, topic_id: u32) -> Vec<u8> {
    let mut buf = [0; request::MAX_LEN];
    let request = Request::Unadvertise { topic_id };
    let len = request.write(&mut buf, seq).expect("request fits");
    buf[..len].to_vec()
}

impl Checker {
    pub(super) fn advertise(&mut self, client: usize, topic: &'static str, terms: Terms) {
        let name = Name::new(topic.as_bytes()).expect("a topic");
        let request = Request::Advertise {
            topic: name,
            fingerprint: terms.fingerprint,
            wait: terms.wait,
            history: terms.history,
            flags: terms.flags,
            mode: terms.mode,
            gid: terms.gid,
        };
        let seq = self.request(client, request);
        let result = self.advertised(client, topic, terms);
        let topic = self.id(topic);
        self.answer(client, seq, Some(Event::Advertised { topic }), result);
    }

    /// Compares the id of a topic that is new.
    fn advertised(
        &mut self,
        client: usize,
        topic: &'static str,
        terms: Terms,
    ) -> Result<Items, Reasons> {
        let last = self.names.last_key_value().map_or(0, |(id, _)| *id);
        let id = || bus::topic_id(&self.observer, topic);
        let items = self.reference.advertise(client, topic, terms, id)?;
        let found = &self.reference.topics[topic];
        if !self.names.contains_key(&found.id) {
            assert!(found.id > last, "topic id {} came again", found.id);
        }
        self.ids.insert(topic, found.id);
        self.names.insert(found.id, (topic, found.fingerprint));
        Ok(items)
    }

    pub(super) fn subscribe(&mut self, client: usize, pattern: &'static str, mut flags: u32) {
        if !self.sockets[client].kind.evicts {
            flags &= !SUBSCRIBE_DROP_OLDEST;
        }
        let request = Request::Subscribe {
            pattern: Pattern::new(pattern.as_bytes()).expect("a pattern"),
            flags,
        };
        let seq = self.request(client, request);
        let result = self.subscribed(client, pattern, flags, Form::V1);
        let last = self.reference.clients[client].subscriptions.last();
        let subscription = last.map_or(NONE, |subscription| subscription.id);
        self.answer(
            client,
            seq,
            Some(Event::Subscribed { subscription }),
            result,
        );
    }

    fn subscribed(
        &mut self,
        client: usize,
        pattern: &'static str,
        flags: u32,
        form: Form,
    ) -> Result<Items, Reasons> {
        let entry = &self.reference.clients[client];
        let port = entry.port;
        let known: Vec<u32> = entry.subscriptions.iter().map(|s| s.id).collect();
        let id = || bus::new_subscription(&self.observer, port, &known);
        self.reference.subscribe(client, pattern, flags, form, id)
    }

    pub(super) fn unsubscribe(&mut self, client: usize, nth: usize) {
        let subscriptions = self.reference.clients[client].subscriptions.iter();
        let v1 = subscriptions.filter(|s| s.form == Form::V1);
        let subscription_id = v1.map(|s| s.id).nth(nth).unwrap_or(NONE);
        let seq = self.request(client, Request::Unsubscribe { subscription_id });
        let result = self.reference.unsubscribe(client, subscription_id);
        self.answer(client, seq, None, result);
    }

    pub(super) fn last_will(
        &mut self,
        client: usize,
        topic: &'static str,
        tag: u32,
        size: usize,
        cancel: bool,
    ) {
        let seq = self.next_seq();
        let payload = match cancel {
            true => Vec::new(),
            false => self.payload(size),
        };
        let data = DataHeader {
            topic: self.id(topic),
            tag,
            flags: if cancel { LAST_WILL_CANCEL } else { 0 },
            ..DataHeader::default()
        };
        let body = [&data.to_bytes()[..], &payload].concat();
        let flags = header::REQUEST | header::ACK;
        let bytes = raw_message(message::LAST_WILL, flags, seq, &body);
        self.sockets[client].client.send(&bytes);
        if payload.len() > self.longest() {
            let mut reasons = vec![Refusal::MessageTooLong];
            if !self.reference.clients[client]
                .publications
                .contains_key(topic)
            {
                reasons.push(Refusal::NotAdvertised);
            }
            return self.refuse(client, seq, reasons);
        }
        let will = (!cancel).then_some(Draft { tag, payload });
        let result = self.reference.set_last_will(client, topic, will);
        self.answer(client, seq, None, result.map(|()| Items::new()));
    }

    pub(super) fn seed(&mut self, client: usize, kind: u8, size: usize) {
        // Where a filter looks for a tag, the seed protocol has data.
        if self.sockets[client].kind.filter.is_some() {
            return;
        }
        if kind == 3 {
            return self.broadcast(client, size);
        }
        let seq = self.next_seq();
        let bytes = raw_message(crate::wire::seed::TYPE, 0, seq, &[kind]);
        self.sockets[client].client.send(&bytes);
        let entry = &self.reference.clients[client];
        let is_there = match kind {
            1 => entry.subscriptions.iter().any(|s| s.form == Form::Seed),
            _ => entry.publications.contains_key("default"),
        };
        let result = match kind {
            _ if is_there => Ok(Items::new()),
            1 => self.subscribed(client, "default", 0, Form::Seed),
            _ => self.advertised(client, "default", Terms::default()),
        };
        match result {
            // In this protocol, nobody says so.
            Ok(items) => self.distribute(items),
            Err(reasons) => self.refuse(client, seq, reasons),
        }
    }

    pub(super) fn unadvertise(&mut self, client: usize, topic: &'static str) {
        let topic_id = self.id(topic);
        let seq = self.request(client, Request::Unadvertise { topic_id });
        let result = self.reference.unadvertise(client, topic);
        self.answer(client, seq, None, result);
    }

    pub(super) fn clear(&mut self, client: usize, topic: &'static str) {
        let name = Name::new(topic.as_bytes()).expect("a topic");
        let seq = self.request(client, Request::Clear { topic: name });
        let result = self.reference.clear(client, topic);
        self.answer(client, seq, None, result);
    }

    pub(super) fn set_policy(&mut self, client: usize, rules: &[Rule]) {
        let seq = self.next_seq();
        let mut buf = vec![0; 4096];
        let written = rules.iter().map(|rule| {
            let prefix = Name::new(rule.prefix.as_bytes()).ok();
            let access = rule.access;
            request::Rule::new(prefix, access.uid, access.gid, access.mode)
        });
        let len = request::write_policy(&mut buf, seq, written).expect("it fits");
        self.sockets[client].client.send(&buf[..len]);
        let result = self.reference.set_policy(client, rules);
        self.answer(client, seq, None, result);
    }
}
