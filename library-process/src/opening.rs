//! Which processes of the app have a library open that several use: it is opened once for all of them, as a device is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often each has opened it. The library is open while any is in here.
#[derive(Default)]
pub(crate) struct Opening(Mutex<BTreeMap<u32, usize>>);

impl Opening {
    /// Opens it for a process: the status, if `exchange_open` refuses. Others wait for that, and only they who open or close.
    pub(crate) fn open(&self, process: u32, exchange_open: impl FnOnce() -> i64) -> i64 {
        let mut opens = self.lock();
        let status = if opens.is_empty() { exchange_open() } else { 0 };
        if status >= 0 {
            *opens.entry(process).or_default() += 1;
        }
        status
    }

    /// Closes it for a process, once. A process that has not opened it has no effect on others.
    pub(crate) fn close(&self, process: u32, exchange_close: impl FnOnce()) {
        let mut opens = self.lock();
        match opens.get_mut(&process) {
            Some(count) if *count > 1 => *count -= 1,
            _ => Self::forget(&mut opens, process, exchange_close),
        }
    }

    /// Closes it as often as the process has opened it.
    pub(crate) fn close_all(&self, process: u32, exchange_close: impl FnOnce()) {
        Self::forget(&mut self.lock(), process, exchange_close);
    }

    fn forget(opens: &mut BTreeMap<u32, usize>, process: u32, exchange_close: impl FnOnce()) {
        if opens.remove(&process).is_some() && opens.is_empty() {
            exchange_close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
