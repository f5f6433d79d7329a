// SPDX-License-Identifier: GPL-2.0
/*
 * The protocol: registered with netlink in each network namespace, a datagram's way in, and the
 * end of a socket. See glue.h for the contract of all glue files.
 */
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

#ifndef KIPC_VERSION
#error "KIPC_VERSION comes from Kbuild"
#endif

const struct kipc_ops *kipc_ops;
static void *kipc_shared;
static unsigned int kipc_protocol;
/* Whether the protocol is being registered in the namespaces that exist already. */
static bool kipc_loading;
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
	 * multicast group as well) must not change under its holder. What came out of the
	 * emergency reserves, as a process gets it while the OOM killer ends it, must not lie in
	 * queues: sk_filter() would drop it there, for some subscribers and without a word.
	 */
	if (unlikely(skb_shared(skb)) || unlikely(skb_pfmemalloc(skb)) ||
	    unlikely(skb_linearize_cow(skb))) {
		kipc_overrun(sender);
		return;
	}

	/* It never changes: only the first datagram writes it. */
	if (unlikely(!READ_ONCE(kipc_netlink_destructor)))
		WRITE_ONCE(kipc_netlink_destructor, skb->destructor);
	/*
	 * Not what the sender says of itself, nor its number in a pid namespace that the receiver
	 * may not know.
	 */
	NETLINK_CB(skb).creds.pid = current->tgid;
	KIPC_CB(skb)->sender = task_tgid(current);
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
	/*
	 * Nothing is queued on it any more. Whoever keeps the closed socket (mq_notify() can) must
	 * not keep what has our destructor: the module could not be unloaded.
	 */
	skb_queue_purge(&sk->sk_receive_queue);
}

static int kipc_net_begin(struct net *net, struct kipc_net *kn)
{
	struct netlink_kernel_cfg cfg = {
		.input = kipc_input,
		.release = kipc_release,
	};

	kn->bus = kipc_ops->bus_new(kipc_shared);
	if (!kn->bus)
		return -ENOMEM;
	kn->kernel_sock = netlink_kernel_create(net, kipc_protocol, &cfg);
	if (!kn->kernel_sock) {
		kipc_ops->bus_free(kn->bus);
		kn->bus = NULL;
		/* In other namespaces than the first, the protocol is ours already. */
		return net_eq(net, &init_net) ? -EADDRINUSE : -ENOMEM;
	}
	kipc_publishers_begin(kn);
	return 0;
}

static int __net_init kipc_net_init(struct net *net)
{
	struct kipc_net *kn = net_generic(net, kipc_net_id);
	int err = kipc_net_begin(net, kn);

	/*
	 * While the module is being loaded, the first namespace to get a bus is the initial one.
	 * From then on anybody may have a socket and be in kipc_input(), which a failure here
	 * would not wait for: the kernel would end the buses made so far, and free the module. So
	 * a namespace that there is no memory for stays without a bus: sending to port 0 fails
	 * there with ECONNREFUSED.
	 */
	if (err && kipc_loading && !net_eq(net, &init_net)) {
		pr_warn("kipc: no memory for the bus of a network namespace: it has none\n");
		return 0;
	}
	return err;
}

/*
 * A user socket holds its namespace, and the module: when this runs, no clients are left but
 * publishers of the kernel.
 */
static void __net_exit kipc_net_exit(struct net *net)
{
	struct kipc_net *kn = net_generic(net, kipc_net_id);

	if (!kn->bus)
		return;
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

int kipc_register(const struct kipc_ops *ops, void *shared, unsigned int protocol)
{
	int err;

	if (protocol >= MAX_LINKS)
		return -EINVAL;
	if (kipc_ops)
		return -EBUSY;
	kipc_overflow_init();
	kipc_ops = ops;
	kipc_shared = shared;
	kipc_protocol = protocol;
	kipc_loading = true;
	/* Fails, if it does, before there is a bus: see kipc_net_init(). */
	err = register_pernet_subsys(&kipc_net_ops);
	kipc_loading = false;
	if (err)
		kipc_ops = NULL;
	return err;
}

void kipc_unregister(void)
{
	unregister_pernet_subsys(&kipc_net_ops);
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

MODULE_VERSION(KIPC_VERSION);
