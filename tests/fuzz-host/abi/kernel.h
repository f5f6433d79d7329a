/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel in place of the C library's socket functions: first an honest one, then the input.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins anew: answers so many requests, then says what the input is (src/bin/client/kernel.rs). */
void kernel_start(unsigned int honest, const uint8_t *input, size_t length);

/* Says all that is left of the input. */
void kernel_speak(void);

/* Whether a published message with this payload was received. */
bool kernel_published(const void *payload, size_t length);

#endif
