// SPDX-License-Identifier: MIT OR Apache-2.0

//! Mosquitto: MQTT with its own client library, over its Unix socket. Quality of service 0, since
//! the way is reliable; the broker may queue any number.

use std::cell::RefCell;
use std::fs;
use std::process::Command;
use std::time::Duration;

use mosquitto_rs::Callbacks;
use mosquitto_rs::Mosq;
use mosquitto_rs::QoS;

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::PLACE;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;
use crate::system::patiently;

#[derive(Debug)]
pub(crate) struct Mosquitto;

fn socket() -> String {
    format!("{PLACE}/mosquitto.socket")
}

/// Port 0 says that it is a path.
fn connect<C: Callbacks + Send + Sync>(client: &Mosq<C>) -> Result<(), Error> {
    patiently(|| client.connect(&socket(), 0, Duration::from_secs(3600), None))
}

impl System for Mosquitto {
    fn name(&self) -> &'static str {
        "Mosquitto"
    }

    fn may_lose(&self) -> bool {
        true
    }

    fn server(&self) -> Result<Option<Command>, Error> {
        let configuration = format!("{PLACE}/mosquitto.conf");
        fs::write(
            &configuration,
            format!(
                "listener 0 {}\nallow_anonymous true\npersistence false\nuser root\n\
                 max_queued_messages 10000000\nmax_queued_bytes 0\nsys_interval 0\n\
                 log_type error\n",
                socket()
            ),
        )?;
        let mut command = Command::new("mosquitto");
        command.args(["-c", &configuration]);
        Ok(Some(command))
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        let client = Mosq::with_auto_id(())?;
        connect(&client)?;
        Ok(Box::new(Sender {
            client,
            topic: link.topic.clone(),
        }))
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        let client = Mosq::with_auto_id(Calls)?;
        connect(&client)?;
        client.subscribe(&link.topic, QoS::AtMostOnce)?;
        Ok(Box::new(Receiver(client)))
    }
}

/// Without the library's own thread: whoever publishes also writes.
struct Sender {
    client: Mosq,
    topic: String,
}

impl Publisher for Sender {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        self.client
            .publish(&self.topic, message, QoS::AtMostOnce, false)?;
        Ok(())
    }
}

thread_local! {
    /// The library calls back in the thread that runs its loop, but its binding does not know.
    static HANDLER: RefCell<Option<Handler>> = const { RefCell::new(None) };
}

struct Calls;

impl Callbacks for Calls {
    fn on_message(
        &self,
        _client: &mut Mosq,
        _mid: mosquitto_rs::MessageId,
        _topic: String,
        payload: &[u8],
        _qos: QoS,
        _retain: bool,
    ) {
        HANDLER.with_borrow_mut(|handler| {
            if let Some(handler) = handler {
                handler(payload);
            }
        });
    }
}

struct Receiver(Mosq<Calls>);

impl Subscriber for Receiver {
    fn run(self: Box<Self>, handler: Handler) -> Result<(), Error> {
        HANDLER.set(Some(handler));
        Ok(self
            .0
            .loop_until_explicitly_disconnected(Duration::from_secs(3600))?)
    }
}
