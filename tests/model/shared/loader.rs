//! `host/src/loader.rs` for models: each load makes a library of its own, which [`unload_all`] frees again.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::path::Path;

use crate::error::Error;
use crate::record::Record;

/// Threads of a model do not outlive it.
pub(crate) mod pin {
    pub(crate) fn pin_this_module() {}
}

thread_local! {
    static LOADED: RefCell<Vec<Box<dyn FnOnce()>>> = RefCell::default();
}

pub(crate) struct Loader<T: 'static>(PhantomData<fn() -> T>);

impl<T> Loader<T> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }

    pub(crate) fn load(
        &self,
        path: &Path,
        make: impl Fn(&'static Record, &Path) -> Result<T, Box<Error>>,
    ) -> Result<&'static T, Box<Error>> {
        let image = keep(Record::new());
        Ok(keep(make(image, path)?))
    }
}

fn keep<T>(value: T) -> &'static T {
    let value = Box::into_raw(Box::new(value));
    // SAFETY: made by Box::into_raw, and freed once: this is called once, and taken out of the list for it.
    let free = move || drop(unsafe { Box::from_raw(value) });
    LOADED.with_borrow_mut(|loaded| loaded.push(Box::new(free)));
    // SAFETY: it lives until `unload_all`, after which nothing uses it (that function's contract).
    unsafe { &*value }
}

/// Frees all libraries.
///
/// # Safety
/// All threads of the model have ended, and what refers to a library is not used any more.
pub(crate) unsafe fn unload_all() {
    // In reverse: a library refers to its image.
    while let Some(free) = LOADED.with_borrow_mut(Vec::pop) {
        free();
    }
}
