// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A plugin of QEMU that looks at what a program in the guest marks (../marks.h): windows, each
 * from one mark to the next, and sections of many windows. One window at a time is open.
 *
 *   mode=instructions  which instructions are executed, and by which way of calls
 *   mode=lines         which cache lines move between CPUs, as they would if caches were endless
 *
 * It writes addresses; what they are called is found out later. Output, one item a line:
 *
 *   section NUMBER WINDOWS KEPT MEDIAN MINIMUM MAXIMUM   what follows is of this section
 *   node ID PARENT CALL            a way of calls: one more, by the call or jump at CALL
 *   count NODE PC COUNT            instructions of that way at PC, over the windows that were kept
 *   line MARK ADDRESS WINDOWS      a line that moved, in so many windows
 *   move MARK ADDRESS OFFSET NODE PC LOADS STORES   by which instruction, over all windows
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../marks.h"
#include "qemu.h"

EXPORTED int qemu_plugin_version = PLUGIN_VERSION;
enum { LINE_SHIFT = 6, STACK = 256, KEPT_PERCENT = 2, ALIGNMENT = 16 };

/* An instruction, as it was translated. */
struct insn {
	uint64_t pc, next;
	bool call, jump;
};

/* A table of counters, found by two numbers. Index 0 is never used. */
struct table {
	struct entry {
		uint64_t a, b;
		/* In this window, and in what was kept. */
		uint64_t now, sum;
	} *entries;
	uint32_t *slots;
	uint32_t used, size;
};

/* A way of calls. Node 0: the function that the window began in. */
static struct table nodes;
static uint32_t nodes_told;

/* (node, pc). */
static struct table places;

struct window {
	uint64_t total;
	uint32_t used;
	struct {
		uint32_t count, times;
	} *part;
};

static struct window *windows;
static uint32_t windows_used, windows_size;

/* mode=lines: (line, mark), and (address; mark and place). */
static struct table lines, moves;

/* Who has a copy of a line, and who wrote it last, plus 1. */
static struct table copies;

static struct line_state {
	uint32_t holders, writer;
} *states;
static uint32_t states_size;

static struct qemu_plugin_u64 open_on;
static bool want_lines;
static unsigned int section, last_mark;

/* The open window. */
static int owner = -1;
static enum mark kind;
static uint64_t total;
static uint32_t *touched;
static uint32_t touched_used, touched_size;
static uint32_t node, base;
static const struct insn *before;

static struct {
	uint64_t back;
	uint32_t node, base;
} stack[STACK];
static unsigned int depth;

static void fail(const char *why)
{
	fprintf(stderr, "tracer: %s\n", why);
	fflush(stderr);
	_exit(3);
}

static void tell(const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	qemu_plugin_outs(text);
}

static void *grown(void *array, uint32_t *size, size_t element)
{
	uint32_t more = *size ? *size * 2 : 1024;
	char *larger = realloc(array, more * element);

	if (!larger)
		fail("no memory");
	memset(larger + *size * element, 0, (more - *size) * element);
	*size = more;
	return larger;
}

static uint32_t *table_slot(struct table *table, uint64_t a, uint64_t b)
{
	/* There are four times as many slots as entries. */
	uint32_t mask = table->size * 4 - 1;
	uint64_t hash = (a * 0x9e3779b97f4a7c15 ^ b) * 0xff51afd7ed558ccd;
	uint32_t at = (hash >> 32) & mask;

	while (table->slots[at]) {
		const struct entry *entry = &table->entries[table->slots[at]];

		if (entry->a == a && entry->b == b)
			break;
		at = (at + 1) & mask;
	}
	return &table->slots[at];
}

/* Index of the counter for these numbers. */
static uint32_t table_find(struct table *table, uint64_t a, uint64_t b)
{
	uint32_t *slot;

	if (table->used + 1 >= table->size) {
		table->entries = grown(table->entries, &table->size, sizeof(*table->entries));
		free(table->slots);
		table->slots = calloc(table->size * 4, sizeof(*table->slots));
		if (!table->slots)
			fail("no memory");
		for (uint32_t i = 1; i <= table->used; i++)
			*table_slot(table, table->entries[i].a, table->entries[i].b) = i;
	}
	slot = table_slot(table, a, b);
	if (!*slot) {
		*slot = ++table->used;
		table->entries[*slot] = (struct entry){ .a = a, .b = b };
	}
	return *slot;
}

static void table_reset(struct table *table)
{
	table->used = 0;
	if (table->slots)
		memset(table->slots, 0, table->size * 4 * sizeof(*table->slots));
}

/* Remembers that an entry has to be looked at when the window ends. */
static void touch(uint32_t index)
{
	if (touched_used == touched_size)
		touched = grown(touched, &touched_size, sizeof(*touched));
	touched[touched_used++] = index;
}

/* A function ends with a call of another: it jumps there. */
static void follow_jump(uint64_t jump)
{
	/* Not twice the same, or a loop would lead ever deeper. */
	for (uint32_t i = node; i != base; i = nodes.entries[i].a) {
		if (nodes.entries[i].b == jump) {
			node = i;
			return;
		}
	}
	node = table_find(&nodes, node, jump);
}

/*
 * Which call are we in? A call is known by its return address, a jump to a function by the
 * alignment of functions. Where code returns to what did not call it, or never returns (as in
 * retpolines), nothing is lost but a call or two.
 */
static void follow(const struct insn *insn)
{
	if (!before) {
		node = 0;
		base = 0;
		depth = 0;
	} else if (before->call) {
		if (depth == STACK)
			fail("calls are nested too deep");
		stack[depth].back = before->next;
		stack[depth].node = node;
		stack[depth++].base = base;
		node = table_find(&nodes, node, before->pc);
		base = node;
	} else if (insn->pc != before->next) {
		unsigned int i = depth;

		while (i > 0 && stack[i - 1].back != insn->pc)
			i--;
		if (i > 0) {
			depth = i - 1;
			node = stack[depth].node;
			base = stack[depth].base;
		} else if (before->jump && insn->pc % ALIGNMENT == 0) {
			follow_jump(before->pc);
		}
	}
	before = insn;
}

static void on_insn(unsigned int vcpu, void *data)
{
	struct entry *entry;
	uint32_t index;

	if ((int)vcpu != owner)
		fail("an instruction outside of the window");
	follow(data);
	if (want_lines)
		return;
	total++;
	index = table_find(&places, node, before->pc);
	entry = &places.entries[index];
	if (!entry->now++)
		touch(index);
}

/* A CPU of the guest reads or writes a line. True if another CPU has to be asked for it. */
static bool line_moves(unsigned int vcpu, uint64_t line, bool store)
{
	uint32_t index = table_find(&copies, line, 0), us = 1u << vcpu;
	struct line_state *state;
	bool moves;

	while (index >= states_size)
		states = grown(states, &states_size, sizeof(*states));
	state = &states[index];
	if (store) {
		moves = state->holders & ~us;
		state->holders = us;
		state->writer = vcpu + 1;
	} else {
		moves = !(state->holders & us) && state->writer && state->writer != vcpu + 1;
		state->holders |= us;
	}
	return moves;
}

static void on_memory(unsigned int vcpu, uint32_t info, uint64_t address, void *data)
{
	bool store = qemu_plugin_mem_is_store(info);
	uint64_t line = address >> LINE_SHIFT;
	const struct insn *insn = data;
	uint32_t index, place;

	/* Programs have their own memory; the kernel's is at the upper end. */
	if ((int)vcpu != owner || !(address >> 63))
		return;
	if (!line_moves(vcpu, line, store))
		return;
	index = table_find(&lines, line, kind);
	if (!lines.entries[index].now++)
		touch(index);
	place = table_find(&places, node, insn->pc);
	index = table_find(&moves, address, (uint64_t)kind << 32 | place);
	if (store)
		moves.entries[index].sum++;
	else
		moves.entries[index].now++;
}

static void window_begin(unsigned int vcpu, enum mark mark)
{
	if (owner >= 0)
		fail("two windows at a time");
	owner = vcpu;
	kind = mark;
	total = 0;
	touched_used = 0;
	before = NULL;
	qemu_plugin_u64_set(open_on, vcpu, 1);
}

static void keep_counts(void)
{
	struct window *window;

	if (windows_used == windows_size)
		windows = grown(windows, &windows_size, sizeof(*windows));
	window = &windows[windows_used++];
	window->total = total;
	window->used = touched_used;
	window->part = calloc(touched_used, sizeof(*window->part));
	if (!window->part)
		fail("no memory");
	for (uint32_t i = 0; i < touched_used; i++) {
		struct entry *entry = &places.entries[touched[i]];

		window->part[i].count = touched[i];
		window->part[i].times = entry->now;
		entry->now = 0;
	}
}

static void window_end(unsigned int vcpu)
{
	if ((int)vcpu != owner)
		fail("a window ends that did not begin");
	qemu_plugin_u64_set(open_on, vcpu, 0);
	owner = -1;
	if (want_lines) {
		windows_used++;
		for (uint32_t i = 0; i < touched_used; i++) {
			struct entry *entry = &lines.entries[touched[i]];

			entry->sum++;
			entry->now = 0;
		}
	} else {
		keep_counts();
	}
}

static int by_total(const void *a, const void *b)
{
	const struct window *one = a, *other = b;

	return one->total < other->total ? -1 : one->total > other->total;
}

static void tell_nodes(void)
{
	for (; nodes_told < nodes.used; nodes_told++) {
		const struct entry *entry = &nodes.entries[nodes_told + 1];

		tell("node %u %" PRIu64 " %" PRIx64 "\n", nodes_told + 1, entry->a, entry->b);
	}
}

/* The windows that are like most: without interrupts, and without what is done now and then. */
static void report_counts(void)
{
	uint64_t median, kept = 0;

	qsort(windows, windows_used, sizeof(*windows), by_total);
	median = windows[windows_used / 2].total;
	for (uint32_t i = 0; i < windows_used; i++) {
		const struct window *window = &windows[i];

		if (llabs((long long)(window->total - median)) * 100 <=
		    (long long)median * KEPT_PERCENT) {
			kept++;
			for (uint32_t j = 0; j < window->used; j++)
				places.entries[window->part[j].count].sum += window->part[j].times;
		}
		free(window->part);
	}
	tell("section %u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", section,
	     windows_used, kept, median, windows[0].total, windows[windows_used - 1].total);
	tell_nodes();
	for (uint32_t i = 1; i <= places.used; i++) {
		struct entry *entry = &places.entries[i];

		if (entry->sum)
			tell("count %" PRIu64 " %" PRIx64 " %" PRIu64 "\n", entry->a, entry->b,
			     entry->sum);
		entry->sum = 0;
	}
}

static void report_lines(void)
{
	tell("section %u %u %u 0 0 0\n", section, windows_used, windows_used);
	tell_nodes();
	for (uint32_t i = 1; i <= lines.used; i++) {
		const struct entry *entry = &lines.entries[i];

		tell("line %" PRIu64 " %" PRIx64 " %" PRIu64 "\n", entry->b,
		     entry->a << LINE_SHIFT, entry->sum);
	}
	for (uint32_t i = 1; i <= moves.used; i++) {
		const struct entry *entry = &moves.entries[i];
		const struct entry *place = &places.entries[(uint32_t)entry->b];
		unsigned int offset = entry->a & ((1 << LINE_SHIFT) - 1);

		tell("move %" PRIu64 " %" PRIx64 " %u %" PRIu64 " %" PRIx64 " ", entry->b >> 32,
		     entry->a - offset, offset, place->a, place->b);
		tell("%" PRIu64 " %" PRIu64 "\n", entry->now, entry->sum);
	}
	table_reset(&lines);
	table_reset(&moves);
	table_reset(&copies);
	if (states)
		memset(states, 0, states_size * sizeof(*states));
}

static void on_mark(unsigned int vcpu, void *data)
{
	enum mark mark = (uintptr_t)data;

	last_mark = mark;
	switch (mark) {
	case MARK_SEND:
	case MARK_RECEIVE:
		window_begin(vcpu, mark);
		break;
	case MARK_END:
		window_end(vcpu);
		break;
	case MARK_REPORT:
		if (!windows_used)
			fail("a section without windows");
		if (want_lines)
			report_lines();
		else
			report_counts();
		windows_used = 0;
		section++;
		break;
	}
}

static enum mark mark_of(const unsigned char *bytes, size_t len)
{
	uint32_t number;

	if (len != 7 || bytes[0] != 0x0f || bytes[1] != 0x1f || bytes[2] != 0x80)
		return 0;
	memcpy(&number, bytes + 3, sizeof(number));
	if (number <= MARK_NUMBER || number > MARK_NUMBER + MARK_REPORT)
		return 0;
	return number - MARK_NUMBER;
}

/* What an instruction is, by its opcode. */
static void classify(struct insn *insn, const unsigned char *bytes, size_t len)
{
	unsigned char opcode, more;
	size_t at = 0;

	/* Prefixes: of segments (speculation), of size, REX. */
	while (at + 2 < len && (bytes[at] == 0x2e || bytes[at] == 0x3e || bytes[at] == 0x66 ||
				(bytes[at] & 0xf0) == 0x40))
		at++;
	opcode = bytes[at];
	more = at + 1 < len ? bytes[at + 1] : 0;
	insn->call = opcode == 0xe8 || (opcode == 0xff && (more & 0x38) == 0x10);
	insn->jump = opcode == 0xe9 || opcode == 0xeb || (opcode & 0xf0) == 0x70 ||
		     (opcode == 0x0f && (more & 0xf0) == 0x80) ||
		     (opcode == 0xff && (more & 0x38) == 0x20);
}

static void on_translation(struct qemu_plugin_tb *tb, void *data)
{
	(void)data;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *found = qemu_plugin_tb_get_insn(tb, i);
		unsigned char bytes[16] = { 0 };
		size_t len = qemu_plugin_insn_data(found, bytes, sizeof(bytes));
		enum mark mark = mark_of(bytes, len);
		/* Blocks are translated again and again, yet not often; nothing is freed. */
		struct insn *insn = malloc(sizeof(*insn));

		if (!insn)
			fail("no memory");
		insn->pc = qemu_plugin_insn_vaddr(found);
		insn->next = insn->pc + qemu_plugin_insn_size(found);
		classify(insn, bytes, len);
		/* Callbacks come in the order of registration: a window's own marks are outside. */
		if (mark == MARK_END || mark == MARK_REPORT)
			qemu_plugin_register_vcpu_insn_exec_cb(found, on_mark,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)mark);
		qemu_plugin_register_vcpu_insn_exec_cond_cb(found, on_insn, QEMU_PLUGIN_CB_NO_REGS,
							    QEMU_PLUGIN_COND_NE, open_on, 0, insn);
		if (mark == MARK_SEND || mark == MARK_RECEIVE)
			qemu_plugin_register_vcpu_insn_exec_cb(found, on_mark,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)mark);
		if (want_lines && insn->pc >> 63)
			qemu_plugin_register_vcpu_mem_cb(found, on_memory, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_RW, insn);
	}
}

static void at_exit(void *data)
{
	(void)data;
	/* Without the last word the report is not complete. */
	if (section && last_mark == MARK_REPORT)
		tell("end\n");
}

EXPORTED int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || (strcmp(argv[0], "mode=instructions") && strcmp(argv[0], "mode=lines"))) {
		fprintf(stderr, "tracer: mode=instructions or mode=lines?\n");
		return -1;
	}
	want_lines = !strcmp(argv[0], "mode=lines");
	open_on.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation, NULL);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
