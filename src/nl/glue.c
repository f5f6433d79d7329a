// SPDX-License-Identifier: GPL-2.0
/*
 * All that kipc does with the layout of kernel structures. See glue.h for the contract.
 *
 * Delivery does not use netlink_unicast() or netlink_broadcast(): it queues on the socket that
 * the subscriber holds open. That is cheaper, and a full queue then costs a subscriber the
 * messages that did not fit and no more, where netlink would keep the socket deaf until its queue
 * has been emptied (NETLINK_S_CONGESTED).
 */
#include <linux/filter.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/sock.h>

#include "glue.h"
#include "glue_internal.h"
#include "trace.h"

#ifndef KIPC_VERSION
#error "KIPC_VERSION comes from Kbuild"
#endif

void (*kipc_netlink_destructor)(struct sk_buff *skb);

const struct kipc_ops *kipc_ops;
static unsigned int kipc_protocol;
static unsigned int kipc_net_id __read_mostly;

struct kipc_net *kipc_net_of(struct net *net)
{
	return net_generic(net, kipc_net_id);
}

static void kipc_input(struct sk_buff *skb)
{
	struct sock *sender = NETLINK_CB(skb).sk;
	struct kipc_net *kn = net_generic(sock_net(sender), kipc_net_id);
	struct kipc_inbound inbound;

	/*
	 * Headers are filled in place. A clone that somebody else holds (root may have sent to a
	 * multicast group as well) must not change under him.
	 */
	if (unlikely(skb_shared(skb)) || unlikely(skb_linearize_cow(skb))) {
		WRITE_ONCE(sender->sk_err, ENOBUFS);
		sk_error_report(sender);
		return;
	}

	/* Always the same: only the first message writes it, or CPUs would pass its line around. */
	if (unlikely(READ_ONCE(kipc_netlink_destructor) != skb->destructor))
		WRITE_ONCE(kipc_netlink_destructor, skb->destructor);
	inbound.skb = skb;
	inbound.data = skb->data;
	inbound.len = skb->len;
	inbound.portid = NETLINK_CB(skb).portid;
	/* Clones inherit this: the sender's credentials stay; the message comes from the kernel. */
	NETLINK_CB(skb).portid = 0;
	NETLINK_CB(skb).dst_group = 0;
	inbound.sender = sender;
	/* Pairs with the cmpxchg() in kipc_sock_set_client(). */
	inbound.client = smp_load_acquire(&sender->sk_user_data);
	kipc_ops->input(kn->bus, &inbound);
}

/*
 * Runs when the last file of a user socket was closed, before those who wait on the socket are
 * woken. The socket can no longer send, so nothing races with the client's end.
 */
static void kipc_release(struct sock *sk, unsigned long *groups)
{
	void *client = xchg(&sk->sk_user_data, NULL);
	struct kipc_net *kn;

	/*
	 * No client: the socket never registered. It may even be of a namespace that has no bus
	 * (yet), so there is nothing to look up.
	 */
	if (!client)
		return;
	kn = net_generic(sock_net(sk), kipc_net_id);
	kipc_ops->release(kn->bus, client);
}

static int __net_init kipc_net_init(struct net *net)
{
	struct netlink_kernel_cfg cfg = {
		.input = kipc_input,
		.release = kipc_release,
	};
	struct kipc_net *kn = net_generic(net, kipc_net_id);

	kn->bus = kipc_ops->bus_new();
	if (!kn->bus)
		return -ENOMEM;
	kn->kernel_sock = netlink_kernel_create(net, kipc_protocol, &cfg);
	if (!kn->kernel_sock) {
		kipc_ops->bus_free(kn->bus);
		/* In other namespaces than the first, the protocol is ours already. */
		return net_eq(net, &init_net) ? -EADDRINUSE : -ENOMEM;
	}
	kipc_publishers_begin(kn);
	return 0;
}

/*
 * A user socket holds its namespace: when this runs, no clients are left but publishers of the
 * kernel.
 */
static void __net_exit kipc_net_exit(struct net *net)
{
	struct kipc_net *kn = net_generic(net, kipc_net_id);

	/* Their clients hold the kernel's socket. */
	kipc_publishers_end(kn);
	netlink_kernel_release(kn->kernel_sock);
	kipc_ops->bus_free(kn->bus);
}

static struct pernet_operations kipc_net_ops = {
	.init = kipc_net_init,
	.exit = kipc_net_exit,
	.id = &kipc_net_id,
	.size = sizeof(struct kipc_net),
};

int kipc_register(const struct kipc_ops *ops, unsigned int protocol)
{
	int err;

	if (protocol >= MAX_LINKS)
		return -EINVAL;
	if (kipc_ops)
		return -EBUSY;
	kipc_overflow_init();
	kipc_ops = ops;
	kipc_protocol = protocol;
	err = register_pernet_subsys(&kipc_net_ops);
	if (err)
		kipc_ops = NULL;
	return err;
}

void kipc_unregister(void)
{
	unregister_pernet_subsys(&kipc_net_ops);
	kipc_overflow_exit();
	kipc_ops = NULL;
}

const unsigned char *kipc_version(unsigned int *len)
{
	static const char version[] = KIPC_VERSION;

	*len = sizeof(version) - 1;
	return version;
}

unsigned long long kipc_now_ns(void)
{
	return ktime_get_ns();
}

int kipc_go_on(void)
{
	cond_resched();
	return !fatal_signal_pending(current);
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

/* Takes room for @skb, as netlink does: an empty queue takes a message of any size. */
static bool kipc_reserve(struct sock *sk, const struct sk_buff *skb, unsigned long limit)
{
	unsigned int rmem = atomic_add_return(skb->truesize, &sk->sk_rmem_alloc);

	if (likely(rmem == skb->truesize || rmem <= limit))
		return true;
	atomic_sub(skb->truesize, &sk->sk_rmem_alloc);
	return false;
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

/* Makes a clone that @sk owns and that only needs to be queued; NULL and why, otherwise. */
static __always_inline struct sk_buff *kipc_take(struct sock *sk, struct sk_buff *skb,
						 unsigned int offset, unsigned int len,
						 enum kipc_outcome *outcome)
{
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
	if (unlikely(offset))
		__skb_pull(clone, offset);
	if (unlikely(len != clone->len))
		__skb_trim(clone, len);

	if (unlikely(sk_filter(sk, clone))) {
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

enum kipc_outcome kipc_queue_shared(struct sock *sk, struct sk_buff *skb,
				    unsigned int offset, unsigned int len)
{
	enum kipc_outcome outcome;
	struct sk_buff *clone = kipc_take(sk, skb, offset, len, &outcome);

	if (trace_kipc_deliver_enabled())
		trace_kipc_deliver(sock_i_ino(sk), len, outcome);
	if (likely(clone))
		kipc_enqueue(sk, clone);
	return outcome;
}

struct sk_buff *kipc_hold_shared(struct sock *sk, struct sk_buff *skb,
				 unsigned int offset, unsigned int len,
				 enum kipc_outcome *outcome)
{
	struct sk_buff *held = kipc_take(sk, skb, offset, len, outcome);

	if (!held && trace_kipc_deliver_enabled())
		trace_kipc_deliver(sock_i_ino(sk), len, *outcome);
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
	if (room == KIPC_ROOM_RESERVE) {
		WRITE_ONCE(sk->sk_err, ENOBUFS);
		sk_error_report(sk);
	}
	return outcome;
}

static struct sk_buff *kipc_compose(const struct sk_buff *from,
				    const unsigned char *head, unsigned int head_len,
				    const unsigned char *payload, unsigned int payload_len,
				    gfp_t gfp)
{
	struct sk_buff *skb = alloc_skb(head_len + payload_len, gfp);

	if (!skb)
		return NULL;
	/* Those of the kernel are all zero, as a new sk_buff has them. */
	if (from)
		NETLINK_CB(skb).creds = NETLINK_CB(from).creds;
	skb_put_data(skb, head, head_len);
	if (payload_len)
		skb_put_data(skb, payload, payload_len);
	return skb;
}

struct sk_buff *kipc_skb_compose(const struct sk_buff *from,
				 const unsigned char *head, unsigned int head_len,
				 const unsigned char *payload, unsigned int payload_len)
{
	return kipc_compose(from, head, head_len, payload, payload_len,
			    GFP_KERNEL | __GFP_NOWARN);
}

struct sk_buff *kipc_skb_keep(struct sk_buff *skb, unsigned int offset, unsigned int len)
{
	struct sk_buff *clone;

	/*
	 * What sendmsg() allocated is charged to nobody, and stays so in a clone. A copy is charged
	 * to the sender's memory cgroup, and costs little more than a clone up to a page.
	 */
	if (len <= SKB_WITH_OVERHEAD(PAGE_SIZE) || len < skb->len / 2)
		return kipc_compose(skb, skb->data + offset, len, NULL, 0,
				    GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	clone = skb_clone(skb, GFP_KERNEL_ACCOUNT);
	if (!clone)
		return NULL;
	/* Knows what is to be done with a vmalloc'ed head. */
	clone->destructor = skb->destructor;
	__skb_pull(clone, offset);
	__skb_trim(clone, len);
	return clone;
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
	consume_skb(skb);
}

MODULE_VERSION(KIPC_VERSION);
