/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT OR Apache-2.0 */
/*
 * kipc: local publish/subscribe with the kernel as the broker.
 *
 * The wire format for C. docs/protocol.md says what the messages do. src/wire says the same in
 * Rust; a test compares the two.
 */
#ifndef _UAPI_LINUX_KIPC_H
#define _UAPI_LINUX_KIPC_H

#include <linux/types.h>

/* Netlink protocol number, unless the module was loaded with protocol=. */
#define KIPC_PROTOCOL			31
#define KIPC_ABI_VERSION		1

/* Longest topic name or pattern, in bytes, without a NUL. */
#define KIPC_TOPIC_MAX			255

/* Message types: requests, and the answers of the same type. */
#define KIPC_MSG_INFO			0x10
#define KIPC_MSG_ADVERTISE		0x11
#define KIPC_MSG_UNADVERTISE		0x12
#define KIPC_MSG_SUBSCRIBE		0x13
#define KIPC_MSG_UNSUBSCRIBE		0x14
#define KIPC_MSG_CLEAR			0x15
#define KIPC_MSG_POLICY			0x17
#define KIPC_MSG_PUBLISH		0x18
/* Answer to a publish with NLM_F_ACK. */
#define KIPC_MSG_PUBLISHED		0x19
/* A message like KIPC_MSG_PUBLISH that is published when the socket is closed. */
#define KIPC_MSG_LAST_WILL		0x1a
/* Events. */
#define KIPC_MSG_TOPIC			0x20
#define KIPC_MSG_LOST			0x21
#define KIPC_MSG_JOINED			0x22
#define KIPC_MSG_GONE			0x23
#define KIPC_MSG_REMOVED		0x24
#define KIPC_MSG_DENIED			0x25
#define KIPC_MSG_MATCHED		0x26

/* Dumps: with NLM_F_DUMP. KIPC_MSG_POLICY has one, too. */
#define KIPC_MSG_TOPICS			0x30
#define KIPC_MSG_CLIENTS		0x31
#define KIPC_MSG_SUBSCRIPTIONS		0x32
#define KIPC_MSG_STATISTICS		0x33

/* Attribute types, one number space for all messages. */
#define KIPC_ATTR_TOPIC			1	/* string */
#define KIPC_ATTR_TOPIC_ID		2	/* u32 */
#define KIPC_ATTR_PATTERN		3	/* string */
#define KIPC_ATTR_SUBSCRIPTION_ID	4	/* u32 */
#define KIPC_ATTR_FINGERPRINT		5	/* u64 */
#define KIPC_ATTR_FLAGS			6	/* u32 */
#define KIPC_ATTR_PORT			7	/* u32 */
#define KIPC_ATTR_SEQ			8	/* u64 */
#define KIPC_ATTR_COUNT			9	/* u64 */
#define KIPC_ATTR_VERSION		10	/* string */
#define KIPC_ATTR_ABI			11	/* u32 */
#define KIPC_ATTR_TOPICS		12	/* u32 */
#define KIPC_ATTR_CLIENTS		13	/* u32 */
#define KIPC_ATTR_SUBSCRIPTIONS		14	/* u32 */
#define KIPC_ATTR_DELIVERED		15	/* u32 */
#define KIPC_ATTR_DROPPED		16	/* u32 */
#define KIPC_ATTR_MAX_ADVERTISEMENTS	17	/* u32 */
#define KIPC_ATTR_MAX_SUBSCRIPTIONS	18	/* u32 */
#define KIPC_ATTR_MAX_TOPICS		19	/* u32 */
#define KIPC_ATTR_WAIT			20	/* u32, milliseconds */
#define KIPC_ATTR_HISTORY		21	/* u32, messages */
#define KIPC_ATTR_MODE			22	/* u32, as of files: r subscribe, w publish */
#define KIPC_ATTR_UID			23	/* u32 */
#define KIPC_ATTR_GID			24	/* u32 */
#define KIPC_ATTR_PREFIX		25	/* string; empty: all topics */
#define KIPC_ATTR_RULE			26	/* nested: PREFIX, UID, GID, MODE */
#define KIPC_ATTR_PUBLISHERS		27	/* u32 */
#define KIPC_ATTR_SUBSCRIBERS		28	/* u32 */
#define KIPC_ATTR_RETAINED		29	/* u32 */
#define KIPC_ATTR_PID			30	/* u32 */
#define KIPC_ATTR_COMM			31	/* string */
#define KIPC_ATTR_START_TIME		32	/* u64, nanoseconds since boot */
#define KIPC_ATTR_QUEUE_BYTES		33	/* u32 */
#define KIPC_ATTR_QUEUE_LIMIT		34	/* u32 */
#define KIPC_ATTR_DROPS			35	/* u32 */
#define KIPC_ATTR_DELIVERED_TOTAL	36	/* u64 */
#define KIPC_ATTR_DROPPED_TOTAL		37	/* u64 */
#define KIPC_ATTR_MAX_TOPICS_PER_USER	38	/* u32 */
#define KIPC_ATTR_MAX_SUBSCRIPTIONS_PER_USER	39	/* u32 */
#define KIPC_ATTR_MAX_RETAINED_BYTES	40	/* u32, bytes, per user */
#define KIPC_ATTR_MAX_MESSAGE_BYTES	41	/* u32, bytes */

/* Longest KIPC_ATTR_WAIT. */
#define KIPC_WAIT_MAX			60000
/* Greatest KIPC_ATTR_HISTORY. */
#define KIPC_HISTORY_MAX		4096

/* What KIPC_ATTR_MODE may be made of, and the mode of a topic whose creator gave none. */
#define KIPC_MODE_BITS			0666
#define KIPC_MODE_DEFAULT		0600
#define KIPC_MODE_SEED			0666	/* of KIPC_SEED_TOPIC */
/* Most rules of access of one bus. */
#define KIPC_RULES_MAX			1024

/* KIPC_ATTR_FLAGS of KIPC_MSG_ADVERTISE: send KIPC_MSG_MATCHED, now and whenever it changes. */
#define KIPC_ADVERTISE_EVENTS		0x1
/* KIPC_ATTR_FLAGS of KIPC_MSG_SUBSCRIBE: send KIPC_MSG_JOINED and KIPC_MSG_GONE as well. */
#define KIPC_SUBSCRIBE_EVENTS		0x1
/*
 * What happens when the subscriber's queue is full. At most one; without any, the newest message
 * is dropped.
 */
#define KIPC_SUBSCRIBE_DROP_OLDEST	0x2
#define KIPC_SUBSCRIBE_BLOCK		0x4
#define KIPC_SUBSCRIBE_FAIL		0x8
/* First of all, receive what the topics retain. */
#define KIPC_SUBSCRIBE_HISTORY		0x10

/* Flag of a published message: fail with EAGAIN rather than wait for a subscriber. */
#define KIPC_PUBLISH_NOWAIT		0x1
/* Flag of a last will without payload: there is none any more. */
#define KIPC_LAST_WILL_CANCEL		0x2

/*
 * Follows the netlink header of KIPC_MSG_PUBLISH, before the payload. A publisher fills topic, tag
 * and flags and leaves the rest zero; the kernel fills the rest.
 */
struct kipc_data {
	__u32 topic;		/* topic id, as the answer to advertise gave it */
	__u32 tag;		/* the publisher's, for socket filters */
	__u64 seq;		/* number in the topic: 1, 2, 3, ... */
	__u64 time;		/* CLOCK_MONOTONIC, nanoseconds */
	__u64 fingerprint;	/* of the payload's type; 0: untyped */
	__u32 port;		/* port id of the publisher; 0: the kernel */
	__u32 flags;		/* KIPC_PUBLISH_* */
};

/* The seed protocol: nlmsg_type 0, a type byte, data. */
#define KIPC_SEED_TYPE			0
#define KIPC_SEED_INVALID		0
#define KIPC_SEED_REGISTER_SUBSCRIBER	1
#define KIPC_SEED_REGISTER_PUBLISHER	2
#define KIPC_SEED_BROADCAST		3
/* The v1 topic that seed clients use. */
#define KIPC_SEED_TOPIC			"default"

#endif /* _UAPI_LINUX_KIPC_H */
