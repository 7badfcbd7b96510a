//! The calls of one process of the app, and their turn.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use inplace_exchange_host::{Caller, LentMemory, Library, Progress, Report, Request, Symbols};

use super::{Connection, ENDING, OPENING, RUNNING, TURNS};
use crate::loading::library;
use crate::protocol::{BUSY, Lane, Operation, REFUSED};
use crate::running::IsLeft;
use crate::sources::Inside;
use crate::stream;

/// Whether a library that takes one call at a time is inside a stream until that ends.
static IS_STREAMING: AtomicBool = AtomicBool::new(false);

impl Connection {
    /// Does what a lane asks for.
    pub(super) fn answer(&self, number: usize, library: &'static Library, symbols: &Symbols) -> i64 {
        let lane = &self.control.control().lanes[number];
        let offset = lane.offset.load(Ordering::Relaxed);
        match lane.operation.load(Ordering::Relaxed) {
            Operation::EXCHANGE => self.in_its_turn(lane, || self.exchange(lane, offset, symbols)),
            Operation::STREAM => {
                let inside = self.is_shared.then_some(in_a_turn as Inside);
                let memory = (&self.control, number);
                stream::fill(library, self.number, memory, &self.buffers, &RUNNING, inside)
            }
            Operation::OPEN if self.is_shared => OPENING.open(self.number, || self.open(symbols)),
            Operation::OPEN => self.open(symbols),
            Operation::CLOSE if self.is_shared => {
                OPENING.close(self.number, || self.close(symbols));
                0
            }
            Operation::CLOSE => {
                self.close(symbols);
                0
            }
            Operation::MESSAGE => match symbols.error_message(offset.cast_signed()) {
                Some(text) => {
                    lane.set_message(&text);
                    1
                }
                None => 0,
            },
            _ => REFUSED,
        }
    }

    fn open(&self, symbols: &Symbols) -> i64 {
        let opened = self.in_turn(&|| false, || symbols.open());
        opened.and_then(Result::err).unwrap_or(0)
    }

    pub(super) fn close(&self, symbols: &Symbols) {
        self.in_turn(&|| false, || symbols.close());
    }

    /// Makes the call of a lane when it is its turn, unless it was cancelled before.
    fn in_its_turn(&self, lane: &Lane, call: impl FnOnce() -> i64) -> i64 {
        let looks = Cell::new(1u32); // always odd
        lane.waiting.store(self.takes_turns().into(), Ordering::Relaxed);
        let call = || {
            lane.waiting.store(0, Ordering::Relaxed);
            call()
        };
        let gives_up = || {
            // A call of a process that has ended is limited by those who wait for it: nobody else does.
            let is_other = ENDING.load(Ordering::Relaxed) == 0;
            looks.set(looks.get().wrapping_add(2));
            lane.waiting
                .store(if is_other { looks.get() } else { 0 }, Ordering::Relaxed);
            self.is_unwanted(lane) || IS_STREAMING.load(Ordering::Relaxed)
        };
        match self.in_turn(&gives_up, call) {
            Some(result) => result,
            None if self.is_unwanted(lane) => REFUSED, // nobody waits for it
            None => BUSY,
        }
    }

    /// Whether the call of a lane was cancelled.
    fn is_unwanted(&self, lane: &Lane) -> bool {
        let cancels = self.control.control().cancels.load(Ordering::Relaxed);
        lane.cancelled.load(Ordering::Relaxed) != 0 || cancels != lane.cancels.load(Ordering::Relaxed)
    }

    fn takes_turns(&self) -> bool {
        self.is_shared && library().is_some_and(|(library, _)| library.is_serial())
    }

    /// Does this when no other process's call is in the library, if that takes one at a time. `None` if it was given up
    /// before.
    fn in_turn<T>(&self, gives_up: &dyn Fn() -> bool, act: impl FnOnce() -> T) -> Option<T> {
        let _turn = if self.takes_turns() {
            Some(TURNS.take(gives_up)?)
        } else {
            None
        };
        Some(act())
    }

    fn exchange(&self, lane: &Lane, offset: u64, symbols: &Symbols) -> i64 {
        let len = lane.len.load(Ordering::Relaxed);
        let (Some(data), Ok(len)) = (self.buffers.bytes(offset, len), usize::try_from(len)) else {
            return REFUSED;
        };
        let request = Request {
            operation: lane.library_operation.load(Ordering::Relaxed),
            input: usize::try_from(lane.input_len.load(Ordering::Relaxed)).ok(),
            shared: lane.shared.load(Ordering::Relaxed) != 0,
        };
        // SAFETY: the range is within the memory, which stays mapped as long as self, and so during the call. No Rust
        // reference covers it, and no code here relies on what it holds: the app may write to it at any time.
        let memory = unsafe { LentMemory::new(data, len) };
        let caller = Asked {
            lane,
            report: Report::default(),
        };
        let cancels = lane.cancels.load(Ordering::Relaxed);
        let result = RUNNING.run(self.number, cancels, || symbols.call(memory, &request, &caller));
        if let Some(text) = caller.take_message() {
            lane.set_message(&text);
        }
        result
    }
}

/// Makes the messages of a stream, which several processes may have.
fn in_a_turn(is_left: IsLeft, make: &mut dyn FnMut()) {
    let Some((library, _)) = library() else { return };
    let _turn = library.is_serial().then(|| TURNS.take(|| false));
    // One that pushes stays inside for as long as the stream.
    IS_STREAMING.store(library.is_serial() && library.pushes(), Ordering::Relaxed);
    RUNNING.run_source(is_left, make);
    IS_STREAMING.store(false, Ordering::Relaxed);
}

/// Who has asked, through a lane.
struct Asked<'a> {
    lane: &'a Lane,
    /// The library may speak on several threads, and the lane has room for one.
    report: Report,
}

impl Caller for Asked<'_> {
    fn is_cancelled(&self) -> bool {
        self.lane.cancelled.load(Ordering::Relaxed) != 0
    }

    fn set_progress(&self, Progress { done, total }: Progress) {
        self.lane.done.store(done, Ordering::Relaxed);
        self.lane.total.store(total, Ordering::Relaxed);
    }

    fn set_message(&self, text: Option<String>) {
        self.report.set_message(text);
    }

    fn take_message(&self) -> Option<String> {
        self.report.take_message()
    }
}
