//! The addon: lends the memory of a JavaScript buffer to a native dynamic library, which fills it in place.
//!
//! The hot path is [`api::exchange::callback`]: it checks its argument and calls the library. Calls on other threads
//! are made by way of [`api::exchange_async::callback`].

mod api;
mod env;
mod error;
mod js;

use std::path::PathBuf;

use inplace_exchange_host::Library;
use napi::bindgen_prelude::*;
use napi::sys;
use napi_derive::napi;

use crate::env::binding::Source;
use crate::env::instance;
use crate::js::byte_view::ByteView;
use crate::js::scope::Scope;
use crate::js::throw::invalid_buffer;
use crate::js::value::Value;

/// Lends a buffer's memory to the default library, which writes into it in place. Nothing is copied or allocated.
///
/// What stands in the buffer before the call is the library's input. The result is the length of its message in
/// bytes: `buf.subarray(0, n)` is the message. The bytes after it are unspecified.
///
/// The default library stands beside the addon. Until the app is packaged, the environment variable
/// `INPLACE_EXCHANGE_LIBRARY` may name another one by its absolute path; an addon within `process.resourcesPath`, by
/// whatever name or link, takes no notice of it, nor one that cannot tell. The library is loaded at the first call, and
/// again asked for at the next one if that failed.
///
/// Throws an error with a `code`; what stands in the buffer is then unspecified:
/// - `ERR_INVALID_BUFFER` (TypeError): not a Uint8Array or one of its kin (Buffer, Uint8ClampedArray)
/// - `ERR_BUFFER_DETACHED` (TypeError): its memory was transferred elsewhere
/// - `ERR_BUFFER_TOO_SMALL` (RangeError): the message did not fit; `required` says how many bytes it needs
/// - `ERR_LIBRARY_FAILED` (Error): the library answered with a negative `status`
/// - `ERR_LIBRARY_COUNT` (RangeError): the library's `count` (a bigint) is beyond 2^31-1
/// - `ERR_LIBRARY_BUSY` (Error): the library takes one call at a time, and one is running on another thread
/// - `ERR_LIBRARY_PATH` (TypeError), `ERR_LIBRARY_NOT_FOUND`, `ERR_LIBRARY_LOAD`, `ERR_LIBRARY_CLAIMED`,
///   `ERR_LIBRARY_SYMBOL`, `ERR_LIBRARY_ABI` (Error): the library could not be loaded; `path` says which one
// The generated types come from this signature. The function itself is replaced below: a derived argument costs about
// 145 ns a call, several times the exchange.
#[napi(ts_args_type = "buf: Uint8Array | Uint8ClampedArray")]
pub fn exchange_data_in_place(_buf: Unknown) -> Result<u32> {
    Err(Error::from_reason("replaced when the module is registered"))
}

/// As `exchangeDataInPlace`, on another thread: JavaScript goes on while the library works.
///
/// The memory is moved, not copied: `buf` is detached (its length is 0) while the call waits and runs, so that no code
/// can touch what the library is writing. The promise fulfils with a Uint8Array over the same memory, trimmed to the
/// message; its `buffer` is the whole of it. A SharedArrayBuffer cannot be detached; it is used where it is.
///
/// The calls of a library that takes one at a time are made one after another, in order, whichever page or worker of this
/// process they come from, and all on one thread, which is the library's own. The calls of other libraries run at once, on
/// up to four threads for each library. Node.js's thread pool has no part in it.
///
/// `signal` drops a call that has not begun, and asks the library to stop one that has, if it can be asked.
///
/// Never throws in an environment that has not ended. Rejects with the errors of `exchangeDataInPlace` except
/// `ERR_LIBRARY_BUSY`, and with:
/// - `ABORT_ERR` (AbortError): `signal` was aborted, or the page or worker is ending; `cause` is the signal's reason
/// - `ERR_INVALID_BUFFER` (TypeError) also for a view of a part of its ArrayBuffer, a resizable ArrayBuffer, and memory
///   that cannot be detached, such as a WebAssembly.Memory that is not shared
/// - `ERR_INVALID_ARG_TYPE` (TypeError): `options` or `signal` are not what they should be
/// - `ERR_LIBRARY_THREAD` (Error): the system starts no thread for the library
/// - `ERR_EVENT_LOOP` (Error): this page shares Node.js's event loop with the page that opened it, or that it is a frame of.
///   Open it with `noopener`, or use Electron 44 or later
///
/// An error has the memory in its `buffer`, a Uint8Array: nothing is lost. It is not there when there was no memory to
/// begin with, and when the page or worker is ending while the library still has it.
#[napi(
    ts_args_type = "buf: Uint8Array | Uint8ClampedArray, options?: { signal?: AbortSignal }",
    ts_return_type = "Promise<Uint8Array>"
)]
pub fn exchange_data_async(_buf: Unknown) -> Result<()> {
    Err(Error::from_reason("replaced when the module is registered"))
}

/// A library that `openLibrary` has loaded.
#[napi(object, object_from_js = false)]
pub struct ExchangeLibrary<'env> {
    /// The real path of its file: absolute, links resolved.
    #[napi(readonly)]
    pub path: String,
    /// What it calls itself, or the name of its file.
    #[napi(readonly)]
    pub name: String,
    /// The version of the C ABI that it was built for.
    #[napi(readonly)]
    pub abi_version: u32,
    /// As the function `exchangeDataInPlace`, over this library. It needs no `this`.
    #[napi(readonly, ts_type = "(buf: Uint8Array | Uint8ClampedArray) => number")]
    pub exchange_data_in_place: Unknown<'env>,
    /// As the function `exchangeDataAsync`, over this library. It needs no `this`.
    #[napi(
        readonly,
        ts_type = "(buf: Uint8Array | Uint8ClampedArray, options?: { signal?: AbortSignal }) => Promise<Uint8Array>"
    )]
    pub exchange_data_async: Unknown<'env>,
    /// For the modules of this package alone (lib/addon.js): the asynchronous call for memory that only its caller holds.
    #[doc(hidden)]
    #[napi(skip_typescript)]
    pub exchange_owned_async: Unknown<'env>,
}

/// Loads a dynamic library that keeps the contract in `include/exchange.h`. Any number of them can be open.
///
/// `path` is absolute. In a packaged app, a path inside `app.asar` is looked up in `app.asar.unpacked`. A file is
/// loaded once in a process, however often and from however many windows and workers it is opened, and stays loaded
/// until the process ends. To load a library is to run its code, with all the rights of this process.
///
/// A library whose initialiser takes its time holds up those who open it, and not those who open one that is loaded. One
/// that is not loaded yet may have to wait: the system's loader (glibc's does) may run one initialiser at a time.
///
/// Throws an error with a `code` and the `path`:
/// - `ERR_LIBRARY_PATH` (TypeError): not a string, empty, relative, or with a NUL in it
/// - `ERR_LIBRARY_NOT_FOUND` (Error): no such file
/// - `ERR_LIBRARY_LOAD` (Error): the system cannot load it, with its reason; or the file is not all there, as one that is
///   being copied; or it has changed since it was loaded, and the process must restart to see the new build
/// - `ERR_LIBRARY_CLAIMED` (Error): another copy of this addon in the process uses it, and its calls could not be kept
///   apart; the message says which file that copy is
/// - `ERR_LIBRARY_SYMBOL` (Error): it does not export `symbol`
/// - `ERR_LIBRARY_ABI` (Error): its `libraryVersion` of the C ABI is not this addon's `hostVersion`
#[napi(ts_args_type = "path: string")]
pub fn open_library<'env>(env: &'env Env, path: Unknown<'env>) -> Result<ExchangeLibrary<'env>> {
    let library = path_of(path)
        .and_then(|path| Ok(Library::load(&path)?))
        .map_err(|error| error.throw_into_napi(Scope::of(env)))?;
    let functions = api::functions(env, Source::Loaded(library))?;
    Ok(ExchangeLibrary {
        path: library.path().to_string_lossy().into_owned(),
        name: library.name().to_owned(),
        abi_version: library.abi_version(),
        exchange_data_in_place: functions.in_place,
        exchange_data_async: functions.asynchronous,
        exchange_owned_async: functions.owned_asynchronous,
    })
}

fn path_of(value: Unknown) -> std::result::Result<PathBuf, Box<error::Error>> {
    let path = match value.get_type() {
        Ok(ValueType::String) => String::from_unknown(value),
        _ => return Err(Box::new(error::Error::LibraryPathKind)),
    };
    path.map(PathBuf::from)
        .map_err(|_| Box::new(error::Error::LibraryPathKind))
}

/// Whether this runtime lets native code wrap its own memory in a Buffer. It is tried, not guessed: `false` inside
/// V8's memory cage (Electron 20 and later), `true` in Node.js.
#[napi]
pub fn external_buffers_allowed(env: Env) -> Result<bool> {
    Scope::of(&env).external_buffers_allowed()
}

/// Where native code sees the bytes of a buffer: to prove that nothing was copied, or to compare with what a debugger shows.
/// It stays the same as long as the memory does, whichever buffer, page or worker has it. An address helps an attacker, so
/// do not hand it to a page that you do not trust.
///
/// Throws `ERR_INVALID_BUFFER` (TypeError) for what is no Uint8Array or one of its kin, and `ERR_BUFFER_DETACHED`
/// (TypeError).
#[napi(ts_args_type = "buf: Uint8Array | Uint8ClampedArray")]
pub fn address_of(env: &Env, buf: Unknown) -> Result<BigInt> {
    let scope = Scope::of(env);
    let view =
        argument(scope, &buf).and_then(|value| ByteView::of(value).map_err(|error| error.throw_into_napi(scope)))?;
    Ok(BigInt::from(view.data.addr() as u64))
}

fn argument<'env>(scope: Scope<'env>, argument: &Unknown<'env>) -> Result<Value<'env>> {
    Value::of(scope, argument).ok_or_else(ended)
}

fn ended() -> Error {
    Error::from_reason("this environment has ended")
}

/// Tells V8 how much memory a SharedArrayBuffer holds, until it is collected, so that garbage is collected in time: V8 does
/// not count what a second handle on shared memory holds. For the page API alone. Counts an object once; the length is
/// its own.
#[napi(skip_typescript)]
pub fn count_shared_memory(env: &Env, memory: Unknown) -> Result<()> {
    /// Marks what has been counted.
    const COUNTED: sys::napi_type_tag = sys::napi_type_tag {
        lower: 0x9d1c_52a6_70e4_4b3f,
        upper: 0x8f2b_6e0d_31c7_a954,
    };

    let scope = Scope::of(env);
    let value = argument(scope, &memory)?;
    let environment = instance::current(scope).ok_or_else(ended)?;
    let Some(len) = environment.intrinsics.shared_len(value) else {
        return Err(invalid_buffer(value).throw_into_napi(scope));
    };
    if !value.mark_once(&COUNTED) {
        return Ok(());
    }
    let len = i64::try_from(len).unwrap_or(0);
    let mut memory = Object::from_raw(env.raw(), memory.raw());
    memory.add_finalizer((), len, |ended| {
        // Nothing can be done about a failure here, and no caller is there to be told.
        let _ = ended.env.adjust_external_memory(-ended.hint);
    })?;
    env.adjust_external_memory(len).map(drop)
}

#[napi(module_exports)]
#[doc(hidden)]
pub fn register(mut exports: Object, env: Env) -> Result<()> {
    env::start(&env)?;
    let functions = api::functions(&env, instance::default_library(&env)?)?;
    exports.set_named_property("exchangeDataInPlace", functions.in_place)?;
    exports.set_named_property("exchangeDataAsync", functions.asynchronous)?;
    // For the modules of this package alone (lib/addon.js).
    exports.set_named_property("exchangeOwnedAsync", functions.owned_asynchronous)?;
    let scope = Scope::of(&env);
    let ended = instance::current(scope).and_then(|environment| environment.ended.word(scope));
    exports.set_named_property("environmentEnded", ended.map(Value::to_unknown))
}
