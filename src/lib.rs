//! The addon: lends the memory of a JavaScript buffer to a native dynamic library, which fills it in place.
//!
//! The hot path is [`exchange::callback`]: it checks its argument and calls [`library::Library::exchange`].

mod environment;
mod error;
mod exchange;
mod library;
mod locate;

use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Lends a buffer's memory to the default library, which writes into it in place. Nothing is copied or allocated.
///
/// What stands in the buffer before the call is the library's input. The result is the length of its message in
/// bytes: `buf.subarray(0, n)` is the message. The bytes after it are unspecified.
///
/// The default library stands beside the addon. Until the app is packaged, the environment variable
/// `INPLACE_EXCHANGE_LIBRARY` may name another one by its absolute path. It is loaded at the first call, and again
/// asked for at the next one if that failed.
///
/// Throws an error with a `code`; what stands in the buffer is then unspecified:
/// - `ERR_INVALID_BUFFER` (TypeError): not a Uint8Array or one of its kin (Buffer, Uint8ClampedArray)
/// - `ERR_BUFFER_DETACHED` (TypeError): its memory was transferred elsewhere
/// - `ERR_BUFFER_TOO_SMALL` (RangeError): the message did not fit; `required` says how many bytes it needs
/// - `ERR_LIBRARY_FAILED` (Error): the library answered with a negative `status`
/// - `ERR_LIBRARY_COUNT` (RangeError): the library's `count` (a bigint) is beyond 2^31-1
/// - `ERR_LIBRARY_BUSY` (Error): the library takes one call at a time, and one is running on another thread
/// - `ERR_LIBRARY_PATH` (TypeError), `ERR_LIBRARY_NOT_FOUND`, `ERR_LIBRARY_LOAD`, `ERR_LIBRARY_SYMBOL`,
///   `ERR_LIBRARY_ABI` (Error): the library could not be loaded; `path` says which one
// The generated types come from this signature. The function itself is replaced below: a derived argument costs about
// 145 ns a call, several times the exchange.
#[napi(ts_args_type = "buf: Buffer | Uint8Array")]
pub fn exchange_data_in_place(_buf: Unknown) -> Result<u32> {
    Err(Error::from_reason("replaced when the module is registered"))
}

/// Whether this runtime lets native code wrap its own memory in a Buffer. It is tried, not guessed: `false` inside
/// V8's memory cage (Electron 20 and later), `true` in Node.js.
#[napi]
pub fn external_buffers_allowed(env: Env) -> Result<bool> {
    environment::external_buffers_allowed(&env)
}

#[napi(module_exports)]
#[doc(hidden)]
pub fn register(mut exports: Object, env: Env) -> Result<()> {
    exports.set_named_property("exchangeDataInPlace", environment::default_exchange(&env)?)
}
