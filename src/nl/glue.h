/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The line between C and Rust.
 *
 * C knows the layout of kernel structures; Rust knows what kipc does. What crosses here is opaque
 * pointers and plain numbers, so that building the module needs no bindgen and no layout is known
 * twice. ffi.rs is made from this file (make ffi); CI compares the two.
 */
#ifndef KIPC_GLUE_H
#define KIPC_GLUE_H

struct cred;
struct pid;
struct pid_namespace;
struct sk_buff;
struct sock;

/* Where messages go: a socket, and whom it tells pids. */
struct kipc_port {
	struct sock *sk;
	/* Of the process that made the socket a client. NULL: the initial one. */
	struct pid_namespace *pid_ns;
};

/* One datagram from user space: linear, and its bytes are ours alone to write to. */
struct kipc_inbound {
	struct sk_buff *skb;
	unsigned char *data;
	unsigned int len;
	unsigned int portid;	/* of the sender, as the kernel knows it */
	struct sock *sender;
	void *client;		/* what kipc_sock_set_client() attached, or NULL */
};

/* What became of a message of the kernel. */
struct kipc_fate {
	unsigned long long seq;
	unsigned int delivered;
	unsigned int dropped;
};

/* What Rust provides. All are called in process context and may sleep. */
struct kipc_ops {
	void *(*bus_new)(void *shared);	/* NULL: out of memory */
	void (*bus_free)(void *bus);
	void (*input)(void *bus, const struct kipc_inbound *inbound);
	void (*release)(void *bus, void *client);
	/*
	 * Writes the next part of a dump into @room bytes at @part. Returns its length, 0 at the
	 * end, or a negative errno. @seq and @portid are those of the request.
	 */
	int (*dump_part)(void *bus, void *dump, unsigned char *part, unsigned int room,
			 unsigned int seq, unsigned int portid);
	void (*dump_free)(void *dump);
	/*
	 * Publishers of the kernel, whose place on the bus is its kernel socket. @publisher is
	 * set, or @fate filled, on success; otherwise the result is a negative errno.
	 */
	int (*publisher_new)(void *bus, struct sock *kernel_sock, const unsigned char *topic,
			     unsigned int topic_len, unsigned long long fingerprint,
			     void **publisher);
	int (*publisher_publish)(void *bus, void *publisher, unsigned int tag,
				 const unsigned char *payload, unsigned int len,
				 struct kipc_fate *fate);
	void (*publisher_end)(void *bus, void *publisher);
};

/* What became of a message or record that was to be queued. */
enum kipc_outcome {
	KIPC_QUEUED,
	KIPC_FILTERED,		/* the subscriber's own socket filter did not want it */
	KIPC_FULL,
	KIPC_NO_MEMORY,
};

/*
 * @ops and @shared, which kipc_ops.bus_new() gets, must stay valid until kipc_unregister()
 * returned. 0 or a negative errno.
 */
int kipc_register(const struct kipc_ops *ops, void *shared, unsigned int protocol);
void kipc_unregister(void);

const unsigned char *kipc_version(unsigned int *len);
unsigned long long kipc_now_ns(void);

/*
 * Between two parts of work that a process may make as long as it likes: lets others run; 0 if
 * the process is being killed and the rest is not worth it.
 */
int kipc_go_on(void);

void kipc_sock_hold(struct sock *sk);
void kipc_sock_put(struct sock *sk);

/* Attaches @client to the socket unless one is attached; returns the one that is then attached. */
void *kipc_sock_set_client(struct sock *sk, void *client);

int kipc_sock_has_filter(struct sock *sk);
/* The socket's next receive fails once with ENOBUFS: it was not told all that there is to tell. */
void kipc_overrun(struct sock *sk);

/*
 * Credentials of whoever opened a socket, while it is being sent on; they go to kipc_cred_put().
 * NULL: the kernel. @admin: whether they include CAP_NET_ADMIN over the socket's namespace.
 */
const struct cred *kipc_cred_of_opener(struct sock *sk, int *admin);
void kipc_cred_put(const struct cred *cred);
/*
 * The process that is sending; it goes to kipc_pid_put(). @comm has 16 bytes. Its number is that
 * in the pid namespace of whoever asks, or 0.
 */
struct pid *kipc_pid_of_sender(unsigned char *comm, unsigned long long *start_time);
void kipc_pid_put(struct pid *pid);
unsigned int kipc_pid_number(struct pid *pid);
/*
 * The pid namespace of the process that is sending; it goes to kipc_pid_ns_put(). NULL: the
 * initial one.
 */
struct pid_namespace *kipc_pid_ns_of_sender(void);
void kipc_pid_ns_put(struct pid_namespace *ns);
/* Numbers of the initial user namespace. */
unsigned int kipc_cred_uid(const struct cred *cred);
unsigned int kipc_cred_gid(const struct cred *cred);
/*
 * The user who answers for what this one uses up: the owner of the outermost user namespace that
 * it is in, where that is not root's or the initial one; otherwise itself.
 */
unsigned int kipc_cred_sponsor(const struct cred *cred);
/* Whether whoever is sending has CAP_NET_ADMIN over the socket's namespace. */
int kipc_sender_is_admin(struct sock *sk);
/*
 * Ids of the sender's user namespace, as those of the initial one: 0, or -EINVAL if there is no
 * such id.
 */
int kipc_map_uid(unsigned int uid, unsigned int *mapped);
int kipc_map_gid(unsigned int gid, unsigned int *mapped);
/* The other way round, for whoever reads; what is not mapped is the overflow id. */
unsigned int kipc_unmap_uid(unsigned int uid);
unsigned int kipc_unmap_gid(unsigned int gid);
int kipc_cred_in_group(const struct cred *cred, unsigned int gid);

/* How full a socket's queue is. */
struct kipc_queue_state {
	unsigned int bytes;
	unsigned int limit;
	unsigned int drops;
};

void kipc_queue_state(struct sock *sk, struct kipc_queue_state *state);

/*
 * Answers a request at @offset of @skb, from @portid, with a dump. @dump comes from Rust; it is
 * given to kipc_ops.dump_part() again and again, and to kipc_ops.dump_free() in the end, also if
 * this fails: -EBUSY, or -ENOMEM.
 */
int kipc_dump_start(struct sock *sender, struct sk_buff *skb, unsigned int offset,
		    unsigned int portid, void *dump);

/* Queues bytes [@offset, @offset + @len) of @skb without copying them. */
enum kipc_outcome kipc_queue_shared(const struct kipc_port *port, struct sk_buff *skb,
				    unsigned int offset, unsigned int len);

/* Whether a message of @skb's size finds room, or a filter may decide that it need not. */
int kipc_may_have_room(struct sock *sk, const struct sk_buff *skb);

/*
 * The first half of kipc_queue_shared(): takes the room, queues nothing. The result goes to
 * kipc_queue_held() or kipc_held_free(), while the socket is still held. NULL: see @outcome.
 */
struct sk_buff *kipc_hold_shared(const struct kipc_port *port, struct sk_buff *skb,
				 unsigned int offset, unsigned int len,
				 enum kipc_outcome *outcome);
void kipc_queue_held(struct sk_buff *held);
void kipc_held_free(struct sk_buff *held);

/* Where published messages and the record of a loss have their fields. */
struct kipc_layout {
	unsigned short message_type;	/* nlmsg_type of a published message */
	unsigned short lost_type;	/* nlmsg_type of the record of a loss */
	unsigned int message_topic;	/* offset of a u32 */
	unsigned int message_seq;	/* offset of a u64 */
	unsigned int lost_topic;	/* offset of a u32 */
	unsigned int lost_first;	/* offset of a u64 */
	unsigned int lost_count;	/* offset of a u64 */
	const unsigned char *lost;	/* a record whose fields are still to be filled */
	unsigned int lost_len;
	unsigned short first_event;	/* the lowest nlmsg_type of an event */
	unsigned short last_event;	/* the highest */
};

/*
 * Frees the oldest messages in the queue until there is room for @skb. Each is counted in the
 * record of a loss of its topic, after the front of the queue. It does no more than a fixed amount
 * of work. 0, or -ENOBUFS if there is no room even so, or -ENOMEM.
 */
int kipc_evict(struct sock *sk, const struct sk_buff *skb, const struct kipc_layout *layout);

/*
 * Waits until there may be room for @skb, or the socket was closed, or the time is over: 0. By a
 * signal: -EINTR.
 */
int kipc_wait_for_room(struct sock *sk, const struct sk_buff *skb,
		       unsigned long long nanoseconds);
void kipc_wake(struct sock *sk);

/* How much room a record may use. */
enum kipc_room {
	/*
	 * As much again as the receive buffer. If that is used up, too, the socket's next receive
	 * fails once with ENOBUFS.
	 */
	KIPC_ROOM_RESERVE,
	KIPC_ROOM_COMPANION,	/* beside a message that has room: no limit */
	KIPC_ROOM_SPARE,	/* half of the receive buffer; what does not fit is left out */
};

/* Queues a copy of @data. */
enum kipc_outcome kipc_queue_copy(struct sock *sk, const unsigned char *data,
				  unsigned int len, enum kipc_room room);

/*
 * A new sk_buff: @head, then @payload, with the sender's credentials of @from, or those of the
 * kernel if that is NULL. It is charged to the memory cgroup of whoever calls, and needs no
 * contiguous memory. NULL: no memory.
 */
struct sk_buff *kipc_skb_compose(const struct sk_buff *from,
				 const unsigned char *head, unsigned int head_len,
				 const unsigned char *payload, unsigned int payload_len);
/* A copy of bytes [@offset, @offset + @len) of @skb, likewise. */
struct sk_buff *kipc_skb_keep(struct sk_buff *skb, unsigned int offset, unsigned int len);
/*
 * To be called before what one of the two functions above made is queued, if its sender may have
 * ended since: its pid, which may be another process's by now, becomes 0 then.
 */
void kipc_skb_check_sender(struct sk_buff *skb);
/* Its bytes; they are linear. */
unsigned char *kipc_skb_data(const struct sk_buff *skb);
unsigned int kipc_skb_truesize(const struct sk_buff *skb);
void kipc_skb_free(struct sk_buff *skb);

/* Trace events; nothing, while they are off. */
void kipc_trace_publish(unsigned int topic, unsigned long long seq, unsigned int port,
			unsigned int delivered, unsigned int dropped);
void kipc_trace_drop(unsigned int topic, unsigned long long seq, unsigned int count,
		     unsigned int port);
void kipc_trace_register(struct sock *sk, unsigned int port);
void kipc_trace_unregister(struct sock *sk, unsigned int port);

#endif /* KIPC_GLUE_H */
