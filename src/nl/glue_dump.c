// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps: netlink drives them, part by part, as the reader receives.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "glue.h"
#include "glue_internal.h"

struct kipc_dump {
	void *state;		/* Rust's */
	unsigned int portid;
};

/* Runs under nl_cb_mutex of the socket, which is taken before all locks of the bus. */
static int kipc_dump_part(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kipc_dump *dump = (struct kipc_dump *)cb->ctx;
	struct kipc_net *kn = kipc_net_of(sock_net(skb->sk));
	int len = kipc_ops->dump_part(kn->bus, dump->state, skb_tail_pointer(skb),
				      skb_tailroom(skb), cb->nlh->nlmsg_seq, dump->portid);

	if (len > 0)
		skb_put(skb, len);
	return len;
}

static int kipc_dump_begin(struct netlink_callback *cb)
{
	*(struct kipc_dump *)cb->ctx = *(struct kipc_dump *)cb->data;
	return 0;
}

/* The end, or the socket was closed before it; then the bus may be gone already. */
static int kipc_dump_done(struct netlink_callback *cb)
{
	kipc_ops->dump_free(((struct kipc_dump *)cb->ctx)->state);
	return 0;
}

int kipc_dump_start(struct sock *sender, struct sk_buff *skb, unsigned int offset,
		    unsigned int portid, void *state)
{
	struct kipc_dump dump = { .state = state, .portid = portid };
	struct netlink_dump_control control = {
		.start = kipc_dump_begin,
		.dump = kipc_dump_part,
		.done = kipc_dump_done,
		.data = &dump,
		.module = THIS_MODULE,
		/* No record is longer. */
		.min_dump_alloc = NLMSG_GOODSIZE,
	};
	struct nlmsghdr noop = { .nlmsg_len = sizeof(noop), .nlmsg_type = NLMSG_NOOP };
	struct sock *kernel = kipc_net_of(sock_net(sender))->kernel_sock;
	struct sk_buff *request;
	int err;

	NL_ASSERT_CTX_FITS(struct kipc_dump);
	/*
	 * netlink keeps the request for as long as the dump takes: its header, not a datagram that
	 * other messages stand in.
	 */
	request = alloc_skb(NLMSG_HDRLEN, GFP_KERNEL);
	if (!request) {
		kipc_ops->dump_free(state);
		return -ENOMEM;
	}
	skb_put_data(request, skb->data + offset, NLMSG_HDRLEN);
	NETLINK_CB(request).portid = portid;
	NETLINK_CB(request).sk = sender;
	err = netlink_dump_start(kernel, request, nlmsg_hdr(request), &control);
	noop.nlmsg_seq = nlmsg_hdr(request)->nlmsg_seq;
	consume_skb(request);
	switch (err) {
	case 0:
	case -EINTR:		/* netlink's word for success */
		return 0;
	case -ENOBUFS:
		/*
		 * The queue is full, and the dump goes on when the reader has made room. Or there
		 * was no memory for its first part: then it goes on when the reader has read
		 * anything, so there must be something to read.
		 */
		if (!sk_rmem_alloc_get(sender))
			kipc_queue_copy(sender, (const unsigned char *)&noop, sizeof(noop),
					KIPC_ROOM_RESERVE);
		return 0;
	default:
		kipc_ops->dump_free(state);
		return err;
	}
}
