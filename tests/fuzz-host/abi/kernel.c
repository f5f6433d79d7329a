// SPDX-License-Identifier: GPL-2.0
/*
 * The program's own socket(), recv() and so on come before those of the C library, so that libkipc
 * talks to what is here. rustix has to be built to call them (rustix_use_libc).
 */
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kipc.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PORT 7
/* The headers of netlink and of published messages. */
#define PAYLOAD_OFFSET (sizeof(struct nlmsghdr) + sizeof(struct kipc_data))

struct arrival {
	int error;
	const uint8_t *data;
	size_t length;
};

/* Answers of an honest kernel. */
struct answer {
	uint8_t bytes[256];
	size_t length;
};

static struct {
	unsigned int honest;
	const uint8_t *input;
	size_t left;
	/* What waits to be received, from head to tail. */
	struct arrival *queue;
	size_t head, tail;
	struct answer answers[8];
	size_t answered;
} kernel;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "kernel: %s\n", what);
	abort();
}

void kernel_start(unsigned int honest, const uint8_t *input, size_t length)
{
	free(kernel.queue);
	memset(&kernel, 0, sizeof(kernel));
	kernel.honest = honest;
	kernel.input = input;
	kernel.left = length;
	/* Each record has a length of two bytes, the last perhaps of one. */
	kernel.queue = calloc(length / 2 + 1 + sizeof(kernel.answers) / sizeof(kernel.answers[0]),
			      sizeof(*kernel.queue));
	if (!kernel.queue)
		fail("out of memory");
}

static uint8_t byte(void)
{
	if (!kernel.left)
		return 0;
	kernel.left--;
	return *kernel.input++;
}

/* Queues what comes at once; false at the end of the input. */
static bool speak_once(void)
{
	static const int errors[] = { ENOBUFS, EINTR, EAGAIN, EIO };

	while (kernel.left) {
		unsigned int number = byte();
		struct arrival arrival = { 0 };

		number |= (unsigned int)byte() << 8;
		if (number == 0x8000)
			return true;
		if (number & 0x8000) {
			arrival.error = errors[number % 4];
		} else {
			arrival.data = kernel.input;
			arrival.length = number < kernel.left ? number : kernel.left;
			kernel.input += arrival.length;
			kernel.left -= arrival.length;
		}
		kernel.queue[kernel.tail++] = arrival;
	}
	return false;
}

void kernel_speak(void)
{
	while (speak_once())
		;
}

bool kernel_published(const void *payload, size_t length)
{
	for (size_t i = kernel.head; i-- > 0;) {
		const struct arrival *arrival = &kernel.queue[i];

		for (size_t at = 0; at + PAYLOAD_OFFSET + length <= arrival->length; at += 4) {
			const uint8_t *message = arrival->data + at;
			struct nlmsghdr header;

			memcpy(&header, message, sizeof(header));
			if (header.nlmsg_type == KIPC_MSG_PUBLISH &&
			    header.nlmsg_len == PAYLOAD_OFFSET + length &&
			    !memcmp(message + PAYLOAD_OFFSET, payload, length))
				return true;
		}
	}
	return false;
}

static void begin(struct answer *answer, uint16_t type, uint16_t flags, uint32_t seq)
{
	struct nlmsghdr header = {
		.nlmsg_type = type,
		.nlmsg_flags = flags,
		.nlmsg_seq = seq,
		.nlmsg_pid = PORT,
	};

	memcpy(answer->bytes, &header, sizeof(header));
	answer->length = sizeof(header);
}

static void put(struct answer *answer, const void *bytes, size_t length)
{
	memcpy(answer->bytes + answer->length, bytes, length);
	answer->length += NLA_ALIGN(length);
}

static void put_attribute(struct answer *answer, uint16_t type, const void *value, uint16_t length)
{
	struct nlattr attribute = { .nla_len = NLA_HDRLEN + length, .nla_type = type };

	put(answer, &attribute, sizeof(attribute));
	put(answer, value, length);
}

static void put_u32(struct answer *answer, uint16_t type, uint32_t value)
{
	put_attribute(answer, type, &value, sizeof(value));
}

static void queue_answer(struct answer *answer)
{
	uint32_t length = answer->length;

	memcpy(answer->bytes, &length, sizeof(length));
	kernel.queue[kernel.tail++] = (struct arrival){
		.data = answer->bytes,
		.length = length,
	};
	kernel.answered++;
}

static void answer_honestly(const struct nlmsghdr *request)
{
	static const uint16_t limits[] = {
		KIPC_ATTR_TOPICS, KIPC_ATTR_CLIENTS, KIPC_ATTR_SUBSCRIPTIONS,
		KIPC_ATTR_MAX_ADVERTISEMENTS, KIPC_ATTR_MAX_SUBSCRIPTIONS, KIPC_ATTR_MAX_TOPICS,
		KIPC_ATTR_MAX_TOPICS_PER_USER, KIPC_ATTR_MAX_SUBSCRIPTIONS_PER_USER,
		KIPC_ATTR_MAX_PATTERNS_PER_USER, KIPC_ATTR_MAX_RETAINED_BYTES,
	};
	struct answer *answer = &kernel.answers[kernel.answered];
	int error = 0;

	begin(answer, request->nlmsg_type, 0, request->nlmsg_seq);
	switch (request->nlmsg_type) {
	case KIPC_MSG_INFO:
		put_attribute(answer, KIPC_ATTR_VERSION, "0", 2);
		put_u32(answer, KIPC_ATTR_ABI, KIPC_ABI_VERSION);
		for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
			put_u32(answer, limits[i], 1);
		/* Datagrams are cut that have no room where answers have. */
		put_u32(answer, KIPC_ATTR_MAX_MESSAGE_BYTES, 1);
		queue_answer(answer);
		break;
	case KIPC_MSG_ADVERTISE:
		put_u32(answer, KIPC_ATTR_TOPIC_ID, 1);
		queue_answer(answer);
		break;
	case KIPC_MSG_SUBSCRIBE:
		put_u32(answer, KIPC_ATTR_SUBSCRIPTION_ID, 1);
		queue_answer(answer);
		break;
	}
	if (!(request->nlmsg_flags & NLM_F_ACK))
		return;
	answer = &kernel.answers[kernel.answered];
	begin(answer, NLMSG_ERROR, NLM_F_CAPPED, request->nlmsg_seq);
	put(answer, &error, sizeof(error));
	put(answer, request, sizeof(*request));
	queue_answer(answer);
}

int socket(int domain, int type, int protocol)
{
	(void)type;
	(void)protocol;
	if (domain != AF_NETLINK)
		fail("a socket that is not netlink's");
	/* So that it can be closed. */
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	(void)fd;
	(void)address;
	(void)length;
	return 0;
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	return bind(fd, address, length);
}

int getsockname(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_pid = PORT };

	(void)fd;
	memcpy(address, &name, *length < sizeof(name) ? *length : sizeof(name));
	*length = sizeof(name);
	return 0;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	(void)fd;
	(void)level;
	(void)option;
	(void)value;
	(void)length;
	return 0;
}

/* Every buffer is large. */
int getsockopt(int fd, int level, int option, void *restrict value, socklen_t *restrict length)
{
	int bytes = 1 << 24;

	(void)fd;
	(void)level;
	(void)option;
	memcpy(value, &bytes, *length < sizeof(bytes) ? *length : sizeof(bytes));
	*length = sizeof(bytes);
	return 0;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	uint8_t bytes[sizeof(struct nlmsghdr)];
	struct nlmsghdr request;
	size_t have = 0, total = 0;

	(void)fd;
	(void)flags;
	for (size_t i = 0; i < message->msg_iovlen; i++) {
		const struct iovec *part = &message->msg_iov[i];
		size_t rest = sizeof(bytes) - have;
		size_t more = part->iov_len < rest ? part->iov_len : rest;

		if (more)
			memcpy(bytes + have, part->iov_base, more);
		have += more;
		total += part->iov_len;
	}
	if (have < sizeof(bytes))
		fail("a request without a header");
	memcpy(&request, bytes, sizeof(request));
	if (kernel.honest) {
		kernel.honest--;
		answer_honestly(&request);
	} else {
		speak_once();
	}
	return total;
}

/* Receives; where the real one would wait for ever, it fails. */
static ssize_t receive(void *buffer, size_t room, int flags)
{
	struct arrival arrival;

	if (kernel.head == kernel.tail) {
		errno = flags & MSG_DONTWAIT ? EAGAIN : EIO;
		return -1;
	}
	arrival = kernel.queue[kernel.head++];
	if (arrival.error) {
		errno = arrival.error;
		return -1;
	}
	if (arrival.length && room)
		memcpy(buffer, arrival.data, arrival.length < room ? arrival.length : room);
	return flags & MSG_TRUNC || arrival.length < room ? arrival.length : room;
}

ssize_t recv(int fd, void *buffer, size_t room, int flags)
{
	(void)fd;
	return receive(buffer, room, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct ucred sender = { .pid = 0, .uid = 1, .gid = 2 };
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	ssize_t length = receive(message->msg_iov->iov_base, message->msg_iov->iov_len, flags);

	(void)fd;
	message->msg_flags = 0;
	message->msg_namelen = 0;
	if (length < 0 || !control || message->msg_controllen < CMSG_SPACE(sizeof(sender))) {
		message->msg_controllen = 0;
		return length;
	}
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_CREDENTIALS;
	control->cmsg_len = CMSG_LEN(sizeof(sender));
	memcpy(CMSG_DATA(control), &sender, sizeof(sender));
	message->msg_controllen = CMSG_SPACE(sizeof(sender));
	return length;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (count != 1)
		fail("not one descriptor to wait for");
	if (kernel.head != kernel.tail) {
		fds->revents = POLLIN;
		return 1;
	}
	fds->revents = 0;
	if (timeout >= 0)
		return 0;
	errno = EIO;
	return -1;
}
