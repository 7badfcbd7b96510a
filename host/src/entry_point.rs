//! The shortest way to a library in this process.

use crate::abi::{CallFunction, ReturnValue};
use crate::dispatch::Gate;
use crate::error::Error;
use crate::lent_memory::LentMemory;
use crate::library::Library;
use crate::request::{Request, Waiting};

/// What a synchronous call needs, in one place: whoever holds this reaches the library's code in one step. The way through
/// the [`Library`] is a load more, and costs a nanosecond.
#[derive(Clone, Copy)]
pub struct EntryPoint {
    call: CallFunction,
    /// If the library takes one call at a time.
    gate: Option<&'static Gate>,
    library: &'static Library,
}

impl EntryPoint {
    /// That of a library in this process.
    pub fn of(library: &'static Library) -> Option<Self> {
        Some(Self {
            call: library.symbols()?.call,
            gate: library.dispatcher().gate(),
            library,
        })
    }

    /// Whether `exchange_perform` makes the library's exchanges.
    #[inline]
    pub fn performs(&self) -> bool {
        matches!(self.call, CallFunction::Perform(_))
    }

    /// Makes the default request on this thread: the number of bytes that the message takes. A library that takes one call
    /// at a time, and is in use, refuses. The library is open in the caller's environment.
    #[inline]
    pub fn exchange(&self, memory: LentMemory<'_>) -> Result<u32, Box<Error>> {
        let CallFunction::InPlace(exchange) = self.call else {
            return self.perform(memory, &Request::default());
        };
        memory.prefer_huge_pages();
        let value = match self.gate {
            None => exchange.call(memory),
            Some(gate) => match gate.try_exclusive(|| exchange.call(memory)) {
                Some(value) => value,
                None => return Err(self.library.busy()),
            },
        };
        self.library.outcome(value)
    }

    /// As [`exchange`](Self::exchange), for any request.
    #[inline]
    pub fn perform(&self, memory: LentMemory<'_>, request: &Request) -> Result<u32, Box<Error>> {
        if !self.performs() {
            self.library.check(request)?;
        }
        memory.prefer_huge_pages();
        let len = memory.len();
        let caller = Waiting::default();
        let call = || self.call.call(memory, request, &caller);
        let number = match self.gate {
            None => call(),
            Some(gate) => match gate.try_exclusive(call) {
                Some(number) => number,
                None => return Err(self.library.busy()),
            },
        };
        self.library.outcome_of(ReturnValue::of(number, len), &caller)
    }
}
