//! The exit of the process: calls that run come to their end before the system destroys what the library's code uses.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::dispatch::Dispatcher;
use crate::loader::at_exit::at_exit;
use crate::sync::{Deadline, after, is_dispatch_thread};

/// Those of the libraries that are loaded.
static DISPATCHERS: Mutex<Vec<&'static Dispatcher>> = Mutex::new(Vec::new());

/// Has the calls of a library finished when the process exits by itself. Called after the library was loaded: the system
/// calls what is registered last first, and so this before the library's own destructors.
pub(crate) fn finish_calls_at_exit(dispatcher: &'static Dispatcher) {
    let mut dispatchers = DISPATCHERS.lock().unwrap_or_else(PoisonError::into_inner);
    if !dispatchers.iter().any(|other| std::ptr::eq(*other, dispatcher)) {
        dispatchers.push(dispatcher);
        at_exit(finish_calls);
    }
}

/// Has the calls that run finished before what the libraries have registered up to now: a static of a function in C++ is
/// destroyed before what was registered when its library was loaded. Called when the process begins to exit.
pub fn finish_calls_first() {
    at_exit(finish_calls);
}

extern "C" fn finish_calls() {
    /// A process that cannot be quit would be worse than a call that is cut off.
    const TIMEOUT: Duration = Duration::from_secs(2);
    /// One for all the times that the system calls this.
    static DEADLINE: OnceLock<Deadline> = OnceLock::new();

    if is_dispatch_thread() {
        return; // a library has called exit() in a call, and would wait for itself
    }
    // Without waiting for the lock: exit() may have been called while it is held.
    let Ok(dispatchers) = DISPATCHERS.try_lock() else {
        return;
    };
    let deadline = *DEADLINE.get_or_init(|| after(TIMEOUT));
    for dispatcher in dispatchers.iter() {
        dispatcher.finish_at_exit(deadline);
    }
}
