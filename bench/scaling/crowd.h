/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Publishers in processes of their own, each on a CPU of its own, which begin and end together.
 */
#ifndef CROWD_H
#define CROWD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "../trace/guest/bus.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each topic has so many subscribers, however many publishers it has. */
enum { MEMBERS_MAX = 4, SUBSCRIBERS = 4, LINE = 64 };

struct crowd {
	enum mechanism mechanism;
	/* All on one topic, or each on its own. */
	bool hot;
	unsigned int size;
	struct publisher publishers[MEMBERS_MAX];
	/* Who receives what: on a hot topic each has some of the subscribers. */
	unsigned int receives[MEMBERS_MAX];
	int subscribers[MEMBERS_MAX][SUBSCRIBERS];
	/* What all processes see. */
	struct shared {
		_Alignas(LINE) atomic_uint turn;
		_Alignas(LINE) atomic_uint ready;
		_Alignas(LINE) atomic_uint stop;
		struct {
			_Alignas(LINE) uint64_t sent, received, nanoseconds;
		} member[MEMBERS_MAX];
	} *shared;
};

static inline void on_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
}

static inline void relax(void)
{
	asm volatile("pause" : : : "memory");
}

/* All members are there. */
static inline void meet(struct crowd *crowd, unsigned int count)
{
	atomic_fetch_add(&crowd->shared->ready, 1);
	while (atomic_load(&crowd->shared->ready) < count)
		relax();
}

/*
 * All sockets are opened here, one after the other on one CPU: what lies side by side in memory
 * belongs to different topics, which is the worst case.
 */
static inline void crowd_open(struct crowd *crowd, enum mechanism mechanism, bool hot,
			      unsigned int size)
{
	on_cpu(0);
	memset(crowd, 0, sizeof(*crowd));
	crowd->mechanism = mechanism;
	crowd->hot = hot;
	crowd->size = size;
	crowd->shared = mmap(NULL, sizeof(*crowd->shared), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crowd->shared == MAP_FAILED)
		die("mmap");
	for (unsigned int i = 0; i < size; i++)
		publisher_open(&crowd->publishers[i], mechanism, hot ? 1 : i + 1);
	for (unsigned int i = 0; i < (hot ? 1 : size) * SUBSCRIBERS; i++) {
		unsigned int member = i % size;

		crowd->subscribers[member][crowd->receives[member]++] =
			subscriber_open(mechanism, hot ? 1 : member + 1);
	}
}

/* Runs a function in a process for each member, and returns when all are done. */
static inline void crowd_start(struct crowd *crowd,
			       void (*member)(struct crowd *crowd, unsigned int index))
{
	fflush(stdout);
	for (unsigned int i = 0; i < crowd->size; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			on_cpu(i);
			member(crowd, i);
			_exit(0);
		}
	}
}

static inline void crowd_wait(const struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->size; i++) {
		int status;

		if (wait(&status) < 0 || status)
			die("a publisher failed");
	}
}

static inline void crowd_close(struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->size; i++) {
		close(crowd->publishers[i].fd);
		for (unsigned int j = 0; j < crowd->receives[i]; j++)
			close(crowd->subscribers[i][j]);
	}
	munmap(crowd->shared, sizeof(*crowd->shared));
}

static inline void publish(struct crowd *crowd, unsigned int index)
{
	const struct publisher *publisher = &crowd->publishers[index];

	if (send_now(publisher) != (long)publisher->size)
		die("sendto");
}

/* Receives what there is, but at most so many messages of each queue; how many came. */
static inline unsigned int take(struct crowd *crowd, unsigned int index, unsigned int most)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < crowd->receives[index]; i++)
		count += receive(crowd->subscribers[index][i], &crowd->publishers[index], most);
	return count;
}

#endif
