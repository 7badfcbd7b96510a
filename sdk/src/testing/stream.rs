//! Streams a library as the host does.

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::host::{Answer, Host, copied};
use crate::abi::{RawSink, SHARED};

/// What a stream is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamRequest<'call> {
    /// The operation, by its name.
    pub operation: Option<&'call str>,
    /// The library's input.
    pub input: &'call [u8],
    /// How many bytes a message may have.
    pub capacity: usize,
    /// Cancels the stream once there are so many messages.
    pub messages: usize,
}

/// What became of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOutcome {
    /// The messages, also those before an error.
    pub messages: Vec<Vec<u8>>,
    /// Whether the function has failed. It has not if it returns because the stream is to end.
    pub result: Result<(), Answer>,
    /// Why it failed, in words.
    pub words: Option<String>,
}

impl Host {
    /// Has the library stream, by the `stream` of [`library!`](crate::library): collects its messages, and then cancels.
    /// There is always a free slot. On this thread, until the library returns.
    ///
    /// # Panics
    /// If the library does not stream, or has no operation of that name.
    pub fn stream(&self, request: StreamRequest<'_>) -> StreamOutcome {
        let Some(stream) = self.library.functions.stream else {
            panic!("the library does not stream: its `library!` has no `stream`");
        };
        let reader = Reader {
            wanted: request.messages,
            capacity: request.capacity,
            slot: UnsafeCell::new(vec![0; request.capacity.max(1)].into()),
            taken: Mutex::default(),
        };
        let sink = RawSink {
            size: size_of::<RawSink>(),
            input: request.input.as_ptr(),
            input_length: request.input.len(),
            operation: request.operation.map_or(0, |name| self.number_of(name)),
            flags: SHARED,
            capacity: request.capacity,
            host: (&raw const reader).cast_mut().cast(),
            acquire,
            commit,
            cancelled,
            message,
        };
        let turn = self.turn();
        // SAFETY: as in `perform`. The input is borrowed, and the struct and the reader live, until it returns.
        let status = unsafe { stream(&raw const sink) };
        drop(turn);
        let taken = reader.taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        StreamOutcome {
            messages: taken.messages,
            result: if status < 0 {
                Err(Answer::Failed(status))
            } else {
                Ok(())
            },
            words: taken.words,
        }
    }
}

/// What the functions of a stream find behind its `host`.
struct Reader {
    wanted: usize,
    capacity: usize,
    /// The memory of all messages. Between an acquire and a commit it is the library's.
    slot: UnsafeCell<Box<[u8]>>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    is_acquired: bool,
    messages: Vec<Vec<u8>>,
    words: Option<String>,
}

impl Reader {
    /// # Safety
    /// `host` is that of a call that has not returned.
    unsafe fn of<'a>(host: *mut c_void) -> &'a Self {
        // SAFETY: `stream` has put a pointer at its Reader there, which outlives the call.
        unsafe { &*host.cast::<Self>() }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_done(&self, taken: &Taken) -> bool {
        taken.messages.len() >= self.wanted
    }
}

/// # Safety
/// As for [`Reader::of`]; no other thread is in `acquire` or `commit`.
unsafe extern "C" fn acquire(host: *mut c_void, _wait: c_int) -> *mut u8 {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    let reader = unsafe { Reader::of(host) };
    let mut taken = reader.lock();
    if reader.is_done(&taken) {
        return std::ptr::null_mut();
    }
    taken.is_acquired = true;
    // SAFETY: one thread at a time is in `acquire` and `commit` (this function's contract), where alone the box is used.
    unsafe { (*reader.slot.get()).as_mut_ptr() }
}

/// # Safety
/// As for [`acquire`]; the library does not use the memory any more.
unsafe extern "C" fn commit(host: *mut c_void, len: usize) -> c_int {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    let reader = unsafe { Reader::of(host) };
    let mut taken = reader.lock();
    if !std::mem::take(&mut taken.is_acquired) || len > reader.capacity {
        return -1;
    }
    // SAFETY: as in `acquire`; the library does not use the bytes any more (this function's contract).
    let message = unsafe { (&(*reader.slot.get()))[..len].to_vec() };
    taken.messages.push(message);
    0
}

/// # Safety
/// As for [`Reader::of`].
unsafe extern "C" fn cancelled(host: *mut c_void) -> c_int {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    let reader = unsafe { Reader::of(host) };
    reader.is_done(&reader.lock()).into()
}

/// # Safety
/// As for [`Reader::of`]; `words` is null or ends with a NUL.
unsafe extern "C" fn message(host: *mut c_void, words: *const c_char) {
    // SAFETY: it is null or ends with a NUL (this function's contract).
    let words = unsafe { copied(words) };
    // SAFETY: host is that of a call that has not returned (this function's contract).
    unsafe { Reader::of(host) }.lock().words = words;
}
