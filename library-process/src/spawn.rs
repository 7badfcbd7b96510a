//! Threads with a name, for who looks at a process.

use std::io;
use std::thread;

/// Starts a thread that nobody waits for. Its stack is so large, in bytes.
pub(crate) fn spawn(name: &str, stack: usize, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(stack);
    thread.spawn(body).map(drop)
}
