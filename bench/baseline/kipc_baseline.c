// SPDX-License-Identifier: GPL-2.0
/*
 * What kipc is compared with: the least that a kernel module can do to hand a message to many
 * processes over netlink. It knows no topics, no order and no identity, and checks nothing.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/netlink.h>
#include <net/net_namespace.h>

/* Message types; bench/src and bench/trace say the same. */
enum {
	BASELINE_DISCARD = 0x10,	/* do nothing: what sending alone costs */
	BASELINE_MULTICAST = 0x11,	/* to group 1; the next type to group 2, ... */
	BASELINE_UNICAST = 0x40,	/* to all who joined, one by one */
	BASELINE_JOIN = 0x41,		/* the sender joins */
	BASELINE_FORGET = 0x42,		/* nobody has joined */
};

#define BASELINE_GROUPS 32
#define BASELINE_MEMBERS 1024

static unsigned int protocol = 30;
module_param(protocol, uint, 0444);
MODULE_PARM_DESC(protocol, "netlink protocol number (default 30)");

static struct sock *baseline_sock;

/* One benchmark at a time; so there is no lock to pay for. */
static u32 members[BASELINE_MEMBERS];
static unsigned int member_count;

static void baseline_multicast(struct sk_buff *skb, unsigned int group)
{
	struct sk_buff *clone = netlink_skb_clone(skb, GFP_KERNEL);

	if (clone)
		nlmsg_multicast(baseline_sock, clone, 0, group, GFP_KERNEL);
}

static void baseline_unicast(struct sk_buff *skb)
{
	unsigned int i;

	for (i = 0; i < member_count; i++) {
		struct sk_buff *clone = netlink_skb_clone(skb, GFP_KERNEL);

		if (clone)
			netlink_unicast(baseline_sock, clone, members[i], MSG_DONTWAIT);
	}
}

static void baseline_input(struct sk_buff *skb)
{
	unsigned int type;

	if (skb->len < NLMSG_HDRLEN)
		return;

	type = nlmsg_hdr(skb)->nlmsg_type;
	switch (type) {
	case BASELINE_MULTICAST ... BASELINE_MULTICAST + BASELINE_GROUPS - 1:
		baseline_multicast(skb, type - BASELINE_DISCARD);
		break;
	case BASELINE_UNICAST:
		baseline_unicast(skb);
		break;
	case BASELINE_JOIN:
		if (member_count < BASELINE_MEMBERS)
			members[member_count++] = NETLINK_CB(skb).portid;
		break;
	case BASELINE_FORGET:
		member_count = 0;
		break;
	}
}

static int __init baseline_init(void)
{
	struct netlink_kernel_cfg cfg = {
		.groups = BASELINE_GROUPS,
		.flags = NL_CFG_F_NONROOT_RECV,
		.input = baseline_input,
	};

	if (protocol >= MAX_LINKS)
		return -EINVAL;
	baseline_sock = netlink_kernel_create(&init_net, protocol, &cfg);
	return baseline_sock ? 0 : -EADDRINUSE;
}

static void __exit baseline_exit(void)
{
	netlink_kernel_release(baseline_sock);
}

module_init(baseline_init);
module_exit(baseline_exit);

MODULE_AUTHOR("The kipc authors");
MODULE_DESCRIPTION("Raw netlink multicast, to compare kipc with");
MODULE_LICENSE("GPL");
