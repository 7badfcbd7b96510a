//! Everything that can go wrong: codes, classes and messages. `js::throw` makes JavaScript's errors of it.

use std::fmt;

use inplace_exchange_host as host;

/// An exchange that did not happen. Each variant is one `code`, and carries what its JavaScript error carries.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The argument is not a view of bytes.
    InvalidBuffer { given: &'static str, instead: &'static str },
    /// The view's memory has been transferred away.
    BufferDetached,
    /// The view covers a part of its ArrayBuffer, and the call would take all of it.
    PartialView { offset: usize, len: usize, total: usize },
    /// The view's ArrayBuffer is resizable: moving it copies it.
    BufferResizable,
    /// The view's ArrayBuffer cannot be detached.
    NotDetachable,
    /// The second argument, or its signal, is not what it should be.
    InvalidOptions { given: &'static str },
    /// The length of the input is no number.
    InvalidInput { given: &'static str },
    /// The length of the input is not one that the memory has room for.
    InputOutOfRange { given: f64, len: usize },
    /// What is said of a stream makes none, or its memory has no room for it.
    InvalidStream,
    /// The environment's event loop is another page's, or no page's.
    ForeignEventLoop,
    /// Not a string.
    LibraryPathKind,
    /// What the host says.
    Host(Box<host::Error>),
}

/// The JavaScript class of an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Error,
    TypeError,
    RangeError,
    AbortError,
}

impl Error {
    /// The call was cancelled.
    pub(crate) fn aborted() -> Box<Self> {
        Box::<host::Error>::new(host::Error::Aborted).into()
    }

    /// What JavaScript tells errors apart by.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::InvalidBuffer { .. } | Self::PartialView { .. } | Self::BufferResizable | Self::NotDetachable => {
                "ERR_INVALID_BUFFER"
            }
            Self::InvalidOptions { .. } | Self::InvalidInput { .. } | Self::InvalidStream => "ERR_INVALID_ARG_TYPE",
            Self::InputOutOfRange { .. } => "ERR_OUT_OF_RANGE",
            Self::ForeignEventLoop => "ERR_EVENT_LOOP",
            Self::BufferDetached => "ERR_BUFFER_DETACHED",
            Self::LibraryPathKind => "ERR_LIBRARY_PATH",
            Self::Host(error) => error.code(),
        }
    }

    pub(crate) fn class(&self) -> Class {
        match self {
            Self::ForeignEventLoop => Class::Error,
            Self::InputOutOfRange { .. } => Class::RangeError,
            Self::Host(error) => match **error {
                host::Error::Aborted => Class::AbortError,
                host::Error::BufferTooSmall { .. } | host::Error::LibraryCount { .. } => Class::RangeError,
                host::Error::LibraryPath { .. } => Class::TypeError,
                _ => Class::Error,
            },
            _ => Class::TypeError,
        }
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
                "The buffer's memory was transferred elsewhere, or it is lent to an exchange that has not returned, so \
                 there is nothing to write into. Pass the buffer that has it now, such as that of the exchange's \
                 result, or a new one.",
            ),
            Self::PartialView { offset, len, total } => write!(
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
            Self::NotDetachable => f.write_str(
                "The view's ArrayBuffer cannot be detached, as that of a WebAssembly.Memory. An asynchronous exchange \
                 has to take the memory out of JavaScript's reach. Pass Buffer.alloc(size), new Uint8Array(size), or a \
                 view of a shared WebAssembly.Memory.",
            ),
            Self::InvalidOptions { given } => write!(
                f,
                "The options are an object, {{ signal: an AbortSignal }}, or left out, and {given} was given.",
            ),
            Self::InvalidInput { given } => write!(
                f,
                "The input is the number of bytes in the buffer that are the input, as in decode(buffer, 300) and \
                 decode.async(buffer, {{ input: 300 }}), and {given} was given.",
            ),
            Self::InputOutOfRange { given, len } => write!(
                f,
                "The input must be a whole number from 0 to {len}, the size of the buffer, and is {given}.",
            ),
            Self::InvalidStream => f.write_str(
                "A stream fills shared memory that has room for its 2 to 1024 slots, as that which stream() of the page makes.",
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
