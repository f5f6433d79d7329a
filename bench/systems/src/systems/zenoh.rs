// SPDX-License-Identifier: MIT OR Apache-2.0

//! Zenoh: peers that know each other, over Unix sockets. Publishers wait for who is too slow.

use zenoh::Config;
use zenoh::Session;
use zenoh::Wait as _;
use zenoh::handlers::FifoChannelHandler;
use zenoh::qos::CongestionControl;
use zenoh::sample::Sample;

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;

#[derive(Debug)]
pub(crate) struct Zenoh;

/// Endpoints as JSON.
fn endpoints(paths: &[String]) -> String {
    let quoted: Vec<_> = paths
        .iter()
        .map(|path| format!("\"unixsock-stream/{path}\""))
        .collect();
    format!("[{}]", quoted.join(","))
}

fn open(listen: &[String], connect: &[String]) -> Result<Session, Error> {
    let mut config = Config::default();
    for (key, value) in [
        ("mode", "\"peer\""),
        ("scouting/multicast/enabled", "false"),
        ("scouting/gossip/enabled", "false"),
        ("listen/endpoints", &endpoints(listen)),
        ("connect/endpoints", &endpoints(connect)),
        ("connect/timeout_ms", "15000"),
        (
            "connect/retry",
            "{period_init_ms:5,period_max_ms:20,period_increase_factor:1}",
        ),
    ] {
        config.insert_json5(key, value)?;
    }
    zenoh::open(config).wait()
}

impl System for Zenoh {
    fn name(&self) -> &'static str {
        "Zenoh"
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        let session = open(&[link.own_path("zenoh")], &[])?;
        let publisher = session
            .declare_publisher(link.topic.clone())
            .congestion_control(CongestionControl::Block)
            .wait()?;
        Ok(Box::new(Sender {
            _session: session,
            publisher,
        }))
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        let session = open(&[], &link.all_paths("zenoh"))?;
        let subscriber = session.declare_subscriber(link.topic.clone()).wait()?;
        Ok(Box::new(Receiver {
            _session: session,
            subscriber,
        }))
    }
}

struct Sender {
    _session: Session,
    publisher: zenoh::pubsub::Publisher<'static>,
}

impl Publisher for Sender {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        self.publisher.put(message).wait()
    }
}

struct Receiver {
    _session: Session,
    subscriber: zenoh::pubsub::Subscriber<FifoChannelHandler<Sample>>,
}

impl Subscriber for Receiver {
    fn run(self: Box<Self>, mut handler: Handler) -> Result<(), Error> {
        loop {
            let sample = self.subscriber.recv()?;
            handler(&sample.payload().to_bytes());
        }
    }
}
