// SPDX-License-Identifier: GPL-2.0
/*
 * sk_buffs of our own: what is retained, last wills, messages of the kernel, and messages in
 * another form than they came in.
 */
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "glue.h"
#include "glue_internal.h"

void (*kipc_netlink_destructor)(struct sk_buff *skb);

/* What netlink_alloc_large_skb() does, but charged as @gfp says: memory need not be contiguous. */
static struct sk_buff *kipc_alloc_large(unsigned int size, gfp_t gfp)
{
	struct skb_shared_info *shared;
	struct sk_buff *skb;
	void *head;

	size = PAGE_ALIGN(size);
	head = kvmalloc(size, gfp);
	if (!head)
		return NULL;
	skb = alloc_skb(0, gfp);
	if (!skb) {
		kvfree(head);
		return NULL;
	}
	/* Whatever cache it is from. */
	kfree(skb->head);
	skb->head = head;
	skb->data = head;
	skb_reset_tail_pointer(skb);
	skb_set_end_offset(skb, SKB_WITH_OVERHEAD(size));
	skb->truesize = SKB_TRUESIZE(SKB_WITH_OVERHEAD(size));
	shared = skb_shinfo(skb);
	memset(shared, 0, offsetof(struct skb_shared_info, dataref));
	atomic_set(&shared->dataref, 1);
	/* Knows what is to be done with a vmalloc'ed head. */
	skb->destructor = kipc_netlink_destructor;
	return skb;
}

struct sk_buff *kipc_alloc(unsigned int len, gfp_t gfp)
{
	unsigned int size = SKB_DATA_ALIGN(len) +
			    SKB_DATA_ALIGN(sizeof(struct skb_shared_info));

	/*
	 * Before any process has sent anything, only the kernel can have published: its messages
	 * may have to be contiguous.
	 */
	if (size <= PAGE_SIZE || !READ_ONCE(kipc_netlink_destructor))
		return alloc_skb(len, gfp);
	return kipc_alloc_large(size, gfp);
}

struct sk_buff *kipc_skb_compose(const struct sk_buff *from,
				 const unsigned char *head, unsigned int head_len,
				 const unsigned char *payload, unsigned int payload_len)
{
	/* Charged to the memory cgroup of who sends: it may stay here after that one's end. */
	struct sk_buff *skb = kipc_alloc(head_len + payload_len,
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (!skb)
		return NULL;
	/* As in kipc_input(): sk_filter() would drop it without a word. */
	if (unlikely(skb_pfmemalloc(skb))) {
		kfree_skb(skb);
		return NULL;
	}
	/* Those of the kernel are all zero, as a new sk_buff has them. */
	if (from) {
		NETLINK_CB(skb).creds = NETLINK_CB(from).creds;
		KIPC_CB(skb)->sender = get_pid(KIPC_CB(from)->sender);
	}
	skb_put_data(skb, head, head_len);
	if (payload_len)
		skb_put_data(skb, payload, payload_len);
	return skb;
}

struct sk_buff *kipc_skb_keep(struct sk_buff *skb, unsigned int offset, unsigned int len)
{
	/*
	 * Never a clone: what sendmsg() allocated is charged to nobody, and may be much more than
	 * this message.
	 */
	return kipc_skb_compose(skb, skb->data + offset, len, NULL, 0);
}

void kipc_skb_check_sender(struct sk_buff *skb)
{
	struct pid *sender = KIPC_CB(skb)->sender;
	struct task_struct *task;
	bool alive;

	if (!sender)
		return;
	rcu_read_lock();
	task = pid_task(sender, PIDTYPE_TGID);
	/* A thread that exits is not counted any more before its files are closed. */
	alive = task && atomic_read(&task->signal->live);
	rcu_read_unlock();
	if (alive)
		return;
	KIPC_CB(skb)->sender = NULL;
	NETLINK_CB(skb).creds.pid = 0;
	put_pid(sender);
}

unsigned char *kipc_skb_data(const struct sk_buff *skb)
{
	return skb->data;
}

unsigned int kipc_skb_truesize(const struct sk_buff *skb)
{
	return skb->truesize;
}

void kipc_skb_free(struct sk_buff *skb)
{
	put_pid(KIPC_CB(skb)->sender);
	consume_skb(skb);
}

void kipc_held_free(struct sk_buff *held)
{
	consume_skb(held);
}
