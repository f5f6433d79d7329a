/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Publishers and subscribers of two mechanisms, kipc and raw netlink multicast, that send and
 * receive in the same way. See bench/baseline for the second one's module.
 */
#ifndef BUS_H
#define BUS_H

#include "../../client/open.h"
#include "../marks.h"

#include <stdbool.h>
#include <sys/syscall.h>

enum { PAYLOAD = 64, SUBSCRIBERS_MAX = 64 };

enum mechanism {
	DISCARD,	/* a message that the kernel throws away: what sending alone costs */
	MULTICAST,
	KIPC,
};

static const char *const mechanism_names[] = { "discard", "multicast", "kipc" };

/* bench/baseline/kipc_baseline.c says the same. */
enum {
	BASELINE_PROTOCOL = 30,
	BASELINE_DISCARD = 0x10,
	BASELINE_MULTICAST = 0x11,	/* to group 1; the next types to the next groups */
};

struct publisher {
	int fd;
	size_t size;
	union {
		struct {
			struct nlmsghdr header;
			char payload[PAYLOAD];
		} raw;
		struct {
			struct nlmsghdr header;
			struct kipc_data data;
			char payload[PAYLOAD];
		} kipc;
	} message;
};

static inline int baseline_socket(unsigned int group)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = group ? 1u << (group - 1) : 0,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, BASELINE_PROTOCOL);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("socket of kipc_baseline");
	return fd;
}

/* A publisher of this topic, which is a group of the raw mechanism. */
static inline void publisher_open(struct publisher *publisher, enum mechanism mechanism,
				  unsigned int topic)
{
	memset(publisher, 0, sizeof(*publisher));
	memset(&publisher->message, 0xa5, sizeof(publisher->message));
	publisher->message.raw.header = (struct nlmsghdr){ 0 };
	if (mechanism == KIPC) {
		char name[32];

		snprintf(name, sizeof(name), "topic/%u", topic);
		publisher->fd = open_socket();
		publisher->size = sizeof(publisher->message.kipc);
		publisher->message.kipc.header.nlmsg_type = KIPC_MSG_PUBLISH;
		publisher->message.kipc.data = (struct kipc_data){
			.topic = request(publisher->fd, KIPC_MSG_ADVERTISE, KIPC_ATTR_TOPIC, name,
					 KIPC_ATTR_TOPIC_ID),
		};
	} else {
		publisher->fd = baseline_socket(0);
		publisher->size = sizeof(publisher->message.raw);
		publisher->message.raw.header.nlmsg_type =
			mechanism == DISCARD ? BASELINE_DISCARD : BASELINE_MULTICAST + topic - 1;
	}
	publisher->message.raw.header.nlmsg_len = publisher->size;
	publisher->message.raw.header.nlmsg_flags = NLM_F_REQUEST;
}

static inline int subscriber_open(enum mechanism mechanism, unsigned int topic)
{
	/* Nothing may get lost. */
	int room = 64 << 20, fd;

	if (mechanism == KIPC) {
		char name[32];

		snprintf(name, sizeof(name), "topic/%u", topic);
		fd = open_socket();
		request(fd, KIPC_MSG_SUBSCRIBE, KIPC_ATTR_PATTERN, name,
			KIPC_ATTR_SUBSCRIPTION_ID);
	} else {
		fd = baseline_socket(topic);
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		die("SO_RCVBUFFORCE");
	return fd;
}

/* The system call itself: a C library adds its own instructions, each another number of them. */
static inline long send_now(const struct publisher *publisher)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	register long flags asm("r10") = 0;
	register const void *address asm("r8") = &kernel;
	register long size asm("r9") = sizeof(kernel);
	long result = SYS_sendto;

	asm volatile("syscall" : "+a"(result)
		     : "D"((long)publisher->fd), "S"(&publisher->message), "d"(publisher->size),
		       "r"(flags), "r"(address), "r"(size)
		     : "rcx", "r11", "memory");
	return result;
}

/*
 * Takes messages from a queue, until it is empty or so many came; how many came. Anything but a
 * message, or a topic's name, is fatal.
 */
static inline unsigned int receive(int fd, const struct publisher *like, unsigned int most)
{
	static _Alignas(8) char buffer[8192];
	unsigned int count = 0;

	while (count < most) {
		ssize_t length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;
		uint16_t type = like->message.raw.header.nlmsg_type;

		if (length < 0 && errno == EAGAIN)
			break;
		if (length < 0)
			die("recv");
		if (!NLMSG_OK(header, length) || header->nlmsg_len != length)
			die("malformed");
		if (header->nlmsg_type == type && (size_t)length == like->size &&
		    !memcmp(buffer + length - PAYLOAD,
			    (const char *)&like->message + like->size - PAYLOAD, PAYLOAD))
			count++;
		else if (type != KIPC_MSG_PUBLISH || header->nlmsg_type != KIPC_MSG_TOPIC)
			die("something else came");
	}
	return count;
}

#endif
