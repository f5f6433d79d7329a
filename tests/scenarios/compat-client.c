// SPDX-License-Identifier: GPL-2.0
/*
 * A client in 32 bits, on whatever kernel: it needs no library, so it can be built where there is
 * none for 32 bits. It uses the header for C as it is, so its structures have the layout that a
 * 32-bit compiler gives them.
 *
 *   compat-client
 *
 * Subscribes to compat/in, with history, and says "ready". What comes there it publishes on
 * compat/out, with its headers and the sender's credentials in front, until an empty message has
 * come. Then it asks for the statistics of all topics, and says of each its number of messages.
 */
#include <linux/kipc.h>
#include <linux/netlink.h>

_Static_assert(sizeof(void *) == 4, "a 32-bit program");
_Static_assert(sizeof(struct kipc_data) == 40, "as documented");
_Static_assert(__builtin_offsetof(struct kipc_data, seq) == 8, "as documented");
_Static_assert(__builtin_offsetof(struct kipc_data, port) == 32, "as documented");

#define AF_NETLINK		16
#define SOCK_RAW		3
#define SOL_SOCKET		1
#define SO_PASSCRED		16
#define SCM_CREDENTIALS		2

#define SYS_EXIT		1
#define SYS_WRITE		4
#define SYS_SOCKET		359
#define SYS_SETSOCKOPT		366
#define SYS_RECVMSG		372

struct vector {
	void *base;
	unsigned long len;
};

struct message {
	void *name;
	int namelen;
	struct vector *vectors;
	unsigned long vectors_len;
	void *control;
	unsigned long control_len;
	unsigned int flags;
};

struct control {
	unsigned long len;
	int level;
	int type;
	unsigned int pid, uid, gid;
};

static int system_call(int number, long a, long b, long c, long d, long e)
{
	int result;

	asm volatile ("int $0x80"
		      : "=a" (result)
		      : "a" (number), "b" (a), "c" (b), "d" (c), "S" (d), "D" (e)
		      : "memory");
	return result;
}

static void copy(void *to, const void *from, unsigned int len)
{
	asm volatile ("rep movsb" : "+D" (to), "+S" (from), "+c" (len) : : "memory");
}

static unsigned int length(const char *text)
{
	unsigned int len = 0;

	while (text[len])
		len++;
	return len;
}

static void say(const char *text)
{
	system_call(SYS_WRITE, 1, (long)text, length(text), 0, 0);
}

static void say_number(unsigned long number)
{
	char digits[12];
	int at = sizeof(digits);

	digits[--at] = 0;
	do {
		digits[--at] = '0' + number % 10;
		number /= 10;
	} while (number);
	say(digits + at);
}

static void fail(const char *what)
{
	say("failed: ");
	say(what);
	say("\n");
	system_call(SYS_EXIT, 1, 0, 0, 0, 0);
}

static char request[4096] __attribute__((aligned(8)));
static char received[65536] __attribute__((aligned(8)));
static struct control credentials;

static struct nlmsghdr *begin(int type, int flags)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)request;

	nlh->nlmsg_len = NLMSG_HDRLEN;
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	nlh->nlmsg_pid = 0;
	return nlh;
}

static void add(struct nlmsghdr *nlh, int type, const void *value, unsigned int len)
{
	struct nlattr *attr = (struct nlattr *)(request + nlh->nlmsg_len);

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	copy(attr + 1, value, len);
	nlh->nlmsg_len += NLA_ALIGN(attr->nla_len);
}

static void transmit(int fd)
{
	unsigned int len = ((struct nlmsghdr *)request)->nlmsg_len;

	if (system_call(SYS_WRITE, fd, (long)request, len, 0, 0) != (int)len)
		fail("send");
}

static int receive(int fd)
{
	struct vector vector = { received, sizeof(received) };
	struct message message = {
		.vectors = &vector,
		.vectors_len = 1,
		.control = &credentials,
		.control_len = sizeof(credentials),
	};
	int len;

	credentials.len = 0;
	len = system_call(SYS_RECVMSG, fd, (long)&message, 0, 0, 0);
	if (len < 0)
		fail("receive");
	return len;
}

/* Sends the request; returns this attribute of the answer, a u32. */
static unsigned int call(int fd, int type, int wanted)
{
	unsigned int value = 0;

	transmit(fd);
	for (;;) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)received;
		int left = receive(fd);

		for (; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
			struct nlattr *attr = NLMSG_DATA(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR) {
				if (((struct nlmsgerr *)NLMSG_DATA(nlh))->error)
					fail("a request is refused");
				return value;
			}
			if (nlh->nlmsg_type == type && attr->nla_type == wanted)
				value = *(unsigned int *)(attr + 1);
		}
	}
}

/* Publishes what has been received, behind a header that is left to the kernel. */
static void echo(int fd, unsigned int topic, const struct nlmsghdr *nlh)
{
	struct nlmsghdr *out = begin(KIPC_MSG_PUBLISH, 0);
	struct kipc_data *data = NLMSG_DATA(out);
	unsigned int len = nlh->nlmsg_len - NLMSG_HDRLEN;

	*data = (struct kipc_data){ .topic = topic, .tag = sizeof(long) };
	copy(data + 1, &credentials.pid, 12);
	copy((char *)(data + 1) + 12, NLMSG_DATA(nlh), len);
	out->nlmsg_len += sizeof(*data) + 12 + len;
	transmit(fd);
}

static void tell_statistics(int fd)
{
	begin(KIPC_MSG_STATISTICS, NLM_F_DUMP);
	transmit(fd);
	for (;;) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)received;
		int left = receive(fd);

		for (; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
			char *at = NLMSG_DATA(nlh);
			char *end = (char *)nlh + nlh->nlmsg_len;

			if (nlh->nlmsg_type == NLMSG_DONE)
				return;
			while (at < end) {
				struct nlattr *attr = (struct nlattr *)at;

				if (attr->nla_type == KIPC_ATTR_TOPIC)
					say((char *)(attr + 1));
				if (attr->nla_type == KIPC_ATTR_SEQ) {
					say(" ");
					/* Small, and the first half on a little-endian machine. */
					say_number(*(unsigned int *)(attr + 1));
				}
				at += NLA_ALIGN(attr->nla_len);
			}
			say("\n");
		}
	}
}

__attribute__((used)) static void run(void)
{
	static const unsigned long long fingerprint = 0x1122334455667788;
	static const unsigned int flags = KIPC_SUBSCRIBE_HISTORY;
	static const unsigned int mode = KIPC_MODE_BITS;
	static const int one = 1;
	int in = system_call(SYS_SOCKET, AF_NETLINK, SOCK_RAW, KIPC_PROTOCOL, 0, 0);
	int out = system_call(SYS_SOCKET, AF_NETLINK, SOCK_RAW, KIPC_PROTOCOL, 0, 0);
	unsigned int topic, len = 0;
	struct nlmsghdr *nlh;

	if (in < 0 || out < 0)
		fail("socket");
	if (system_call(SYS_SETSOCKOPT, in, SOL_SOCKET, SO_PASSCRED, (long)&one, sizeof(one)))
		fail("SO_PASSCRED");
	nlh = begin(KIPC_MSG_ADVERTISE, NLM_F_ACK);
	add(nlh, KIPC_ATTR_TOPIC, "compat/out", 11);
	add(nlh, KIPC_ATTR_FINGERPRINT, &fingerprint, sizeof(fingerprint));
	add(nlh, KIPC_ATTR_MODE, &mode, sizeof(mode));
	topic = call(out, KIPC_MSG_ADVERTISE, KIPC_ATTR_TOPIC_ID);
	nlh = begin(KIPC_MSG_SUBSCRIBE, NLM_F_ACK);
	add(nlh, KIPC_ATTR_PATTERN, "compat/in", 10);
	add(nlh, KIPC_ATTR_FLAGS, &flags, sizeof(flags));
	transmit(in);
	/* What is retained comes before the answer. */
	while (len != NLMSG_HDRLEN + sizeof(struct kipc_data)) {
		int left = receive(in);

		for (nlh = (struct nlmsghdr *)received; NLMSG_OK(nlh, left);
		     nlh = NLMSG_NEXT(nlh, left)) {
			if (nlh->nlmsg_type == KIPC_MSG_PUBLISH) {
				echo(out, topic, nlh);
				len = nlh->nlmsg_len;
			} else if (nlh->nlmsg_type == NLMSG_ERROR) {
				if (((struct nlmsgerr *)NLMSG_DATA(nlh))->error)
					fail("the subscription is refused");
				say("ready\n");
			}
		}
	}
	tell_statistics(out);
	say("done\n");
	system_call(SYS_EXIT, 0, 0, 0, 0, 0);
}

asm(".globl _start\n"
    "_start:\n"
    "	xor %ebp, %ebp\n"
    "	and $-16, %esp\n"
    "	call run\n");
