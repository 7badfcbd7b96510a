//! The functions of a library, in this process or in another one.

use crate::abi::{ReturnValue, Symbols};
use crate::error::Error;
use crate::lent_memory::LentMemory;
use crate::request::{Caller, Request, RingRequest};

/// The functions of a library, wherever it runs.
pub(crate) enum Functions {
    /// In this process.
    Here(Symbols),
    /// In another one, or made by this crate.
    Elsewhere(&'static dyn Remote),
}

impl Functions {
    /// Makes an exchange.
    pub(crate) fn call(
        &self,
        memory: LentMemory<'_>,
        request: &Request,
        caller: &dyn Caller,
    ) -> Result<ReturnValue, Box<Error>> {
        let len = memory.len();
        let number = match self {
            Self::Here(symbols) => {
                memory.prefer_huge_pages();
                symbols.call(memory, request, caller)
            }
            Self::Elsewhere(remote) => remote.call(&memory, request, caller)?,
        };
        Ok(ReturnValue::of(number, len))
    }

    /// Has a ring filled by the process of the library, if it is in another one that has the ring as well: the number that
    /// came of it. `None` if it is not filled there.
    pub(crate) fn fill(
        &self,
        memory: &LentMemory<'_>,
        ring: &RingRequest<'_>,
        caller: &dyn Caller,
    ) -> Result<Option<i64>, Box<Error>> {
        match self {
            Self::Here(_) => Ok(None),
            Self::Elsewhere(remote) => remote.fill(memory, ring, caller),
        }
    }

    /// Whether the process of the library has this memory, and not only a copy of it.
    pub(crate) fn reach(&self, memory: &LentMemory<'_>) -> bool {
        match self {
            Self::Here(_) => true,
            Self::Elsewhere(remote) => remote.reaches(memory),
        }
    }

    /// Whether the process of the library fills rings beside its other calls, and sees to their order itself.
    pub(crate) fn fill_aside(&self) -> bool {
        match self {
            Self::Here(_) => false,
            Self::Elsewhere(remote) => remote.fills_aside(),
        }
    }

    /// Opens the library for an environment. The status, if it refuses.
    pub(crate) fn open(&self) -> Result<Result<(), i64>, Box<Error>> {
        match self {
            Self::Here(symbols) => Ok(symbols.open()),
            Self::Elsewhere(remote) => remote.open(),
        }
    }

    pub(crate) fn close(&self) {
        match self {
            Self::Here(symbols) => symbols.close(),
            Self::Elsewhere(remote) => remote.close(),
        }
    }

    pub(crate) fn can_cancel(&self) -> bool {
        match self {
            Self::Here(symbols) => symbols.can_cancel(),
            Self::Elsewhere(remote) => remote.can_cancel(),
        }
    }

    pub(crate) fn cancel(&self) {
        match self {
            Self::Here(symbols) => symbols.cancel(),
            Self::Elsewhere(remote) => remote.cancel(),
        }
    }

    /// What the library says of a negative status.
    pub(crate) fn error_message(&self, status: i64) -> Option<String> {
        match self {
            Self::Here(symbols) => symbols.error_message(status),
            Self::Elsewhere(remote) => remote.error_message(status),
        }
    }
}

/// What calls a library in another process. Which functions may be called when is as in the C ABI; an error is that of the process.
pub trait Remote: Send + Sync {
    /// Calls `exchange_perform` or `exchange_inplace`: the number that it returned. If this fails, the library may have
    /// written some of the memory.
    fn call(&self, memory: &LentMemory<'_>, request: &Request, caller: &dyn Caller) -> Result<i64, Box<Error>>;

    /// Has its process fill a ring with messages, if that has the ring's memory: for one turn, or until the stream ends. The
    /// number is as `Filled` has it. `None`, and nothing is done, if it has not.
    fn fill(
        &self,
        _memory: &LentMemory<'_>,
        _ring: &RingRequest<'_>,
        _caller: &dyn Caller,
    ) -> Result<Option<i64>, Box<Error>> {
        Ok(None)
    }

    /// Whether its process has this memory, and not only a copy of it.
    fn reaches(&self, _memory: &LentMemory<'_>) -> bool {
        false
    }

    /// Whether its process [fills](Self::fill) rings beside the other calls, and sees to the order itself. Then that lasts until
    /// the stream ends, also if the library takes one call at a time.
    fn fills_aside(&self) -> bool {
        false
    }

    /// Calls `exchange_open`. The status, if it refuses.
    fn open(&self) -> Result<Result<(), i64>, Box<Error>>;

    /// Calls `exchange_close`, if the process still runs.
    fn close(&self);

    /// Whether the library has `exchange_cancel`.
    fn can_cancel(&self) -> bool;

    /// Has `exchange_cancel` called. Does not wait.
    fn cancel(&self);

    /// Calls `exchange_error_message`.
    fn error_message(&self, status: i64) -> Option<String>;
}

/// What a library in another process has said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// What it calls itself.
    pub name: String,
    /// The version of the C ABI that it was built for.
    pub abi_version: u32,
    /// It takes one call at a time.
    pub serial: bool,
    /// It has `exchange_perform`.
    pub performs: bool,
    /// It has `exchange_stream`.
    pub pushes: bool,
    /// The names of its operations, from 1 on.
    pub operations: Vec<String>,
}
