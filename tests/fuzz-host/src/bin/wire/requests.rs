// SPDX-License-Identifier: GPL-2.0

//! Requests, as the module reads them.

use crate::wire::ack;
use crate::wire::ack::Ack;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::refusal::Refused;
use crate::wire::request;
use crate::wire::request::Request;
use crate::wire::request::Rule;

/// Parses a request; `kinds` are the types of its attributes.
pub(crate) fn check(header: Header, payload: &[u8], kinds: &[u16]) {
    let request = match Request::parse(header, payload) {
        Ok(request) => request,
        Err(refused) => return refusal(header, payload, refused),
    };
    if !matches!(request, Request::Policy { .. }) {
        let mut distinct = kinds.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(
            distinct.len(),
            kinds.len(),
            "an attribute stands there twice"
        );
    }
    let mut first = written(request, header.seq, room(request, payload));
    let len = first.len();
    assert_eq!(
        request.write(&mut first[..len - 1], 0),
        None,
        "it fits, cut"
    );
    let first = written(request, header.seq, len);
    let (message, next) = header::message_at(&first, 0).expect("a message was written");
    assert_eq!((next, message.header.seq), (first.len(), header.seq));
    let again = Request::parse(message.header, message.payload).expect("a request was written");
    match (request, again) {
        // Rules know where they stand, which need not be the same.
        (Request::Policy { rules }, Request::Policy { rules: others }) => {
            let fields = |rule: Result<Rule<'_>, Refused>| {
                let rule = rule.expect("rules were checked");
                (rule.prefix.to_string(), rule.uid, rule.gid, rule.mode)
            };
            assert!(rules.iter().map(fields).eq(others.iter().map(fields)));
        }
        _ => assert_eq!(again, request),
    }
    assert_eq!(written(again, header.seq, len), first);
}

/// How much room the request needs at most.
fn room(request: Request<'_>, payload: &[u8]) -> usize {
    match request {
        // Each string may get a NUL.
        Request::Policy { .. } => header::LEN + 2 * payload.len(),
        _ => request::MAX_LEN,
    }
}

fn written(request: Request<'_>, seq: u32, room: usize) -> Vec<u8> {
    let mut buf = vec![0; room];
    let len = request.write(&mut buf, seq).expect("there is room for it");
    buf.truncate(len);
    buf
}

/// A refusal names a place in the message, and arrives as it is.
fn refusal(header: Header, payload: &[u8], refused: Refused) {
    if let Some(offset) = refused.offset {
        assert!((header::LEN..header::LEN + payload.len()).contains(&offset));
    }
    let mut buf = [0; 512];
    let len = ack::write(&mut buf, header, 7, Err(refused)).expect("there is room for it");
    let (message, next) = header::message_at(&buf[..len], 0).expect("a message was written");
    assert_eq!((next, message.header.port), (len, 7));
    let want = Ack {
        errno: refused.refusal.errno(),
        request: header,
        sentence: refused.refusal.sentence().to_str().ok(),
        offset: refused.offset.map(|offset| offset as u32),
    };
    assert_eq!(Ack::read(message.header, message.payload), Some(want));
}
