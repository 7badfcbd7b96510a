//! The addon's errors in JavaScript: the one place where they are made, and thrown.

use std::ptr;

use inplace_exchange_host as host;
use napi::bindgen_prelude::ValueType;
use napi::sys;

use crate::error::{Class, Error};
use crate::js::scope::Scope;
use crate::js::value::{Value, raw_of};

impl Error {
    /// Throws this in JavaScript, and gives what a callback returns then.
    #[cold]
    #[expect(
        clippy::boxed_local,
        reason = "takes the box, so that freeing it is no part of the hot path"
    )]
    pub(crate) fn throw(self: Box<Self>, scope: Scope<'_>) -> sys::napi_value {
        let error = raw_of(self.create(scope));
        // SAFETY: env is live and on its thread, and the error is null or a value of it; Node-API refuses a null one.
        unsafe { sys::napi_throw(scope.raw(), error) };
        ptr::null_mut()
    }

    /// Throws this in JavaScript, for a derived function to return: napi-rs leaves an exception that is pending alone.
    #[cold]
    pub(crate) fn throw_into_napi(self: Box<Self>, scope: Scope<'_>) -> napi::Error {
        let reason = self.to_string();
        self.throw(scope);
        napi::Error::new(napi::Status::PendingException, reason)
    }

    /// This as a JavaScript error, with a `code`, its fields, and the whole chain of causes in its message. No
    /// JavaScript runs: properties are defined, so that no setter on a prototype is called. `None` if the environment
    /// makes none any more.
    #[cold]
    pub(crate) fn create<'s>(&self, scope: Scope<'s>) -> Option<Value<'s>> {
        let class = self.class();
        let create = match class {
            Class::Error | Class::AbortError => sys::napi_create_error,
            Class::TypeError => sys::napi_create_type_error,
            Class::RangeError => sys::napi_create_range_error,
        };
        let message = raw_of(scope.string(&self.to_string()));
        // Node-API would assign the code, so it is given none.
        // SAFETY: env is live, the message is null, which Node-API refuses, or a string of it, and the result is a
        // place for one value.
        let error = scope.make(|env, result| unsafe { create(env, ptr::null_mut(), message, result) })?;
        error.define(c"code", scope.string(self.code()));
        if class == Class::AbortError {
            error.define(c"name", scope.string("AbortError"));
        }
        if let Self::Host(host) = self {
            define_fields(error, host);
        }
        Some(error)
    }
}

/// What a host's error carries besides its code and message.
fn define_fields(error: Value<'_>, host: &host::Error) {
    let scope = error.scope();
    if let Some(path) = host.path() {
        error.define(c"path", scope.string(&path.to_string_lossy()));
    }
    match host {
        host::Error::BufferTooSmall { required, .. } => error.define(c"required", scope.number(i64::from(*required))),
        host::Error::LibraryCount { count, .. } => error.define(c"count", scope.bigint(*count)),
        host::Error::LibraryFailed { status, message, .. } => {
            error.define(c"status", scope.number(*status));
            error.define(c"words", message.as_deref().and_then(|words| scope.string(words)));
        }
        host::Error::OperationUnknown { operation, .. } => error.define(c"operation", scope.string(operation)),
        host::Error::LibrarySymbol { symbol, .. } => error.define(c"symbol", scope.string(symbol)),
        host::Error::LibraryAbi { library, host, .. } => {
            error.define(c"libraryVersion", scope.number(i64::from(*library)));
            error.define(c"hostVersion", scope.number(i64::from(*host)));
        }
        host::Error::LibraryCrashed { end, restarts, .. } => {
            match end {
                host::ProcessEnd::Exited(code) => error.define(c"exitCode", scope.number(i64::from(*code))),
                host::ProcessEnd::Killed(signal) => {
                    let number = || format!("signal {signal}");
                    let name = end.signal_name().map_or_else(number, str::to_owned);
                    error.define(c"signal", scope.string(&name));
                }
                host::ProcessEnd::Unknown => {}
            }
            error.define(c"restarts", scope.number(i64::try_from(*restarts).unwrap_or(i64::MAX)));
        }
        _ => {}
    }
}

/// An AbortError, with the reason of the signal as its cause. The signal's own code may run.
pub(crate) fn abort_error<'s>(scope: Scope<'s>, signal: Option<Value<'s>>) -> Option<Value<'s>> {
    let error = Error::aborted().create(scope)?;
    if let Some(Ok(reason)) = signal.map(|signal| signal.get_property(c"reason")) {
        error.define_hidden(c"cause", Some(reason));
    }
    Some(error)
}

/// What a value is that is no view of bytes, and what to pass in its place.
#[cold]
pub(crate) fn invalid_buffer(value: Value<'_>) -> Box<Error> {
    const VIEW: &str = "Pass its bytes: new Uint8Array(x.buffer, x.byteOffset, x.byteLength).";
    const SHARED: &str = "Pass new Uint8Array(size), or new Uint8Array(x) of a SharedArrayBuffer.";
    const ALLOCATE: &str = "Pass new Uint8Array(size), or Buffer.alloc(size).";
    let (given, instead) = if value.is_typed_array() {
        ("a view of wider or signed elements", VIEW)
    } else if value.is_data_view() {
        ("a DataView", VIEW)
    } else if value.is_array_buffer() {
        ("an ArrayBuffer", "Pass a view of it: new Uint8Array(x).")
    } else if value.is_array() {
        ("an array", "Pass Uint8Array.from(x), or Buffer.from(x).")
    } else {
        let given = describe(value);
        (given, if given == OBJECT { SHARED } else { ALLOCATE })
    };
    Box::new(Error::InvalidBuffer { given, instead })
}

const OBJECT: &str = "another kind of object";

/// What kind of value this is, in words.
pub(crate) fn describe(value: Value<'_>) -> &'static str {
    match value.kind() {
        ValueType::Undefined => "undefined",
        ValueType::Null => "null",
        ValueType::Boolean => "a boolean",
        ValueType::Number => "a number",
        ValueType::String => "a string",
        ValueType::Symbol => "a symbol",
        ValueType::BigInt => "a bigint",
        ValueType::Function => "a function",
        _ => OBJECT,
    }
}
