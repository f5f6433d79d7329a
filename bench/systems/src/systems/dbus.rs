// SPDX-License-Identifier: MIT OR Apache-2.0

//! D-Bus: signals, through libdbus, with either of the two brokers.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use dbus::channel::Channel;

use crate::Error;
use crate::system::Handler;
use crate::system::Link;
use crate::system::PLACE;
use crate::system::Publisher;
use crate::system::Subscriber;
use crate::system::System;
use crate::system::patiently;

const INTERFACE: &str = "kipc.bench.Message";
const MEMBER: &str = "Sent";

/// After this many messages, what libdbus keeps is written: it would keep any number.
const FLUSH: usize = 256;

/// Everything is allowed, and nothing is too much.
const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=SOCKET</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_message_size">1000000000</limit>
  <limit name="max_completed_connections">100000</limit>
  <limit name="max_incomplete_connections">10000</limit>
  <limit name="max_connections_per_user">100000</limit>
  <limit name="max_match_rules_per_connection">50000</limit>
</busconfig>
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dbus {
    Broker,
    Daemon,
}

impl Dbus {
    fn socket(self) -> String {
        format!("{PLACE}/{}", self.name())
    }

    fn connect(self) -> Result<Channel, Error> {
        let address = format!("unix:path={}", self.socket());
        patiently(|| {
            let mut channel = Channel::open_private(&address)?;
            channel.register()?;
            Ok::<_, dbus::Error>(channel)
        })
    }
}

impl System for Dbus {
    fn name(&self) -> &'static str {
        match self {
            Self::Broker => "dbus-broker",
            Self::Daemon => "dbus-daemon",
        }
    }

    fn server(&self) -> Result<Option<Command>, Error> {
        let socket = self.socket();
        let configuration = format!("{socket}.conf");
        fs::write(&configuration, CONFIGURATION.replace("SOCKET", &socket))?;
        let _ = fs::remove_file(&socket);
        if *self == Self::Daemon {
            let mut command = Command::new("dbus-daemon");
            command.args(["--nofork", "--nopidfile", "--config-file", &configuration]);
            return Ok(Some(command));
        }
        journal()?;
        // As systemd would start it: with the listening socket as its third file.
        let listener = UnixListener::bind(&socket)?;
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"",
                "sh",
            ])
            .args(["dbus-broker-launch", "--scope", "user", "--config-file"])
            .arg(configuration)
            // The launcher is a client as well, of the broker that it starts.
            .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={socket}"))
            .stdin(Stdio::from(OwnedFd::from(listener)));
        Ok(Some(command))
    }

    fn publisher(&self, link: &Link) -> Result<Box<dyn Publisher>, Error> {
        Ok(Box::new(Sender {
            channel: self.connect()?,
            path: format!("/{}", link.topic),
            kept: 0,
        }))
    }

    fn subscriber(&self, link: &Link) -> Result<Box<dyn Subscriber>, Error> {
        let channel = self.connect()?;
        let rule = format!(
            "type='signal',interface='{INTERFACE}',member='{MEMBER}',path='/{}'",
            link.topic
        );
        let mut request = dbus::Message::new_method_call(
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
            "AddMatch",
        )?;
        request.append_items(&[rule.into()]);
        channel.send_with_reply_and_block(request, Duration::from_secs(15))?;
        Ok(Box::new(Receiver(channel)))
    }
}

/// Whether there is one.
static JOURNAL: OnceLock<()> = OnceLock::new();

/// The launcher does not start without a place for its log. What it says is thrown away.
fn journal() -> Result<(), Error> {
    let place = "/run/systemd/journal";
    let socket = format!("{place}/socket");
    if JOURNAL.set(()).is_err() {
        return Ok(());
    }
    let _ = fs::remove_file(&socket);
    fs::create_dir_all(place)?;
    let log = UnixDatagram::bind(&socket)?;
    std::thread::spawn(move || {
        let mut line = [0; 4096];
        while let Ok(length) = log.recv(&mut line) {
            if std::env::var_os("BENCH_LOG").is_some() {
                eprintln!("{}", String::from_utf8_lossy(&line[..length]));
            }
        }
    });
    Ok(())
}

struct Sender {
    channel: Channel,
    path: String,
    kept: usize,
}

impl Publisher for Sender {
    fn publish(&mut self, message: &[u8]) -> Result<(), Error> {
        let signal = dbus::Message::new_signal(&self.path, INTERFACE, MEMBER)?.append1(message);
        self.channel
            .send(signal)
            .map_err(|()| "libdbus does not send")?;
        self.kept += 1;
        if self.kept == FLUSH {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.kept = 0;
        self.channel.flush();
        Ok(())
    }
}

struct Receiver(Channel);

impl Subscriber for Receiver {
    fn run(self: Box<Self>, mut handler: Handler) -> Result<(), Error> {
        loop {
            let message = self
                .0
                .blocking_pop_message(Duration::from_secs(3600))
                .map_err(|error| format!("libdbus does not receive: {error}"))?;
            let Some(message) = message else { continue };
            if message.member().as_deref() == Some(MEMBER) {
                handler(message.read1::<&[u8]>()?);
            }
        }
    }
}
