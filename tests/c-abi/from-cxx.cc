// SPDX-License-Identifier: MIT OR Apache-2.0
// The header from C++: handles that free themselves, a message there and back.
#include <kipc.h>

#include <cstdio>
#include <memory>
#include <string_view>

template <auto Free> struct Deleter {
	template <class T> void operator()(T *handle) const { Free(handle); }
};
using Bus = std::unique_ptr<kipc_bus, Deleter<kipc_bus_free>>;
using Publisher = std::unique_ptr<kipc_publisher, Deleter<kipc_publisher_free>>;
using Subscriber = std::unique_ptr<kipc_subscriber, Deleter<kipc_subscriber_free>>;

int main()
{
	kipc_bus *bus_handle = nullptr;
	kipc_publisher *publisher_handle = nullptr;
	kipc_subscriber *subscriber_handle = nullptr;

	if (kipc_connect(&bus_handle) != KIPC_OK)
		return 1;
	Bus bus(bus_handle);
	if (kipc_subscriber_create(bus.get(), "cxx/**", nullptr, &subscriber_handle) != KIPC_OK)
		return 2;
	Subscriber subscriber(subscriber_handle);
	if (kipc_publisher_create(bus.get(), "cxx/a", nullptr, &publisher_handle) != KIPC_OK)
		return 3;
	Publisher publisher(publisher_handle);
	constexpr std::string_view sent = "from C++";
	if (kipc_publish(publisher.get(), sent.data(), sent.size()) != KIPC_OK)
		return 4;
	kipc_item item{};
	if (kipc_recv(subscriber.get(), &item) != KIPC_OK || item.kind != KIPC_ITEM_MESSAGE)
		return 5;
	if (std::string_view(static_cast<const char *>(item.data), item.length) != sent)
		return 6;
	std::puts("ok      C++");
	return 0;
}
