// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What it costs to receive 16 messages of 64 bytes that wait in a queue: one by one, with one
 * recvmmsg(), and as the one datagram that a batch of a publisher is. Prints medians, per message,
 * in nanoseconds, which are instructions under icount.
 */
#define _GNU_SOURCE
#include "open.h"

#include <stdio.h>
#include <time.h>

enum { MESSAGES = 16, ROUNDS = 201, PAYLOAD = 64, ROOM = 4096 };

struct message {
	struct nlmsghdr header;
	struct kipc_data data;
	char payload[PAYLOAD];
};

static _Alignas(8) char rooms[MESSAGES][ROOM];

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void expect(ssize_t length, size_t want)
{
	if (length < 0 || (size_t)length != want)
		die("receive");
}

static void by_recv(int fd)
{
	for (int i = 0; i < MESSAGES; i++)
		expect(recv(fd, rooms[i], ROOM, MSG_TRUNC), sizeof(struct message));
}

static void by_recvmsg(int fd)
{
	for (int i = 0; i < MESSAGES; i++) {
		struct iovec part = { rooms[i], ROOM };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

		expect(recvmsg(fd, &message, MSG_TRUNC), sizeof(struct message));
	}
}

static void by_recvmmsg(int fd)
{
	struct mmsghdr messages[MESSAGES] = { 0 };
	struct iovec parts[MESSAGES];

	for (int i = 0; i < MESSAGES; i++) {
		parts[i] = (struct iovec){ rooms[i], ROOM };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	expect(recvmmsg(fd, messages, MESSAGES, MSG_WAITFORONE, NULL), MESSAGES);
}

static void as_batch(int fd)
{
	expect(recv(fd, rooms, sizeof(rooms), MSG_TRUNC), MESSAGES * sizeof(struct message));
}

static int compare(const void *a, const void *b)
{
	long left = *(const long *)a, right = *(const long *)b;

	return (left > right) - (left < right);
}

static void publish(int fd, uint32_t topic, int count, int batch)
{
	static struct message messages[MESSAGES];

	for (int i = 0; i < count; i++) {
		messages[i] = (struct message){
			.header.nlmsg_len = sizeof(struct message),
			.header.nlmsg_type = KIPC_MSG_PUBLISH,
			.header.nlmsg_flags = NLM_F_REQUEST,
			.data.topic = topic,
		};
		if (!batch && send(fd, &messages[i], sizeof(messages[i]), 0) < 0)
			die("send");
	}
	if (batch && send(fd, messages, count * sizeof(messages[0]), 0) < 0)
		die("send");
}

static long median(int publisher, int subscriber, uint32_t topic, void (*receive)(int), int batch)
{
	long times[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		publish(publisher, topic, MESSAGES, batch);
		times[round] = now();
		receive(subscriber);
		times[round] = now() - times[round];
	}
	qsort(times, ROUNDS, sizeof(times[0]), compare);
	return times[ROUNDS / 2] / MESSAGES;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*receive)(int fd);
		int batch;
	} ways[] = {
		{ "recv", by_recv, 0 },
		{ "recvmsg", by_recvmsg, 0 },
		{ "recvmmsg", by_recvmmsg, 0 },
		{ "batch", as_batch, 1 },
	};
	int publisher = open_socket(), subscriber = open_socket();
	uint32_t topic;

	request(subscriber, KIPC_MSG_SUBSCRIBE, KIPC_ATTR_PATTERN, "cost", KIPC_ATTR_SUBSCRIPTION_ID);
	topic = request(publisher, KIPC_MSG_ADVERTISE, KIPC_ATTR_TOPIC, "cost", KIPC_ATTR_TOPIC_ID);
	/* The topic's name comes before its first message: once. */
	publish(publisher, topic, 1, 0);
	while (recv(subscriber, rooms, sizeof(rooms), MSG_DONTWAIT) > 0)
		;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		printf("way %s %ld\n", ways[i].name,
		       median(publisher, subscriber, topic, ways[i].receive, ways[i].batch));
	return 0;
}
