//! Everything that can go wrong, and its one way into JavaScript.

use std::ffi::CStr;
use std::fmt;
use std::path::PathBuf;
use std::ptr;

use napi::sys;

/// The longest text an error carries, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// An exchange that did not happen. Each variant is one `code`, and carries what its JavaScript error carries.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The argument is not a view of bytes.
    InvalidBuffer { given: &'static str, instead: &'static str },
    /// The view's memory has been transferred away.
    BufferDetached,
    /// The view covers a part of its ArrayBuffer, and the call would take all of it.
    BufferInPart { offset: usize, len: usize, total: usize },
    /// The view's ArrayBuffer is resizable: moving it copies it.
    BufferResizable,
    /// The view's ArrayBuffer cannot be detached.
    BufferImmovable,
    /// The second argument, or its signal, is not what it should be.
    InvalidOptions { given: &'static str },
    /// The call was asked to stop.
    Aborted,
    /// The environment's event loop is another's, or nobody's.
    ForeignEventLoop,
    /// The message needs `required` bytes, more than the buffer has.
    BufferTooSmall { required: u32 },
    /// Not a string.
    LibraryPathKind,
    /// Not an absolute path.
    LibraryPath { path: PathBuf },
    /// No file at that path, or none that can be reached. `unpacked` says that it was named inside an archive, and
    /// looked for beside it.
    LibraryNotFound {
        path: PathBuf,
        source: std::io::Error,
        unpacked: bool,
    },
    /// The system's loader refuses the file.
    LibraryLoad { path: PathBuf, source: libloading::Error },
    /// A directory, a pipe or a device. To open a pipe would wait for somebody to write into it.
    LibraryNotFile { path: PathBuf },
    /// The file ends before what its headers describe. Some systems' loaders end the process over that.
    LibraryCutShort { path: PathBuf, len: u64, needed: u64 },
    /// The file is as long as its headers say, and parts of it are zeros: it is still being written.
    LibraryHole { path: PathBuf, what: &'static str },
    /// Another copy of the addon in this process, `owner`, uses the library.
    LibraryClaimed { path: PathBuf, owner: PathBuf },
    /// The file is not the one that was loaded from this path.
    LibraryChanged { path: PathBuf },
    /// A required function is missing.
    LibrarySymbol { path: PathBuf, symbol: &'static str },
    /// The library speaks another version of the C ABI.
    LibraryAbi { path: PathBuf, library: u32, host: u32 },
    /// The library's count is beyond what any message can have.
    LibraryCount { path: PathBuf, count: i64 },
    /// The library answered with a negative status.
    LibraryFailed {
        path: PathBuf,
        status: i64,
        message: Option<String>,
    },
    /// The library takes one call at a time, and one is running.
    LibraryBusy { path: PathBuf },
}

/// The JavaScript class of an error.
#[derive(Clone, Copy)]
enum Class {
    Error,
    TypeError,
    RangeError,
    AbortError,
}

impl Error {
    fn code(&self) -> (&'static str, Class) {
        match self {
            Self::InvalidBuffer { .. } | Self::BufferInPart { .. } | Self::BufferResizable | Self::BufferImmovable => {
                ("ERR_INVALID_BUFFER", Class::TypeError)
            }
            Self::InvalidOptions { .. } => ("ERR_INVALID_ARG_TYPE", Class::TypeError),
            Self::Aborted => ("ABORT_ERR", Class::AbortError),
            Self::ForeignEventLoop => ("ERR_EVENT_LOOP", Class::Error),
            Self::BufferDetached => ("ERR_BUFFER_DETACHED", Class::TypeError),
            Self::BufferTooSmall { .. } => ("ERR_BUFFER_TOO_SMALL", Class::RangeError),
            Self::LibraryPathKind | Self::LibraryPath { .. } => ("ERR_LIBRARY_PATH", Class::TypeError),
            Self::LibraryNotFound { .. } => ("ERR_LIBRARY_NOT_FOUND", Class::Error),
            Self::LibraryLoad { .. }
            | Self::LibraryNotFile { .. }
            | Self::LibraryCutShort { .. }
            | Self::LibraryHole { .. }
            | Self::LibraryChanged { .. } => ("ERR_LIBRARY_LOAD", Class::Error),
            Self::LibraryClaimed { .. } => ("ERR_LIBRARY_CLAIMED", Class::Error),
            Self::LibrarySymbol { .. } => ("ERR_LIBRARY_SYMBOL", Class::Error),
            Self::LibraryAbi { .. } => ("ERR_LIBRARY_ABI", Class::Error),
            Self::LibraryCount { .. } => ("ERR_LIBRARY_COUNT", Class::RangeError),
            Self::LibraryFailed { .. } => ("ERR_LIBRARY_FAILED", Class::Error),
            Self::LibraryBusy { .. } => ("ERR_LIBRARY_BUSY", Class::Error),
        }
    }

    fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::InvalidBuffer { .. }
            | Self::BufferDetached
            | Self::BufferInPart { .. }
            | Self::BufferResizable
            | Self::BufferImmovable
            | Self::InvalidOptions { .. }
            | Self::Aborted
            | Self::ForeignEventLoop
            | Self::BufferTooSmall { .. }
            | Self::LibraryPathKind => None,
            Self::LibraryPath { path }
            | Self::LibraryNotFound { path, .. }
            | Self::LibraryLoad { path, .. }
            | Self::LibraryNotFile { path }
            | Self::LibraryCutShort { path, .. }
            | Self::LibraryHole { path, .. }
            | Self::LibraryClaimed { path, .. }
            | Self::LibraryChanged { path }
            | Self::LibrarySymbol { path, .. }
            | Self::LibraryAbi { path, .. }
            | Self::LibraryCount { path, .. }
            | Self::LibraryFailed { path, .. }
            | Self::LibraryBusy { path } => Some(path),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidBuffer { given, instead } => {
                write!(
                    f,
                    "The buffer must be a Buffer or a Uint8Array, and {given} was given. {instead}"
                )
            }
            Self::BufferDetached => f.write_str(
                "The buffer's memory was transferred elsewhere, so there is nothing left to write into. \
                 Pass the buffer that now owns it, or a new one.",
            ),
            Self::BufferInPart { offset, len, total } => write!(
                f,
                "The view covers {len} of the {total} bytes of its ArrayBuffer, from byte {offset}. An asynchronous \
                 exchange takes the whole ArrayBuffer away from JavaScript until it has ended, and the other bytes \
                 may be somebody else's: Node.js keeps small Buffers in one pool. Pass Buffer.alloc(size), or new \
                 Uint8Array(size).",
            ),
            Self::BufferResizable => f.write_str(
                "The view's ArrayBuffer is resizable. An asynchronous exchange moves the memory out of JavaScript's \
                 reach, and moving a resizable ArrayBuffer copies it. Pass a view of one that was made without \
                 maxByteLength.",
            ),
            Self::BufferImmovable => f.write_str(
                "The view's ArrayBuffer cannot be detached, as that of a WebAssembly.Memory. An asynchronous exchange \
                 has to take the memory out of JavaScript's reach. Pass Buffer.alloc(size), new Uint8Array(size), or a \
                 view of a shared WebAssembly.Memory.",
            ),
            Self::InvalidOptions { given } => write!(
                f,
                "The options are an object, {{ signal: an AbortSignal }}, or left out, and {given} was given.",
            ),
            Self::Aborted => f.write_str("The exchange was aborted."),
            Self::ForeignEventLoop => f.write_str(
                "This page shares its process, and Node.js's one event loop there, with the page that opened it or that it \
                 is a frame of, so no call on another thread could come back to it. Open it with 'noopener', as in \
                 window.open(url, '', 'noopener'), which gives it a process of its own; or use Electron 44 or later, \
                 where each page has its own event loop. Exchanges on the main thread work here.",
            ),
            Self::BufferTooSmall { required } => {
                write!(
                    f,
                    "The message needs {required} bytes, more than the buffer has. Call again with a buffer of that size."
                )
            }
            Self::LibraryPathKind => f.write_str("A library is named by its absolute path, a string."),
            Self::LibraryPath { path } if path.as_os_str().as_encoded_bytes().contains(&0) => {
                write!(
                    f,
                    "The path {path:?} has a NUL in it, where the system would take it to end. Take the NUL out."
                )
            }
            Self::LibraryPath { path } => write!(
                f,
                "A library is named by its absolute path, and {path:?} is none. A relative one would be looked for in \
                 places where somebody else may put a file of that name (search-order hijacking). Join it to a folder \
                 you trust, as in path.join(__dirname, ...).",
            ),
            Self::LibraryNotFound { path, source, unpacked } => {
                write!(f, "There is no library at {}: {source}. ", path.display())?;
                f.write_str(if *unpacked {
                    "It was named inside app.asar and looked for beside it, because the system cannot load a library \
                     out of an archive: have your packager unpack it (asarUnpack)."
                } else {
                    "Build it, or correct the path."
                })
            }
            // libloading says only that it failed; the system's own words are its source.
            Self::LibraryLoad { path, source } => {
                write!(f, "The system could not load {}: {source}", path.display())?;
                let mut cause = std::error::Error::source(source);
                while let Some(reason) = cause {
                    write!(f, ": {reason}")?;
                    cause = reason.source();
                }
                f.write_str(
                    ". Check that it is a dynamic library, built for this system and complete, that it was linked \
                     with the libraries it calls, and that those are installed or stand beside it.",
                )
            }
            Self::LibraryNotFile { path } => write!(
                f,
                "The system could not load {}: it is a directory, a pipe or a device. Name the library's file.",
                path.display(),
            ),
            Self::LibraryCutShort { path, len, needed } => write!(
                f,
                "The system could not load {}: file too short: it has {len} bytes, and its headers describe {needed}. \
                 Build or copy it again.",
                path.display(),
            ),
            Self::LibraryHole { path, what } => write!(
                f,
                "The system could not load {}: file incomplete: {what}, as in one that is still being written. Wait until \
                 it is all there, or build or copy it again.",
                path.display(),
            ),
            Self::LibraryClaimed { path, owner } => write!(
                f,
                "{} is in use by another copy of this addon in the same process, {}. Neither copy knows of the other's \
                 calls, which the library may count on coming one at a time. Use one copy: npm ls inplace-exchange lists \
                 them, npm dedupe may leave one.",
                path.display(),
                owner.display(),
            ),
            Self::LibraryChanged { path } => write!(
                f,
                "{} has changed since it was loaded, and a library stays loaded for the life of the process. Restart \
                 the app to run the new build.",
                path.display(),
            ),
            Self::LibrarySymbol { path, symbol } => write!(
                f,
                "{} does not export {symbol}, so it is no library for this addon. If it is meant to be one, export the \
                 function with C linkage, as exchange.h declares it.",
                path.display(),
            ),
            Self::LibraryAbi { path, library, host } => write!(
                f,
                "{} was built for version {library} of the C ABI in exchange.h, and this addon speaks version {host}. \
                 Build it against this addon's header.",
                path.display(),
            ),
            Self::LibraryCount { path, count } => write!(
                f,
                "{} answered with {count} bytes, beyond the limit of 2147483647. A function that returns a 32-bit int \
                 does this with a negative status: exchange_inplace returns int64_t.",
                path.display(),
            ),
            Self::LibraryFailed {
                path,
                status,
                message: Some(message),
            } => {
                write!(f, "{} failed with status {status}: {message}", path.display())
            }
            Self::LibraryFailed {
                path,
                status,
                message: None,
            } => {
                write!(
                    f,
                    "{} failed with status {status}, and gives no reason.",
                    path.display()
                )
            }
            Self::LibraryBusy { path } => write!(
                f,
                "{} takes one call at a time, and one is running on another thread. Call again when that has ended.",
                path.display(),
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::LibraryNotFound { source, .. } => Some(source),
            Self::LibraryLoad { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Error {
    /// Says what a value is that is no view of bytes, and what to pass in its place.
    ///
    /// # Safety
    /// `env` is live and `value` is one of its values.
    #[cold]
    pub(crate) unsafe fn invalid_buffer(env: sys::napi_env, value: sys::napi_value) -> Box<Self> {
        const VIEW: &str = "Pass its bytes: new Uint8Array(x.buffer, x.byteOffset, x.byteLength).";
        const SHARED: &str = "Pass new Uint8Array(size), or new Uint8Array(x) of a SharedArrayBuffer.";
        const ALLOCATE: &str = "Pass new Uint8Array(size), or Buffer.alloc(size).";
        let is = |test: unsafe fn(sys::napi_env, sys::napi_value, *mut bool) -> sys::napi_status| {
            let mut yes = false;
            // SAFETY: env and value are live, and yes is a place for the answer.
            (unsafe { test(env, value, &mut yes) }) == sys::Status::napi_ok && yes
        };
        // SAFETY: the caller's.
        let named = unsafe { kind_of(env, value) };
        let (given, instead) = if is(sys::napi_is_typedarray) {
            ("a view of wider or signed elements", VIEW)
        } else if is(sys::napi_is_dataview) {
            ("a DataView", VIEW)
        } else if is(sys::napi_is_arraybuffer) {
            ("an ArrayBuffer", "Pass a view of it: new Uint8Array(x).")
        } else if is(sys::napi_is_array) {
            ("an array", "Pass Uint8Array.from(x), or Buffer.from(x).")
        } else {
            (named, if named == OBJECT { SHARED } else { ALLOCATE })
        };
        Box::new(Self::InvalidBuffer { given, instead })
    }

    /// Throws this in JavaScript, and gives what a callback answers then.
    ///
    /// # Safety
    /// `env` is live and on its own thread, and no exception is pending.
    #[cold]
    #[expect(
        clippy::boxed_local,
        reason = "takes the box, so that freeing it is no part of the hot path"
    )]
    pub(crate) unsafe fn throw(self: Box<Self>, env: sys::napi_env) -> sys::napi_value {
        // SAFETY: env is live; should the error be null, Node-API refuses it.
        unsafe { sys::napi_throw(env, self.create(env)) };
        ptr::null_mut()
    }

    /// Throws this in JavaScript, for a derived function to return: napi-rs leaves an exception that is pending alone.
    ///
    /// # Safety
    /// `env` is live and on its own thread, and no exception is pending.
    #[cold]
    pub(crate) unsafe fn throw_into_napi(self: Box<Self>, env: sys::napi_env) -> napi::Error {
        let reason = self.to_string();
        // SAFETY: the caller's.
        unsafe { self.throw(env) };
        napi::Error::new(napi::Status::PendingException, reason)
    }

    /// This as a JavaScript error, with a `code`, its fields, and the whole chain of causes in its message. No
    /// JavaScript runs: properties are defined, so that no setter on a prototype is called.
    ///
    /// # Safety
    /// `env` is live and on its own thread.
    #[cold]
    pub(crate) unsafe fn create(&self, env: sys::napi_env) -> sys::napi_value {
        let (code, class) = self.code();
        // SAFETY: env is live, here and below, and every value is one of its own, made just before it is used. Should
        // Node-API refuse one (out of memory, or the environment is ending), it is left null, which Node-API refuses
        // in turn.
        unsafe {
            let create = match class {
                Class::Error | Class::AbortError => sys::napi_create_error,
                Class::TypeError => sys::napi_create_type_error,
                Class::RangeError => sys::napi_create_range_error,
            };
            let mut error = ptr::null_mut();
            // Node-API would assign the code, so it is given none.
            create(env, ptr::null_mut(), string(env, &self.to_string()), &mut error);
            define(env, error, c"code", string(env, code));
            if let Class::AbortError = class {
                define(env, error, c"name", string(env, "AbortError"));
            }
            if let Some(path) = self.path() {
                define(env, error, c"path", string(env, &path.to_string_lossy()));
            }
            match self {
                Self::BufferTooSmall { required } => {
                    define(env, error, c"required", number(env, i64::from(*required)));
                }
                Self::LibraryCount { count, .. } => define(env, error, c"count", bigint(env, *count)),
                Self::LibraryFailed { status, .. } => define(env, error, c"status", number(env, *status)),
                Self::LibrarySymbol { symbol, .. } => define(env, error, c"symbol", string(env, symbol)),
                Self::LibraryAbi { library, host, .. } => {
                    define(env, error, c"libraryVersion", number(env, i64::from(*library)));
                    define(env, error, c"hostVersion", number(env, i64::from(*host)));
                }
                _ => {}
            }
            error
        }
    }
}

const OBJECT: &str = "another kind of object";

/// What kind of value this is, in words.
///
/// # Safety
/// `env` is live and `value` is one of its values.
pub(crate) unsafe fn kind_of(env: sys::napi_env, value: sys::napi_value) -> &'static str {
    let mut kind = sys::ValueType::napi_undefined;
    // SAFETY: env and value are live, and kind is a place for the answer.
    unsafe { sys::napi_typeof(env, value, &mut kind) };
    match kind {
        sys::ValueType::napi_undefined => "undefined",
        sys::ValueType::napi_null => "null",
        sys::ValueType::napi_boolean => "a boolean",
        sys::ValueType::napi_number => "a number",
        sys::ValueType::napi_string => "a string",
        sys::ValueType::napi_symbol => "a symbol",
        sys::ValueType::napi_bigint => "a bigint",
        sys::ValueType::napi_function => "a function",
        _ => OBJECT,
    }
}

/// The text, cut where nobody would read on: V8 has a limit, and an error must not get lost because a path or a
/// library's message is beyond it.
///
/// # Safety
/// `env` is live.
pub(crate) unsafe fn string(env: sys::napi_env, text: &str) -> sys::napi_value {
    let end = (0..=MAX_TEXT.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    let text = &text[..end.unwrap_or(0)];
    let mut value = ptr::null_mut();
    // SAFETY: env is live, the text is read for its own length, and value is a place for one value.
    unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), &mut value) };
    value
}

/// A number, or a bigint where a number would round.
///
/// # Safety
/// `env` is live.
unsafe fn number(env: sys::napi_env, integer: i64) -> sys::napi_value {
    const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
    let mut value = ptr::null_mut();
    // SAFETY: env is live, and value is a place for one value.
    unsafe {
        if integer.unsigned_abs() <= MAX_SAFE_INTEGER {
            sys::napi_create_int64(env, integer, &mut value);
            value
        } else {
            bigint(env, integer)
        }
    }
}

/// # Safety
/// `env` is live.
unsafe fn bigint(env: sys::napi_env, integer: i64) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: env is live, and value is a place for one value.
    unsafe { sys::napi_create_bigint_int64(env, integer, &mut value) };
    value
}

/// Makes a property as an assignment would, without calling a setter.
///
/// # Safety
/// `env` is live, `object` and `value` are null or values of it.
pub(crate) unsafe fn define(env: sys::napi_env, object: sys::napi_value, name: &CStr, value: sys::napi_value) {
    // SAFETY: the caller's.
    unsafe { define_as(env, object, name, value, sys::PropertyAttributes::enumerable) };
}

/// Makes a property that is left out when the object is printed or its properties are gone through.
///
/// # Safety
/// `env` is live, `object` and `value` are null or values of it.
pub(crate) unsafe fn define_hidden(env: sys::napi_env, object: sys::napi_value, name: &CStr, value: sys::napi_value) {
    // SAFETY: the caller's.
    unsafe { define_as(env, object, name, value, sys::PropertyAttributes::default) };
}

/// # Safety
/// `env` is live, `object` and `value` are null or values of it.
unsafe fn define_as(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &CStr,
    value: sys::napi_value,
    enumerable: sys::napi_property_attributes,
) {
    let property = sys::napi_property_descriptor {
        utf8name: name.as_ptr(),
        name: ptr::null_mut(),
        method: None,
        getter: None,
        setter: None,
        value,
        attributes: enumerable | sys::PropertyAttributes::writable | sys::PropertyAttributes::configurable,
        data: ptr::null_mut(),
    };
    // SAFETY: env is live, the descriptor is complete and its name NUL-terminated; Node-API refuses a null object.
    unsafe { sys::napi_define_properties(env, object, 1, &property) };
}
