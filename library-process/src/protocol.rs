//! What the two processes say to each other, and who may write what.
//!
//! The app's process makes two memories that both map, and that neither can shrink: one that begins with a [`Control`],
//! for one process of the library; and one for the bytes of buffers, which the next process gets, too, if this one ends by
//! itself. The two processes are connected by a pair of sockets as well, or, on Windows, by two pipes.
//!
//! | step | app | program |
//! | --- | --- | --- |
//! | start | starts the program with the path of the library, it may be [`CONFINE`], and its end of the connection; gives it both memories | maps them, loads the library, confines itself if it is to, answers with an [`Answer`] |
//! | a lane | sends the number of a lane, one byte, and gives its bell, if lanes have one | starts the thread that serves that lane |
//! | a call | fills in a [`Lane`], and sets its state from `IDLE` to `REQUESTED` | `RUNNING`, calls the library, writes the result, `ANSWERED` |
//! | its end | reads the result, `IDLE` | |
//! | a cancel | sets [`Lane::cancelled`], and, if all calls that run are meant, adds one to [`Control::cancels`] | tells the library when it asks, and calls `exchange_cancel`, unless a call runs that began later |
//! | the end of the app | the connection hangs up | ends itself at once; is ended by the system, if it cannot |
//! | the end of the program | sets every lane to `DEAD`, until no thread waits any more | |
//!
//! **Ordering.** The fields of a lane belong to whom its state says. They are written and read with `Relaxed`; what
//! hands them over is the state. `lane.rs` has both sides of that.
//!
//! **Trust.** The library has the program, so the app treats every word that the program can write as that of an
//! attacker: a state that does not follow from the one before ends the program (`DEAD`, of one that others use, ends this
//! process's use of it alone); a count or a status is checked as that
//! of a library in the app's own process; an offset is never read back. Another process may have the memories and
//! the connection, and outlive the program: what tells the app of the program's end is the death of the process alone. The program checks the app's requests too, so
//! that a mistake there is an error and no crash here.

#[cfg(native_linux)]
pub(crate) mod sharing;

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The version of all this. Both sides come from one build; a program of another one is refused.
pub const VERSION: u32 = 5;

/// An argument of the program, if it is to confine itself.
pub const CONFINE: &str = "confine";
/// An argument of the program, if it is to serve several processes of the app: it is then given connections.
pub const SHARED: &str = "shared";

/// How many threads of the app can be in a call at a time.
pub const MAX_LANES: usize = 64;

/// Bytes of a library's own words for a status; longer ones are cut off.
pub const MAX_MESSAGE: usize = 512;

/// The longest [`Answer`], in bytes.
pub const MAX_ANSWER: usize = 64 << 10;

/// Bytes of the memory that begins with a [`Control`].
pub const CONTROL_LEN: u64 = 64 << 10;

/// What a request asks for.
pub enum Operation {}

impl Operation {
    /// `exchange_perform` or `exchange_inplace` on the bytes at `offset`.
    pub const EXCHANGE: u32 = 1;
    /// `exchange_open`; the result is its status.
    pub const OPEN: u32 = 2;
    /// `exchange_close`.
    pub const CLOSE: u32 = 3;
    /// `exchange_error_message` of the status in `offset`.
    pub const MESSAGE: u32 = 4;
    /// Fills the ring at `offset` with the messages of a stream: for a turn, or until the stream ends.
    pub const STREAM: u32 = 5;
}

/// The result of a request that makes no sense, such as one beyond the memory of buffers: a negative status, like any that a library
/// returns.
pub const REFUSED: i64 = i64::MIN;

/// The result of an exchange with a library that takes one call at a time, while another process has it to itself for a stream.
pub const BUSY: i64 = i64::MIN + 1;

/// One thread's way to call.
#[repr(C, align(64))]
pub struct Lane {
    /// Whose the lane is, see `lane.rs`. Threads wait for it.
    pub state: AtomicU32,
    /// Of [`Operation`].
    pub operation: AtomicU32,
    /// Where the bytes begin in the memory of buffers.
    pub offset: AtomicU64,
    /// How many bytes there are.
    pub len: AtomicU64,
    /// How many of them are the caller's input.
    pub input_len: AtomicU64,
    /// Which of the library's operations.
    pub library_operation: AtomicU32,
    /// 1 if others may write to the bytes during the call.
    pub shared: AtomicU32,
    /// What the library returned.
    pub result: AtomicI64,
    /// [`Control::cancels`] before the request: none of these cancels is meant for it.
    pub cancels: AtomicU32,
    /// Set to 1 by the app, also while the call runs, to cancel this call alone.
    pub cancelled: AtomicU32,
    /// Not 0 while the call waits for calls of other processes that have not ended, and another number every few milliseconds.
    /// The program writes it.
    pub waiting: AtomicU32,
    /// How far the call is, in the library's own measure. The program writes it while the call runs, and the app may read
    /// one of the two before the other. Of a stream: a number that changes with each message, and is odd while the library
    /// is in one.
    pub done: AtomicU64,
    /// Of `done`.
    pub total: AtomicU64,
    /// Of `message`.
    pub message_len: AtomicU32,
    /// The core of the app's thread when it last handed the lane over: how to wait depends on it, and nothing else.
    pub app_core: AtomicU32,
    /// The same of the program's thread.
    pub program_core: AtomicU32,
    /// The slots of a ring.
    pub slots: AtomicU32,
    /// The bytes of each.
    pub slot_len: AtomicU32,
    /// What is done when none is free, by its number.
    pub policy: AtomicU32,
    /// Where the input of a stream begins in the memory of buffers.
    pub input: AtomicU64,
    /// The bits of a number: JavaScript's time when the system's monotonic clock was 0, in milliseconds.
    pub clock: AtomicU64,
    /// The library's words for a negative status: for that of this call, or for one that was asked for.
    pub message: [AtomicU8; MAX_MESSAGE],
}

/// What the two tell each other during calls. All zeros is its first state.
#[repr(C)]
pub struct Control {
    /// How often the app has asked the calls that run to return. A thread waits for it.
    pub cancels: AtomicU32,
    /// The lanes.
    pub lanes: [Lane; MAX_LANES],
}

const _: () = assert!(size_of::<Control>() as u64 <= CONTROL_LEN);

impl Lane {
    /// Writes the message; the program does.
    pub fn set_message(&self, text: &str) {
        let mut end = text.len().min(MAX_MESSAGE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        for (to, from) in self.message.iter().zip(&text.as_bytes()[..end]) {
            to.store(*from, Ordering::Relaxed);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_MESSAGE")]
        self.message_len.store(end as u32, Ordering::Relaxed);
    }

    /// Makes it empty.
    pub fn clear_message(&self) {
        self.message_len.store(0, Ordering::Relaxed);
    }

    /// Reads the message, whatever it is.
    pub fn message(&self) -> String {
        let len = (self.message_len.load(Ordering::Relaxed) as usize).min(MAX_MESSAGE);
        let bytes: Vec<u8> = self.message[..len]
            .iter()
            .map(|byte| byte.load(Ordering::Relaxed))
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// What the program says when it has started, once.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The library is loaded.
    Loaded(Description),
    /// It does not export what it has to.
    NoSymbol,
    /// It was built for this version of the C ABI.
    OtherAbi(u32),
    /// It is not, for another reason.
    Refused {
        /// The `code` of the error.
        code: String,
        /// Its message.
        message: String,
    },
    /// It is, but the process cannot be confined, for this reason.
    Unconfined(String),
}

/// What the program says of its library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// [`VERSION`] of the program.
    pub protocol: u32,
    /// The real path of the library.
    pub path: Vec<u8>,
    /// What it calls itself.
    pub name: String,
    /// The version of the C ABI that it was built for.
    pub abi_version: u32,
    /// Whether it takes one call at a time.
    pub serial: bool,
    /// Whether it has `exchange_perform`.
    pub performs: bool,
    /// Whether it has `exchange_stream`.
    pub pushes: bool,
    /// The names of its operations, from 1 on.
    pub operations: Vec<String>,
    /// Whether it can be asked to return early.
    pub can_cancel: bool,
    /// Whether the process has given up what `confine.rs` says.
    pub confined: bool,
}

impl Description {
    /// Whether calls that were prepared for one of the two can be made to the other.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.serial, it.performs, it.pushes);
        of(self) == of(other) && self.operations == other.operations
    }
}
