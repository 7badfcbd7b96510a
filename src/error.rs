//! Everything that can go wrong, and its one way into JavaScript.

use std::ffi::CStr;
use std::fmt;
use std::ptr;

use inplace_exchange_host as host;
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
    /// The environment's event loop is another's, or nobody's.
    ForeignEventLoop,
    /// Not a string.
    LibraryPathKind,
    /// What the host says.
    Host(Box<host::Error>),
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
    /// The call was asked to stop.
    pub(crate) fn aborted() -> Box<Self> {
        Box::<host::Error>::new(host::Error::Aborted).into()
    }

    fn code(&self) -> (&'static str, Class) {
        match self {
            Self::InvalidBuffer { .. } | Self::BufferInPart { .. } | Self::BufferResizable | Self::BufferImmovable => {
                ("ERR_INVALID_BUFFER", Class::TypeError)
            }
            Self::InvalidOptions { .. } => ("ERR_INVALID_ARG_TYPE", Class::TypeError),
            Self::ForeignEventLoop => ("ERR_EVENT_LOOP", Class::Error),
            Self::BufferDetached => ("ERR_BUFFER_DETACHED", Class::TypeError),
            Self::LibraryPathKind => ("ERR_LIBRARY_PATH", Class::TypeError),
            Self::Host(error) => (error.code(), class_of(error)),
        }
    }
}

fn class_of(error: &host::Error) -> Class {
    match error {
        host::Error::Aborted => Class::AbortError,
        host::Error::BufferTooSmall { .. } | host::Error::LibraryCount { .. } => Class::RangeError,
        host::Error::LibraryPath { .. } => Class::TypeError,
        _ => Class::Error,
    }
}

impl From<Box<host::Error>> for Box<Error> {
    fn from(error: Box<host::Error>) -> Self {
        Box::new(Error::Host(error))
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
            Self::ForeignEventLoop => f.write_str(
                "This page shares its process, and Node.js's one event loop there, with the page that opened it or that it \
                 is a frame of, so no call on another thread could come back to it. Open it with 'noopener', as in \
                 window.open(url, '', 'noopener'), which gives it a process of its own; or use Electron 44 or later, \
                 where each page has its own event loop. Exchanges on the main thread work here.",
            ),
            Self::LibraryPathKind => f.write_str("A library is named by its absolute path, a string."),
            Self::Host(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host(error) => error.source(),
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
            let Self::Host(host) = self else { return error };
            if let Some(path) = host.path() {
                define(env, error, c"path", string(env, &path.to_string_lossy()));
            }
            match &**host {
                host::Error::BufferTooSmall { required } => {
                    define(env, error, c"required", number(env, i64::from(*required)));
                }
                host::Error::LibraryCount { count, .. } => define(env, error, c"count", bigint(env, *count)),
                host::Error::LibraryFailed { status, .. } => define(env, error, c"status", number(env, *status)),
                host::Error::LibrarySymbol { symbol, .. } => define(env, error, c"symbol", string(env, symbol)),
                host::Error::LibraryAbi { library, host, .. } => {
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
