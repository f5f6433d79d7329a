// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets, and what is put into their queues.
 *
 * Delivery does not use netlink_unicast() or netlink_broadcast(): it queues on the socket that
 * the subscriber holds open. That is cheaper, and a full queue then costs a subscriber the
 * messages that did not fit and no more, where netlink would keep the socket deaf until its queue
 * has been emptied (NETLINK_S_CONGESTED).
 */
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/security.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "glue.h"
#include "glue_internal.h"
#include "trace.h"

void kipc_overrun(struct sock *sk)
{
	WRITE_ONCE(sk->sk_err, ENOBUFS);
	sk_error_report(sk);
}

void kipc_sock_hold(struct sock *sk)
{
	sock_hold(sk);
}

void kipc_sock_put(struct sock *sk)
{
	sock_put(sk);
}

void *kipc_sock_set_client(struct sock *sk, void *client)
{
	/*
	 * af_netlink leaves sk_user_data of user sockets alone. Two threads may send their first
	 * message on one socket at the same time: the first to come here wins.
	 */
	void *old = cmpxchg(&sk->sk_user_data, NULL, client);

	return old ? old : client;
}

int kipc_sock_has_filter(struct sock *sk)
{
	return !!rcu_access_pointer(sk->sk_filter);
}

void kipc_queue_state(struct sock *sk, struct kipc_queue_state *state)
{
	state->bytes = sk_rmem_alloc_get(sk);
	state->limit = READ_ONCE(sk->sk_rcvbuf);
	state->drops = sk_drops_read(sk);
}

/*
 * Takes room for @skb, as netlink does: an empty queue takes a message of any size. What finds no
 * room takes none, not even for a moment, in which another publisher's message would find the queue
 * full.
 */
static __always_inline bool kipc_reserve(struct sock *sk, const struct sk_buff *skb,
					 unsigned long limit)
{
	int rmem = atomic_read(&sk->sk_rmem_alloc);

	do {
		if (unlikely(rmem && (unsigned int)rmem + skb->truesize > limit))
			return false;
	} while (unlikely(!atomic_try_cmpxchg(&sk->sk_rmem_alloc, &rmem, rmem + skb->truesize)));
	return true;
}

void kipc_own(struct sock *sk, struct sk_buff *skb,
	      void (*destructor)(struct sk_buff *skb))
{
	skb->sk = sk;
	skb->destructor = destructor;
	sk_mem_charge(sk, skb->truesize);
}

static void kipc_enqueue(struct sock *sk, struct sk_buff *skb)
{
	skb_queue_tail(&sk->sk_receive_queue, skb);
	sk->sk_data_ready(sk);
}

/*
 * sk_filter() without what it does where no filter is attached. Its look at emergency reserves is
 * done where an sk_buff comes from: kipc_input(), kipc_skb_compose().
 */
static __always_inline int kipc_refuses(struct sock *sk, struct sk_buff *skb)
{
	if (unlikely(rcu_access_pointer(sk->sk_filter)))
		return sk_filter(sk, skb);
	return security_sock_rcv_skb(sk, skb);
}

/*
 * Makes of @clone the message at @offset of what it was cloned from, as @port's socket may see it:
 * a filter reads relative to the headers, and must not find what lies before or after.
 */
static __always_inline void kipc_cut(const struct kipc_port *port, struct sk_buff *clone,
				     unsigned int offset, unsigned int len)
{
	if (unlikely(offset))
		__skb_pull(clone, offset);
	if (unlikely(len != clone->len))
		__skb_trim(clone, len);
	skb_reset_mac_header(clone);
	skb_reset_network_header(clone);
	skb_reset_transport_header(clone);
	/* As it is, it is the number in the initial pid namespace. */
	if (unlikely(port->pid_ns))
		NETLINK_CB(clone).creds.pid = pid_nr_ns(KIPC_CB(clone)->sender, port->pid_ns);
	KIPC_CB(clone)->kind = KIPC_KIND_MESSAGE;
}

/*
 * Makes a clone that the port's socket owns and that only needs to be queued; NULL and why,
 * otherwise.
 */
static __always_inline struct sk_buff *kipc_take(const struct kipc_port *port, struct sk_buff *skb,
						 unsigned int offset, unsigned int len,
						 enum kipc_outcome *outcome)
{
	struct sock *sk = port->sk;
	bool room = kipc_reserve(sk, skb, READ_ONCE(sk->sk_rcvbuf));
	struct sk_buff *clone;

	*outcome = KIPC_FULL;
	/*
	 * A full queue is known before the work of cloning. With a filter attached the filter
	 * decides first: what it does not want was not lost.
	 */
	if (unlikely(!room) && !rcu_access_pointer(sk->sk_filter)) {
		sk_drops_inc(sk);
		return NULL;
	}

	clone = skb_clone(skb, GFP_KERNEL);
	if (unlikely(!clone)) {
		*outcome = KIPC_NO_MEMORY;
		sk_drops_inc(sk);
		goto give_back;
	}
	/* A vmalloc'ed head needs netlink's own destructor, also before the clone has an owner. */
	clone->destructor = skb->destructor;
	kipc_cut(port, clone, offset, len);

	if (unlikely(kipc_refuses(sk, clone))) {
		*outcome = KIPC_FILTERED;
		consume_skb(clone);
		goto give_back;
	}
	if (unlikely(!room)) {
		sk_drops_inc(sk);
		kfree_skb(clone);
		return NULL;
	}
	/* What came through sendmsg() carries netlink's destructor, what we composed none. */
	kipc_own(sk, clone, skb->destructor ? skb->destructor : sock_rfree);
	*outcome = KIPC_QUEUED;
	return clone;

give_back:
	if (room)
		atomic_sub(skb->truesize, &sk->sk_rmem_alloc);
	return NULL;
}

enum kipc_outcome kipc_queue_shared(const struct kipc_port *port, struct sk_buff *skb,
				    unsigned int offset, unsigned int len)
{
	enum kipc_outcome outcome;
	struct sk_buff *clone = kipc_take(port, skb, offset, len, &outcome);

	if (trace_kipc_deliver_enabled())
		trace_kipc_deliver(sock_i_ino(port->sk), len, outcome);
	if (likely(clone))
		kipc_enqueue(port->sk, clone);
	return outcome;
}

struct sk_buff *kipc_hold_shared(const struct kipc_port *port, struct sk_buff *skb,
				 unsigned int offset, unsigned int len,
				 enum kipc_outcome *outcome)
{
	struct sk_buff *held = kipc_take(port, skb, offset, len, outcome);

	if (!held && trace_kipc_deliver_enabled())
		trace_kipc_deliver(sock_i_ino(port->sk), len, *outcome);
	return held;
}

void kipc_queue_held(struct sk_buff *held)
{
	if (trace_kipc_deliver_enabled())
		trace_kipc_deliver(sock_i_ino(held->sk), held->len, KIPC_QUEUED);
	kipc_enqueue(held->sk, held);
}

static unsigned long kipc_room_limit(unsigned long rcvbuf, enum kipc_room room)
{
	switch (room) {
	case KIPC_ROOM_COMPANION:
		return ULONG_MAX;
	case KIPC_ROOM_SPARE:
		return rcvbuf / 2;
	default:
		return 2 * rcvbuf;
	}
}

enum kipc_outcome kipc_queue_copy(struct sock *sk, const unsigned char *data,
				  unsigned int len, enum kipc_room room)
{
	unsigned long limit = kipc_room_limit(READ_ONCE(sk->sk_rcvbuf), room);
	struct sk_buff *skb = alloc_skb(len, GFP_KERNEL);
	enum kipc_outcome outcome = KIPC_NO_MEMORY;

	if (likely(skb)) {
		skb_put_data(skb, data, len);
		KIPC_CB(skb)->kind = KIPC_KIND_RECORD;
		/* No filter: a record is not a message, and its reader must not miss it. */
		if (unlikely(security_sock_rcv_skb(sk, skb))) {
			consume_skb(skb);
			return KIPC_FILTERED;
		}
		if (likely(kipc_reserve(sk, skb, limit))) {
			kipc_own(sk, skb, sock_rfree);
			kipc_enqueue(sk, skb);
			return KIPC_QUEUED;
		}
		kfree_skb(skb);
		outcome = KIPC_FULL;
	}
	if (room == KIPC_ROOM_SPARE)
		return outcome;
	sk_drops_inc(sk);
	/* A companion's message is counted as lost; anything else leaves no trace but this. */
	if (room == KIPC_ROOM_RESERVE)
		kipc_overrun(sk);
	return outcome;
}
