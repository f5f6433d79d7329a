// SPDX-License-Identifier: GPL-2.0
/*
 * Full queues: evicting the oldest message, and waiting for room.
 */
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <linux/unaligned.h>
#include <linux/wait.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "glue.h"
#include "glue_internal.h"

/* Whether a message of this size finds room, by the rule of kipc_reserve(). */
static bool kipc_has_room(struct sock *sk, unsigned int truesize)
{
	unsigned int rmem = atomic_read(&sk->sk_rmem_alloc);

	return !rmem || rmem + truesize <= READ_ONCE(sk->sk_rcvbuf);
}

/*
 * Eviction
 *
 * The queue holds messages and records. A message at the very front is the reader's: if it could
 * be evicted, a reader slower than the publishers would find the record of a loss at each read and
 * never a message. What is evicted is the oldest behind it. Between the two are records only, so
 * any of these that counts up to the evicted message may count it, too.
 */

static u16 kipc_type(const struct sk_buff *skb)
{
	return ((const struct nlmsghdr *)skb->data)->nlmsg_type;
}

static bool kipc_is_message(const struct sk_buff *skb, const struct kipc_layout *layout)
{
	return skb->len >= layout->message_seq + sizeof(u64) &&
	       kipc_type(skb) == layout->message_type;
}

/* The message to evict: one at the front only if there is no other. */
static struct sk_buff *kipc_oldest(struct sk_buff_head *queue, const struct kipc_layout *layout)
{
	struct sk_buff *front = skb_peek(queue);
	struct sk_buff *skb;

	skb_queue_walk(queue, skb)
		if (skb != front && kipc_is_message(skb, layout))
			return skb;
	return front && kipc_is_message(front, layout) ? front : NULL;
}

/* How many messages lie in @skb: one, or a batch. All have headers that we wrote. */
static unsigned int kipc_messages(const struct sk_buff *skb)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)skb->data;
	int left = skb->len;
	unsigned int count = 0;

	while (nlmsg_ok(nlh, left)) {
		count++;
		nlh = nlmsg_next(nlh, &left);
	}
	/* The reader's filter may have cut it short, but it was a message. */
	return max(count, 1U);
}

/*
 * The record before @message that counts losses of its topic, unless a message of the topic lies
 * between: it would be told behind what came later. The numbers need not be in a row, since the
 * reader's filter may have taken out some.
 */
static struct sk_buff *kipc_loss_before(struct sk_buff_head *queue, struct sk_buff *message,
					u32 topic, const struct kipc_layout *layout)
{
	struct sk_buff *skb, *loss = NULL;

	skb_queue_walk(queue, skb) {
		if (skb == message)
			break;
		if (kipc_is_message(skb, layout)) {
			if (get_unaligned((u32 *)(skb->data + layout->message_topic)) == topic)
				loss = NULL;
		} else if (skb->len == layout->lost_len &&
			   kipc_type(skb) == layout->lost_type &&
			   get_unaligned((u32 *)(skb->data + layout->lost_topic)) == topic) {
			loss = skb;
		}
	}
	return loss;
}

/* Moves the oldest message from the queue to @evicted; @spare becomes its record if need be. */
static bool kipc_evict_one(struct sock *sk, struct sk_buff **spare,
			   struct sk_buff_head *evicted, const struct kipc_layout *layout)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	struct sk_buff *message = kipc_oldest(queue, layout);
	struct sk_buff *loss;
	u32 topic;
	u64 seq, *count;

	if (!message)
		return false;
	topic = get_unaligned((u32 *)(message->data + layout->message_topic));
	seq = get_unaligned((u64 *)(message->data + layout->message_seq));
	loss = kipc_loss_before(queue, message, topic, layout);
	if (!loss) {
		loss = *spare;
		*spare = NULL;
		put_unaligned(topic, (u32 *)(loss->data + layout->lost_topic));
		put_unaligned(seq, (u64 *)(loss->data + layout->lost_first));
		atomic_add(loss->truesize, &sk->sk_rmem_alloc);
		kipc_own(sk, loss, sock_rfree);
		__skb_queue_before(queue, message, loss);
	}
	count = (u64 *)(loss->data + layout->lost_count);
	put_unaligned(get_unaligned(count) + kipc_messages(message), count);
	__skb_unlink(message, queue);
	__skb_queue_tail(evicted, message);
	sk_drops_inc(sk);
	return true;
}

int kipc_evict(struct sock *sk, const struct sk_buff *skb, const struct kipc_layout *layout)
{
	struct sk_buff *spare = NULL;
	int err = 0;

	while (!kipc_has_room(sk, skb->truesize)) {
		struct sk_buff_head evicted;
		bool found;

		if (!spare) {
			spare = alloc_skb(layout->lost_len, GFP_KERNEL);
			if (!spare)
				return -ENOMEM;
			skb_put_data(spare, layout->lost, layout->lost_len);
		}
		__skb_queue_head_init(&evicted);
		spin_lock_irq(&sk->sk_receive_queue.lock);
		found = kipc_evict_one(sk, &spare, &evicted, layout);
		spin_unlock_irq(&sk->sk_receive_queue.lock);
		/* Gives the room back. */
		__skb_queue_purge(&evicted);
		if (!found) {
			err = -ENOBUFS;
			break;
		}
	}
	kfree_skb(spare);
	return err;
}

/*
 * Waiting
 *
 * A reader makes room by freeing what it received, which calls the destructor of the sk_buff. So
 * whoever waits gives one sk_buff in the queue a destructor that wakes him. Queues nobody waits
 * for pay nothing.
 *
 * It is not the first one: each message read would wake all who wait, for room that one of them
 * uses up at once, and messages would go at the pace of switches between processes. It is the one
 * behind which a quarter of the queue is free. A slow reader may take long to get there, so who
 * waits also looks for himself, after naps that double.
 */

#define KIPC_WAIT_BITS 6

static wait_queue_head_t kipc_waits[1 << KIPC_WAIT_BITS];
/* The first nap. It is also what may be lost where nothing in the queue could be watched. */
#define KIPC_NAP_MS 10

static wait_queue_head_t *kipc_wait_queue(const struct sock *sk)
{
	return &kipc_waits[hash_ptr(sk, KIPC_WAIT_BITS)];
}

static void kipc_watched_destructor(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	/* Knows what is to be done with a vmalloc'ed head, and gives the room back. */
	kipc_netlink_destructor(skb);
	/* @sk may be gone by now; only its address is used. */
	wake_up_interruptible(kipc_wait_queue(sk));
}

/*
 * Watches the sk_buff with which the reader will have made room for @message, and a quarter of the
 * queue at least. False if the queue is empty: what takes the room is being read just now, or
 * somebody else holds it.
 */
static bool kipc_watch_queue(struct sock *sk, const struct sk_buff *message)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	long limit = READ_ONCE(sk->sk_rcvbuf);
	long most = min(limit - limit / 4, limit - (long)message->truesize);
	struct sk_buff *skb, *watched = NULL;
	long left;

	spin_lock_irq(&queue->lock);
	left = sk_rmem_alloc_get(sk);
	skb_queue_walk(queue, skb) {
		watched = skb;
		left -= skb->truesize;
		if (left <= most)
			break;
	}
	if (watched)
		watched->destructor = kipc_watched_destructor;
	spin_unlock_irq(&queue->lock);
	return watched;
}

int kipc_wait_for_room(struct sock *sk, const struct sk_buff *skb,
		       unsigned long long nanoseconds)
{
	wait_queue_head_t *queue = kipc_wait_queue(sk);
	unsigned long left = nsecs_to_jiffies(nanoseconds) + 1;
	unsigned long nap = msecs_to_jiffies(KIPC_NAP_MS);
	DEFINE_WAIT(wait);
	int err = 0;

	while (left) {
		/* Suspending the machine is no signal. */
		prepare_to_wait(queue, &wait, TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (!kipc_watch_queue(sk, skb))
			nap = 1;
		if (signal_pending(current)) {
			err = -EINTR;
			break;
		}
		/* It is about to leave the audience; let it. */
		if (sock_flag(sk, SOCK_DEAD)) {
			schedule_timeout(1);
			break;
		}
		if (kipc_has_room(sk, skb->truesize))
			break;
		nap = min(nap, left);
		if (schedule_timeout(nap))
			break;
		left -= nap;
		nap *= 2;
	}
	finish_wait(queue, &wait);
	return err;
}

void kipc_wake(struct sock *sk)
{
	wake_up_interruptible(kipc_wait_queue(sk));
}

void kipc_overflow_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kipc_waits); i++)
		init_waitqueue_head(&kipc_waits[i]);
}
