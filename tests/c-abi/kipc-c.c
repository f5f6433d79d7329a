// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A small `kipc pub` and `kipc sub` in C, for the tests: they run the same scenarios with this as
 * with the command line tool.
 *
 *   kipc-c pub [--history N] [--wait MS] [--mode OCTAL] TOPIC    each line of stdin is a message
 *   kipc-c sub [--history] [--events] [--count N] [--overflow NAME] PATTERN
 */
#include <kipc.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MISSING = 3, REFUSED = 4 };

/* The exit codes of the command line tool. */
static int failed(int status)
{
	fprintf(stderr, "kipc-c: %s\n", kipc_last_error());
	switch (status) {
	case KIPC_ERROR_MODULE_MISSING:
		return MISSING;
	case KIPC_ERROR_REFUSED:
		return REFUSED;
	default:
		return 1;
	}
}

static int publish(kipc_bus *bus, int argc, char **argv)
{
	kipc_publisher_options options;
	kipc_publisher *publisher;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int i, status;

	kipc_publisher_options_init(&options);
	for (i = 0; i < argc - 1; i += 2) {
		if (strcmp(argv[i], "--history") == 0)
			options.history = (uint32_t)atoi(argv[i + 1]);
		else if (strcmp(argv[i], "--wait") == 0)
			options.wait = (uint32_t)(atof(argv[i + 1]) * 1000);
		else if (strcmp(argv[i], "--mode") == 0)
			options.mode = (int32_t)strtol(argv[i + 1], NULL, 8);
		else
			return 2;
	}
	if (i != argc - 1)
		return 2;
	status = kipc_publisher_create(bus, argv[i], &options, &publisher);
	while (status == KIPC_OK && (length = getline(&line, &room, stdin)) > 0)
		status = kipc_publish(publisher, line, (size_t)length - (line[length - 1] == '\n'));
	free(line);
	if (status != KIPC_OK)
		return failed(status);
	kipc_publisher_free(publisher);
	return 0;
}

/* Payloads of these tests need no escapes. */
static void print(const kipc_item *item)
{
	switch (item->kind) {
	case KIPC_ITEM_MESSAGE:
		printf("{\"type\":\"message\",\"topic\":\"%s\",\"seq\":%llu,\"publisher\":%u,\"payload\":\"%.*s\"}\n",
		       item->topic, (unsigned long long)item->seq, item->publisher,
		       (int)item->length, (const char *)item->data);
		break;
	case KIPC_ITEM_LOST:
		printf("{\"type\":\"lost\",\"topic\":\"%s\",\"first\":%llu,\"count\":%llu}\n",
		       item->topic, (unsigned long long)item->seq,
		       (unsigned long long)item->count);
		break;
	case KIPC_ITEM_JOINED:
	case KIPC_ITEM_GONE:
		printf("{\"type\":\"%s\",\"topic\":\"%s\",\"publisher\":%u}\n",
		       item->kind == KIPC_ITEM_GONE ? "gone" : "joined", item->topic,
		       item->publisher);
		break;
	case KIPC_ITEM_REMOVED:
		printf("{\"type\":\"removed\",\"topic\":\"%s\"}\n", item->topic);
		break;
	default:
		break;
	}
	fflush(stdout);
}

static int overflow_of(const char *name)
{
	static const char *const names[] = { "drop-newest", "drop-oldest", "block", "fail" };
	int i;

	for (i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

static int subscribe(kipc_bus *bus, int argc, char **argv)
{
	kipc_subscriber_options options;
	kipc_subscriber *subscriber;
	long count = -1;
	kipc_item item;
	int i, status;

	kipc_subscriber_options_init(&options);
	for (i = 0; i < argc - 1; i++) {
		if (strcmp(argv[i], "--history") == 0)
			options.history = true;
		else if (strcmp(argv[i], "--events") == 0)
			options.events = true;
		else if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--verbose") == 0)
			continue;
		else if (strcmp(argv[i], "--count") == 0)
			count = atol(argv[++i]);
		else if (strcmp(argv[i], "--overflow") == 0)
			options.overflow = overflow_of(argv[++i]);
		else
			return 2;
	}
	if (i != argc - 1)
		return 2;
	status = kipc_subscriber_create(bus, argv[i], &options, &subscriber);
	if (status != KIPC_OK)
		return failed(status);
	fprintf(stderr, "kipc: subscribed to %s\n", argv[i]);
	while (count != 0) {
		status = kipc_recv(subscriber, &item);
		if (status != KIPC_OK)
			break;
		print(&item);
		if (item.kind == KIPC_ITEM_MESSAGE && count > 0)
			count--;
	}
	kipc_subscriber_free(subscriber);
	return status == KIPC_OK ? 0 : failed(status);
}

int main(int argc, char **argv)
{
	kipc_bus *bus;
	int status;

	if (argc < 3)
		return 2;
	status = kipc_connect(&bus);
	if (status != KIPC_OK)
		return failed(status);
	if (strcmp(argv[1], "pub") == 0)
		status = publish(bus, argc - 2, argv + 2);
	else if (strcmp(argv[1], "sub") == 0)
		status = subscribe(bus, argc - 2, argv + 2);
	else
		status = 2;
	kipc_bus_free(bus);
	return status;
}
