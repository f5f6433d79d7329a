// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches to each inherited descriptor a socket filter that reads one byte: the first at offset
 * FIRST, the next at the offset behind it, and so on. What is at the offset is told by how much of
 * the message the filter lets through: 64 bytes and as many more as the byte says. If nothing can
 * be read there, the message is rejected.
 *
 *   attach-probes HOW FIRST FD...
 *
 * HOW: absolute, network, link (classic BPF); bytes, from-network, from-link (extended BPF).
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where readings begin: all headers are in front of it. */
#define TOLD 64

struct how {
	const char *name;
	/* Classic: added to the offset. */
	uint32_t base;
	/* Extended: the helper, and where its offsets count from. */
	int helper;
	int start;
};

static const struct how hows[] = {
	{ "absolute", 0, 0, 0 },
	{ "network", SKF_NET_OFF, 0, 0 },
	{ "link", SKF_LL_OFF, 0, 0 },
	{ "bytes", 0, BPF_FUNC_skb_load_bytes, 0 },
	{ "from-network", 0, BPF_FUNC_skb_load_bytes_relative, BPF_HDR_START_NET },
	{ "from-link", 0, BPF_FUNC_skb_load_bytes_relative, BPF_HDR_START_MAC },
};

static int attach_classic(int fd, uint32_t offset)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offset),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, TOLD),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog program = { .len = 3, .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static struct bpf_insn instruction(int code, int to, int from, int offset, int number)
{
	return (struct bpf_insn){
		.code = code, .dst_reg = to, .src_reg = from, .off = offset, .imm = number,
	};
}

static int attach_extended(int fd, int32_t offset, const struct how *how)
{
	const struct bpf_insn code[] = {
		/* The helper writes to the stack. */
		instruction(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 0),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, offset),
		instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_10, 0, 0),
		instruction(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, -8),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, 1),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_5, 0, 0, how->start),
		instruction(BPF_JMP | BPF_CALL, 0, 0, 0, how->helper),
		instruction(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		instruction(BPF_LDX | BPF_MEM | BPF_B, BPF_REG_0, BPF_REG_10, -8, 0),
		instruction(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_0, 0, 0, TOLD),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr;
	int program, err;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = sizeof(code) / sizeof(code[0]);
	attr.license = (uintptr_t)"GPL";
	program = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (program < 0)
		return -1;
	err = setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program));
	close(program);
	return err;
}

int main(int argc, char **argv)
{
	const struct how *how = NULL;
	unsigned int i;
	long first;
	int n;

	for (i = 0; argc > 3 && i < sizeof(hows) / sizeof(hows[0]); i++)
		if (!strcmp(argv[1], hows[i].name))
			how = &hows[i];
	if (!how) {
		fputs("usage: attach-probes HOW FIRST FD...\n", stderr);
		return 2;
	}
	first = strtol(argv[2], NULL, 10);
	for (n = 3; n < argc; n++) {
		long offset = first + n - 3;
		int fd = atoi(argv[n]);
		int err;

		if (how->helper)
			err = attach_extended(fd, offset, how);
		else
			err = attach_classic(fd, how->base + offset);
		if (err) {
			fprintf(stderr, "attach-probes: %s filter for offset %ld: %s\n", how->name,
				offset, strerror(errno));
			return 1;
		}
	}
	return 0;
}
