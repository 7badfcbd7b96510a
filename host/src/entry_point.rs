//! The shortest ways to a library in this process, for synchronous calls.
//!
//! The way through the [`Library`] is a load more, and costs a nanosecond, and so does each value that has to be kept until the
//! library returns.

use crate::abi::{CallFunction, ExchangeFunction, PerformFunction, ReturnValue};
use crate::dispatch::Gate;
use crate::error::Error;
use crate::lent_memory::LentMemory;
use crate::library::Library;
use crate::request::{Caller, Request, Waiting};

/// A library's `exchange_inplace`. The library is open in the environment of whoever calls it.
#[derive(Clone, Copy)]
pub struct InPlace {
    exchange: ExchangeFunction,
    /// If the library takes one call at a time.
    gate: Option<&'static Gate>,
}

/// A library's `exchange_perform`, likewise.
#[derive(Clone, Copy)]
pub struct Performs {
    perform: PerformFunction,
    /// If the library takes one call at a time.
    gate: Option<&'static Gate>,
}

/// Why a call has no message.
pub enum NoMessage {
    /// The library takes one call at a time, and is in use.
    Busy,
    /// What it has returned stands for none.
    Returned(i64),
}

impl InPlace {
    /// That of a library in this process, if it makes the library's exchanges.
    pub fn of(library: &'static Library) -> Option<Self> {
        match library.symbols()?.call {
            CallFunction::InPlace(exchange) => Some(Self {
                exchange,
                gate: library.dispatcher().gate(),
            }),
            CallFunction::Perform(_) => None,
        }
    }

    /// Makes an exchange on this thread: the number of bytes that the message takes.
    #[inline]
    pub fn exchange(self, memory: LentMemory<'_>) -> Result<u32, NoMessage> {
        if memory.is_huge() {
            return self.exchange_huge(memory);
        }
        self.call(memory)
    }

    /// Out of line, to keep the hot path's values in registers.
    #[cold]
    fn exchange_huge(self, memory: LentMemory<'_>) -> Result<u32, NoMessage> {
        memory.prefer_huge_pages();
        self.call(memory)
    }

    #[inline(always)]
    fn call(self, memory: LentMemory<'_>) -> Result<u32, NoMessage> {
        let len = memory.len();
        message(self.gate, len, || self.exchange.call(memory))
    }
}

impl Performs {
    /// That of a library in this process, if it has one.
    pub fn of(library: &'static Library) -> Option<Self> {
        match library.symbols()?.call {
            CallFunction::InPlace(_) => None,
            CallFunction::Perform(perform) => Some(Self {
                perform,
                gate: library.dispatcher().gate(),
            }),
        }
    }

    /// Makes the exchange that is requested on this thread: the number of bytes that the message takes.
    #[inline]
    pub fn perform(self, memory: LentMemory<'_>, request: &Request, caller: &Waiting) -> Result<u32, NoMessage> {
        memory.prefer_huge_pages();
        let len = memory.len();
        message(self.gate, len, || self.perform.call(memory, request, caller))
    }
}

/// A library that takes one call at a time, and is in use, refuses.
#[inline(always)]
fn message(gate: Option<&Gate>, len: usize, call: impl FnOnce() -> i64) -> Result<u32, NoMessage> {
    let number = match gate {
        None => call(),
        Some(gate) => gate.try_exclusive(call).ok_or(NoMessage::Busy)?,
    };
    ReturnValue::message(number, len).ok_or(NoMessage::Returned(number))
}

impl NoMessage {
    /// As an error of the library, with the words that it has told the caller, if there is one.
    #[cold]
    pub fn into_error(self, library: &Library, caller: Option<&Waiting>) -> Box<Error> {
        match self {
            Self::Busy => library.busy(),
            Self::Returned(number) => {
                let words = caller.and_then(Caller::take_message);
                library.failure(ReturnValue::of_failure(number), words)
            }
        }
    }
}
