// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What a careful client of the protocol does without a library: publishes 64 bytes and receives
 * them on another socket, so many times. Compare with libkipc-client.
 *
 *   hand-written ROUNDS
 */
#include "open.h"

#include <stdio.h>
#include <sys/uio.h>

enum { PAYLOAD = 64, REFUSALS_EVERY = 64, TOPICS = 64 };

struct topic {
	uint32_t id;
	char name[KIPC_TOPIC_MAX + 1];
};

static struct topic topics[TOPICS];
static _Alignas(8) char buffer[1 << 20];

static void refusals(int fd)
{
	ssize_t length;

	while ((length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		struct nlmsghdr *header = (struct nlmsghdr *)buffer;

		if (NLMSG_OK(header, length) && header->nlmsg_type == NLMSG_ERROR)
			die("refused");
	}
	if (errno != EAGAIN)
		die("recv");
}

static void publish(int fd, uint32_t topic, uint32_t *sequence, const void *payload)
{
	struct {
		struct nlmsghdr header;
		struct kipc_data data;
	} head = {
		.header = {
			.nlmsg_len = sizeof(head) + PAYLOAD,
			.nlmsg_type = KIPC_MSG_PUBLISH,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = ++*sequence,
		},
		.data.topic = topic,
	};
	struct iovec parts[] = { { &head, sizeof(head) }, { (void *)payload, PAYLOAD } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	while (sendmsg(fd, &message, 0) < 0)
		if (errno != EINTR)
			die("sendmsg");
	if (*sequence % REFUSALS_EVERY == 0)
		refusals(fd);
}

static void learn(const struct nlmsghdr *header)
{
	int left = header->nlmsg_len - NLMSG_HDRLEN;
	const struct nlattr *attr = NLMSG_DATA(header);
	struct topic topic = { 0 };

	while (left >= NLA_HDRLEN && attr->nla_len >= NLA_HDRLEN && attr->nla_len <= left) {
		const char *value = (const char *)attr + NLA_HDRLEN;

		if (attr->nla_type == KIPC_ATTR_TOPIC_ID)
			memcpy(&topic.id, value, 4);
		else if (attr->nla_type == KIPC_ATTR_TOPIC)
			snprintf(topic.name, sizeof(topic.name), "%.*s",
				 attr->nla_len - NLA_HDRLEN, value);
		left -= NLA_ALIGN(attr->nla_len);
		attr = (const struct nlattr *)((const char *)attr + NLA_ALIGN(attr->nla_len));
	}
	topics[topic.id % TOPICS] = topic;
}

/* Returns the topic's name, and where the payload is. */
static const char *receive(int fd, const void **payload, size_t *size)
{
	static struct nlmsghdr *header;
	static ssize_t left;

	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec part = { buffer, sizeof(buffer) };
		struct msghdr message = {
			.msg_name = &from, .msg_namelen = sizeof(from),
			.msg_iov = &part, .msg_iovlen = 1,
		};

		while (left > 0 && NLMSG_OK(header, left)) {
			struct nlmsghdr *here = header;

			header = NLMSG_NEXT(header, left);
			if (here->nlmsg_type == KIPC_MSG_PUBLISH) {
				struct kipc_data *data = NLMSG_DATA(here);
				size_t head = NLMSG_HDRLEN + sizeof(*data);

				if (here->nlmsg_len < head)
					die("malformed");
				*payload = data + 1;
				*size = here->nlmsg_len - head;
				if (topics[data->topic % TOPICS].id != data->topic)
					die("unknown topic");
				return topics[data->topic % TOPICS].name;
			}
			if (here->nlmsg_type == KIPC_MSG_TOPIC)
				learn(here);
		}
		left = recvmsg(fd, &message, MSG_TRUNC);
		if (left < 0) {
			if (errno == EINTR || errno == ENOBUFS)
				continue;
			die("recvmsg");
		}
		if ((size_t)left > sizeof(buffer))
			die("truncated");
		/* Only the kernel is to be believed. */
		if (from.nl_pid != 0)
			left = 0;
		header = (struct nlmsghdr *)buffer;
	}
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 0;
	int publisher = open_socket(), subscriber = open_socket();
	char payload[PAYLOAD] = { 0 };
	uint32_t sequence = 1, topic;
	const void *received;
	uint64_t sum = 0;
	size_t size;

	request(subscriber, KIPC_MSG_SUBSCRIBE, KIPC_ATTR_PATTERN, "cost/*", KIPC_ATTR_SUBSCRIPTION_ID);
	topic = request(publisher, KIPC_MSG_ADVERTISE, KIPC_ATTR_TOPIC, "cost/a", KIPC_ATTR_TOPIC_ID);
	for (long round = 0; round < rounds; round++) {
		payload[0] = round;
		publish(publisher, topic, &sequence, payload);
		sum += receive(subscriber, &received, &size)[0];
		sum += *(const unsigned char *)received + size;
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
