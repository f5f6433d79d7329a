// SPDX-License-Identifier: GPL-2.0
/*
 * Who opened a socket.
 *
 * A privileged program may be handed a socket as its standard output and made to write to it. So
 * what a socket may do depends on who opened it, not on who sends.
 */
#include <linux/bsearch.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "glue.h"

const struct cred *kipc_cred_of_opener(struct sock *sk, int *admin)
{
	/* Whoever sends holds the file. Sockets that the kernel opened for itself have none. */
	struct file *file = sk->sk_socket ? sk->sk_socket->file : NULL;

	if (!file) {
		*admin = 1;
		return NULL;
	}
	*admin = file_ns_capable(file, sock_net(sk)->user_ns, CAP_NET_ADMIN);
	return get_cred(file->f_cred);
}

void kipc_cred_put(const struct cred *cred)
{
	put_cred(cred);
}

unsigned int kipc_cred_uid(const struct cred *cred)
{
	return __kuid_val(cred->fsuid);
}

unsigned int kipc_cred_gid(const struct cred *cred)
{
	return __kgid_val(cred->fsgid);
}

unsigned int kipc_cred_sponsor(const struct cred *cred)
{
	struct user_namespace *ns = cred->user_ns;

	if (ns == &init_user_ns)
		return kipc_cred_uid(cred);
	/* Nested ones were made by users of the outermost. */
	while (ns->parent != &init_user_ns)
		ns = ns->parent;
	return uid_eq(ns->owner, GLOBAL_ROOT_UID) ? kipc_cred_uid(cred) : __kuid_val(ns->owner);
}

static int kipc_compare_gids(const void *key, const void *element)
{
	unsigned int a = *(const unsigned int *)key, b = __kgid_val(*(const kgid_t *)element);

	return a < b ? -1 : a > b;
}

/* groups_search() is not exported; the groups are sorted. */
int kipc_cred_in_group(const struct cred *cred, unsigned int gid)
{
	const struct group_info *groups = cred->group_info;

	return __kgid_val(cred->fsgid) == gid ||
	       bsearch(&gid, groups->gid, groups->ngroups, sizeof(groups->gid[0]),
		       kipc_compare_gids);
}

int kipc_sender_is_admin(struct sock *sk)
{
	return ns_capable(sock_net(sk)->user_ns, CAP_NET_ADMIN);
}

int kipc_map_uid(unsigned int uid, unsigned int *mapped)
{
	kuid_t kuid = make_kuid(current_user_ns(), uid);

	*mapped = __kuid_val(kuid);
	return uid_valid(kuid) ? 0 : -EINVAL;
}

int kipc_map_gid(unsigned int gid, unsigned int *mapped)
{
	kgid_t kgid = make_kgid(current_user_ns(), gid);

	*mapped = __kgid_val(kgid);
	return gid_valid(kgid) ? 0 : -EINVAL;
}

unsigned int kipc_unmap_uid(unsigned int uid)
{
	return from_kuid_munged(current_user_ns(), KUIDT_INIT(uid));
}

unsigned int kipc_unmap_gid(unsigned int gid)
{
	return from_kgid_munged(current_user_ns(), KGIDT_INIT(gid));
}

struct pid *kipc_pid_of_sender(unsigned char *comm, unsigned long long *start_time)
{
	struct task_struct *leader = current->group_leader;

	strscpy_pad((char *)comm, leader->comm, TASK_COMM_LEN);
	*start_time = leader->start_boottime;
	return get_pid(task_tgid(current));
}

void kipc_pid_put(struct pid *pid)
{
	put_pid(pid);
}

unsigned int kipc_pid_number(struct pid *pid)
{
	return pid_vnr(pid);
}

struct pid_namespace *kipc_pid_ns_of_sender(void)
{
	struct pid_namespace *ns = task_active_pid_ns(current);

	return ns == &init_pid_ns ? NULL : get_pid_ns(ns);
}

void kipc_pid_ns_put(struct pid_namespace *ns)
{
	if (ns)
		put_pid_ns(ns);
}
