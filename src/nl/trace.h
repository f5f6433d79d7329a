/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events: /sys/kernel/tracing/events/kipc.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kipc

#if !defined(KIPC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KIPC_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(kipc_publish,
	TP_PROTO(u32 topic, u64 seq, u32 port, u32 delivered, u32 dropped),
	TP_ARGS(topic, seq, port, delivered, dropped),
	TP_STRUCT__entry(
		__field(u64, seq)
		__field(u32, topic)
		__field(u32, port)
		__field(u32, delivered)
		__field(u32, dropped)
	),
	TP_fast_assign(
		__entry->seq = seq;
		__entry->topic = topic;
		__entry->port = port;
		__entry->delivered = delivered;
		__entry->dropped = dropped;
	),
	TP_printk("topic=%u seq=%llu port=%u delivered=%u dropped=%u",
		  __entry->topic, __entry->seq, __entry->port,
		  __entry->delivered, __entry->dropped)
);

/* The inode is that of the subscriber's socket in /proc/net/netlink. */
TRACE_EVENT(kipc_deliver,
	TP_PROTO(u64 inode, u32 len, int outcome),
	TP_ARGS(inode, len, outcome),
	TP_STRUCT__entry(
		__field(u64, inode)
		__field(u32, len)
		__field(int, outcome)
	),
	TP_fast_assign(
		__entry->inode = inode;
		__entry->len = len;
		__entry->outcome = outcome;
	),
	TP_printk("inode=%llu len=%u %s", __entry->inode, __entry->len,
		  __print_symbolic(__entry->outcome,
				   { KIPC_QUEUED, "queued" },
				   { KIPC_FILTERED, "filtered" },
				   { KIPC_FULL, "full" },
				   { KIPC_NO_MEMORY, "no-memory" }))
);

TRACE_EVENT(kipc_drop,
	TP_PROTO(u32 topic, u64 seq, u32 count, u32 port),
	TP_ARGS(topic, seq, count, port),
	TP_STRUCT__entry(
		__field(u64, seq)
		__field(u32, topic)
		__field(u32, count)
		__field(u32, port)
	),
	TP_fast_assign(
		__entry->seq = seq;
		__entry->topic = topic;
		__entry->count = count;
		__entry->port = port;
	),
	TP_printk("topic=%u seq=%llu count=%u port=%u",
		  __entry->topic, __entry->seq, __entry->count, __entry->port)
);

DECLARE_EVENT_CLASS(kipc_client,
	TP_PROTO(u64 inode, u32 port),
	TP_ARGS(inode, port),
	TP_STRUCT__entry(
		__field(u64, inode)
		__field(u32, port)
	),
	TP_fast_assign(
		__entry->inode = inode;
		__entry->port = port;
	),
	TP_printk("inode=%llu port=%u", __entry->inode, __entry->port)
);

/* A socket became a client. */
DEFINE_EVENT(kipc_client, kipc_register,
	TP_PROTO(u64 inode, u32 port), TP_ARGS(inode, port));

/* A client's socket was closed, and is about to leave the bus. */
DEFINE_EVENT(kipc_client, kipc_unregister,
	TP_PROTO(u64 inode, u32 port), TP_ARGS(inode, port));

#endif /* KIPC_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
