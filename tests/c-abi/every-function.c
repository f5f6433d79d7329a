// SPDX-License-Identifier: MIT OR Apache-2.0
/* Calls every function of kipc.h: as it is meant, with NULL, and with what is wrong. */
#include <kipc.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int checks;

static void check_at(int line, int true_, const char *what)
{
	checks++;
	if (true_)
		return;
	printf("not ok  line %d: %s (%s)\n", line, what, kipc_last_error());
	exit(1);
}

#define CHECK(what) check_at(__LINE__, !!(what), #what)

static int count_topics(const kipc_topic *topic, void *context)
{
	int *found = context;

	if (strcmp(topic->name, "c/a") == 0) {
		CHECK(topic->publishers == 1 && topic->subscribers == 1);
		CHECK(topic->mode == 0640 && topic->history == 4);
		++*found;
	}
	return 0;
}

static int stop_at_once(const kipc_topic *topic, void *context)
{
	(void)topic;
	++*(int *)context;
	return 1;
}

static void null_is_refused(kipc_bus *bus)
{
	kipc_publisher *publisher = NULL;
	kipc_subscriber *subscriber = NULL;
	kipc_delivery delivery;
	kipc_bus_info info;
	kipc_item item;
	int nothing = 0;

	CHECK(kipc_connect(NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(strlen(kipc_last_error()) > 0 && kipc_last_errno() == 0);
	CHECK(kipc_connect_protocol(31, NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_info(NULL, &info) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_info(bus, NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_topics(NULL, count_topics, &nothing) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_topics(bus, NULL, NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_clear(NULL, "c") == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_clear(bus, NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_fingerprint(NULL, "x") == 0 && kipc_fingerprint("x", NULL) == 0);
	CHECK(kipc_publisher_options_init(NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publisher_create(NULL, "c", NULL, &publisher) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publisher_create(bus, NULL, NULL, &publisher) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publisher_create(bus, "c", NULL, NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publish(NULL, "x", 1) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publish_tagged(NULL, 1, "x", 1) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publish_acked(NULL, "x", 1, &delivery) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publish_batch(NULL, NULL, 0) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publisher_set_last_will(NULL, "x", 1) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publisher_cancel_last_will(NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publisher_wait_for_subscribers(NULL, 1, 1) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publisher_port(NULL) == 0 && kipc_publisher_fd(NULL) == -1);
	CHECK(kipc_subscriber_options_init(NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_subscriber_create(NULL, "c", NULL, &subscriber) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_subscriber_create(bus, NULL, NULL, &subscriber) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_subscriber_create(bus, "c", NULL, NULL) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_recv(NULL, &item) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_try_recv(NULL, &item) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_recv_timeout(NULL, 1, &item) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_subscriber_fd(NULL) == -1);
	CHECK(publisher == NULL && subscriber == NULL);
	kipc_bus_free(NULL);
	kipc_publisher_free(NULL);
	kipc_subscriber_free(NULL);
}

static void wrong_arguments_are_refused(kipc_bus *bus)
{
	kipc_publisher_options publisher_options;
	kipc_subscriber_options subscriber_options;
	kipc_subscriber *subscriber = NULL;
	kipc_publisher *publisher = NULL;
	kipc_bus *other = NULL;

	CHECK(kipc_connect_protocol(30, &other) == KIPC_ERROR_MODULE_MISSING && !other);
	CHECK(kipc_publisher_create(bus, "a//b", NULL, &publisher) == KIPC_ERROR_INVALID_TOPIC);
	CHECK(kipc_publisher_create(bus, "\xff", NULL, &publisher) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_clear(bus, "nobody/has/this") == KIPC_ERROR_REFUSED);
	CHECK(kipc_last_errno() == ENOENT);
	memset(&publisher_options, 0, sizeof(publisher_options));
	CHECK(kipc_publisher_create(bus, "c", &publisher_options, &publisher) == KIPC_ERROR_ARGUMENT);
	kipc_publisher_options_init(&publisher_options);
	publisher_options.mode = -2;
	CHECK(kipc_publisher_create(bus, "c", &publisher_options, &publisher) == KIPC_ERROR_ARGUMENT);
	publisher_options.mode = 0777;
	CHECK(kipc_publisher_create(bus, "c", &publisher_options, &publisher) == KIPC_ERROR_REFUSED);
	CHECK(kipc_last_errno() == EINVAL);
	kipc_subscriber_options_init(&subscriber_options);
	subscriber_options.overflow = 4;
	CHECK(kipc_subscriber_create(bus, "c", &subscriber_options, &subscriber) == KIPC_ERROR_ARGUMENT);
	/* Options of an older library are shorter: what follows keeps its default. */
	kipc_publisher_options_init(&publisher_options);
	publisher_options.size = offsetof(kipc_publisher_options, mode);
	publisher_options.mode = 0777;
	CHECK(kipc_publisher_create(bus, "c", &publisher_options, &publisher) == KIPC_OK);
	CHECK(kipc_publish(publisher, NULL, 1) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publish_batch(publisher, NULL, 1) == KIPC_ERROR_ARGUMENT);
	CHECK(kipc_publish(publisher, NULL, 0) == KIPC_OK);
	kipc_publisher_free(publisher);
}

static void everything_works(kipc_bus *bus)
{
	kipc_publisher_options publisher_options;
	kipc_subscriber_options subscriber_options;
	const kipc_bytes batch[] = { { "three", 5 }, { "four", 4 } };
	const uint32_t tags[] = { 0, 7 };
	kipc_subscriber *subscriber;
	kipc_publisher *publisher;
	kipc_delivery delivery;
	struct pollfd ready;
	kipc_bus_info info;
	kipc_item item;
	uint32_t port;
	int found = 0;

	kipc_publisher_options_init(&publisher_options);
	publisher_options.mode = 0640;
	publisher_options.history = 4;
	publisher_options.wait = 100;
	publisher_options.send_buffer = 1 << 16;
	publisher_options.watch_subscribers = true;
	publisher_options.fingerprint = kipc_fingerprint("bincode2", "Reading/1");
	CHECK(publisher_options.fingerprint != 0);
	CHECK(kipc_publisher_create(bus, "c/a", &publisher_options, &publisher) == KIPC_OK);
	CHECK(kipc_publisher_wait_for_subscribers(publisher, 1, 0) == KIPC_NOTHING);
	port = kipc_publisher_port(publisher);
	CHECK(port != 0 && kipc_publisher_fd(publisher) > 2);

	kipc_subscriber_options_init(&subscriber_options);
	subscriber_options.events = true;
	subscriber_options.history = true;
	subscriber_options.credentials = true;
	subscriber_options.overflow = KIPC_OVERFLOW_DROP_OLDEST;
	subscriber_options.receive_buffer = 1 << 16;
	subscriber_options.coalesce = 100;
	subscriber_options.fingerprint = publisher_options.fingerprint;
	subscriber_options.tags = tags;
	subscriber_options.tag_count = 2;
	subscriber_options.publishers = &port;
	subscriber_options.publisher_count = 1;
	CHECK(kipc_publish(publisher, "one", 3) == KIPC_OK);
	CHECK(kipc_subscriber_create(bus, "c/*", &subscriber_options, &subscriber) == KIPC_OK);
	CHECK(kipc_publisher_wait_for_subscribers(publisher, 1, 1000) == KIPC_OK);

	CHECK(kipc_recv(subscriber, &item) == KIPC_OK && item.kind == KIPC_ITEM_MESSAGE);
	CHECK(item.seq == 1 && item.length == 3 && memcmp(item.data, "one", 3) == 0);
	CHECK(kipc_recv(subscriber, &item) == KIPC_OK && item.kind == KIPC_ITEM_JOINED);
	CHECK(strcmp(item.topic, "c/a") == 0 && item.publisher == port && !item.data);
	CHECK(kipc_try_recv(subscriber, &item) == KIPC_NOTHING);
	CHECK(kipc_recv_timeout(subscriber, 10, &item) == KIPC_NOTHING);

	CHECK(kipc_publish_tagged(publisher, 9, "not for us", 10) == KIPC_OK);
	CHECK(kipc_publish_acked(publisher, "two", 3, &delivery) == KIPC_OK);
	CHECK(delivery.seq == 3 && delivery.delivered == 1 && delivery.dropped == 0);
	CHECK(kipc_publish_batch(publisher, batch, 2) == KIPC_OK);
	ready.fd = kipc_subscriber_fd(subscriber);
	ready.events = POLLIN;
	CHECK(poll(&ready, 1, 1000) == 1);
	CHECK(kipc_recv_timeout(subscriber, 1000, &item) == KIPC_OK);
	CHECK(item.seq == 3 && item.tag == 0 && item.publisher == port && item.time > 0);
	CHECK(item.fingerprint == publisher_options.fingerprint);
	CHECK(item.has_credentials && item.pid == getpid() && item.uid == getuid());
	CHECK(kipc_try_recv(subscriber, &item) == KIPC_OK && item.seq == 4 && item.length == 5);
	CHECK(kipc_try_recv(subscriber, &item) == KIPC_OK && item.seq == 5 && item.length == 4);

	CHECK(kipc_topics(bus, count_topics, &found) == KIPC_OK && found == 1);
	CHECK(kipc_topics(bus, stop_at_once, &found) == KIPC_OK && found == 2);
	CHECK(kipc_info(bus, &info) == KIPC_OK && info.topics == 1 && info.subscriptions == 1);
	CHECK(strlen(info.version) > 0 && info.max_message_bytes > 0);

	CHECK(kipc_publisher_set_last_will(publisher, "taken back", 10) == KIPC_OK);
	CHECK(kipc_publisher_cancel_last_will(publisher) == KIPC_OK);
	CHECK(kipc_publisher_set_last_will(publisher, "farewell", 8) == KIPC_OK);
	kipc_publisher_free(publisher);
	CHECK(kipc_recv(subscriber, &item) == KIPC_OK && item.kind == KIPC_ITEM_MESSAGE);
	CHECK(item.length == 8 && memcmp(item.data, "farewell", 8) == 0);
	CHECK(kipc_recv(subscriber, &item) == KIPC_OK && item.kind == KIPC_ITEM_GONE);
	CHECK(kipc_clear(bus, "c/a") == KIPC_OK);
	CHECK(kipc_recv(subscriber, &item) == KIPC_OK && item.kind == KIPC_ITEM_REMOVED);
	kipc_subscriber_free(subscriber);
}

int main(void)
{
	kipc_bus *bus;
	int status;

	for (status = -20; status <= 5; status++)
		CHECK(strlen(kipc_status_string(status)) > 0);
	CHECK(kipc_last_error() != NULL && kipc_last_errno() == 0);
	CHECK(kipc_connect(&bus) == KIPC_OK);
	null_is_refused(bus);
	wrong_arguments_are_refused(bus);
	everything_works(bus);
	kipc_bus_free(bus);
	printf("ok      every function: %d checks\n", checks);
	return 0;
}
