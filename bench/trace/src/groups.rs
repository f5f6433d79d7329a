// SPDX-License-Identifier: MIT OR Apache-2.0

//! What functions are good for, in the course of a publish.

/// In the order of the table.
pub(crate) const GROUPS: &[(&str, &[&str])] = &[
    ("the program itself", &["(the program)"]),
    (
        "system call: entry and exit",
        &["entry_SYSCALL_64", "do_syscall_64", "x64_sys_call"],
    ),
    ("socket layer", &["__sys_sendto", "__x64_sys_sendto"]),
    ("address from the program", &["move_addr_to_kernel"]),
    (
        "security hooks of the sender",
        &[
            "security_socket_sendmsg",
            "security_netlink_send",
            "security_socket_getpeersec_dgram",
        ],
    ),
    (
        "netlink: sendmsg, to the module",
        &["netlink_sendmsg", "netlink_unicast"],
    ),
    (
        "allocating the message",
        &["__alloc_skb", "netlink_alloc_large_skb", "skb_put"],
    ),
    (
        "copying from the program",
        &["_copy_from_iter", "__check_object_size"],
    ),
    (
        "freeing the message",
        &[
            "consume_skb",
            "kfree_skbmem",
            "kmem_cache_free",
            "skb_release_data",
        ],
    ),
    ("module: kipc's own code", &["[kipc]"]),
    ("module: the baseline's own code", &["[kipc_baseline]"]),
    (
        "mutexes",
        &[
            "mutex_lock",
            "mutex_unlock",
            "__mutex_lock",
            "__mutex_unlock_slowpath",
        ],
    ),
    ("clock", &["ktime_get"]),
    (
        "netlink: broadcast",
        &[
            "netlink_broadcast_filtered",
            "do_one_broadcast",
            "__netlink_sendskb",
        ],
    ),
    ("cloning", &["skb_clone"]),
    (
        "filter, security hooks of receivers",
        &["sk_filter_trim_cap"],
    ),
    ("queue", &["skb_queue_tail"]),
    ("waking up", &["sock_def_readable", "__wake_up"]),
    ("interrupts", &["asm_sysvec", "asm_common_interrupt"]),
];

/// Where calls are none of the above.
pub(crate) const OTHER: &str = "system call: entry and exit";

/// The group of a function, if it says so itself, and not its caller.
pub(crate) fn group_of(name: &str, module: Option<&str>) -> Option<&'static str> {
    GROUPS.iter().find_map(|(group, members)| {
        members
            .iter()
            .any(|member| match member.strip_prefix('[') {
                Some(of) => module.is_some_and(|module| of.strip_suffix(']') == Some(module)),
                None if member.starts_with("asm_") || member.starts_with("entry_") => {
                    name.starts_with(member)
                }
                None => name == *member,
            })
            .then_some(*group)
    })
}

/// Whether a function says for what its work is done: not if it is part of a lock, of a call of
/// another function, or of the tracing.
pub(crate) fn says_something(name: &str) -> bool {
    const SILENT: &[&str] = &[
        "__x86_indirect_thunk",
        "__pi___x86_indirect_thunk",
        "_raw_",
        "queued_",
        "native_queued_",
        "mutex_",
        "__mutex_",
        "__traceiter",
        "trace_",
        "refcount_",
    ];
    !SILENT.iter().any(|silent| name.starts_with(silent))
}
