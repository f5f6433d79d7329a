// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches a socket filter to an inherited descriptor: only messages pass whose tag (at offset 20
 * of the netlink message) is a multiple of DIVISOR.
 *
 *   attach-filter FD DIVISOR
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define TAG_OFFSET 20

int main(int argc, char **argv)
{
	unsigned int divisor = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	/*
	 * Classic BPF loads words in network byte order. Tags below 256 are enough for tests, and a
	 * byte has no order: on little-endian machines it is the first of the four.
	 */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, htonl(1) == 1 ? TAG_OFFSET + 3 : TAG_OFFSET),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, divisor),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = 5, .filter = code };

	if (!divisor) {
		fputs("usage: attach-filter FD DIVISOR\n", stderr);
		return 2;
	}
	_Static_assert(sizeof(code) / sizeof(code[0]) == 5, "all of the program");
	if (setsockopt(atoi(argv[1]), SOL_SOCKET, SO_ATTACH_FILTER,
		       &program, sizeof(program)) < 0) {
		perror("SO_ATTACH_FILTER");
		return 1;
	}
	return 0;
}
