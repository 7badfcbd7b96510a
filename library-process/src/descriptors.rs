//! The descriptors of the program, and its end.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stdin, stdin};

/// The first descriptor after those of the standard streams.
const FIRST: i32 = 3;

/// Takes the socket, which the app has given in place of the standard input. Afterwards the descriptors are: 0, /dev/null;
/// 1 and 2, the app's; 3, the socket; and no other, whatever the app's process has let its children inherit.
///
/// Called first of all, by the only thread.
pub(crate) fn take_socket() -> io::Result<UnixStream> {
    close_inherited()?;
    let socket = fcntl_dupfd_cloexec(stdin(), FIRST)?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(UnixStream::from(socket))
}

fn close_inherited() -> io::Result<()> {
    // SAFETY: closes descriptors that nothing in this process knows of: it has opened none. An older kernel, which lacks
    // the call, answers with a failure.
    if unsafe { libc::syscall(libc::SYS_close_range, FIRST, u32::MAX, 0) } == 0 {
        return Ok(());
    }
    let listed = fs::read_dir("/proc/self/fd")?;
    let numbers: Vec<i32> = listed
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|number| *number >= FIRST) {
        // SAFETY: as above. The folder's own descriptor is closed already, and a second close of it fails.
        unsafe { libc::close(number) };
    }
    Ok(())
}

/// Ends the process, without the functions that it would call at its exit: the library's threads may run.
pub(crate) fn end_now(code: i32) -> ! {
    // SAFETY: has no precondition.
    unsafe { libc::_exit(code) }
}
