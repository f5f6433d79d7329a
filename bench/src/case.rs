// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is measured: a mechanism, what is special about it, a payload, a number of subscribers.

use std::fmt;

/// A way from one process to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// A netlink message that the kernel throws away: what every netlink publish costs at least.
    Discard,
    /// `nlmsg_multicast()` and nothing else.
    Multicast,
    /// `netlink_unicast()` of a clone to each.
    Unicast,
    /// kipc v1.
    Kipc,
    /// `SOCK_SEQPACKET`: the publisher sends to each.
    UnixSends,
    /// `SOCK_SEQPACKET`: the publisher sends to a broker, and that to each. The broker is no
    /// process of its own here: no switch is counted.
    UnixBroker,
    /// UDP to a group on the loopback interface.
    UdpMulticast,
    /// A pipe to each.
    Pipes,
    /// A POSIX message queue to each.
    MessageQueues,
}

/// All mechanisms, in the order of the tables.
pub(crate) const MECHANISMS: [Mechanism; 9] = [
    Mechanism::Discard,
    Mechanism::Multicast,
    Mechanism::Unicast,
    Mechanism::Kipc,
    Mechanism::UnixSends,
    Mechanism::UnixBroker,
    Mechanism::UdpMulticast,
    Mechanism::Pipes,
    Mechanism::MessageQueues,
];

impl Mechanism {
    /// In CSV files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Discard => "discard",
            Self::Multicast => "multicast",
            Self::Unicast => "unicast",
            Self::Kipc => "kipc",
            Self::UnixSends => "unix-sends",
            Self::UnixBroker => "unix-broker",
            Self::UdpMulticast => "udp-multicast",
            Self::Pipes => "pipes",
            Self::MessageQueues => "message-queues",
        }
    }

    /// In tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Discard => "send alone",
            Self::Multicast => "raw multicast",
            Self::Unicast => "raw unicasts",
            Self::Kipc => "kipc",
            Self::UnixSends => "AF_UNIX sends",
            Self::UnixBroker => "AF_UNIX broker",
            Self::UdpMulticast => "UDP multicast",
            Self::Pipes => "pipes",
            Self::MessageQueues => "POSIX queues",
        }
    }

    /// The largest payload in bytes, where there is a limit.
    pub(crate) fn max_payload(self) -> usize {
        match self {
            // What fits into an IPv4 packet.
            Self::UdpMulticast => 65_507,
            _ => usize::MAX,
        }
    }
}

/// What happens at a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// The new message is lost.
    DropNewest,
    /// The oldest message is lost.
    DropOldest,
    /// The publish waits.
    Block,
    /// The publish fails.
    Fail,
}

impl Overflow {
    fn name(self) -> &'static str {
        match self {
            Self::DropNewest => "drop-newest",
            Self::DropOldest => "drop-oldest",
            Self::Block => "block",
            Self::Fail => "fail",
        }
    }
}

/// What is special about a publish, or about who subscribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Nothing.
    Plain,
    /// So many messages in one call.
    Batch(usize),
    /// Ten thousand other topics and sockets on the same bus.
    Crowded,
    /// Subscribers with this policy, and room.
    Policy(Overflow),
    /// Subscribers with this policy, and no room.
    Full(Overflow),
    /// The topic retains so many messages.
    History(u32),
    /// Each subscriber has a socket filter, which lets the message through.
    Filter,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Batch(count) => write!(f, "batch-{count}"),
            Self::Crowded => f.write_str("crowded"),
            Self::Policy(overflow) => f.write_str(overflow.name()),
            Self::Full(overflow) => write!(f, "full-{}", overflow.name()),
            Self::History(depth) => write!(f, "history-{depth}"),
            Self::Filter => f.write_str("filter"),
        }
    }
}

impl Variant {
    /// Messages in one call.
    pub(crate) fn messages(self) -> usize {
        match self {
            Self::Batch(count) => count,
            _ => 1,
        }
    }
}

/// One case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) mechanism: Mechanism,
    pub(crate) variant: Variant,
    /// Bytes.
    pub(crate) payload: usize,
    pub(crate) subscribers: usize,
}

impl Case {
    /// The plain case.
    pub(crate) fn plain(mechanism: Mechanism, payload: usize, subscribers: usize) -> Self {
        Self {
            mechanism,
            variant: Variant::Plain,
            payload,
            subscribers,
        }
    }

    /// kipc with something special, and the small payload.
    pub(crate) fn kipc(variant: Variant, subscribers: usize) -> Self {
        Self {
            mechanism: Mechanism::Kipc,
            variant,
            payload: SMALL,
            subscribers,
        }
    }
}

/// The payload where copying is not what costs, in bytes.
pub(crate) const SMALL: usize = 64;

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mechanism,
            variant,
            payload,
            subscribers,
        } = self;
        let name = mechanism.name();
        write!(f, "{name} {variant}, {payload} B to {subscribers}")
    }
}

/// What was timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The publisher's call, or calls. By its end the message is in every subscriber's queue.
    Publish,
    /// One subscriber's call that receives it, without waiting.
    Receive,
    /// There and back between two processes that wait for each other.
    RoundTrip,
}

impl Operation {
    /// In CSV files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Receive => "receive",
            Self::RoundTrip => "round-trip",
        }
    }
}
