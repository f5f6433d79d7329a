/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C files share among themselves and Rust does not see.
 */
#ifndef KIPC_GLUE_INTERNAL_H
#define KIPC_GLUE_INTERNAL_H

#include <linux/build_bug.h>
#include <linux/list.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <linux/types.h>

struct kipc_ops;
struct net;
struct pid;
struct sock;

/* What kipc has in each network namespace. */
struct kipc_net {
	struct sock *kernel_sock;
	void *bus;			/* NULL: there was no memory when the module was loaded */
	struct list_head publishers;	/* of the kernel; see export.c */
	bool open;			/* whether there may be any */
};

struct kipc_net *kipc_net_of(struct net *net);

extern const struct kipc_ops *kipc_ops;

/*
 * The control block of an sk_buff that is delivered from. creds.pid is the sender's number in the
 * initial pid namespace.
 */
struct kipc_cb {
	struct netlink_skb_parms netlink;
	union {
		/*
		 * Who sent it, for receivers in other pid namespaces. NULL: the kernel, or
		 * a process that has ended. Borrowed while a datagram is handled, otherwise
		 * a reference.
		 */
		struct pid *sender;
		/*
		 * In a queue: what we put there. 0 is what others did: netlink a part of a dump,
		 * mq_notify() 32 bytes that a process chose freely.
		 */
		unsigned long kind;
	};
};

#define KIPC_KIND_MESSAGE	1UL
#define KIPC_KIND_RECORD	2UL
#define KIPC_KIND_LOSSES	3UL	/* and more: see glue_overflow.c */

static inline struct kipc_cb *KIPC_CB(const struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct kipc_cb) > sizeof(skb->cb));
	return (struct kipc_cb *)skb->cb;
}

/* Frame the time in which a namespace can have publishers of the kernel. */
void kipc_publishers_begin(struct kipc_net *kn);
void kipc_publishers_end(struct kipc_net *kn);

/* netlink_skb_destructor(), which is not exported; known from the first datagram on. */
extern void (*kipc_netlink_destructor)(struct sk_buff *skb);

/* A linear sk_buff; large ones are not contiguous, and know how to be freed by their destructor. */
struct sk_buff *kipc_alloc(unsigned int len, gfp_t gfp);

/* @skb, for which room was taken, belongs to @sk from here on: freeing it gives the room back. */
void kipc_own(struct sock *sk, struct sk_buff *skb,
	      void (*destructor)(struct sk_buff *skb));

void kipc_overflow_init(void);

#endif /* KIPC_GLUE_INTERNAL_H */
