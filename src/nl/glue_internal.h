/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C files share among themselves and Rust does not see.
 */
#ifndef KIPC_GLUE_INTERNAL_H
#define KIPC_GLUE_INTERNAL_H

struct sk_buff;
struct sock;

/* netlink_skb_destructor(), which is not exported; known from the first datagram on. */
extern void (*kipc_netlink_destructor)(struct sk_buff *skb);

/* @skb, for which room was taken, belongs to @sk from here on: freeing it gives the room back. */
void kipc_own(struct sock *sk, struct sk_buff *skb,
	      void (*destructor)(struct sk_buff *skb));

void kipc_overflow_init(void);
void kipc_overflow_exit(void);

#endif /* KIPC_GLUE_INTERNAL_H */
