//! `host/src/abi.rs` for models: a library whose functions write down in a [`Record`] that they were called.

use std::path::Path;

use crate::error::Error;
use crate::lent_memory::LentMemory;
use crate::record::Record;
use crate::request::{Caller, Request};

#[derive(Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "the library handles more than a model returns")]
pub(crate) enum ReturnValue {
    Message(u32),
    TooSmall(u32),
    OutOfRange(i64),
    Failed(i64),
}

impl ReturnValue {
    pub(crate) fn of(_number: i64, _len: usize) -> Self {
        Self::Message(0)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct ExchangeFunction(&'static Record);

impl ExchangeFunction {
    pub(crate) fn call(self, memory: LentMemory<'_>) -> ReturnValue {
        self.0.exchange(memory.call());
        ReturnValue::Message(0)
    }
}

#[derive(Clone, Copy)]
pub(crate) enum CallFunction {
    InPlace(ExchangeFunction),
    #[expect(dead_code, reason = "a model's libraries have the other")]
    Perform(ExchangeFunction),
}

impl CallFunction {
    pub(crate) fn call(self, memory: LentMemory<'_>, _request: &Request, _caller: &dyn Caller) -> i64 {
        let (Self::InPlace(function) | Self::Perform(function)) = self;
        function.call(memory);
        0
    }
}

/// A model's libraries have none.
pub(crate) enum StreamFunction {}

pub(crate) struct Symbols {
    pub(crate) call: CallFunction,
    pub(crate) record: &'static Record,
}

pub(crate) struct Description {
    pub(crate) symbols: Symbols,
    pub(crate) name: Option<String>,
    pub(crate) version: u32,
    pub(crate) serial: bool,
    pub(crate) operations: Vec<String>,
}

/// The path of a library that takes one call at a time.
pub(crate) const SERIAL: &str = "/serial";

/// The path of a library that takes several calls at a time.
pub(crate) const CONCURRENT: &str = "/concurrent";

impl Symbols {
    pub(crate) fn stream_function(&self) -> Option<StreamFunction> {
        None
    }

    #[expect(clippy::unnecessary_wraps, reason = "as in the host")]
    pub(crate) fn resolve(image: &'static Record, path: &Path) -> Result<Description, Box<Error>> {
        let serial = path == Path::new(SERIAL);
        image.set_serial(serial);
        Ok(Description {
            symbols: Self {
                call: CallFunction::InPlace(ExchangeFunction(image)),
                record: image,
            },
            name: None,
            version: 1,
            serial,
            operations: Vec::new(),
        })
    }

    pub(crate) fn performs(&self) -> bool {
        false
    }

    pub(crate) fn call(&self, memory: LentMemory<'_>, request: &Request, caller: &dyn Caller) -> i64 {
        self.call.call(memory, request, caller)
    }

    pub(crate) fn open(&self) -> Result<(), i64> {
        self.record.open()
    }

    pub(crate) fn close(&self) {
        self.record.close();
    }

    pub(crate) fn can_cancel(&self) -> bool {
        true
    }

    pub(crate) fn cancel(&self) {
        self.record.cancel();
    }

    pub(crate) fn error_message(&self, _status: i64) -> Option<String> {
        None
    }
}
