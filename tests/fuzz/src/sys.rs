// SPDX-License-Identifier: GPL-2.0

//! The system calls that no safe crate has. The only unsafe code of the fuzzer.

#![allow(unsafe_code, reason = "see above")]

use rustix::fd::AsFd;
use rustix::fd::AsRawFd as _;
use rustix::fd::OwnedFd;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::io::Result;
use rustix::ioctl;
use rustix::ioctl::IntegerSetter;
use rustix::ioctl::ioctl;
use rustix::ioctl::opcode;
use rustix::mm::MapFlags;
use rustix::mm::ProtFlags;
use rustix::mm::mmap;
use rustix::thread::UnshareFlags;
use std::ffi::c_int;
use std::ffi::c_ushort;
use std::ffi::c_void;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Which code of the kernel a thread runs: KCOV, Documentation/dev-tools/kcov.rst.
pub struct Trace {
    file: OwnedFd,
    /// How many there are, then the addresses.
    words: &'static [AtomicUsize],
}

const KCOV: &str = "/sys/kernel/debug/kcov";
const INIT_TRACE: ioctl::Opcode = opcode::read::<usize>(b'c', 1);
const ENABLE: ioctl::Opcode = opcode::none(b'c', 100);
const TRACE_PC: usize = 0;

impl Trace {
    /// Room for so many words. Only root can open it; any user can use it then.
    pub fn open(words: usize) -> Result<Self> {
        let file = rustix::fs::open(KCOV, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        // SAFETY: The operation takes a number, of which the kernel judges.
        unsafe { ioctl(&file, IntegerSetter::<INIT_TRACE>::new_usize(words)) }?;
        // SAFETY: A new mapping at a place that the kernel chooses.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                words * size_of::<AtomicUsize>(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                &file,
                0,
            )
        }?;
        // SAFETY: So many words are mapped and aligned, all values are valid, and nothing unmaps
        // them. Whoever else writes is the kernel, one word at a time.
        let words = unsafe { std::slice::from_raw_parts(start.cast::<AtomicUsize>(), words) };
        Ok(Self { file, words })
    }

    /// From now on, what this thread runs is traced.
    pub fn enable(&self) -> Result<()> {
        // SAFETY: The operation takes a number; the kernel writes into the mapping only.
        unsafe { ioctl(&self.file, IntegerSetter::<ENABLE>::new_usize(TRACE_PC)) }
    }

    /// Forgets what was run so far.
    pub fn reset(&self) {
        self.words[0].store(0, Ordering::Relaxed);
    }

    /// What was run since, in order, as far as there was room.
    pub fn addresses(&self) -> impl Iterator<Item = usize> {
        let (count, addresses) = self.words.split_first().expect("at least one word");
        let count = count.load(Ordering::Relaxed).min(addresses.len());
        addresses[..count]
            .iter()
            .map(|address| address.load(Ordering::Relaxed))
    }
}

/// `struct sock_filter`: an instruction of classic BPF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Instruction {
    pub code: u16,
    pub if_true: u8,
    pub if_false: u8,
    pub operand: u32,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    len: c_ushort,
    instructions: *const Instruction,
}

unsafe extern "C" {
    fn setsockopt(
        socket: c_int,
        level: c_int,
        name: c_int,
        value: *const c_void,
        len: u32,
    ) -> c_int;
}

pub const SOL_SOCKET: i32 = 1;
pub const SOL_NETLINK: i32 = 270;
pub const SO_SNDBUF: i32 = 7;
pub const SO_RCVBUF: i32 = 8;
pub const SO_PASSCRED: i32 = 16;
const SO_ATTACH_FILTER: i32 = 26;
pub const SO_DETACH_FILTER: i32 = 27;
pub const SO_TIMESTAMP: i32 = 29;
pub const SO_SNDBUFFORCE: i32 = 32;
pub const SO_RCVBUFFORCE: i32 = 33;
pub const SO_RXQ_OVFL: i32 = 40;

/// Sets an option that takes an `int`, whichever it is. The two whose value is a pointer are not
/// among them.
pub fn set_option(socket: impl AsFd, level: i32, name: i32, value: u32) -> Result<()> {
    assert!((level, name) != (SOL_SOCKET, SO_ATTACH_FILTER));
    set(socket, level, name, &value)
}

/// Attaches a filter to a socket; the kernel checks it.
pub fn attach_filter(socket: impl AsFd, instructions: &[Instruction]) -> Result<()> {
    let program = Program {
        len: c_ushort::try_from(instructions.len()).map_err(|_| Errno::INVAL)?,
        instructions: instructions.as_ptr(),
    };
    set(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program)
}

fn set<T>(socket: impl AsFd, level: i32, name: i32, value: &T) -> Result<()> {
    let socket = socket.as_fd().as_raw_fd();
    let len = u32::try_from(size_of::<T>()).expect("a small value");
    // SAFETY: The kernel reads the value, which is there, and what a program points to, which is
    // as long as it says.
    match unsafe { setsockopt(socket, level, name, std::ptr::from_ref(value).cast(), len) } {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

/// Moves this thread, the only one so far, into new namespaces.
pub fn unshare(flags: UnshareFlags) -> Result<()> {
    assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: Descriptors stay shared.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}
