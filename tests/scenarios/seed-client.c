// SPDX-License-Identifier: GPL-2.0
/*
 * A client of the seed protocol, written to its description only: it shares no code, constant or
 * header with kipc. nl_pid is getpid(), messages have NLMSG_SPACE(128) bytes and go to port 0.
 *
 *   seed-client sub COUNT      register as a subscriber, say "ready", print COUNT messages
 *   seed-client pub TEXT...    register as a publisher, broadcast each TEXT
 *   seed-client both COUNT TEXT...   register as both, broadcast each TEXT, print COUNT messages
 *   seed-client twice COUNT    like sub, but registers twice
 */
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROTOCOL 31
#define PAYLOAD 128

enum { SUBSCRIBE = 1, PUBLISH = 2, BROADCAST = 3 };

static int sock;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void send_message(unsigned char type, const char *text)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	union {
		struct nlmsghdr header;
		char bytes[NLMSG_SPACE(PAYLOAD)];
	} message = { 0 };
	char *data = NLMSG_DATA(&message.header);

	message.header.nlmsg_len = NLMSG_SPACE(PAYLOAD);
	message.header.nlmsg_pid = getpid();
	data[0] = type;
	strncpy(data + 1, text, PAYLOAD - 2);
	if (sendto(sock, &message, sizeof(message), 0,
		   (struct sockaddr *)&kernel, sizeof(kernel)) != sizeof(message))
		die("sendto");
}

/* Prints: type pid seq length-of-payload text */
static void print_messages(int count)
{
	union {
		struct nlmsghdr header;
		char bytes[NLMSG_SPACE(PAYLOAD)];
	} message;

	while (count-- > 0) {
		ssize_t len = recv(sock, &message, sizeof(message), 0);

		if (len < 0)
			die("recv");
		if (!NLMSG_OK(&message.header, (size_t)len)) {
			fputs("malformed message\n", stderr);
			exit(1);
		}
		printf("%u %u %u %u %s\n", message.header.nlmsg_type, message.header.nlmsg_pid,
		       message.header.nlmsg_seq, (unsigned int)NLMSG_PAYLOAD(&message.header, 0),
		       (char *)NLMSG_DATA(&message.header));
		fflush(stdout);
	}
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_pid = getpid() };
	const char *role = argc > 2 ? argv[1] : "";
	int i;

	sock = socket(AF_NETLINK, SOCK_RAW, PROTOCOL);
	if (sock < 0)
		die("socket");
	if (bind(sock, (struct sockaddr *)&self, sizeof(self)) < 0)
		die("bind");

	if (!strcmp(role, "sub")) {
		send_message(SUBSCRIBE, "");
		ready();
		print_messages(atoi(argv[2]));
	} else if (!strcmp(role, "twice")) {
		send_message(SUBSCRIBE, "");
		send_message(SUBSCRIBE, "");
		ready();
		print_messages(atoi(argv[2]));
	} else if (!strcmp(role, "pub")) {
		send_message(PUBLISH, "");
		for (i = 2; i < argc; i++)
			send_message(BROADCAST, argv[i]);
	} else if (!strcmp(role, "both")) {
		send_message(SUBSCRIBE, "");
		send_message(PUBLISH, "");
		send_message(PUBLISH, "");
		ready();
		for (i = 3; i < argc; i++)
			send_message(BROADCAST, argv[i]);
		print_messages(atoi(argv[2]));
	} else {
		fputs("usage: seed-client sub|twice COUNT | pub TEXT... | both COUNT TEXT...\n",
		      stderr);
		return 2;
	}
	return 0;
}
