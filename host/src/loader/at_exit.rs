//! A function that the system calls when the process exits by itself.

/// Has `function` called when the process exits, before whatever has been asked for earlier: so it comes before the static
/// destructors of a library that was loaded before this call. It must not unwind.
///
/// Not on Windows, where the other threads have been ended by then.
#[cfg(unix)]
pub(crate) fn at_exit(function: extern "C" fn()) {
    // SAFETY: the function is in a file that stays loaded (`pin_this_module`). If the system keeps no more functions, this
    // one is not called.
    unsafe { libc::atexit(function) };
}

/// See above.
#[cfg(not(unix))]
pub(crate) fn at_exit(_function: extern "C" fn()) {}
