// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Publishers on one to four CPUs, by kipc and by raw multicast, on topics of their own and on one
 * hot topic.
 *
 *   publishers rates ROUNDS MILLISECONDS   how many messages, in rounds that take turns
 *   publishers contention MILLISECONDS     and how often they waited for a lock, and where
 *   publishers lines MESSAGES              one at a time, in windows of the tracer
 *
 * Every subscriber must have had every message.
 */
#include "crowd.h"

#include <fcntl.h>
#include <limits.h>
#include <time.h>

enum { WARM_UP = 16, AT_ONCE = 16 };

#define TRIGGER "/sys/kernel/tracing/events/lock/contention_begin/trigger"
#define HISTOGRAM "/sys/kernel/tracing/events/lock/contention_begin/hist"
#define BY_STACK "hist:keys=common_stacktrace:size=4096 if COMM == \"publishers\""

static unsigned int messages, milliseconds;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* Takes turns with the others. */
static void in_turn(struct crowd *crowd, unsigned int index)
{
	struct shared *shared = crowd->shared;

	for (unsigned int i = 0; i < WARM_UP + messages; i++) {
		while (atomic_load(&shared->turn) != index)
			relax();
		if (i >= WARM_UP)
			MARK(MARK_SEND);
		publish(crowd, index);
		if (i >= WARM_UP) {
			MARK(MARK_END);
			MARK(MARK_RECEIVE);
		}
		shared->member[index].received += take(crowd, index, UINT_MAX);
		if (i >= WARM_UP)
			MARK(MARK_END);
		shared->member[index].sent++;
		atomic_store(&shared->turn, (index + 1) % crowd->size);
	}
	meet(crowd, crowd->size);
	shared->member[index].received += take(crowd, index, UINT_MAX);
}

/* As fast as it goes, until it is enough. */
static void at_will(struct crowd *crowd, unsigned int index)
{
	struct shared *shared = crowd->shared;
	uint64_t sent = 0, received = 0, start;

	meet(crowd, crowd->size);
	start = now();
	while (!atomic_load(&shared->stop)) {
		for (unsigned int i = 0; i < AT_ONCE; i++)
			publish(crowd, index);
		sent += AT_ONCE;
		/* As many as there were sent, and some more, so that nothing piles up. */
		received += take(crowd, index, 2 * AT_ONCE * crowd->size);
	}
	shared->member[index].nanoseconds = now() - start;
	meet(crowd, 2 * crowd->size);
	received += take(crowd, index, UINT_MAX);
	shared->member[index].sent = sent;
	shared->member[index].received = received;
}

static void run(struct crowd *crowd, void (*member)(struct crowd *crowd, unsigned int index),
		unsigned int stop_after)
{
	uint64_t sent = 0, received = 0;

	crowd_start(crowd, member);
	if (stop_after) {
		while (atomic_load(&crowd->shared->ready) < crowd->size)
			usleep(1000);
		usleep(stop_after * 1000);
		atomic_store(&crowd->shared->stop, 1);
	}
	crowd_wait(crowd);
	for (unsigned int i = 0; i < crowd->size; i++) {
		sent += crowd->shared->member[i].sent;
		received += crowd->shared->member[i].received;
	}
	if (received != sent * SUBSCRIBERS)
		die("messages are missing");
}

static const char *where(const struct crowd *crowd)
{
	return crowd->hot ? "hot" : "own";
}

static void say_rates(struct crowd *crowd, unsigned int round)
{
	run(crowd, at_will, milliseconds);
	for (unsigned int i = 0; i < crowd->size; i++)
		printf("rate %u %s %s %u %u %.1f\n", round, where(crowd),
		       mechanism_names[crowd->mechanism], crowd->size, i,
		       crowd->shared->member[i].sent * 1e9 / crowd->shared->member[i].nanoseconds);
}

static void trigger(const char *text)
{
	int fd = open(TRIGGER, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(TRIGGER);
	close(fd);
}

static void say_contention(struct crowd *crowd)
{
	uint64_t sent = 0;
	char buffer[4096];
	size_t length;
	FILE *file;

	trigger(BY_STACK);
	run(crowd, at_will, milliseconds);
	for (unsigned int i = 0; i < crowd->size; i++)
		sent += crowd->shared->member[i].sent;
	printf("contention %s %s %u %llu\n", where(crowd), mechanism_names[crowd->mechanism],
	       crowd->size, (unsigned long long)sent);
	file = fopen(HISTOGRAM, "r");
	if (!file)
		die(HISTOGRAM);
	while ((length = fread(buffer, 1, sizeof(buffer), file)) > 0)
		fwrite(buffer, 1, length, stdout);
	fclose(file);
	puts("contention-end");
	trigger("!" BY_STACK);
}

static void say_lines(struct crowd *crowd)
{
	run(crowd, in_turn, 0);
	MARK(MARK_REPORT);
	printf("section %s %s %u\n", where(crowd), mechanism_names[crowd->mechanism], crowd->size);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool rates = !strcmp(what, "rates"), lines = !strcmp(what, "lines");
	unsigned int number = argc > 2 ? atoi(argv[2]) : 0, rounds = rates ? number : 1;

	milliseconds = rates && argc > 3 ? (unsigned int)atoi(argv[3]) : number;
	messages = number;
	if (!number || !milliseconds || (!rates && !lines && strcmp(what, "contention")))
		die("rates, contention or lines?");
	for (unsigned int round = 0; round < rounds; round++) {
		/* Neighbours in time are those that are compared. */
		for (unsigned int kind = 0; kind < 4; kind++) {
			for (unsigned int size = lines ? 2 : 1; size <= MEMBERS_MAX; size++) {
				struct crowd crowd;

				crowd_open(&crowd, kind & 1 ? KIPC : MULTICAST, kind & 2, size);
				if (rates)
					say_rates(&crowd, round);
				else if (lines)
					say_lines(&crowd);
				else
					say_contention(&crowd);
				crowd_close(&crowd);
			}
		}
	}
	return 0;
}
