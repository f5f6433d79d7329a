// SPDX-License-Identifier: GPL-2.0
/*
 * Takes nearly all memory, then gives back all but one page of each eight that lie in a row, and
 * takes what is left of larger pieces, also of those that come later. So plenty is free, but
 * nothing of it lies together in more than four pages. Says "ready", and stays until it is killed.
 *
 *   fragment-memory LEAVE
 *
 * LEAVE: how many megabytes are not taken in the first place.
 *
 * Where compaction may move locked pages, it undoes this (vm.compact_unevictable_allowed).
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

#define BLOCK 8 /* pages, a power of two: the order that must not be found */
#define FRAME_MASK ((1ULL << 55) - 1)
#define CHUNK 4096
#define ORDER 3
/* What a Unix socket takes as one piece, and what it takes beside that. */
#define PIECE (BLOCK * 4096)
#define BESIDE 3000

static long meminfo(const char *name)
{
	char line[256];
	long value = -1;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			value = atol(line + strlen(name) + 1);
	if (file)
		fclose(file);
	return value;
}

static int die(const char *what)
{
	perror(what);
	return 1;
}

/* How many kilobytes lie together in pieces of that order or more, where the kernel takes them. */
static unsigned long together(void)
{
	unsigned long sum = 0;
	char line[512];
	FILE *file = fopen("/proc/buddyinfo", "r");

	while (file && fgets(line, sizeof(line), file)) {
		char *next = strstr(line, "zone");
		char zone[32];
		int order;

		/* That of old devices is left to them. */
		if (!next || sscanf(next, "zone %31s", zone) != 1 || !strcmp(zone, "DMA"))
			continue;
		next = strstr(next, zone) + strlen(zone);
		for (order = 0; *next && *next != '\n'; order++) {
			unsigned long count = strtoul(next, &next, 10);

			if (order >= ORDER)
				sum += count << (order + 2);
			while (*next == ' ')
				next++;
		}
	}
	if (file)
		fclose(file);
	return sum;
}

/*
 * Takes what lies together, messages in a socket, until there is none, or it does not get less so
 * often: at first, pieces come from what each CPU keeps for itself.
 */
static void take_pieces(int socket, int most_vain)
{
	static const char message[PIECE + BESIDE];
	unsigned long left = together();
	int vain = 0;

	while (left >= PIECE / 1024 && vain < most_vain) {
		unsigned long before = left;

		if (send(socket, message, sizeof(message), MSG_DONTWAIT) < 0)
			return;
		left = together();
		vain = left < before ? 0 : vain + 1;
	}
}

/* Gives back pages that lie in a row in our memory, though not in the machine's. */
static int give_back(char *memory, unsigned long first, unsigned long count, long page)
{
	return count ? madvise(memory + first * page, count * page, MADV_DONTNEED_LOCKED) : 0;
}

int main(int argc, char **argv)
{
	static uint64_t entries[CHUNK];
	long page = sysconf(_SC_PAGESIZE);
	unsigned long pages, i, kept = 0, row = 0, most_blocks = 1UL << 24;
	int room = 1 << 29, sockets[2], pagemap;
	unsigned char *has_one;
	char *memory;

	if (argc != 2) {
		fputs("usage: fragment-memory LEAVE\n", stderr);
		return 2;
	}
	pages = (meminfo("MemFree") - atol(argv[1]) * 1024) * 1024 / page;
	memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	has_one = mmap(NULL, most_blocks, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED || has_one == MAP_FAILED)
		return die("mmap");
	/* Huge pages would be split only in time. */
	if (madvise(memory, pages * page, MADV_NOHUGEPAGE))
		return die("madvise");
	if (mlock(memory, pages * page))
		return die("mlock");
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (pagemap < 0)
		return die("pagemap");
	for (i = 0; i < pages; i += CHUNK) {
		unsigned long count = pages - i < CHUNK ? pages - i : CHUNK, n;
		off_t at = ((uintptr_t)memory / page + i) * sizeof(entries[0]);
		ssize_t size = count * sizeof(entries[0]);

		if (pread(pagemap, entries, size, at) != size)
			return die("pagemap");
		for (n = 0; n < count; n++) {
			unsigned long block = (entries[n] & FRAME_MASK) / BLOCK;

			if (!block || block >= most_blocks) {
				fputs("fragment-memory: a page has no frame\n", stderr);
				return 1;
			}
			if (has_one[block]) {
				row++;
				continue;
			}
			if (give_back(memory, i + n - row, row, page))
				return die("MADV_DONTNEED_LOCKED");
			has_one[block] = 1;
			kept++;
			row = 0;
		}
	}
	if (give_back(memory, pages - row, row, page))
		return die("MADV_DONTNEED_LOCKED");
	munmap(has_one, most_blocks);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) ||
	    setsockopt(sockets[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		return die("a pair of sockets");
	take_pieces(sockets[0], 400);
	printf("ready\n%lu of %lu pages kept, %lu kB lie together\n", kept, pages, together());
	fflush(stdout);
	for (;;) {
		take_pieces(sockets[0], 16);
		usleep(2000);
	}
}
