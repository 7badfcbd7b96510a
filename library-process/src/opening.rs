//! Which processes of the app have a library open that several use: it is opened once for all of them, as a device is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use inplace_exchange_host::Symbols;

/// How often each has opened it. The library is open while any is in here.
#[derive(Default)]
pub(crate) struct Opening(Mutex<BTreeMap<u32, usize>>);

impl Opening {
    /// Opens it for a process: the status, if the library refuses.
    pub(crate) fn open(&self, process: u32, symbols: &Symbols) -> i64 {
        let mut opens = self.lock(); // held while the library is opened: others wait for that
        if opens.is_empty()
            && let Err(status) = symbols.open()
        {
            return status;
        }
        *opens.entry(process).or_default() += 1;
        0
    }

    /// Closes it for a process, once. A process that has not opened it has no effect on others.
    pub(crate) fn close(&self, process: u32, symbols: &Symbols) -> i64 {
        let mut opens = self.lock();
        match opens.get_mut(&process) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => Self::forget(&mut opens, process, symbols),
            None => {}
        }
        0
    }

    /// Closes it as often as the process has opened it.
    pub(crate) fn close_all(&self, process: u32, symbols: &Symbols) {
        Self::forget(&mut self.lock(), process, symbols);
    }

    fn forget(opens: &mut BTreeMap<u32, usize>, process: u32, symbols: &Symbols) {
        if opens.remove(&process).is_some() && opens.is_empty() {
            symbols.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
