// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! Every reason for which the module refuses a request: errno and a sentence that says what to do.

use core::ffi::CStr;

/// Errno values, as `asm-generic` numbers them (x86, arm64 and riscv do).
mod errno {
    pub(super) const EPERM: i32 = 1;
    pub(super) const ENOENT: i32 = 2;
    pub(super) const EINTR: i32 = 4;
    pub(super) const EAGAIN: i32 = 11;
    pub(super) const ENOMEM: i32 = 12;
    pub(super) const EACCES: i32 = 13;
    pub(super) const EBUSY: i32 = 16;
    pub(super) const EEXIST: i32 = 17;
    pub(super) const EINVAL: i32 = 22;
    pub(super) const ENOSPC: i32 = 28;
    pub(super) const ERANGE: i32 = 34;
    pub(super) const EPROTOTYPE: i32 = 91;
    pub(super) const EOPNOTSUPP: i32 = 95;
    pub(super) const EBADMSG: i32 = 74;
    pub(super) const EMSGSIZE: i32 = 90;
    pub(super) const EDQUOT: i32 = 122;
    pub(super) const ENOTCONN: i32 = 107;
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $errno:ident, $sentence:literal;)*) => {
        /// Why a request was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// Every refusal, for tests and documentation.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The positive errno that the answer carries.
            pub(crate) const fn errno(self) -> i32 {
                match self {
                    $(Self::$name => errno::$errno,)*
                }
            }

            /// The sentence that the answer carries as `NLMSGERR_ATTR_MSG`.
            pub(crate) const fn sentence(self) -> &'static CStr {
                match self {
                    $(Self::$name => $sentence,)*
                }
            }
        }
    };
}

refusals! {
    /// Fewer bytes than a netlink header.
    NoHeader = EBADMSG, c"message is shorter than a netlink header: send at least 16 bytes";
    /// `nlmsg_len` below the header's size.
    LengthTooSmall = EBADMSG, c"nlmsg_len is smaller than the netlink header: count the header in";
    /// `nlmsg_len` beyond the end of what was sent.
    Truncated = EBADMSG, c"nlmsg_len is larger than what was sent: send the whole message";
    /// A message type that no protocol here has.
    UnknownType = EOPNOTSUPP, c"unknown message type: see docs/protocol.md for the ones there are";
    /// A message type that only the kernel sends.
    EventFromUser = EOPNOTSUPP, c"events come from the kernel: a client cannot send them";
    /// `NLM_F_REQUEST` missing in a v1 message.
    NotARequest = EINVAL, c"NLM_F_REQUEST is not set: set it in every message to the kernel";
    /// `NLM_F_DUMP` bits on a command without a dump.
    NoDump = EOPNOTSUPP, c"this command has no dump: clear NLM_F_DUMP";
    /// A dump without `NLM_F_DUMP`.
    OnlyDump = EOPNOTSUPP, c"this command is a dump: set NLM_F_DUMP";
    /// A second dump while one is under way.
    DumpRunning = EBUSY, c"a dump is under way on this socket: receive it to its end first";
    /// Seed message without its type byte.
    SeedEmpty = EINVAL, c"seed message has no type byte: send 1, 2 or 3 first";
    /// Seed type byte out of range.
    SeedUnknownType = EINVAL, c"seed message type is none of 1 (subscribe), 2 (publish), 3 (broadcast)";
    /// Seed broadcast from a socket that is not a publisher.
    SeedNotPublisher = ENOTCONN, c"socket is not a publisher: register it (type 2) before it broadcasts";
    /// An attribute header or body that the message does not hold.
    AttributeTruncated = EINVAL, c"attribute is longer than what is left of the message";
    /// Left-over bytes behind the last attribute.
    AttributeTrailing = EINVAL, c"bytes are left over behind the last attribute";
    /// An attribute that this message does not have.
    AttributeUnknown = EINVAL, c"attribute does not belong in this message";
    /// The same attribute twice.
    AttributeTwice = EINVAL, c"attribute is given twice";
    /// A number of another width.
    AttributeLength = ERANGE, c"attribute has the wrong length for its type";
    /// A required attribute is not there.
    AttributeMissing = EINVAL, c"a required attribute is missing: see docs/protocol.md";
    /// Flags that this version does not know.
    UnknownFlags = EINVAL, c"unknown flags are set: clear them";
    /// Publish shorter than the data header.
    DataHeaderTruncated = EINVAL, c"published message is shorter than the data header of 40 bytes";
    /// A field that the kernel fills is not zero.
    KernelFieldSet = EINVAL, c"seq, time, fingerprint and port of the data header must be zero: the kernel fills them";
    /// Empty topic or pattern.
    TopicEmpty = EINVAL, c"topic is empty: give a path such as sensors/room1";
    /// Topic or pattern too long.
    TopicTooLong = ERANGE, c"topic is longer than 255 bytes";
    /// Not UTF-8.
    TopicNotUtf8 = EINVAL, c"topic is not valid UTF-8";
    /// Control character in a topic.
    TopicControl = EINVAL, c"topic holds a control character";
    /// Empty segment.
    TopicEmptySegment = EINVAL, c"topic has an empty segment: no leading, trailing or double slash";
    /// Wildcard in a name.
    TopicWildcard = EINVAL, c"topic holds a '*': only patterns of subscriptions may";
    /// `*` next to other characters.
    PatternMixedSegment = EINVAL, c"'*' and '**' stand for whole segments: nothing else beside them";
    /// The socket is no publisher of this topic id.
    NotAdvertised = ENOENT, c"this socket is not a publisher of that topic id: advertise it first";
    /// The socket is a publisher already.
    AlreadyAdvertised = EEXIST, c"this socket is a publisher of that topic already";
    /// Two different payload types for one topic.
    FingerprintMismatch = EPROTOTYPE, c"topic carries another payload type: use that type, or another topic";
    /// No such subscription id on this socket.
    NoSuchSubscription = ENOENT, c"this socket has no subscription with that id";
    /// Limit of advertisements per socket.
    TooManyAdvertisements = ENOSPC, c"too many advertisements on this socket: unadvertise some first";
    /// Limit of subscriptions per socket.
    TooManySubscriptions = ENOSPC, c"too many subscriptions on this socket: unsubscribe some first";
    /// Limit of topics per bus.
    TooManyTopics = ENOSPC, c"too many topics on this bus";
    /// Limit of sockets per user.
    TooManySocketsOfUser = EDQUOT, c"too many sockets of this user: close some, or raise sockets_per_user of the module";
    /// Limit of advertisements per user.
    TooManyAdvertisementsOfUser = EDQUOT, c"too many advertisements of this user: end some, or raise advertisements_per_user of the module";
    /// Limit of members per user.
    TooManyMembershipsOfUser = EDQUOT, c"this user's sockets receive too many topics: end subscriptions, or raise memberships_per_user of the module";
    /// Limit of members per topic and user.
    TooManyMembersOfUser = ENOSPC, c"a topic has 1024 subscribers of one user at most";
    /// Limit of publishers per topic and user.
    TooManyPublishersOfUser = ENOSPC, c"a topic has 1024 publishers of one user at most";
    /// Limit of topics per user.
    TooManyTopicsOfUser = EDQUOT, c"too many topics of this user: end some, or raise topics_per_user of the module";
    /// Limit of subscriptions per user.
    TooManySubscriptionsOfUser = EDQUOT, c"too many subscriptions of this user: end some, or raise subscriptions_per_user of the module";
    /// Limit of subscriptions with a wildcard per user.
    TooManyPatternsOfUser = EDQUOT, c"too many subscriptions with a wildcard of this user: end some, or raise patterns_per_user of the module";
    /// Limit of retained bytes per user.
    TooMuchRetained = EDQUOT, c"too much retained by this user: clear some, or raise retained_bytes_per_user of the module";
    /// A history deeper than the limit.
    HistoryTooDeep = ERANGE, c"a topic retains 4096 messages at most";
    /// Another user decides on the history.
    HistoryOfOther = EPERM, c"only the owner decides what this topic retains: leave HISTORY out";
    /// No such topic on the bus.
    NoSuchTopic = ENOENT, c"there is no topic of that name";
    /// A cancelled last will with a payload.
    CancelWithPayload = EINVAL, c"a cancelled last will has no payload: leave it out";
    /// No right to publish.
    PublishDenied = EACCES, c"this user may not publish on the topic: its owner's mode or a rule forbids it";
    /// No right to subscribe.
    SubscribeDenied = EACCES, c"this user may not subscribe to the topic: its owner's mode or a rule forbids it";
    /// A mode or group that differs from the topic's.
    AccessDiffers = EEXIST, c"the topic exists with another mode or group: leave them out, or clear it first";
    /// Bits that a mode does not have.
    ModeInvalid = EINVAL, c"mode may have r and w bits only (0666)";
    /// A group that the user is not in.
    NotInGroup = EPERM, c"this user is not in that group: give one of its own";
    /// A uid or gid that the caller's user namespace does not have.
    IdUnmapped = EINVAL, c"uid or gid does not exist in this user namespace";
    /// Policy without the capability.
    NotAdmin = EPERM, c"only CAP_NET_ADMIN over the network namespace may change the policy";
    /// The same prefix twice in a policy.
    RuleTwice = EEXIST, c"two rules have the same prefix";
    /// Limit of rules.
    TooManyRules = ENOSPC, c"a policy has 1024 rules at most";
    /// A payload longer than the limit.
    MessageTooLong = EMSGSIZE, c"message is too long: split it, or raise message_bytes of the module";
    /// Two overflow policies in one subscription.
    OverflowAmbiguous = EINVAL, c"more than one overflow policy is set: choose one";
    /// A wait longer than the limit.
    WaitTooLong = ERANGE, c"publishers wait for 60000 milliseconds at most";
    /// A subscriber is full and its policy is to fail, or the publisher does not want to wait.
    WouldBlock = EAGAIN, c"the queue of a subscriber is full: nothing was published, try again later";
    /// A signal arrived during a wait.
    Interrupted = EINTR, c"a signal ended the wait for a subscriber: nothing was published";
    /// Out of memory.
    NoMemory = ENOMEM, c"out of memory: nothing was changed";
}

/// A refusal, and where in the message its cause stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Why.
    pub(crate) refusal: Refusal,
    /// Offset of the offending attribute from the start of the netlink header.
    pub(crate) offset: Option<usize>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            offset: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_an_errno_and_a_sentence_that_fits_an_extack() {
        for refusal in Refusal::ALL {
            assert!(refusal.errno() > 0);
            let sentence = refusal.sentence().to_str().unwrap();
            assert!(sentence.len() > 10 && sentence.is_ascii(), "{sentence}");
        }
    }
}
