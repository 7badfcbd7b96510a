//! What a process gives up for good.
//!
//! A filter of its system calls holds for all threads, those that the library has started included, and cannot be taken
//! back. A call that is refused fails with EPERM, so that the library sees an error.

use std::io;

/// Confines this process. What it has open stays open.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) fn confine() -> io::Result<()> {
    load_unwinder();
    seccompiler::apply_filter_all_threads(&crate::filter::filter()).map_err(io::Error::other)
}

/// Other systems have no such filter, and on other processors the calls have other numbers.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) fn confine() -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this works on Linux for x64 and arm64 only",
    ))
}

/// glibc loads it when a thread first calls `pthread_exit` or is cancelled, and aborts where it cannot.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn load_unwinder() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a C string. What is loaded belongs to the compiler, and does nothing then. Where it is missing, this fails.
    unsafe {
        libc::dlopen(c"libgcc_s.so.1".as_ptr(), libc::RTLD_NOW)
    };
}
