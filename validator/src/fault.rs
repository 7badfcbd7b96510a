//! Says which memory was accessed when the process is about to end because of that.
//!
//! All memory that is lent has a slot here. The handler of the signal finds the address in them: it takes no lock and
//! allocates nothing.

use std::fmt::{self, Write};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// The memory around and in lent bytes.
struct Slot {
    start: AtomicUsize,
    size: AtomicUsize,
    data: AtomicUsize,
    len: AtomicUsize,
    /// Not 0 once the call has returned, and nothing in it may be accessed.
    retired: AtomicUsize,
}

const SLOTS: usize = 1024;

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        start: AtomicUsize::new(0),
        size: AtomicUsize::new(0),
        data: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        retired: AtomicUsize::new(0),
    }
}; SLOTS];

static OUT: AtomicI32 = AtomicI32::new(-1);

/// Lent memory that the handler knows of.
pub(crate) struct Known(usize);

impl Known {
    /// `start` and `size` have guard pages in them. `None` if there are too many.
    pub(crate) fn new(start: usize, size: usize, data: usize, len: usize) -> Option<Self> {
        let free = |slot: &&Slot| {
            slot.size
                .compare_exchange(0, size, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        };
        let slot = TABLE.iter().find(free)?;
        let index = TABLE.iter().position(|each| ptr::eq(each, slot))?;
        slot.data.store(data, Ordering::SeqCst);
        slot.len.store(len, Ordering::SeqCst);
        slot.retired.store(0, Ordering::SeqCst);
        slot.start.store(start, Ordering::SeqCst);
        Some(Self(index))
    }

    pub(crate) fn retire(&self) {
        TABLE[self.0].retired.store(1, Ordering::SeqCst);
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        TABLE[self.0].start.store(0, Ordering::SeqCst);
        TABLE[self.0].size.store(0, Ordering::SeqCst);
    }
}

/// The descriptor for the line about a fault.
pub(crate) fn write_to(descriptor: i32) {
    OUT.store(descriptor, Ordering::SeqCst);
}

/// Has each fault reported before the process ends.
pub(crate) fn report_faults() -> io::Result<()> {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
        set_handler(
            signal,
            handler as libc::sighandler_t,
            libc::SA_SIGINFO | libc::SA_ONSTACK,
        )?;
    }
    // A file with the memory of the process is of no use to anybody here.
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `none` is a limit, which is read.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    Ok(())
}

fn set_handler(signal: i32, handler: libc::sighandler_t, flags: i32) -> io::Result<()> {
    // SAFETY: all zeros are a value of this struct of integers and sets of bits.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: the action is whole; its handler does what a handler may do.
    match unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system passes the info of the fault, which is there until the handler returns.
    let info = unsafe { &*info };
    // SAFETY: that of a fault has an address.
    let address = unsafe { info.si_addr() } as usize;
    let mut line = Line::default();
    let (kind, offset) = place_of(address);
    let _ = writeln!(line, "fault\t{kind}\t{offset}\t{}\t{address:#x}", access(context));
    // SAFETY: the bytes are those of the line.
    unsafe { libc::write(OUT.load(Ordering::SeqCst), line.bytes.as_ptr().cast(), line.len) };
    let _ = set_handler(signal, libc::SIG_DFL, 0);
    // SAFETY: has no precondition. The signal waits until the handler has returned.
    unsafe { libc::raise(signal) };
}

/// What is at an address: in bytes after the lent ones, or before them, if negative.
fn place_of(address: usize) -> (&'static str, isize) {
    for slot in &TABLE {
        let [start, size, data, len] =
            [&slot.start, &slot.size, &slot.data, &slot.len].map(|field| field.load(Ordering::SeqCst));
        if start == 0 || address < start || address - start >= size {
            continue;
        }
        let from = address.wrapping_sub(data).cast_signed();
        if slot.retired.load(Ordering::SeqCst) != 0 {
            return ("earlier", from);
        }
        return match from {
            ..0 => ("before", from),
            _ if len == 0 => ("empty", from),
            _ => ("after", from - len.cast_signed()),
        };
    }
    ("elsewhere", 0)
}

#[cfg(target_arch = "x86_64")]
fn access(context: *mut libc::c_void) -> &'static str {
    // SAFETY: the system passes a context of this type, which is there until the handler returns.
    let registers = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let error = usize::try_from(libc::REG_ERR).map_or(0, |index| registers[index]);
    if error & 2 == 0 { "read" } else { "written" }
}

#[cfg(not(target_arch = "x86_64"))]
fn access(_context: *mut libc::c_void) -> &'static str {
    "accessed"
}

/// Text without an allocation.
struct Line {
    bytes: [u8; 160],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: [0; 160],
            len: 0,
        }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
