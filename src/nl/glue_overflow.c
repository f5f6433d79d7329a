// SPDX-License-Identifier: GPL-2.0
/*
 * Full queues: evicting the oldest message, and waiting for room.
 */
#include <linux/freezer.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
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

int kipc_may_have_room(struct sock *sk, const struct sk_buff *skb)
{
	return rcu_access_pointer(sk->sk_filter) || kipc_has_room(sk, skb->truesize);
}

/*
 * Eviction
 *
 * The queue holds messages and records. A message at the very front is the reader's: if it could
 * be evicted, a reader slower than the publishers would find the record of a loss at each read and
 * never a message. What is evicted is the oldest after it.
 *
 * The words of all that was evicted lie in one sk_buff, right before the oldest message that is
 * left: one record of a loss for each topic, found by a hash table. So the word of a loss takes
 * less room than what was lost, however many topics there are. Events that lie before that message
 * are moved there, too, in their order, so that they are walked over once. Answers stay where they
 * are, with what comes before them.
 */

/* How many messages and records a publish may evict or move: others must not wait for long. */
#define KIPC_MOST_STEPS 64

/* Room for records in the smallest sk_buff with a table; smaller ones are searched through. */
#define KIPC_LOSSES_MIN 1024

/*
 * Most room for records: they are copied, when they need more, with the queue locked. That is for
 * the losses of 5000 topics.
 */
#define KIPC_LOSSES_MAX 0x40000

/* No record of a loss is longer. */
#define KIPC_LOST_MOST 64

enum kipc_step {
	KIPC_STEP_DONE,
	KIPC_STEP_NOTHING,	/* nothing can be evicted */
	KIPC_STEP_SPACE,	/* the losses need an sk_buff with more room */
};

static u16 kipc_type(const struct sk_buff *skb)
{
	return ((const struct nlmsghdr *)skb->data)->nlmsg_type;
}

static bool kipc_is_message(const struct sk_buff *skb, const struct kipc_layout *layout)
{
	/* Its reader's filter may have cut it short. */
	return KIPC_CB(skb)->kind == KIPC_KIND_MESSAGE &&
	       skb->len >= layout->message_seq + sizeof(u64) &&
	       kipc_type(skb) == layout->message_type;
}

/* Whether @skb holds nothing but an event, which may be moved to other ones. */
static bool kipc_is_event(const struct sk_buff *skb, const struct kipc_layout *layout)
{
	return KIPC_CB(skb)->kind == KIPC_KIND_RECORD &&
	       kipc_type(skb) >= layout->first_event && kipc_type(skb) <= layout->last_event;
}

/* How many messages lie in the message @skb: one, or a batch. All have headers that we wrote. */
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

/* Losses, if nobody else looks at them: MSG_PEEK does so without the lock. */
static bool kipc_is_losses(const struct sk_buff *skb)
{
	return KIPC_CB(skb)->kind >= KIPC_KIND_LOSSES && !skb_shared(skb) && !skb_cloned(skb);
}

/* The table: offsets of records, in units of 4 bytes, and plus one; after the records' room. */
static u32 *kipc_slots(const struct sk_buff *skb, unsigned int *slots)
{
	*slots = KIPC_CB(skb)->kind - KIPC_KIND_LOSSES;
	return (u32 *)skb_end_pointer(skb) - *slots;
}

static unsigned int kipc_losses_room(const struct sk_buff *skb)
{
	unsigned int slots;
	u32 *table = kipc_slots(skb, &slots);

	return (unsigned char *)table - skb_tail_pointer(skb);
}

static struct sk_buff *kipc_losses_new(unsigned int room)
{
	/* A power of two, and more than the records that find room. */
	unsigned int slots = room < KIPC_LOSSES_MIN ? 0 : roundup_pow_of_two(room / 20);
	struct sk_buff *skb = kipc_alloc(room + slots * sizeof(u32), GFP_KERNEL | __GFP_NOWARN);

	if (!skb)
		return NULL;
	KIPC_CB(skb)->kind = KIPC_KIND_LOSSES + slots;
	memset(kipc_slots(skb, &slots), 0, slots * sizeof(u32));
	return skb;
}

static bool kipc_is_loss(const void *record, u32 topic, const struct kipc_layout *layout)
{
	return ((const struct nlmsghdr *)record)->nlmsg_type == layout->lost_type &&
	       get_unaligned((u32 *)(record + layout->lost_topic)) == topic;
}

/* The slot of the record of losses of @topic, or an empty one for it; NULL: neither is near. */
static u32 *kipc_slot(const struct sk_buff *losses, u32 topic, const struct kipc_layout *layout)
{
	unsigned int slots, i;
	u32 *table = kipc_slots(losses, &slots);

	for (i = 0; i < min(slots, 8U); i++) {
		u32 *slot = &table[(hash_32(topic, ilog2(slots)) + i) & (slots - 1)];

		if (!*slot || kipc_is_loss(losses->data + (*slot - 1) * 4, topic, layout))
			return slot;
	}
	return NULL;
}

/* The record of losses of @topic, or NULL. */
static void *kipc_loss_of(const struct sk_buff *losses, u32 topic,
			  const struct kipc_layout *layout)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)losses->data;
	int left = losses->len;
	u32 *slot;

	/* With a table. */
	if (KIPC_CB(losses)->kind > KIPC_KIND_LOSSES) {
		slot = kipc_slot(losses, topic, layout);
		return slot && *slot ? losses->data + (*slot - 1) * 4 : NULL;
	}
	while (nlmsg_ok(nlh, left)) {
		if (kipc_is_loss(nlh, topic, layout))
			return nlh;
		nlh = nlmsg_next(nlh, &left);
	}
	return NULL;
}

/* Appends a record, for which there is room. */
static void *kipc_losses_append(struct sk_buff *losses, const void *data, unsigned int len,
				const struct kipc_layout *layout)
{
	void *record = skb_put_data(losses, data, len);
	u32 topic, *slot;

	/* The next one must be aligned. */
	skb_put_zero(losses, NLMSG_ALIGN(len) - len);
	if (((const struct nlmsghdr *)record)->nlmsg_type == layout->lost_type) {
		topic = get_unaligned((u32 *)(record + layout->lost_topic));
		slot = kipc_slot(losses, topic, layout);
		/* One that finds none is not counted up any more. */
		if (slot && !*slot)
			*slot = ((unsigned char *)record - losses->data) / 4 + 1;
	}
	return record;
}

/* Counts @more losses in the record @loss. */
static void kipc_loss_add(void *loss, u64 more, const struct kipc_layout *layout)
{
	u64 *count = loss + layout->lost_count;

	put_unaligned(get_unaligned(count) + more, count);
}

/*
 * Appends an event, for which there is room. A loss that goes on where another one of its topic
 * ended is counted there.
 */
static void kipc_losses_take(struct sk_buff *losses, const void *event, unsigned int len,
			     const struct kipc_layout *layout)
{
	void *loss = NULL;

	if (((const struct nlmsghdr *)event)->nlmsg_type == layout->lost_type)
		loss = kipc_loss_of(losses, get_unaligned((u32 *)(event + layout->lost_topic)),
				    layout);
	if (loss)
		kipc_loss_add(loss, get_unaligned((u64 *)(event + layout->lost_count)), layout);
	else
		kipc_losses_append(losses, event, len, layout);
}

/* Moves the records of @losses to @spare, which takes its place in the queue. */
static void kipc_losses_grow(struct sk_buff_head *queue, struct sk_buff *losses,
			     struct sk_buff *spare, const struct kipc_layout *layout)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)losses->data;
	int left = losses->len;

	while (nlmsg_ok(nlh, left)) {
		kipc_losses_take(spare, nlh, nlh->nlmsg_len, layout);
		nlh = nlmsg_next(nlh, &left);
	}
	__skb_queue_after(queue, losses, spare);
	__skb_unlink(losses, queue);
}

/*
 * Evicts the oldest message, or moves a record, to @gone. @spare takes the losses if there is none
 * yet, or it has no room; if @spare has not enough either, @want says how much is needed. What is
 * passed over takes from @steps. Caller holds the lock of the queue.
 */
static enum kipc_step kipc_evict_one(struct sock *sk, struct sk_buff **spare, unsigned int *want,
				     unsigned int *steps, struct sk_buff_head *gone,
				     const struct kipc_layout *layout)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	struct sk_buff *front = skb_peek(queue), *losses = NULL, *next;
	unsigned int need = layout->lost_len;
	unsigned char lost[KIPC_LOST_MOST];
	void *loss = NULL;
	bool is_message;
	u32 topic = 0;

	if (!front)
		return KIPC_STEP_NOTHING;
	next = skb_peek_next(front, queue);
	/* Answers, losses before them, and what is not ours, stay where they are. */
	while (next && !kipc_is_message(next, layout) && !kipc_is_event(next, layout)) {
		if (!--*steps)
			return KIPC_STEP_NOTHING;
		next = skb_peek_next(next, queue);
	}
	if (next) {
		losses = kipc_is_losses(next->prev) ? next->prev : NULL;
	} else {
		/* Only if there is no other. */
		if (!kipc_is_message(front, layout))
			return KIPC_STEP_NOTHING;
		next = front;
	}

	is_message = kipc_is_message(next, layout);
	if (is_message) {
		topic = get_unaligned((u32 *)(next->data + layout->message_topic));
		if (losses)
			loss = kipc_loss_of(losses, topic, layout);
	} else {
		need = NLMSG_ALIGN(next->len);
	}

	if (!loss && (!losses || kipc_losses_room(losses) < need)) {
		*want = need + (losses ? losses->len : 0);
		if (!*spare || kipc_losses_room(*spare) < *want)
			return KIPC_STEP_SPACE;
		atomic_add((*spare)->truesize, &sk->sk_rmem_alloc);
		kipc_own(sk, *spare, (*spare)->destructor ? (*spare)->destructor : sock_rfree);
		if (losses) {
			kipc_losses_grow(queue, losses, *spare, layout);
			__skb_queue_tail(gone, losses);
		} else {
			__skb_queue_before(queue, next, *spare);
		}
		losses = *spare;
		*spare = NULL;
	}

	if (is_message) {
		if (!loss) {
			memcpy(lost, layout->lost, layout->lost_len);
			put_unaligned(topic, (u32 *)(lost + layout->lost_topic));
			put_unaligned(get_unaligned((u64 *)(next->data + layout->message_seq)),
				      (u64 *)(lost + layout->lost_first));
			loss = kipc_losses_append(losses, lost, layout->lost_len, layout);
		}
		kipc_loss_add(loss, kipc_messages(next), layout);
		sk_drops_inc(sk);
	} else {
		kipc_losses_take(losses, next->data, next->len, layout);
	}
	__skb_unlink(next, queue);
	__skb_queue_tail(gone, next);
	return KIPC_STEP_DONE;
}

int kipc_evict(struct sock *sk, const struct sk_buff *skb, const struct kipc_layout *layout)
{
	/* Half of the queue is for messages, whatever there is to tell of others. */
	unsigned int want = 0, most = min(READ_ONCE(sk->sk_rcvbuf) / 2, KIPC_LOSSES_MAX);
	unsigned int steps = KIPC_MOST_STEPS;
	struct sk_buff *spare = NULL;
	struct sk_buff_head gone;
	enum kipc_step step;
	int err = 0;

	if (WARN_ON_ONCE(layout->lost_len > KIPC_LOST_MOST))
		return -ENOBUFS;
	__skb_queue_head_init(&gone);
	while (!err && !kipc_has_room(sk, skb->truesize)) {
		if (!--steps) {
			err = -ENOBUFS;
			break;
		}
		spin_lock_irq(&sk->sk_receive_queue.lock);
		step = kipc_evict_one(sk, &spare, &want, &steps, &gone, layout);
		spin_unlock_irq(&sk->sk_receive_queue.lock);
		/* Gives the room back. */
		__skb_queue_purge(&gone);
		if (step == KIPC_STEP_DONE)
			continue;
		kfree_skb(spare);
		spare = NULL;
		if (step == KIPC_STEP_NOTHING || want > most) {
			err = -ENOBUFS;
			break;
		}
		spare = kipc_losses_new(roundup_pow_of_two(2 * want));
		if (!spare)
			err = -ENOMEM;
	}
	kfree_skb(spare);
	return err;
}

/*
 * Waiting
 *
 * A reader makes room by freeing what it received, which calls the destructor of the sk_buff. So a
 * publisher that waits gives one sk_buff in the queue a destructor that wakes the waiters. Queues
 * nobody waits for pay nothing. kipc_release() empties the queue, so no such sk_buff outlives the
 * socket's file, which holds the module.
 *
 * It is not the first one: each message read would wake all waiters, for room that one of them
 * uses up at once, and messages would go at the pace of switches between processes. It is the one
 * after which a quarter of the queue is free. A slow reader may take long to get there, so a waiter
 * also looks for itself, after naps that double.
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
	wake_up(kipc_wait_queue(sk));
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

/*
 * Whether a signal ends the wait, and not only a freezer wants this process: that of a suspending
 * machine, to which it gives way here, or that of a cgroup, which has to wait until the process is
 * back in user space.
 */
static bool kipc_interrupted(void)
{
	struct task_struct *task = current;
	sigset_t pending;
	bool interrupted;

	try_to_freeze();
	spin_lock_irq(&task->sighand->siglock);
	recalc_sigpending();
	sigorsets(&pending, &task->pending.signal, &task->signal->shared_pending.signal);
	sigandnsets(&pending, &pending, &task->blocked);
	interrupted = !sigisemptyset(&pending) || task->jobctl & JOBCTL_PENDING_MASK ||
		      fatal_signal_pending(task);
	spin_unlock_irq(&task->sighand->siglock);
	return interrupted;
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
		prepare_to_wait(queue, &wait, TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (!kipc_watch_queue(sk, skb))
			nap = 1;
		if (signal_pending(current)) {
			finish_wait(queue, &wait);
			if (kipc_interrupted()) {
				err = -EINTR;
				break;
			}
			/* As long as a cgroup's freezer wants it, no other sleep is one. */
			prepare_to_wait(queue, &wait, TASK_KILLABLE);
			nap = msecs_to_jiffies(KIPC_NAP_MS);
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
	wake_up(kipc_wait_queue(sk));
}

void kipc_overflow_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kipc_waits); i++)
		init_waitqueue_head(&kipc_waits[i]);
}
