// SPDX-License-Identifier: GPL-2.0
/*
 * What kipc exports to other modules: publishers of the kernel.
 *
 * A publisher does not hold its network namespace, since a namespace must be able to end. When it
 * does, its publishers are detached: they exist, for their owners to destroy, and reach nobody.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/kipc.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "glue.h"
#include "glue_internal.h"

/* A topic may be this long, and one byte longer for the bus to see that it is too long. */
#define KIPC_TOPIC_LOOK 256

struct kipc_publisher {
	struct mutex lock;	/* held while the bus is used */
	struct kipc_net *kn;	/* NULL: detached. Changes under both locks. */
	void *client;		/* of the bus; valid unless detached */
	struct list_head node;	/* in kn->publishers, unless detached */
};

/* Which publishers a namespace has, and whether it can have any. Taken before their locks. */
static DEFINE_MUTEX(kipc_publishers_lock);

void kipc_publishers_begin(struct kipc_net *kn)
{
	mutex_lock(&kipc_publishers_lock);
	INIT_LIST_HEAD(&kn->publishers);
	kn->open = true;
	mutex_unlock(&kipc_publishers_lock);
}

/* Waits for a kipc_publish() that is under way; those that follow see that there is no bus. */
static void kipc_publisher_detach(struct kipc_publisher *publisher)
{
	lockdep_assert_held(&kipc_publishers_lock);
	mutex_lock(&publisher->lock);
	list_del(&publisher->node);
	kipc_ops->publisher_end(publisher->kn->bus, publisher->client);
	publisher->kn = NULL;
	publisher->client = NULL;
	mutex_unlock(&publisher->lock);
}

void kipc_publishers_end(struct kipc_net *kn)
{
	struct kipc_publisher *publisher, *next;

	mutex_lock(&kipc_publishers_lock);
	kn->open = false;
	list_for_each_entry_safe(publisher, next, &kn->publishers, node)
		kipc_publisher_detach(publisher);
	mutex_unlock(&kipc_publishers_lock);
}

/**
 * kipc_publisher_create() - become a publisher of a topic
 * @net: the network namespace on whose bus to publish; the caller makes sure that it exists
 *       during the call
 * @topic: name of the topic, in UTF-8, such as kernel/sample
 * @fingerprint: of the type of the payload, or 0
 *
 * Subscribers who asked for events are told that a publisher with port id 0 joined. Several
 * publishers of the kernel may publish the same topic.
 *
 * The publisher does not keep @net alive. Every publisher must be destroyed with
 * kipc_publisher_destroy(), at the latest when the caller's module is unloaded.
 *
 * Context: Process context. May sleep, and allocates with GFP_KERNEL.
 * Return: the publisher, or an ERR_PTR: -EINVAL or -ERANGE (@topic is no name of a topic),
 *	   -EPROTOTYPE (the topic has another fingerprint), -ENOSPC (too many topics), -ENOMEM,
 *	   -ENETDOWN (@net is ending).
 */
struct kipc_publisher *kipc_publisher_create(struct net *net, const char *topic, u64 fingerprint)
{
	struct kipc_publisher *publisher;
	struct kipc_net *kn = kipc_net_of(net);
	int err = -ENETDOWN;

	might_sleep();
	publisher = kzalloc_obj(*publisher, GFP_KERNEL);
	if (!publisher)
		return ERR_PTR(-ENOMEM);
	mutex_init(&publisher->lock);

	mutex_lock(&kipc_publishers_lock);
	if (kn->open)
		err = kipc_ops->publisher_new(kn->bus, kn->kernel_sock,
					      (const unsigned char *)topic,
					      strnlen(topic, KIPC_TOPIC_LOOK), fingerprint,
					      &publisher->client);
	if (!err) {
		publisher->kn = kn;
		list_add_tail(&publisher->node, &kn->publishers);
	}
	mutex_unlock(&kipc_publishers_lock);

	if (err) {
		mutex_destroy(&publisher->lock);
		kfree(publisher);
		return ERR_PTR(err);
	}
	return publisher;
}
EXPORT_SYMBOL_GPL(kipc_publisher_create);

/**
 * kipc_publish() - publish a message
 * @publisher: from kipc_publisher_create()
 * @tag: for the socket filters of subscribers
 * @payload: what to publish; it is copied
 * @len: its length, at most KIPC_KERNEL_PAYLOAD_MAX
 * @receipt: where to say what became of the message, or NULL
 *
 * Calls for one publisher may come from several threads; they are carried out one after the
 * other. A message that a subscriber has no room for is lost for that subscriber, which is no
 * error. A publisher of the kernel never waits for a subscriber.
 *
 * A large message needs contiguous memory: be prepared for -ENOMEM above 16 KiB or so.
 *
 * Context: Process context. May sleep, and allocates with GFP_KERNEL.
 * Return: 0, and @receipt is filled; or an error, and nothing was published: -EMSGSIZE (@len is
 *	   too large), -ENOMEM, -ENETDOWN (the network namespace has ended; this does not change
 *	   any more).
 */
int kipc_publish(struct kipc_publisher *publisher, u32 tag, const void *payload, size_t len,
		 struct kipc_receipt *receipt)
{
	struct kipc_fate fate;
	int err = -ENETDOWN;

	might_sleep();
	if (len > KIPC_KERNEL_PAYLOAD_MAX)
		return -EMSGSIZE;

	mutex_lock(&publisher->lock);
	if (publisher->kn)
		err = kipc_ops->publisher_publish(publisher->kn->bus, publisher->client, tag,
						  payload, len, &fate);
	mutex_unlock(&publisher->lock);

	if (!err && receipt) {
		receipt->seq = fate.seq;
		receipt->delivered = fate.delivered;
		receipt->dropped = fate.dropped;
	}
	return err;
}
EXPORT_SYMBOL_GPL(kipc_publish);

/**
 * kipc_publisher_destroy() - stop being a publisher
 * @publisher: from kipc_publisher_create(); NULL and ERR_PTRs are ignored
 *
 * Subscribers who asked for events are told that the publisher is gone, after its last message.
 * No other call with @publisher may be under way or follow.
 *
 * Context: Process context. May sleep.
 */
void kipc_publisher_destroy(struct kipc_publisher *publisher)
{
	might_sleep();
	if (IS_ERR_OR_NULL(publisher))
		return;

	mutex_lock(&kipc_publishers_lock);
	if (publisher->kn)
		kipc_publisher_detach(publisher);
	mutex_unlock(&kipc_publishers_lock);
	mutex_destroy(&publisher->lock);
	kfree(publisher);
}
EXPORT_SYMBOL_GPL(kipc_publisher_destroy);
