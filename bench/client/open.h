/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a client that is written by hand gets onto the bus. */
#ifndef OPEN_H
#define OPEN_H

#include <linux/kipc.h>
#include <linux/netlink.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline int open_socket(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, KIPC_PROTOCOL);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("socket");
	return fd;
}

/* A request with one string; returns the u32 attribute `wanted` of the answer. */
static inline uint32_t request(int fd, uint16_t type, uint16_t attribute, const char *text,
			       uint16_t wanted)
{
	_Alignas(8) char message[512] = { 0 };
	_Alignas(8) char buffer[4096];
	struct nlmsghdr *header = (struct nlmsghdr *)message;
	struct nlattr *attr = (struct nlattr *)(message + NLMSG_HDRLEN);
	uint32_t value = 0;
	ssize_t length;
	int acked = 0;

	attr->nla_len = NLA_HDRLEN + strlen(text) + 1;
	attr->nla_type = attribute;
	strcpy((char *)attr + NLA_HDRLEN, text);
	header->nlmsg_len = NLMSG_HDRLEN + NLA_ALIGN(attr->nla_len);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header->nlmsg_seq = 1;
	if (send(fd, message, header->nlmsg_len, 0) < 0)
		die("send");
	while (!acked) {
		length = recv(fd, buffer, sizeof(buffer), 0);
		if (length < 0)
			die("recv");
		for (header = (struct nlmsghdr *)buffer; NLMSG_OK(header, length);
		     header = NLMSG_NEXT(header, length)) {
			if (header->nlmsg_type == NLMSG_ERROR) {
				if (((struct nlmsgerr *)NLMSG_DATA(header))->error)
					die("refused");
				acked = 1;
			} else if (header->nlmsg_type == type) {
				attr = NLMSG_DATA(header);
				if (attr->nla_type == wanted)
					memcpy(&value, (char *)attr + NLA_HDRLEN, 4);
			}
		}
	}
	return value;
}

#endif
