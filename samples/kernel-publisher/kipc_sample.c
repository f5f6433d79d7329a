// SPDX-License-Identifier: GPL-2.0
/*
 * A module that publishes with kipc: a counter and the time, on the topic kernel/sample.
 *
 * Built in the checkout, with kipc's Module.symvers, and watched from user space:
 *
 *	make -C KDIR M=$PWD/samples/kernel-publisher \
 *		KBUILD_EXTRA_SYMBOLS=$PWD/Module.symvers modules
 *	modprobe kipc_sample period_ms=500
 *	kipc sub kernel/sample
 *
 * With netns=PID it publishes in the network namespace of that process, without keeping it alive.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kipc.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#define SAMPLE_PUBLISHERS_MAX 8

static unsigned int period_ms = 1000;
module_param(period_ms, uint, 0444);
MODULE_PARM_DESC(period_ms, "time between two messages in milliseconds (default 1000)");

static unsigned int publishers = 1;
module_param(publishers, uint, 0444);
MODULE_PARM_DESC(publishers, "how many publishers take turns, 1 to 8 (default 1)");

static int netns;
module_param(netns, int, 0444);
MODULE_PARM_DESC(netns, "process in whose network namespace to publish (default: the initial one)");

static int error;
module_param(error, int, 0444);
MODULE_PARM_DESC(error, "read it: what ended publishing, a negative errno, or 0");

/* The payload. */
struct sample {
	u64 count;
	u64 jiffies;
};

static struct kipc_publisher *sample_publishers[SAMPLE_PUBLISHERS_MAX];
static u64 sample_count;

static void sample_publish(struct work_struct *work);
static DECLARE_DELAYED_WORK(sample_work, sample_publish);

static void sample_publish(struct work_struct *work)
{
	unsigned int turn = sample_count % publishers;
	struct sample sample = { .count = sample_count, .jiffies = get_jiffies_64() };
	int err;

	err = kipc_publish(sample_publishers[turn], turn, &sample, sizeof(sample), NULL);
	/* Memory may be there next time; a network namespace that ended does not come back. */
	if (err == -ENETDOWN) {
		WRITE_ONCE(error, err);
		return;
	}
	if (!err)
		sample_count++;
	schedule_delayed_work(&sample_work, msecs_to_jiffies(max(period_ms, 1U)));
}

static void sample_end(void)
{
	unsigned int i;

	for (i = 0; i < SAMPLE_PUBLISHERS_MAX; i++)
		kipc_publisher_destroy(sample_publishers[i]);
}

static int __init sample_init(void)
{
	struct net *net;
	unsigned int i;
	int err = 0;

	if (publishers < 1 || publishers > SAMPLE_PUBLISHERS_MAX)
		return -EINVAL;
	net = netns ? get_net_ns_by_pid(netns) : get_net(&init_net);
	if (IS_ERR(net))
		return PTR_ERR(net);
	for (i = 0; i < publishers && !err; i++) {
		sample_publishers[i] = kipc_publisher_create(net, "kernel/sample", 0);
		err = PTR_ERR_OR_ZERO(sample_publishers[i]);
	}
	put_net(net);
	if (err) {
		sample_end();
		return err;
	}
	schedule_delayed_work(&sample_work, 0);
	return 0;
}

static void __exit sample_exit(void)
{
	cancel_delayed_work_sync(&sample_work);
	sample_end();
}

module_init(sample_init);
module_exit(sample_exit);

MODULE_AUTHOR("The kipc authors");
MODULE_DESCRIPTION("Publishes with kipc from within the kernel");
MODULE_LICENSE("GPL");
