//! The addon: lends the memory of a JavaScript buffer to a native dynamic library, which fills it in place.
//!
//! The hot path is [`api::exchange::callback`]: it checks its argument and calls the library. Asynchronous calls start
//! in [`api::exchange_async::callback`].

mod api;
mod env;
mod error;
mod js;
pub mod memory;
pub mod operation;

use std::path::PathBuf;

use inplace_exchange_host::Library;
use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::env::binding::Source;
use crate::env::{instance, mapping, own_library, process};
use crate::js::scope::Scope;
use crate::js::value::Value;

/// Lends a buffer's memory to the default library, which writes into it in place. Nothing is copied or allocated.
///
/// The contents of the buffer are the library's input. The result is the length of the library's message in bytes:
/// `buf.subarray(0, n)` is the message. The bytes after it are unspecified.
///
/// The default library is the file beside the addon. Unless the app is packaged, the environment variable
/// `INPLACE_EXCHANGE_LIBRARY` can name another library by its absolute path. An addon inside `process.resourcesPath`
/// ignores the variable, whatever name or link it was loaded by; so does one that cannot find out where it is. The
/// library is loaded at the first call. If that fails, the next call tries again.
///
/// Throws an error with a `code`; the contents of the buffer are then unspecified:
/// - `ERR_INVALID_BUFFER` (TypeError): not a Uint8Array, Buffer or Uint8ClampedArray
/// - `ERR_BUFFER_DETACHED` (TypeError): its memory was transferred elsewhere, or is lent to an asynchronous exchange
/// - `ERR_BUFFER_TOO_SMALL` (RangeError): the message does not fit; `required` is the number of bytes that it needs,
///   `path` the library's file
/// - `ERR_LIBRARY_FAILED` (Error): the library returned a negative `status`
/// - `ERR_LIBRARY_COUNT` (RangeError): the library's `count` (a bigint) is above 2^31-1
/// - `ERR_LIBRARY_BUSY` (Error): the library takes one call at a time, and a call is running on another thread
/// - `ERR_LIBRARY_PATH` (TypeError), `ERR_LIBRARY_NOT_FOUND`, `ERR_LIBRARY_LOAD`, `ERR_LIBRARY_CLAIMED`,
///   `ERR_LIBRARY_SYMBOL`, `ERR_LIBRARY_ABI` (Error): the library could not be loaded; `path` names its file
// The generated types come from this signature. `register` replaces the function, because a derived argument costs
// about 145 ns a call, several times the exchange.
#[napi(ts_args_type = "buf: Uint8Array | Uint8ClampedArray")]
pub fn exchange_data_in_place(_buf: Unknown) -> Result<u32> {
    Err(Error::from_reason("replaced when the module is registered"))
}

/// Like `exchangeDataInPlace`, on another thread: JavaScript continues while the library works.
///
/// The memory is moved, not copied: `buf` is detached (its length is 0) while the call waits and runs, so that no code
/// can access the memory that the library writes to. The promise resolves to a Uint8Array over the same memory, trimmed
/// to the message; its `buffer` is the whole memory. A SharedArrayBuffer cannot be detached, and is used in place.
///
/// If a library takes one call at a time, its calls are made one after another, in the order in which they were
/// submitted by all pages and workers of this process, and all on one thread, which serves this library only. Calls of
/// other libraries run concurrently, on up to four threads for each library. Node.js's thread pool is not used.
///
/// `signal` discards a call that has not begun. A running call is cancelled if the library exports `exchange_cancel`, or
/// asks for it in `exchange_perform`.
///
/// Never throws in an environment that has not ended. Rejects with the errors of `exchangeDataInPlace`,
/// `ERR_LIBRARY_BUSY` only while a stream has the library to itself, and with:
/// - `ABORT_ERR` (AbortError): `signal` was aborted, or the page or worker is ending; `cause` is the signal's reason
/// - `ERR_INVALID_BUFFER` (TypeError), also for a view of a part of its ArrayBuffer, for a resizable ArrayBuffer, and
///   for memory that cannot be detached, such as a WebAssembly.Memory that is not shared
/// - `ERR_INVALID_ARG_TYPE` (TypeError): `options`, `signal`, `input` or `onProgress` have the wrong type
/// - `ERR_OUT_OF_RANGE` (RangeError): `input` is not a whole number from 0 to the size of the buffer
/// - `ERR_LIBRARY_SYMBOL` (Error): `input` was given, and the library does not export `exchange_perform`
/// - `ERR_LIBRARY_THREAD` (Error): the system cannot start a thread for the library
/// - `ERR_EVENT_LOOP` (Error): this page shares Node.js's event loop with the page that opened it or embeds it as a
///   frame. Open it with `noopener`, or use Electron 44 or later
///
/// An error has the memory in its `buffer`, a Uint8Array, so that no memory is lost. The property is missing if no
/// memory was passed, and if the page or worker is ending while the library still uses the memory.
#[napi(
    ts_generic_types = "T extends ArrayBufferLike",
    ts_args_type = "buf: Uint8Array<T> | Uint8ClampedArray<T>, options?: ExchangeAsyncOptions",
    ts_return_type = "Promise<Uint8Array<T>>"
)]
pub fn exchange_data_async(_buf: Unknown) -> Result<()> {
    Err(Error::from_reason("replaced when the module is registered"))
}

/// A library loaded by `openLibrary`.
#[napi(object, object_from_js = false)]
pub struct ExchangeLibrary<'env> {
    /// The real path of its file: absolute, with links resolved.
    #[napi(readonly)]
    pub path: String,
    /// The name that the library returns, or the name of its file.
    #[napi(readonly)]
    pub name: String,
    /// The version of the C ABI that the library was built for.
    #[napi(readonly)]
    pub abi_version: u32,
    /// Like the function `exchangeDataInPlace`, for this library. It does not use `this`.
    #[napi(readonly, ts_type = "(buf: Uint8Array | Uint8ClampedArray) => number")]
    pub exchange_data_in_place: Unknown<'env>,
    /// Like the function `exchangeDataAsync`, for this library. It does not use `this`.
    #[napi(
        readonly,
        ts_type = "<T extends ArrayBufferLike>(buf: Uint8Array<T> | Uint8ClampedArray<T>, \
                   options?: ExchangeAsyncOptions) => Promise<Uint8Array<T>>"
    )]
    pub exchange_data_async: Unknown<'env>,
    /// Internal (lib/addon.js): the asynchronous call for memory to which only the caller has a reference.
    #[doc(hidden)]
    #[napi(skip_typescript)]
    pub exchange_owned_async: Unknown<'env>,
    /// Internal (lib/operation.js): what `bindOperation` knows the library by.
    #[doc(hidden)]
    #[napi(skip_typescript)]
    pub binding: u32,
    /// Internal (lib/addon.js): the number of a library in a process of its own.
    #[doc(hidden)]
    #[napi(skip_typescript)]
    pub own: Option<u32>,
}

/// Loads a dynamic library that implements the contract in `include/exchange.h`. Any number of libraries can be open.
///
/// `path` must be absolute. In a packaged app, a path inside `app.asar` is looked up in `app.asar.unpacked`. A file is
/// loaded once in a process, however often it is opened by windows and workers, and stays loaded until the process
/// ends. Loading a library runs its code, with all the rights of this process.
///
/// A library with a slow initialiser blocks threads that open it, but not threads that open a library which is already
/// loaded. Threads that load another library may have to wait: the system's loader (such as glibc's) may run one
/// initialiser at a time.
///
/// With `process: 'own'` in the options, the library runs in a process of its own, which is shared by all windows and
/// workers of this process that open the same file with the same options. It starts when the library is opened or
/// called, and ends when nobody uses the library any more. On Linux, in a renderer of Electron, an ArrayBuffer of 1 MiB or more is mapped
/// in that process, which writes to it without a copy; all else is copied there and back. Its exchanges have these errors
/// besides. What was copied is then as it was before; what is mapped may hold a part of what the library has written:
/// - `ERR_LIBRARY_CRASHED` (Error): the process has ended, by a `signal` or with an `exitCode`; it was started again
///   `restarts` times within a minute, and the next call does so
/// - `ERR_LIBRARY_TIMEOUT` (Error): the call took longer than `timeout`
/// - `ERR_LIBRARY_STOPPED` (Error): the process has ended too often, and rests
/// - `ERR_PROCESS_UNAVAILABLE` (Error): no process can be started or confined, or too much memory is in calls
///
/// Throws an error with a `code` and the `path`:
/// - `ERR_INVALID_ARG_TYPE` (TypeError): an option has the wrong type
/// - `ERR_LIBRARY_PATH` (TypeError): not a string, empty, relative, or contains a NUL
/// - `ERR_LIBRARY_NOT_FOUND` (Error): the file does not exist
/// - `ERR_LIBRARY_LOAD` (Error): the system cannot load the file (the message has its reason); or the file is
///   incomplete, for example because it is still being copied; or it has changed since it was loaded, and only a
///   restart of the process loads the new build
/// - `ERR_LIBRARY_CLAIMED` (Error): another copy of this addon in the process uses the library, and calls of two copies
///   cannot be serialised; the message names that copy's file
/// - `ERR_LIBRARY_SYMBOL` (Error): the library does not export `symbol`
/// - `ERR_LIBRARY_ABI` (Error): its `libraryVersion` of the C ABI is not this addon's `hostVersion`
#[napi(ts_args_type = "path: string, options?: LibraryOptions")]
pub fn open_library<'env>(env: &'env Env, path: Unknown<'env>) -> Result<ExchangeLibrary<'env>> {
    let library = path_of(path)
        .and_then(|path| Ok(Library::load(&path)?))
        .map_err(|error| error.throw_into_napi(Scope::of(env)))?;
    exchange_library(env, library, None)
}

/// Internal (lib/addon.js): as `openLibrary`, in a process of its own. `timeout` is in milliseconds; 0 stands for none.
#[napi(skip_typescript)]
pub fn open_own_library<'env>(
    env: &'env Env,
    path: Unknown<'env>,
    timeout: u32,
    restarts: u32,
    isolate: bool,
    confine: bool,
    shared: bool,
) -> Result<ExchangeLibrary<'env>> {
    let scope = Scope::of(env);
    let program = process::library_program(env)?;
    let options = own_library::Options {
        timeout,
        restarts,
        isolate,
        confine,
        shared,
    };
    mapping::can_map(scope, &*instance::of(scope)?); // before any memory is lent
    let (library, number) = path_of(path)
        .and_then(|path| own_library::open(&program, &path, &options))
        .map_err(|error| error.throw_into_napi(scope))?;
    exchange_library(env, library, Some(number))
}

/// Internal (lib/addon.js): has this process start the processes of shared libraries, with the program whose file this returns;
/// and why that cannot be done, if it cannot.
#[napi(skip_typescript)]
pub fn share_libraries(env: &Env) -> Result<(String, Option<String>)> {
    let program = process::library_program(env)?;
    let refusal = match process::process_type(env) {
        Some(kind) if kind != "browser" => Some(format!("it is for the main process, and this is a {kind}")),
        _ => own_library::share(&program).err().map(|error| error.to_string()),
    };
    Ok((program.to_string_lossy().into_owned(), refusal))
}

/// Internal (lib/addon.js): of a library in a process of its own, the number of the process, or `undefined` if none runs;
/// how often it was started again within the last minute; and whether memory is mapped for it.
#[napi(skip_typescript)]
pub fn own_process(env: &Env, number: u32) -> Result<(Option<i32>, u32, bool)> {
    let Some(process) = own_library::process_of(number) else {
        return Ok((None, 0, false));
    };
    let restarts = u32::try_from(process.restarts).unwrap_or(u32::MAX);
    Ok((process.pid, restarts, !process.isolate && memory::can_map_memory(env)?))
}

fn exchange_library<'env>(
    env: &'env Env,
    library: &'static Library,
    own: Option<u32>,
) -> Result<ExchangeLibrary<'env>> {
    let functions = api::functions(env, Source::Loaded(library), 0)?;
    Ok(ExchangeLibrary {
        path: library.path().to_string_lossy().into_owned(),
        name: library.name().to_owned(),
        abi_version: library.abi_version(),
        exchange_data_in_place: functions.in_place,
        exchange_data_async: functions.asynchronous,
        exchange_owned_async: functions.owned_asynchronous,
        binding: functions.number,
        own,
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

#[napi(module_exports)]
#[doc(hidden)]
pub fn register(mut exports: Object, env: Env) -> Result<()> {
    env::start(&env)?;
    let functions = api::functions(&env, process::default_library(&env)?, 0)?;
    exports.set_named_property("exchangeDataInPlace", functions.in_place)?;
    exports.set_named_property("exchangeDataAsync", functions.asynchronous)?;
    // Internal (lib/addon.js).
    exports.set_named_property("exchangeOwnedAsync", functions.owned_asynchronous)?;
    let scope = Scope::of(&env);
    let ended = instance::current(scope).and_then(|environment| environment.ended.word(scope));
    exports.set_named_property("environmentEnded", ended.map(Value::to_unknown))
}
