// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests to the kernel and their answers.
//!
//! The module works synchronously: when a request has been sent, its answer is in the socket's
//! queue already. So nothing here waits, and an answer that is not there will not come.

use std::os::fd::AsFd;

use crate::bus::Info;
use crate::error::Error;
use crate::error::Refused;
use crate::error::Result;
use crate::inbox::Inbox;
use crate::inbox::protocol;
use crate::publisher::Delivery;
use crate::socket::Socket;
use crate::socket::Wait;
use crate::wire::ack::Ack;
use crate::wire::header;
use crate::wire::header::Message;
use crate::wire::message;
use crate::wire::record::Record;
use crate::wire::request;
use crate::wire::request::Request;

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Info(Info),
    Advertised { topic_id: u32 },
    Subscribed,
    Published(Delivery),
}

/// Sends a request and returns its answer. `operation` names it in errors.
pub(crate) fn call(
    socket: &Socket,
    inbox: &mut Inbox,
    request: Request<'_>,
    operation: &'static str,
) -> Result<Answer> {
    order(socket, inbox, request, operation)?
        .ok_or_else(|| protocol("acknowledgement without an answer"))
}

/// Like [`call`], for requests that may have no answer.
pub(crate) fn order(
    socket: &Socket,
    inbox: &mut Inbox,
    request: Request<'_>,
    operation: &'static str,
) -> Result<Option<Answer>> {
    // Events carry 0. A socket makes one call before anything else, so one number is enough.
    const SEQ: u32 = 1;
    let mut buf = [0; request::MAX_LEN];
    let len = request
        .write(&mut buf, SEQ)
        .ok_or_else(|| protocol("request too long"))?;
    socket.send(buf.get(..len).unwrap_or_default())?;
    acknowledgement(socket, inbox, SEQ, operation)
}

/// Takes the answer to request `seq` and its acknowledgement from the queue, and keeps what else
/// arrived before them.
pub(crate) fn answer(
    source: &impl AsFd,
    inbox: &mut Inbox,
    seq: u32,
    operation: &'static str,
) -> Result<Answer> {
    acknowledgement(source, inbox, seq, operation)?
        .ok_or_else(|| protocol("acknowledgement without an answer"))
}

/// Like [`answer`], for requests that may have none.
pub(crate) fn acknowledgement(
    source: &impl AsFd,
    inbox: &mut Inbox,
    seq: u32,
    operation: &'static str,
) -> Result<Option<Answer>> {
    let mut answer = None;
    loop {
        match inbox.receive(source, Wait::No) {
            Ok(true) => {}
            Ok(false) => return Err(protocol("no answer to a request")),
            // The queue was full at some time; the answer may be in it all the same.
            Err(Error::Overrun) => continue,
            Err(error) => return Err(error),
        }
        let mut acknowledged = false;
        let mut other = false;
        let mut matched = None;
        for message in inbox.messages() {
            let message = message.map_err(|_| protocol("malformed answer"))?;
            let header = message.header;
            match header.kind {
                header::TYPE_ERROR if header.seq == seq => {
                    let ack = Ack::read(header, message.payload)
                        .ok_or_else(|| protocol("malformed acknowledgement"))?;
                    if ack.errno != 0 {
                        return Err(Error::Refused(Refused::new(operation, &ack)));
                    }
                    acknowledged = true;
                }
                message::INFO | message::ADVERTISE | message::SUBSCRIBE | message::PUBLISHED
                    if header.seq == seq =>
                {
                    let record = Record::parse(header, message.payload)
                        .map_err(|_| protocol("malformed answer"))?;
                    answer = Some(from_record(record)?);
                }
                // Only publishers hear it, and they want the last word.
                message::MATCHED => matched = matched_count(message).or(matched),
                _ => other = true,
            }
        }
        inbox.matched = matched.unwrap_or(inbox.matched);
        if other {
            inbox.keep();
        }
        if acknowledged {
            return Ok(answer);
        }
    }
}

/// Empties the queue of a socket that only publishes; an error if there is a refusal in it.
pub(crate) fn refusals(
    source: &impl AsFd,
    inbox: &mut Inbox,
    operation: &'static str,
) -> Result<()> {
    let mut result = Ok(());
    loop {
        match inbox.receive(source, Wait::No) {
            Ok(true) => {}
            Ok(false) => return result,
            Err(error) => return Err(error),
        }
        let mut matched = None;
        for message in inbox.messages().flatten() {
            matched = matched_count(message).or(matched);
            if message.header.kind != header::TYPE_ERROR {
                continue;
            }
            match Ack::read(message.header, message.payload) {
                Some(ack) if ack.errno != 0 && result.is_ok() => {
                    result = Err(Error::Refused(Refused::new(operation, &ack)));
                }
                _ => {}
            }
        }
        inbox.matched = matched.unwrap_or(inbox.matched);
    }
}

/// How many subscribers a publisher has, if the message says so.
fn matched_count(message: Message<'_>) -> Option<u64> {
    if message.header.kind != message::MATCHED {
        return None;
    }
    match Record::parse(message.header, message.payload) {
        Ok(Record::Matched { count, .. }) => Some(count),
        _ => None,
    }
}

fn from_record(record: Record<'_>) -> Result<Answer> {
    match record {
        Record::Info(info) => Ok(Answer::Info(info.into())),
        Record::Advertised { topic_id } => Ok(Answer::Advertised { topic_id }),
        Record::Subscribed { .. } => Ok(Answer::Subscribed),
        Record::Published {
            seq,
            delivered,
            dropped,
        } => Ok(Answer::Published(Delivery {
            seq,
            delivered,
            dropped,
        })),
        _ => Err(protocol("event in place of an answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Errno;
    use crate::inbox::ANSWER_ROOM;
    use crate::inbox::Step;
    use crate::inbox::fake;
    use crate::wire::data::DataHeader;
    use crate::wire::refusal::Refusal;
    use std::os::unix::net::UnixDatagram;

    fn data() -> Vec<u8> {
        let header = DataHeader {
            topic: 1,
            seq: 1,
            ..DataHeader::default()
        };
        [fake::topic(1, "a"), fake::message(header, b"x")].concat()
    }

    fn queue(datagrams: &[Vec<u8>]) -> UnixDatagram {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        for datagram in datagrams {
            theirs.send(datagram).unwrap();
        }
        ours
    }

    #[test]
    fn answer_comes_with_its_acknowledgement_and_data_between_them_is_kept() {
        let subscribed = fake::record(Record::Subscribed { subscription_id: 3 }, 1);
        let socket = queue(&[subscribed, data(), fake::ack(1, Ok(())), data()]);
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        let got = answer(&socket, &mut inbox, 1, "subscribe").unwrap();
        assert_eq!(got, Answer::Subscribed);
        for _ in 0..2 {
            assert!(inbox.fill(&socket, Wait::No).unwrap());
            assert!(matches!(inbox.step(), Some(Ok(Step::Message { .. }))));
            assert!(inbox.step().is_none());
        }
    }

    #[test]
    fn refused_request_names_operation_reason_and_errno() {
        let socket = queue(&[fake::ack(1, Err(Refusal::FingerprintMismatch.into()))]);
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        let error = answer(&socket, &mut inbox, 1, "advertise").unwrap_err();
        assert_eq!(error.errno(), Some(Errno::PROTOTYPE));
        let text = error.to_string();
        assert!(
            text.contains("advertise") && text.contains("another payload type"),
            "{text}"
        );
    }

    #[test]
    fn missing_answer_is_an_error_at_once() {
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        for datagrams in [
            vec![],
            vec![fake::ack(1, Ok(()))],
            vec![fake::ack(2, Ok(()))],
        ] {
            let got = answer(&queue(&datagrams), &mut inbox, 1, "subscribe");
            assert!(matches!(got, Err(Error::Protocol { .. })), "{got:?}");
        }
    }

    #[test]
    fn acknowledged_publish_tells_its_delivery() {
        let delivery = Delivery {
            seq: 9,
            delivered: 2,
            dropped: 1,
        };
        let published = fake::record(
            Record::Published {
                seq: 9,
                delivered: 2,
                dropped: 1,
            },
            5,
        );
        let socket = queue(&[[published, fake::ack(5, Ok(()))].concat()]);
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        let got = answer(&socket, &mut inbox, 5, "publish").unwrap();
        assert_eq!(got, Answer::Published(delivery));
    }

    #[test]
    fn refusal_of_a_publish_is_found_without_an_acknowledgement() {
        let mut inbox = Inbox::new(ANSWER_ROOM, false);
        let socket = queue(&[]);
        assert!(refusals(&socket, &mut inbox, "publish").is_ok());
        let socket = queue(&[fake::ack(1, Err(Refusal::NoMemory.into()))]);
        let error = refusals(&socket, &mut inbox, "publish").unwrap_err();
        assert_eq!(error.errno(), Some(Errno::NOMEM));
        assert!(refusals(&socket, &mut inbox, "publish").is_ok());
    }
}
