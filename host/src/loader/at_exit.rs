//! Registers a function that the system calls at a regular exit of the process.

/// Registers `function` to be called at exit, before every function registered earlier: so it runs before the static
/// destructors of the libraries that were loaded before this call. It must not unwind.
///
/// No effect on Windows, where the system has ended the other threads before such functions run.
#[cfg(unix)]
pub(crate) fn at_exit(function: extern "C" fn()) {
    // SAFETY: the function is in a file that stays loaded (`pin_this_module`). If atexit fails, it is not called.
    unsafe { libc::atexit(function) };
}

/// No effect, see above.
#[cfg(not(unix))]
pub(crate) fn at_exit(_function: extern "C" fn()) {}
