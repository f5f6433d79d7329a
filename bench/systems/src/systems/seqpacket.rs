// SPDX-License-Identifier: MIT OR Apache-2.0

//! The reference: `AF_UNIX` sockets that keep messages apart, one to each subscriber, and one system
//! call for each of them. Whoever is too slow is waited for.

use std::os::fd::OwnedFd;

use rustix::net::AddressFamily;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketAddrUnix;
use rustix::net::SocketFlags;
use rustix::net::SocketType;
use rustix::net::sockopt;

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;
use crate::system::patiently;

/// `broken` loses, repeats and changes a few messages, for the test that this is noticed.
#[derive(Debug)]
pub(crate) struct Seqpacket {
    pub(crate) broken: bool,
}

impl System for Seqpacket {
    fn name(&self) -> &'static str {
        if self.broken { "broken" } else { "seqpacket" }
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        let listener = socket()?;
        let path = link.own_path("seqpacket");
        rustix::net::bind(&listener, &SocketAddrUnix::new(path)?)?;
        rustix::net::listen(&listener, 128)?;
        Ok(Box::new(Sender {
            broken: self.broken,
            count: 0,
            listener,
            awaited: link.subscribers,
            subscribers: Vec::new(),
        }))
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        let mut publishers = Vec::new();
        for path in link.all_paths("seqpacket") {
            let address = SocketAddrUnix::new(path)?;
            let socket = socket()?;
            sockopt::set_socket_recv_buffer_size(&socket, 4 << 20)?;
            patiently(|| rustix::net::connect(&socket, &address))?;
            publishers.push(socket);
        }
        Ok(Box::new(Receiver {
            publishers,
            buffer: vec![0; link.size.max(1024)],
        }))
    }
}

fn socket() -> rustix::io::Result<OwnedFd> {
    rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

struct Sender {
    broken: bool,
    count: usize,
    listener: OwnedFd,
    awaited: usize,
    subscribers: Vec<OwnedFd>,
}

impl Publisher for Sender {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        // Not before: in a round trip, each side would wait for the other one.
        while self.subscribers.len() < self.awaited {
            let subscriber = rustix::net::accept(&self.listener)?;
            // Room of the same size as that of other systems. The sender's counts here.
            sockopt::set_socket_send_buffer_size(&subscriber, 4 << 20)?;
            self.subscribers.push(subscriber);
        }
        self.count += 1;
        if self.broken {
            return self.publish_wrongly(message);
        }
        for subscriber in &self.subscribers {
            rustix::net::send(subscriber, message, SendFlags::empty())?;
        }
        Ok(())
    }
}

impl Sender {
    fn publish_wrongly(&self, message: &[u8]) -> Result<(), Error> {
        let mut message = message.to_vec();
        let last = message.len() - 1;
        for subscriber in &self.subscribers {
            match self.count % 100 {
                17 => continue,
                34 => message[last] ^= 1,
                51 => {
                    rustix::net::send(subscriber, &message, SendFlags::empty())?;
                }
                _ => {}
            }
            rustix::net::send(subscriber, &message, SendFlags::empty())?;
        }
        Ok(())
    }
}

/// A publisher is gone: the measurement is over, and this process will be killed.
fn wait_for_the_end() -> ! {
    loop {
        std::thread::park();
    }
}

struct Receiver {
    publishers: Vec<OwnedFd>,
    buffer: Vec<u8>,
}

impl Subscriber for Receiver {
    fn run(mut self: Box<Self>, mut handler: Handler) -> Result<(), Error> {
        if let [publisher] = &self.publishers[..] {
            loop {
                let (length, _) =
                    rustix::net::recv(publisher, &mut self.buffer[..], RecvFlags::empty())?;
                if length == 0 {
                    wait_for_the_end();
                }
                handler(&self.buffer[..length]);
            }
        }
        loop {
            let mut ready = Vec::new();
            {
                let mut polled: Vec<_> = self
                    .publishers
                    .iter()
                    .map(|publisher| {
                        rustix::event::PollFd::new(publisher, rustix::event::PollFlags::IN)
                    })
                    .collect();
                rustix::event::poll(&mut polled, None)?;
                for (place, publisher) in polled.iter().enumerate() {
                    if !publisher.revents().is_empty() {
                        ready.push(place);
                    }
                }
            }
            for place in ready {
                // As many as there are, but not forever: the others want to be heard as well.
                for _ in 0..64 {
                    match rustix::net::recv(
                        &self.publishers[place],
                        &mut self.buffer[..],
                        RecvFlags::DONTWAIT,
                    ) {
                        Ok((0, _)) => wait_for_the_end(),
                        Ok((length, _)) => handler(&self.buffer[..length]),
                        Err(rustix::io::Errno::AGAIN) => break,
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
    }
}
