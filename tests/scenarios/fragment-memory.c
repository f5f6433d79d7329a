// SPDX-License-Identifier: GPL-2.0
/*
 * Takes nearly all memory and gives most of it back, so that what is free lies in pieces of half a
 * block of 16 pages at most. Says "fragmented" and stays: its end undoes it. Compaction must have
 * been told to leave locked pages alone (vm.compact_unevictable_allowed=0).
 *
 *   fragment-memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE		4096UL
#define BLOCK		16
#define PFN_MASK	((1ULL << 55) - 1)
#define STEP		(4UL << 20)
/* So much is left at first, in kB: without it, the kernel would kill somebody. */
#define LEFT		56000
/* What is taken of that in pieces as large as can be had, in steps of the least of these. */
#define LARGE		(96UL << 20)
#define LARGE_STEP	(64UL << 10)
/* So often: each time, the kernel is told first to make further large pieces. */
#define ROUNDS		4

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned long free_kilobytes(void)
{
	char line[128];
	unsigned long kilobytes = 0;
	FILE *file = fopen("/proc/meminfo", "r");

	if (!file)
		die("/proc/meminfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "MemFree: %lu", &kilobytes) == 1)
			break;
	fclose(file);
	return kilobytes;
}

static char *map(unsigned long size, int advice)
{
	/* Address space only, until it is written to. */
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	if (madvise(memory, size, advice))
		die("madvise");
	if (mlock2(memory, size, MLOCK_ONFAULT))
		die("mlock2");
	return memory;
}

/* Moves together what can be moved, which is the memory of others. */
static void compact(void)
{
	FILE *file = fopen("/proc/sys/vm/compact_memory", "w");

	if (!file || fputs("1", file) == EOF || fclose(file))
		die("/proc/sys/vm/compact_memory");
}

int main(void)
{
	unsigned long most = free_kilobytes() * 1024, size = 0, at;
	char *memory = map(most, MADV_NOHUGEPAGE), *large;
	int pagemap = open("/proc/self/pagemap", O_RDONLY), round;
	uint64_t *entries;

	if (pagemap < 0)
		die("/proc/self/pagemap");
	while (size + STEP <= most && free_kilobytes() > LEFT) {
		for (at = size; at < size + STEP; at += PAGE)
			memory[at] = 1;
		size += STEP;
	}
	entries = malloc(size / PAGE * sizeof(*entries));
	if (!entries)
		die("malloc");
	if (pread(pagemap, entries, size / PAGE * sizeof(*entries),
		  (uintptr_t)memory / PAGE * sizeof(*entries)) !=
	    (ssize_t)(size / PAGE * sizeof(*entries)))
		die("pagemap");
	for (at = 0; at < size; at += PAGE) {
		unsigned long first = at;

		while (at < size && (entries[at / PAGE] & PFN_MASK) % BLOCK)
			at += PAGE;
		if (at > first && madvise(memory + first, at - first, MADV_DONTNEED_LOCKED))
			die("give back");
	}
	/* What was left is in large pieces. Now they can be had before the small ones are used up. */
	for (round = 0; round < ROUNDS; round++) {
		if (round)
			compact();
		large = map(LARGE, MADV_HUGEPAGE);
		for (at = 0; at < LARGE; at += LARGE_STEP)
			large[at] = 1;
	}
	puts("fragmented");
	fflush(stdout);
	pause();
	return 0;
}
