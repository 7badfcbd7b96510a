//! What a caller asks of a library beside the memory, and what the library tells the caller while the call runs.

use crate::sync::{Mutex, lock};

/// What is asked of a library beside the memory. The default is what a library without `exchange_perform` can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Which of the library's operations, from 1. 0 stands for none.
    pub operation: u32,
    /// How many of the bytes are the caller's input. `None`: all of them.
    pub input: Option<usize>,
    /// Other threads may read and write the memory during the call.
    pub shared: bool,
}

impl Request {
    /// Whether it takes `exchange_perform`.
    pub fn needs_perform(&self) -> bool {
        self.operation != 0 || self.input.is_some()
    }
}

/// A ring that a library in another process is asked to fill with the messages of a stream (`stream/options.rs` has what it
/// stands for).
#[derive(Clone, Copy, Debug)]
pub struct RingRequest<'a> {
    /// As of a [`Request`].
    pub operation: u32,
    /// How many slots it has.
    pub slots: u32,
    /// The bytes of each.
    pub slot_len: u32,
    /// By its number.
    pub policy: u32,
    /// Written into each slot before it is filled.
    pub input: &'a [u8],
    /// The time now, in JavaScript's milliseconds.
    pub now: f64,
}

/// Who waits for a call, as the library sees him. It may ask and tell him from all its threads.
pub trait Caller: Sync {
    /// Whether he has cancelled the call.
    fn is_cancelled(&self) -> bool;

    /// How far the call is; a total of 0 is not known.
    fn set_progress(&self, progress: Progress);

    /// Why the call fails, in words.
    fn set_message(&self, text: Option<String>);

    /// The words, once.
    fn take_message(&self) -> Option<String>;
}

/// How far a call is, in the library's own measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is done.
    pub done: u64,
    /// All there is to do; 0 if it is not known.
    pub total: u64,
}

/// What a library has said of a call.
pub struct Report {
    progress: Mutex<Progress>,
    message: Mutex<Option<String>>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            progress: Mutex::new(Progress::default()),
            message: Mutex::new(None),
        }
    }
}

impl Report {
    /// How far the call is. All zeros until the library has said so.
    pub fn progress(&self) -> Progress {
        *lock(&self.progress)
    }

    /// As [`Caller::set_progress`].
    pub fn set_progress(&self, progress: Progress) {
        *lock(&self.progress) = progress;
    }

    /// As [`Caller::set_message`].
    pub fn set_message(&self, text: Option<String>) {
        *lock(&self.message) = text;
    }

    /// As [`Caller::take_message`].
    pub fn take_message(&self) -> Option<String> {
        lock(&self.message).take()
    }
}

/// A thread that waits in the call, and cannot cancel it.
pub struct Waiting(Mutex<Option<String>>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl Caller for Waiting {
    fn is_cancelled(&self) -> bool {
        false
    }

    fn set_progress(&self, _progress: Progress) {}

    fn set_message(&self, text: Option<String>) {
        *lock(&self.0) = text;
    }

    fn take_message(&self) -> Option<String> {
        lock(&self.0).take()
    }
}
