//! What populates memory on a background thread.
//!
//! It is called as a library is: so it has a queue and a thread, its calls are cancelled and waited for when an environment
//! ends, and memory is kept as long as the thread touches it. It changes no byte.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::abi::VERSION;
use crate::error::Error;
use crate::functions::{Properties, Remote};
use crate::lent_memory::LentMemory;
use crate::library::Library;
use crate::request::{Caller, Request};

/// How many [`OngoingCall`]s there are.
static ONGOING: AtomicUsize = AtomicUsize::new(0);

/// How long they are let be. Making pages takes processors and the bandwidth of the memory from a call that fills memory; one
/// that takes longer than this does something else, too.
const PATIENCE: Duration = Duration::from_millis(3);
const INTERVAL: Duration = Duration::from_micros(100);

/// An asynchronous call of a library in this process. The populator lets it end before it begins.
pub struct OngoingCall(());

impl OngoingCall {
    /// `None` if it is a call of another library, such as one of the populator's own.
    pub fn of(library: &Library) -> Option<Self> {
        library.symbols()?;
        ONGOING.fetch_add(1, Ordering::Relaxed);
        Some(Self(()))
    }
}

impl Drop for OngoingCall {
    fn drop(&mut self) {
        ONGOING.fetch_sub(1, Ordering::Relaxed);
    }
}

fn let_calls_end() {
    let deadline = Instant::now() + PATIENCE;
    while ONGOING.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
        thread::sleep(INTERVAL);
    }
}

/// The library whose exchanges populate the memory that they are lent: its pages are made, and it stays as it is. One for
/// the process, with one thread, as the system makes pages for one thread at a time.
pub fn populator() -> &'static Library {
    static POPULATOR: OnceLock<&'static Library> = OnceLock::new();
    POPULATOR.get_or_init(|| {
        let properties = Properties {
            name: "populator".to_owned(),
            abi_version: VERSION,
            serial: true,
            performs: false,
            pushes: false,
            operations: Vec::new(),
        };
        Library::elsewhere(Path::new("populator"), properties, &Populator)
    })
}

struct Populator;

impl Remote for Populator {
    fn call(&self, memory: &LentMemory<'_>, _request: &Request, caller: &dyn Caller) -> Result<i64, Box<Error>> {
        let_calls_end();
        memory.prefer_huge_pages();
        memory.populate(|| caller.is_cancelled());
        Ok(i64::try_from(memory.len()).unwrap_or(0))
    }

    fn open(&self) -> Result<Result<(), i64>, Box<Error>> {
        Ok(Ok(()))
    }

    fn close(&self) {}

    fn can_cancel(&self) -> bool {
        false // it looks by itself
    }

    fn cancel(&self) {}

    fn error_message(&self, _status: i64) -> Option<String> {
        None
    }
}
