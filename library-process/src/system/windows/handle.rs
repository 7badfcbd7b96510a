//! Handles: how one is waited for, inherited, and put into another process.

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Foundation::{DUPLICATE_SAME_ACCESS, DuplicateHandle, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, INFINITE, WaitForMultipleObjects};

/// What a function of Windows has made, which is nothing if it has failed.
///
/// # Safety
/// If it is something, it is an open handle, and nobody else closes it.
pub(super) unsafe fn owned(handle: RawHandle) -> io::Result<OwnedHandle> {
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: open, and the caller's (this function's contract).
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// The outcome of a function of Windows.
pub(super) fn check(succeeded: i32) -> io::Result<()> {
    if succeeded == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The length of a structure, as functions of Windows take it.
#[expect(clippy::cast_possible_truncation, reason = "a few bytes")]
pub(super) const fn len_of<T>() -> u32 {
    size_of::<T>() as u32
}

/// Waits for one of at most 64 objects, at the longest for so long: its index. `None` if the time is over.
pub(super) fn wait_for_any<const COUNT: usize>(
    objects: [BorrowedHandle<'_>; COUNT],
    limit: Option<Duration>,
) -> Option<usize> {
    const { assert!(COUNT > 0 && COUNT <= 64) };
    let handles = objects.map(|object| object.as_raw_handle());
    #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
    let count = COUNT as u32;
    // SAFETY: so many handles, open as long as they are borrowed.
    let outcome = unsafe { WaitForMultipleObjects(count, handles.as_ptr(), 0, milliseconds(limit)) };
    let index = outcome.wrapping_sub(WAIT_OBJECT_0) as usize;
    (index < COUNT).then_some(index)
}

/// Rounded up, so that a limit has passed when the wait for it is over.
fn milliseconds(limit: Option<Duration>) -> u32 {
    limit.map_or(INFINITE, |limit| {
        u32::try_from(limit.as_nanos().div_ceil(1_000_000)).map_or(INFINITE - 1, |limit| limit.min(INFINITE - 1))
    })
}

/// Another handle of the same object, which programs that this process starts can inherit.
pub(super) fn inheritable(handle: BorrowedHandle<'_>) -> io::Result<OwnedHandle> {
    let mut copy: RawHandle = ptr::null_mut();
    // SAFETY: has no precondition; the process is this one.
    let here = unsafe { GetCurrentProcess() };
    // SAFETY: the handle is open, and there is room for another one.
    check(unsafe {
        DuplicateHandle(
            here,
            handle.as_raw_handle(),
            here,
            &raw mut copy,
            0,
            1,
            DUPLICATE_SAME_ACCESS,
        )
    })?;
    // SAFETY: made just now, for this.
    unsafe { owned(copy) }
}

/// Another handle of the same object, in another process: its number there.
pub(super) fn put_into(process: BorrowedHandle<'_>, handle: BorrowedHandle<'_>) -> io::Result<u64> {
    let mut there: RawHandle = ptr::null_mut();
    // SAFETY: has no precondition; the process is this one.
    let here = unsafe { GetCurrentProcess() };
    let (process, handle) = (process.as_raw_handle(), handle.as_raw_handle());
    // SAFETY: both handles are open, and there is room for a number, which means nothing in this process.
    check(unsafe { DuplicateHandle(here, handle, process, &raw mut there, 0, 0, DUPLICATE_SAME_ACCESS) })?;
    Ok(there.addr() as u64)
}
