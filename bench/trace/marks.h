/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How a program in the guest tells the tracer what to look at: by instructions that do nothing,
 * with a number that no compiler makes.
 */
#ifndef MARKS_H
#define MARKS_H

enum mark {
	MARK_SEND = 1,		/* a window begins: a publish */
	MARK_RECEIVE = 2,	/* a window begins: its messages are received */
	MARK_END = 3,		/* the window ends */
	MARK_REPORT = 4,	/* all windows of a section are over */
};

/* The displacement of a nopl; the lowest byte is the mark. */
#define MARK_NUMBER 0x4b495000

#define MARK(mark)                                                                         \
	do {                                                                               \
		asm volatile(".byte 0x0f, 0x1f, 0x80; .long %c0"                           \
			     : : "i"(MARK_NUMBER + (mark)) : "memory");                    \
	} while (0)

#endif
