//! What populates memory on a background thread.
//!
//! It is called as a library is: so it has a queue and a thread, its calls are cancelled and waited for when an environment
//! ends, and memory is kept as long as the thread touches it. It changes no byte.

use std::path::Path;
use std::sync::OnceLock;

use crate::abi::VERSION;
use crate::error::Error;
use crate::functions::{Properties, Remote};
use crate::lent_memory::LentMemory;
use crate::library::Library;
use crate::request::{Caller, Request};

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
            operations: Vec::new(),
        };
        Library::elsewhere(Path::new("populator"), properties, &Populator)
    })
}

struct Populator;

impl Remote for Populator {
    fn call(&self, memory: &LentMemory<'_>, _request: &Request, caller: &dyn Caller) -> Result<i64, Box<Error>> {
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
