// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Publishes message by message, each in a window of the tracer, and says what the guest's clock
 * says of the same messages. Every subscriber must have every message.
 *
 *   publishes MESSAGES
 */
#include "../trace/guest/bus.h"

#include <time.h>
#include <unistd.h>

enum { WARM_UP = 8, MESSAGES_MAX = 10000 };

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return one < other ? -1 : one > other;
}

static uint64_t median(uint64_t *values, unsigned int count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static uint64_t times[MESSAGES_MAX];

/* What reading the clock adds. */
static uint64_t overhead(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint64_t before = now();

		times[i] = now() - before;
	}
	return median(times, count);
}

static void profile(enum mechanism mechanism, unsigned int subscribers, unsigned int messages,
		    uint64_t clock)
{
	int fds[SUBSCRIBERS_MAX];
	struct publisher publisher;

	publisher_open(&publisher, mechanism, 1);
	for (unsigned int i = 0; i < subscribers; i++)
		fds[i] = subscriber_open(mechanism, 1);
	for (unsigned int i = 0; i < WARM_UP + messages; i++) {
		bool counts = i >= WARM_UP;
		uint64_t before;
		long result;

		before = now();
		if (counts) {
			MARK(MARK_SEND);
			result = send_now(&publisher);
			MARK(MARK_END);
			times[i - WARM_UP] = now() - before;
		} else {
			result = send_now(&publisher);
		}
		if (result != (long)publisher.size)
			die("sendto");
		for (unsigned int j = 0; j < subscribers; j++)
			if (receive(fds[j], &publisher, 2) != 1)
				die("a message did not come");
	}
	MARK(MARK_REPORT);
	printf("section %s %u %llu\n", mechanism_names[mechanism], subscribers,
	       (unsigned long long)(median(times, messages) - clock));
	for (unsigned int i = 0; i < subscribers; i++)
		close(fds[i]);
	close(publisher.fd);
}

int main(int argc, char **argv)
{
	static const unsigned int subscribers[] = { 1, 8, 64 };
	unsigned int messages = argc > 1 ? atoi(argv[1]) : 0;
	uint64_t clock;

	if (!messages || messages > MESSAGES_MAX)
		die("how many messages?");
	clock = overhead(messages);
	profile(DISCARD, 0, messages, clock);
	for (unsigned int i = 0; i < sizeof(subscribers) / sizeof(*subscribers); i++) {
		profile(MULTICAST, subscribers[i], messages, clock);
		profile(KIPC, subscribers[i], messages, clock);
	}
	return 0;
}
