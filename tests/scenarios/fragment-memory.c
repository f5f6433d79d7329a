// SPDX-License-Identifier: GPL-2.0
/*
 * Takes nearly all memory, then gives back all but one page of each eight that lie in a row. What
 * is free afterwards is plenty, but nothing of it lies together in more than four pages. Says
 * "ready", and stays until it is killed.
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
#include <unistd.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

#define BLOCK 8 /* pages, a power of two: the order that must not be found */
#define FRAME_MASK ((1ULL << 55) - 1)
#define CHUNK 4096

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

int main(int argc, char **argv)
{
	static uint64_t entries[CHUNK];
	long page = sysconf(_SC_PAGESIZE);
	unsigned long pages, i, kept = 0, most_blocks = 1UL << 24;
	unsigned char *has_one;
	int pagemap;
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
			if (!has_one[block]) {
				has_one[block] = 1;
				kept++;
			} else if (madvise(memory + (i + n) * page, page, MADV_DONTNEED_LOCKED)) {
				return die("MADV_DONTNEED_LOCKED");
			}
		}
	}
	munmap(has_one, most_blocks);
	printf("ready\n%lu of %lu pages kept\n", kept, pages);
	fflush(stdout);
	for (;;)
		pause();
}
