// SPDX-License-Identifier: GPL-2.0

// Made from glue.h by "make ffi"; do not edit.

#[repr(C)]
pub struct cred {
    _unused: [u8; 0],
}
#[repr(C)]
pub struct pid {
    _unused: [u8; 0],
}
#[repr(C)]
pub struct pid_namespace {
    _unused: [u8; 0],
}
#[repr(C)]
pub struct sk_buff {
    _unused: [u8; 0],
}
#[repr(C)]
pub struct sock {
    _unused: [u8; 0],
}
#[repr(C)]
pub struct kipc_port {
    pub sk: *mut sock,
    pub pid_ns: *mut pid_namespace,
}
#[repr(C)]
pub struct kipc_inbound {
    pub skb: *mut sk_buff,
    pub data: *mut kernel::ffi::c_uchar,
    pub len: kernel::ffi::c_uint,
    pub portid: kernel::ffi::c_uint,
    pub sender: *mut sock,
    pub client: *mut kernel::ffi::c_void,
}
#[repr(C)]
pub struct kipc_fate {
    pub seq: kernel::ffi::c_ulonglong,
    pub delivered: kernel::ffi::c_uint,
    pub dropped: kernel::ffi::c_uint,
}
#[repr(C)]
pub struct kipc_ops {
    pub bus_new: ::core::option::Option<
        unsafe extern "C" fn(shared: *mut kernel::ffi::c_void) -> *mut kernel::ffi::c_void,
    >,
    pub bus_free: ::core::option::Option<unsafe extern "C" fn(bus: *mut kernel::ffi::c_void)>,
    pub input: ::core::option::Option<
        unsafe extern "C" fn(bus: *mut kernel::ffi::c_void, inbound: *const kipc_inbound),
    >,
    pub release: ::core::option::Option<
        unsafe extern "C" fn(bus: *mut kernel::ffi::c_void, client: *mut kernel::ffi::c_void),
    >,
    pub dump_part: ::core::option::Option<
        unsafe extern "C" fn(
            bus: *mut kernel::ffi::c_void,
            dump: *mut kernel::ffi::c_void,
            part: *mut kernel::ffi::c_uchar,
            room: kernel::ffi::c_uint,
            seq: kernel::ffi::c_uint,
            portid: kernel::ffi::c_uint,
        ) -> kernel::ffi::c_int,
    >,
    pub dump_free: ::core::option::Option<unsafe extern "C" fn(dump: *mut kernel::ffi::c_void)>,
    pub publisher_new: ::core::option::Option<
        unsafe extern "C" fn(
            bus: *mut kernel::ffi::c_void,
            kernel_sock: *mut sock,
            topic: *const kernel::ffi::c_uchar,
            topic_len: kernel::ffi::c_uint,
            fingerprint: kernel::ffi::c_ulonglong,
            publisher: *mut *mut kernel::ffi::c_void,
        ) -> kernel::ffi::c_int,
    >,
    pub publisher_publish: ::core::option::Option<
        unsafe extern "C" fn(
            bus: *mut kernel::ffi::c_void,
            publisher: *mut kernel::ffi::c_void,
            tag: kernel::ffi::c_uint,
            payload: *const kernel::ffi::c_uchar,
            len: kernel::ffi::c_uint,
            fate: *mut kipc_fate,
        ) -> kernel::ffi::c_int,
    >,
    pub publisher_end: ::core::option::Option<
        unsafe extern "C" fn(bus: *mut kernel::ffi::c_void, publisher: *mut kernel::ffi::c_void),
    >,
}
pub mod kipc_outcome {
    pub type Type = kernel::ffi::c_uint;
    pub const KIPC_QUEUED: Type = 0;
    pub const KIPC_FILTERED: Type = 1;
    pub const KIPC_FULL: Type = 2;
    pub const KIPC_NO_MEMORY: Type = 3;
}
#[repr(C)]
pub struct kipc_queue_state {
    pub bytes: kernel::ffi::c_uint,
    pub limit: kernel::ffi::c_uint,
    pub drops: kernel::ffi::c_uint,
}
#[repr(C)]
pub struct kipc_layout {
    pub message_type: kernel::ffi::c_ushort,
    pub lost_type: kernel::ffi::c_ushort,
    pub message_topic: kernel::ffi::c_uint,
    pub message_seq: kernel::ffi::c_uint,
    pub lost_topic: kernel::ffi::c_uint,
    pub lost_first: kernel::ffi::c_uint,
    pub lost_count: kernel::ffi::c_uint,
    pub lost: *const kernel::ffi::c_uchar,
    pub lost_len: kernel::ffi::c_uint,
    pub first_event: kernel::ffi::c_ushort,
    pub last_event: kernel::ffi::c_ushort,
}
pub mod kipc_room {
    pub type Type = kernel::ffi::c_uint;
    pub const KIPC_ROOM_RESERVE: Type = 0;
    pub const KIPC_ROOM_COMPANION: Type = 1;
    pub const KIPC_ROOM_SPARE: Type = 2;
}
unsafe extern "C" {
    pub fn kipc_register(
        ops: *const kipc_ops,
        shared: *mut kernel::ffi::c_void,
        protocol: kernel::ffi::c_uint,
    ) -> kernel::ffi::c_int;
    pub fn kipc_unregister();
    pub fn kipc_version(len: *mut kernel::ffi::c_uint) -> *const kernel::ffi::c_uchar;
    pub fn kipc_now_ns() -> kernel::ffi::c_ulonglong;
    pub fn kipc_go_on() -> kernel::ffi::c_int;
    pub fn kipc_sock_hold(sk: *mut sock);
    pub fn kipc_sock_put(sk: *mut sock);
    pub fn kipc_sock_set_client(
        sk: *mut sock,
        client: *mut kernel::ffi::c_void,
    ) -> *mut kernel::ffi::c_void;
    pub fn kipc_sock_has_filter(sk: *mut sock) -> kernel::ffi::c_int;
    pub fn kipc_overrun(sk: *mut sock);
    pub fn kipc_cred_of_opener(sk: *mut sock, admin: *mut kernel::ffi::c_int) -> *const cred;
    pub fn kipc_cred_put(cred: *const cred);
    pub fn kipc_pid_of_sender(
        comm: *mut kernel::ffi::c_uchar,
        start_time: *mut kernel::ffi::c_ulonglong,
    ) -> *mut pid;
    pub fn kipc_pid_put(pid: *mut pid);
    pub fn kipc_pid_number(pid: *mut pid) -> kernel::ffi::c_uint;
    pub fn kipc_pid_ns_of_sender() -> *mut pid_namespace;
    pub fn kipc_pid_ns_put(ns: *mut pid_namespace);
    pub fn kipc_cred_uid(cred: *const cred) -> kernel::ffi::c_uint;
    pub fn kipc_cred_gid(cred: *const cred) -> kernel::ffi::c_uint;
    pub fn kipc_cred_sponsor(cred: *const cred) -> kernel::ffi::c_uint;
    pub fn kipc_sender_is_admin(sk: *mut sock) -> kernel::ffi::c_int;
    pub fn kipc_map_uid(
        uid: kernel::ffi::c_uint,
        mapped: *mut kernel::ffi::c_uint,
    ) -> kernel::ffi::c_int;
    pub fn kipc_map_gid(
        gid: kernel::ffi::c_uint,
        mapped: *mut kernel::ffi::c_uint,
    ) -> kernel::ffi::c_int;
    pub fn kipc_unmap_uid(uid: kernel::ffi::c_uint) -> kernel::ffi::c_uint;
    pub fn kipc_unmap_gid(gid: kernel::ffi::c_uint) -> kernel::ffi::c_uint;
    pub fn kipc_cred_in_group(cred: *const cred, gid: kernel::ffi::c_uint) -> kernel::ffi::c_int;
    pub fn kipc_queue_state(sk: *mut sock, state: *mut kipc_queue_state);
    pub fn kipc_dump_start(
        sender: *mut sock,
        skb: *mut sk_buff,
        offset: kernel::ffi::c_uint,
        portid: kernel::ffi::c_uint,
        dump: *mut kernel::ffi::c_void,
    ) -> kernel::ffi::c_int;
    pub fn kipc_queue_shared(
        port: *const kipc_port,
        skb: *mut sk_buff,
        offset: kernel::ffi::c_uint,
        len: kernel::ffi::c_uint,
    ) -> kipc_outcome::Type;
    pub fn kipc_may_have_room(sk: *mut sock, skb: *const sk_buff) -> kernel::ffi::c_int;
    pub fn kipc_hold_shared(
        port: *const kipc_port,
        skb: *mut sk_buff,
        offset: kernel::ffi::c_uint,
        len: kernel::ffi::c_uint,
        outcome: *mut kipc_outcome::Type,
    ) -> *mut sk_buff;
    pub fn kipc_queue_held(held: *mut sk_buff);
    pub fn kipc_held_free(held: *mut sk_buff);
    pub fn kipc_evict(
        sk: *mut sock,
        skb: *const sk_buff,
        layout: *const kipc_layout,
    ) -> kernel::ffi::c_int;
    pub fn kipc_wait_for_room(
        sk: *mut sock,
        skb: *const sk_buff,
        nanoseconds: kernel::ffi::c_ulonglong,
    ) -> kernel::ffi::c_int;
    pub fn kipc_wake(sk: *mut sock);
    pub fn kipc_queue_copy(
        sk: *mut sock,
        data: *const kernel::ffi::c_uchar,
        len: kernel::ffi::c_uint,
        room: kipc_room::Type,
    ) -> kipc_outcome::Type;
    pub fn kipc_skb_compose(
        from: *const sk_buff,
        head: *const kernel::ffi::c_uchar,
        head_len: kernel::ffi::c_uint,
        payload: *const kernel::ffi::c_uchar,
        payload_len: kernel::ffi::c_uint,
    ) -> *mut sk_buff;
    pub fn kipc_skb_keep(
        skb: *mut sk_buff,
        offset: kernel::ffi::c_uint,
        len: kernel::ffi::c_uint,
    ) -> *mut sk_buff;
    pub fn kipc_skb_check_sender(skb: *mut sk_buff);
    pub fn kipc_skb_data(skb: *const sk_buff) -> *mut kernel::ffi::c_uchar;
    pub fn kipc_skb_truesize(skb: *const sk_buff) -> kernel::ffi::c_uint;
    pub fn kipc_skb_free(skb: *mut sk_buff);
    pub fn kipc_trace_publish(
        topic: kernel::ffi::c_uint,
        seq: kernel::ffi::c_ulonglong,
        port: kernel::ffi::c_uint,
        delivered: kernel::ffi::c_uint,
        dropped: kernel::ffi::c_uint,
    );
    pub fn kipc_trace_drop(
        topic: kernel::ffi::c_uint,
        seq: kernel::ffi::c_ulonglong,
        count: kernel::ffi::c_uint,
        port: kernel::ffi::c_uint,
    );
    pub fn kipc_trace_register(sk: *mut sock, port: kernel::ffi::c_uint);
    pub fn kipc_trace_unregister(sk: *mut sock, port: kernel::ffi::c_uint);
}
