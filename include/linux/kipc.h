/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kipc for other kernel modules: publishing from within the kernel.
 *
 * A module that calls these functions depends on kipc.ko, which stays loaded as long as that
 * module is. docs/kernel-api.md says more; samples/kernel-publisher uses all of it.
 */
#ifndef _LINUX_KIPC_H
#define _LINUX_KIPC_H

#include <linux/types.h>

struct kipc_publisher;
struct net;

/* Longest payload of a message of the kernel, in bytes. */
#define KIPC_KERNEL_PAYLOAD_MAX 65536

/**
 * struct kipc_receipt - what became of a published message
 * @seq: its number in its topic
 * @delivered: subscribers that have it in their queue
 * @dropped: subscribers that lost it, and will be told so
 */
struct kipc_receipt {
	u64 seq;
	u32 delivered;
	u32 dropped;
};

struct kipc_publisher *kipc_publisher_create(struct net *net, const char *topic, u64 fingerprint);
int kipc_publish(struct kipc_publisher *publisher, u32 tag, const void *payload, size_t len,
		 struct kipc_receipt *receipt);
void kipc_publisher_destroy(struct kipc_publisher *publisher);

#endif /* _LINUX_KIPC_H */
