//! Makes calls as the host does.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::{CONCURRENT, RawCall, SHARED};
use crate::library::Library;

/// An environment that uses a library, as a page does: opens it, and closes it when it is dropped.
///
/// All hosts of a library share its state, as the pages of a process do. They may be on several threads: calls of a
/// library that takes one call at a time wait for each other.
pub struct Host {
    pub(super) library: &'static Library,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'name> {
    /// The operation, by its name.
    pub operation: Option<&'name str>,
    /// How many bytes of the memory are the input; all of them if left out.
    pub input: Option<usize>,
    /// Says that other threads may write to the memory. None does.
    pub shared: bool,
    /// Cancels the call when it has asked so many times whether it is cancelled; `Some(0)` before it begins.
    pub cancel_after: Option<u32>,
}

/// What a call says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The length of the message, which is at the start of the memory; or why there is none.
    pub result: Result<usize, Answer>,
    /// Why it failed, in words.
    pub words: Option<String>,
    /// What was reported, `(done, total)`: all of it, though a page sees the latest values alone.
    pub progress: Vec<(u64, u64)>,
}

/// Why a call has no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It needs so many bytes.
    TooSmall(usize),
    /// It failed with this status.
    Failed(i64),
}

impl Host {
    /// Opens a library.
    ///
    /// # Panics
    /// If it refuses.
    pub fn of(library: &'static Library) -> Self {
        let host = Self { library };
        let turn = host.turn();
        let status = (library.functions.open)();
        drop(turn);
        assert!(status >= 0, "the library refuses to be opened: {status}");
        host
    }

    /// Calls it. On this thread, as a synchronous call does.
    ///
    /// # Panics
    /// If the library has no operation of that name, or the input is longer than the memory: a page gets an error then,
    /// and the library is not called.
    pub fn perform(&self, memory: &mut [u8], request: Request<'_>) -> Outcome {
        let number = request.operation.map_or(0, |name| self.number_of(name));
        let input = request.input.unwrap_or(memory.len());
        assert!(
            input <= memory.len(),
            "an input of {input} bytes in a memory of {}",
            memory.len()
        );
        let caller = Caller {
            answers: request.cancel_after.map(AtomicU32::new),
            progress: Mutex::default(),
            words: Mutex::default(),
        };
        let call = RawCall {
            size: size_of::<RawCall>(),
            data: memory.as_mut_ptr(),
            capacity: memory.len(),
            input,
            operation: number,
            flags: if request.shared { SHARED } else { 0 },
            host: (&raw const caller).cast_mut().cast(),
            cancelled,
            progress,
            message,
        };
        let turn = self.turn();
        // SAFETY: the function is a library's, which hosts like this one alone call (`Library::new`). The struct and
        // the caller live until it returns, the memory is borrowed exclusively, and this environment has opened the
        // library (`of`). If it takes one call at a time, this thread has its turn.
        let value = unsafe { (self.library.functions.perform)(&raw const call) };
        drop(turn);
        Outcome {
            result: match usize::try_from(value) {
                Ok(len) if len <= memory.len() => Ok(len),
                Ok(needed) => Err(Answer::TooSmall(needed)),
                Err(_) => Err(Answer::Failed(value)),
            },
            words: caller.words.into_inner().unwrap_or_else(PoisonError::into_inner),
            progress: caller.progress.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The names of its operations.
    pub fn operations(&self) -> Vec<&'static str> {
        text((self.library.functions.operations)()).map_or_else(Vec::new, |names| names.lines().collect())
    }

    /// Its name, if it says one.
    pub fn name(&self) -> Option<&'static str> {
        text((self.library.functions.library_name)())
    }

    /// Whether it takes several calls at a time.
    pub fn is_concurrent(&self) -> bool {
        (self.library.functions.flags)() & CONCURRENT != 0
    }

    pub(super) fn number_of(&self, name: &str) -> u32 {
        let names = self.operations();
        let number = names
            .iter()
            .position(|each| *each == name)
            .and_then(|index| u32::try_from(index + 1).ok());
        number.unwrap_or_else(|| panic!("there is no operation {name:?}; there are {names:?}"))
    }

    /// Held during a call, an open and a close of a library that takes one call at a time.
    pub(super) fn turn(&self) -> Option<MutexGuard<'static, ()>> {
        let turn = || self.library.gate.lock().unwrap_or_else(PoisonError::into_inner);
        (!self.is_concurrent()).then(turn)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _turn = self.turn();
        // SAFETY: `of` has opened it; no call of this environment runs, as each borrows it; and it is this thread's
        // turn.
        unsafe { (self.library.functions.close)() };
    }
}

/// What the functions of a call find behind its `host`.
struct Caller {
    /// How often `cancelled` still says no.
    answers: Option<AtomicU32>,
    progress: Mutex<Vec<(u64, u64)>>,
    words: Mutex<Option<String>>,
}

/// # Safety
/// `host` is that of a call that has not returned.
unsafe fn caller<'a>(host: *mut c_void) -> &'a Caller {
    // SAFETY: `perform` has put a pointer at its Caller there, which outlives the call.
    unsafe { &*host.cast::<Caller>() }
}

/// # Safety
/// As for [`caller`].
unsafe extern "C" fn cancelled(host: *mut c_void) -> c_int {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    let Some(answers) = &unsafe { caller(host) }.answers else {
        return 0;
    };
    let left = answers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    left.is_err().into()
}

/// # Safety
/// As for [`caller`].
unsafe extern "C" fn progress(host: *mut c_void, done: u64, total: u64) {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    let reports = &unsafe { caller(host) }.progress;
    reports
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((done, total));
}

/// # Safety
/// As for [`caller`]; `words` is null or ends with a NUL.
unsafe extern "C" fn message(host: *mut c_void, words: *const c_char) {
    // SAFETY: it is null or ends with a NUL (this function's contract).
    let words = unsafe { copied(words) };
    // SAFETY: host is that of a call that has not returned (this function's contract).
    *unsafe { caller(host) }
        .words
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = words;
}

/// # Safety
/// `words` is null or ends with a NUL.
pub(super) unsafe fn copied(words: *const c_char) -> Option<String> {
    // SAFETY: it ends with a NUL (this function's contract), and is copied now.
    (!words.is_null()).then(|| unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned())
}

/// A text of the library's, which is null or static.
fn text(text: *const c_char) -> Option<&'static str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: what the functions of a `Library` return is null or a static text that ends with a NUL (its contract).
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}
