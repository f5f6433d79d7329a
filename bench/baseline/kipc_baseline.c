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

/* Message types; bench/src/mechanism.rs says the same. */
enum {
	BASELINE_DISCARD = 0x10,	/* do nothing: what sending alone costs */
	BASELINE_MULTICAST = 0x11,	/* to all members of BASELINE_GROUP */
};

#define BASELINE_GROUP 1

static unsigned int protocol = 30;
module_param(protocol, uint, 0444);
MODULE_PARM_DESC(protocol, "netlink protocol number (default 30)");

static struct sock *baseline_sock;

static void baseline_input(struct sk_buff *skb)
{
	struct sk_buff *clone;

	if (skb->len < NLMSG_HDRLEN || nlmsg_hdr(skb)->nlmsg_type != BASELINE_MULTICAST)
		return;

	clone = netlink_skb_clone(skb, GFP_KERNEL);
	if (clone)
		nlmsg_multicast(baseline_sock, clone, 0, BASELINE_GROUP, GFP_KERNEL);
}

static int __init baseline_init(void)
{
	struct netlink_kernel_cfg cfg = {
		.groups = BASELINE_GROUP,
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
