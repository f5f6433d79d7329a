// SPDX-License-Identifier: GPL-2.0
/*
 * Trace events, and a way for Rust to emit them. While one is off, it costs a call that returns at
 * once.
 */
#include <linux/module.h>
#include <net/sock.h>

#include "glue.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

void kipc_trace_publish(unsigned int topic, unsigned long long seq, unsigned int port,
			unsigned int delivered, unsigned int dropped)
{
	trace_kipc_publish(topic, seq, port, delivered, dropped);
}

void kipc_trace_drop(unsigned int topic, unsigned long long seq, unsigned int count,
		     unsigned int port)
{
	trace_kipc_drop(topic, seq, count, port);
}

void kipc_trace_register(struct sock *sk, unsigned int port)
{
	if (trace_kipc_register_enabled())
		trace_kipc_register(sock_i_ino(sk), port);
}

void kipc_trace_unregister(struct sock *sk, unsigned int port)
{
	if (trace_kipc_unregister_enabled())
		trace_kipc_unregister(sock_i_ino(sk), port);
}
