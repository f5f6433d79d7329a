// SPDX-License-Identifier: GPL-2.0
/*
 * The C interface over a kernel that says anything: a status is all that may come of it. What it
 * hands out is read to its last byte.
 *
 * An input is that of the target client (src/bin/client/main.rs).
 */
#include "kernel.h"

#include <kipc.h>
#include <linux/kipc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Where what was read goes, so that it is read. */
static volatile unsigned char sink;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "abi: %s\n", what);
	abort();
}

static void read_bytes(const void *bytes, size_t length)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < length; i++)
		sink ^= byte[i];
}

static void read_text(const char *text)
{
	read_bytes(text, strlen(text));
}

/* Passes a status on, unless it tells of a bug. */
static int checked(int status)
{
	if (status == KIPC_ERROR_PANIC)
		fail("a panic");
	read_text(kipc_status_string(status));
	if (status < 0) {
		read_text(kipc_last_error());
		sink ^= kipc_last_errno();
	}
	return status;
}

static int see_topic(const kipc_topic *topic, void *context)
{
	size_t *count = context;

	read_text(topic->name);
	read_bytes(topic, sizeof(*topic));
	return ++*count == 1000;
}

static void query(const kipc_bus *bus)
{
	kipc_bus_info info;
	size_t count = 0;

	if (checked(kipc_info(bus, &info)) == KIPC_OK) {
		read_bytes(&info, sizeof(info));
		read_text(info.version);
	}
	checked(kipc_topics(bus, see_topic, &count));
	checked(kipc_clear(bus, "a/b"));
}

static void publish(const kipc_bus *bus, unsigned int options)
{
	static const kipc_bytes batch[] = { { "1", 1 }, { "22", 2 }, { NULL, 0 } };
	kipc_publisher_options wanted;
	kipc_publisher *publisher;
	kipc_delivery delivery;

	checked(kipc_publisher_options_init(&wanted));
	wanted.watch_subscribers = options & 1;
	if (checked(kipc_publisher_create(bus, "a/b", &wanted, &publisher)) != KIPC_OK)
		return;
	checked(kipc_publish(publisher, "x", 1));
	if (checked(kipc_publish_acked(publisher, "y", 1, &delivery)) == KIPC_OK)
		read_bytes(&delivery, sizeof(delivery));
	checked(kipc_publish_batch(publisher, batch, ARRAY_SIZE(batch)));
	checked(kipc_publisher_set_last_will(publisher, "z", 1));
	checked(kipc_publisher_cancel_last_will(publisher));
	if (options & 1)
		checked(kipc_publisher_wait_for_subscribers(publisher, 3, 0));
	kipc_publisher_free(publisher);
}

static void see_item(const kipc_item *item, unsigned int options)
{
	size_t length = strlen(item->topic);

	if (length == 0 || length > KIPC_TOPIC_MAX)
		fail("an item without a topic");
	read_bytes(item->topic, length);
	if (item->kind != KIPC_ITEM_MESSAGE && (item->data || item->length))
		fail("data without a message");
	if (item->kind == KIPC_ITEM_MESSAGE && !kernel_published(item->data, item->length))
		fail("a message that was not published");
	if (item->has_credentials && !(options & 0x10))
		fail("credentials that nobody asked for");
	read_bytes(item->data, item->length);
	read_bytes(item, sizeof(*item));
}

static int receive(kipc_subscriber *subscriber, unsigned int options, kipc_item *item)
{
	switch (options % 3) {
	case 0:
		return checked(kipc_recv(subscriber, item));
	case 1:
		return checked(kipc_try_recv(subscriber, item));
	default:
		return checked(kipc_recv_timeout(subscriber, 0, item));
	}
}

static void subscribe(const kipc_bus *bus, unsigned int options, size_t most)
{
	static const uint32_t tags[] = { 1, 2 };
	kipc_subscriber_options wanted;
	kipc_subscriber *subscriber;
	size_t count = 0;
	kipc_item item;
	int status;

	checked(kipc_subscriber_options_init(&wanted));
	wanted.fingerprint = options & 8 ? 5 : 0;
	wanted.credentials = options & 0x10;
	wanted.events = options & 0x20;
	if (options & 0x40) {
		wanted.tags = tags;
		wanted.tag_count = ARRAY_SIZE(tags);
	}
	if (checked(kipc_subscriber_create(bus, "a/**", &wanted, &subscriber)) != KIPC_OK)
		return;
	kernel_speak();
	do {
		memset(&item, 0, sizeof(item));
		status = receive(subscriber, options, &item);
		if (status == KIPC_OK)
			see_item(&item, options);
		if (count++ > most)
			fail("items without an end");
	} while (status != KIPC_NOTHING && status != KIPC_ERROR_IO);
	kipc_subscriber_free(subscriber);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	kipc_bus *bus;

	if (length < 3)
		return 0;
	kernel_start(input[0] % 4, input + 3, length - 3);
	if (checked(kipc_connect(&bus)) != KIPC_OK)
		return 0;
	switch (input[1] % 4) {
	case 0:
		query(bus);
		break;
	case 1:
		publish(bus, input[2]);
		break;
	default:
		/* No item has less than a header, and each datagram may be malformed. */
		subscribe(bus, input[2], 100 + length);
		break;
	}
	kipc_bus_free(bus);
	return 0;
}
