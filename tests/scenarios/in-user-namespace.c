// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a program in a user namespace of its own that an ordinary user owns and for which he has
 * 65536 further ids, as newuidmap hands them out: 1 there is SUB here, and so on. The program is
 * user INSIDE there, with that user's group. Needs root.
 *
 *   in-user-namespace OWNER SUB INSIDE PROGRAM...
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int die(const char *what)
{
	perror(what);
	return 1;
}

static int write_map(pid_t pid, const char *name, unsigned int owner, unsigned int sub)
{
	char path[64], map[128];
	int fd, len, written;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	len = snprintf(map, sizeof(map), "0 %u 1\n1 %u 65536\n", owner, sub);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	written = write(fd, map, len);
	close(fd);
	return written == len ? 0 : -1;
}

int main(int argc, char **argv)
{
	int made[2], mapped[2];
	unsigned int owner, sub, inside;
	pid_t helper;
	int status;
	char byte;

	if (argc < 5) {
		fputs("usage: in-user-namespace OWNER SUB INSIDE PROGRAM...\n", stderr);
		return 2;
	}
	owner = strtoul(argv[1], NULL, 10);
	sub = strtoul(argv[2], NULL, 10);
	inside = strtoul(argv[3], NULL, 10);
	if (pipe2(made, O_CLOEXEC) || pipe2(mapped, O_CLOEXEC))
		return die("pipe");
	/* This process becomes the program, so that whoever started it can kill it. */
	helper = fork();
	if (helper < 0)
		return die("fork");
	if (!helper) {
		pid_t parent = getppid();

		close(made[1]);
		if (read(made[0], &byte, 1) != 1)
			_exit(1);
		if (write_map(parent, "uid_map", owner, sub) ||
		    write_map(parent, "gid_map", owner, sub))
			_exit(die("write a map"));
		_exit(write(mapped[1], "", 1) != 1);
	}
	close(mapped[1]);
	if (setgroups(0, NULL) || setresgid(owner, owner, owner) || setresuid(owner, owner, owner))
		return die("become the owner");
	if (unshare(CLONE_NEWUSER))
		return die("unshare");
	/* Or the maps would belong to root, whom the helper is, but not in there. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
		return die("prctl");
	if (write(made[1], "", 1) != 1 || read(mapped[0], &byte, 1) != 1)
		return die("maps");
	if (waitpid(helper, &status, 0) != helper || status)
		return die("wait");
	if (setgroups(0, NULL) || setresgid(inside, inside, inside) ||
	    setresuid(inside, inside, inside))
		return die("become a user inside");
	execvp(argv[4], argv + 4);
	return die(argv[4]);
}
