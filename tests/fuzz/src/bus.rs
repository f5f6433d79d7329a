// SPDX-License-Identifier: GPL-2.0

//! What is left on the bus when all workers are gone.

use crate::action::Opening;
use crate::socket::Received;
use crate::socket::Socket;
use crate::wire::ack::Ack;
use crate::wire::attr::MessageWriter;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::header::Messages;
use crate::wire::message;
use crate::wire::message::attr;
use crate::wire::record::Record;

/// Larger than a part of a dump.
const BUFFER: usize = 1 << 16;

/// A socket for this, which opens the bus.
pub fn open() -> Socket {
    Socket::open(Opening {
        room: 1 << 18,
        connected: true,
        ..Opening::default()
    })
}

fn receive<'b>(socket: &Socket, buf: &'b mut [u8]) -> &'b [u8] {
    match socket.receive(buf) {
        Ok(Received::FromKernel(datagram)) => datagram,
        Ok(Received::Foreign) => panic!("an answer from somebody else"),
        Err(errno) => panic!("no answer: {errno}"),
    }
}

/// Clears what the topics retain, when all workers are gone; says what is left.
pub fn clear_all() -> String {
    let socket = open();
    let mut buf = vec![0; BUFFER];
    for topic in topics(&socket, &mut buf) {
        send(&socket, message::CLEAR, header::ACK, |writer| {
            writer.string(attr::TOPIC, &topic)
        });
        let answer = receive(&socket, &mut buf);
        let first = Messages::new(answer).next().expect("a message");
        let first = first.expect("a whole message");
        let ack = Ack::read(first.header, first.payload).expect("an acknowledgement");
        assert_eq!(ack.errno, 0, "clear {topic:?}: {ack:?}");
    }
    send(&socket, message::INFO, header::ACK, |writer| writer);
    let answer = receive(&socket, &mut buf);
    let first = Messages::new(answer).next().expect("a message");
    let first = first.expect("a whole message");
    match Record::parse(first.header, first.payload) {
        Ok(Record::Info(info)) if (info.topics, info.clients, info.subscriptions) == (0, 0, 0) => {
            "nothing".to_owned()
        }
        other => {
            let counts = format!("{other:?}");
            format!("{counts}: {:?}", topics(&open(), &mut buf))
        }
    }
}

/// Names of the topics that there are: damaged messages make topics that nobody thought of.
fn topics(socket: &Socket, buf: &mut [u8]) -> Vec<String> {
    send(socket, message::TOPICS, header::DUMP, |writer| writer);
    let mut names = Vec::new();
    loop {
        let datagram = receive(socket, buf);
        for message in Messages::new(datagram) {
            let message = message.expect("a whole message");
            if message.header.kind == header::TYPE_DONE {
                return names;
            }
            match Record::parse(message.header, message.payload) {
                Ok(Record::TopicInfo(topic)) => names.push(topic.name.as_str().to_owned()),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn send(
    socket: &Socket,
    kind: u16,
    flags: u16,
    fill: impl for<'b> Fn(MessageWriter<'b>) -> MessageWriter<'b>,
) {
    let mut buf = [0; 512];
    let header = Header {
        kind,
        flags: header::REQUEST | flags,
        ..Header::default()
    };
    let len = fill(MessageWriter::new(&mut buf, header)).finish();
    let len = len.expect("it fits");
    socket.send(&buf[..len]).expect("send");
}
