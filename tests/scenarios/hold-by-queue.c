// SPDX-License-Identifier: GPL-2.0
/*
 * Has message queues of its own notify inherited netlink sockets, which keeps these beyond their
 * close(), and closes them. Says "ready", and stays until it is killed.
 *
 *   hold-by-queue COUNT FD...
 *
 * COUNT: how many queues keep each socket.
 */
#include <fcntl.h>
#include <linux/mqueue.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* NOTIFY_COOKIE_LEN: what the kernel reads. */
#define COOKIE_LEN 32

static int keep(int fd, int number)
{
	static char cookie[COOKIE_LEN];
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	struct sigevent event;
	char name[32];
	int queue;

	snprintf(name, sizeof(name), "kept-%d-%d", getpid(), number);
	queue = syscall(SYS_mq_open, name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	if (queue < 0)
		return -1;
	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_THREAD;
	event.sigev_signo = fd;
	event.sigev_value.sival_ptr = cookie;
	return syscall(SYS_mq_notify, queue, &event);
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[1]) : 0;
	int n, i;

	if (count < 1) {
		fputs("usage: hold-by-queue COUNT FD...\n", stderr);
		return 2;
	}
	/* Who started it may be killed in its stead. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) {
		perror("prctl");
		return 1;
	}
	for (n = 2; n < argc; n++) {
		int fd = atoi(argv[n]);

		for (i = 0; i < count; i++)
			if (keep(fd, n * count + i)) {
				perror("hold-by-queue");
				return 1;
			}
		close(fd);
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
