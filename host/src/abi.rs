//! The C ABI of `include/exchange.h` behind safe types. All calls into a library's code are here.

use std::ffi::{CStr, c_char};
use std::path::Path;

mod perform;
mod stream;
mod text;

use crate::error::Error;
use crate::lent_memory::LentMemory;
use crate::request::{Caller, Request};
use perform::Perform;
pub(crate) use perform::PerformFunction;
pub(crate) use stream::{Sink, StreamFunction};
use text::{names, text};

/// The version of the C ABI that this host speaks.
pub const VERSION: u32 = 1;

/// Bit 0 of `exchange_flags`: calls may run on several threads at once.
const CONCURRENT: u32 = 1;

/// The largest message that a call can report: lengths travel through JavaScript as signed 32-bit integers.
const MAX_COUNT: u64 = i32::MAX as u64;

type Name = unsafe extern "C" fn() -> *const c_char;
type Number = unsafe extern "C" fn() -> u32;
pub(crate) type Exchange = unsafe extern "C" fn(*mut u8, usize) -> i64;
pub(crate) type ErrorMessage = unsafe extern "C" fn(i64) -> *const c_char;
pub(crate) type Open = unsafe extern "C" fn() -> i64;
pub(crate) type Action = unsafe extern "C" fn();

/// What the number returned by `exchange_inplace` means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReturnValue {
    /// The message stands in the first so many bytes.
    Message(u32),
    /// It did not fit, and needs so many bytes.
    TooSmall(u32),
    /// A length beyond [`MAX_COUNT`]: no buffer can be asked for, and likely no length at all.
    OutOfRange(i64),
    /// A negative status.
    Failed(i64),
}

impl ReturnValue {
    #[inline]
    pub(crate) fn of(number: i64, len: usize) -> Self {
        Self::message(number, len).map_or_else(|| Self::of_failure(number), Self::Message)
    }

    /// The bytes of the message, if the number stands for one.
    #[inline]
    pub(crate) fn message(number: i64, len: usize) -> Option<u32> {
        // As an unsigned number a negative status is beyond every limit.
        let count = number.cast_unsigned();
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_COUNT")]
        (count <= MAX_COUNT.min(len as u64)).then_some(count as u32)
    }

    /// The number that it is [of](Self::of).
    pub(crate) fn number(&self) -> i64 {
        match *self {
            Self::Message(count) | Self::TooSmall(count) => count.into(),
            Self::OutOfRange(number) | Self::Failed(number) => number,
        }
    }

    /// Of a number that stands for no message.
    #[cold]
    pub(crate) fn of_failure(number: i64) -> Self {
        match u32::try_from(number) {
            _ if number < 0 => Self::Failed(number),
            Ok(count) if u64::from(count) <= MAX_COUNT => Self::TooSmall(count),
            _ => Self::OutOfRange(number),
        }
    }
}

/// A library's `exchange_inplace`. The library stays loaded for the life of the process.
#[derive(Clone, Copy)]
pub(crate) struct ExchangeFunction(Exchange);

/// The function that makes a library's exchanges.
#[derive(Clone, Copy)]
pub(crate) enum CallFunction {
    InPlace(ExchangeFunction),
    Perform(PerformFunction),
}

impl ExchangeFunction {
    /// Calls it: the number that it returns.
    #[inline]
    pub(crate) fn call(self, memory: LentMemory<'_>) -> i64 {
        // SAFETY: the library is loaded, the signature is the header's, and the memory may be written to until this
        // returns (LentMemory's contract).
        unsafe { (self.0)(memory.data().as_ptr(), memory.len()) }
    }
}

impl CallFunction {
    /// Calls it: the number that it returns.
    #[inline]
    pub(crate) fn call(self, memory: LentMemory<'_>, request: &Request, caller: &dyn Caller) -> i64 {
        match self {
            Self::InPlace(exchange) => exchange.call(memory),
            Self::Perform(perform) => perform.call(memory, request, caller),
        }
    }
}

/// The functions that a library exports.
///
/// Constructed from a library that stays loaded for the life of the process, so that they can be called at any time. Which
/// thread may call which one, and when, is the dispatcher's to see to: a library that is called otherwise may misbehave.
pub struct Symbols {
    pub(crate) call: CallFunction,
    stream: Option<StreamFunction>,
    error_message: Option<ErrorMessage>,
    open: Option<Open>,
    close: Option<Action>,
    cancel: Option<Action>,
}

/// What a library says of itself when it is loaded.
pub(crate) struct Description {
    pub(crate) symbols: Symbols,
    pub(crate) name: Option<String>,
    pub(crate) version: u32,
    /// It takes one call at a time.
    pub(crate) serial: bool,
    /// The names of its operations from 1 on; empty for one that has none.
    pub(crate) operations: Vec<String>,
}

impl Symbols {
    /// # Safety
    /// Each is a function that keeps the contract in the header, and can be called for the life of the process.
    #[cfg(test)]
    pub(crate) unsafe fn new(
        exchange: Exchange,
        open: Option<Open>,
        close: Option<Action>,
        cancel: Option<Action>,
    ) -> Self {
        Self {
            call: CallFunction::InPlace(ExchangeFunction(exchange)),
            stream: None,
            error_message: None,
            open,
            close,
            cancel,
        }
    }

    /// Reads the version, refuses one that this host does not speak, and only then looks at the rest. `image` stays
    /// loaded for the life of the process.
    pub(crate) fn resolve(image: &'static libloading::Library, path: &Path) -> Result<Description, Box<Error>> {
        // SAFETY: the header gives the symbol this signature.
        let version: Option<Number> = unsafe { symbol(image, c"exchange_abi_version") };
        // SAFETY: the header allows this call once the library is loaded, before any other.
        let version = version.map_or(1, |version| unsafe { version() });
        if version != VERSION {
            return Err(Box::new(Error::LibraryAbi {
                path: path.into(),
                library: version,
                host: VERSION,
            }));
        }
        // SAFETY: the header gives the symbol this signature.
        let perform: Option<Perform> = unsafe { symbol(image, c"exchange_perform") };
        // SAFETY: the header gives the symbol this signature.
        let exchange: Option<Exchange> = unsafe { symbol(image, c"exchange_inplace") };
        let in_place = exchange.map(|exchange| CallFunction::InPlace(ExchangeFunction(exchange)));
        let call = perform.map(|perform| CallFunction::Perform(PerformFunction(perform)));
        let Some(call) = call.or(in_place) else {
            return Err(Box::new(Error::LibrarySymbol {
                path: path.into(),
                symbol: "exchange_inplace",
            }));
        };
        // SAFETY: the header gives the symbol this signature.
        let stream: Option<stream::Stream> = unsafe { symbol(image, c"exchange_stream") };
        // SAFETY: the header gives the symbol this signature.
        let operations: Option<Name> = unsafe { symbol(image, c"exchange_operations") };
        // SAFETY: the version is one whose header has this function, and allows this call now.
        let operations = operations
            .filter(|_| perform.is_some() || stream.is_some())
            .map(|operations| unsafe { operations() });
        // SAFETY: the header gives the symbol this signature.
        let flags: Option<Number> = unsafe { symbol(image, c"exchange_flags") };
        // SAFETY: the version is one whose header has this function, and allows this call now.
        let flags = flags.map_or(0, |flags| unsafe { flags() });
        // SAFETY: the header gives the symbol this signature.
        let name: Option<Name> = unsafe { symbol(image, c"exchange_library_name") };
        // SAFETY: the version is one whose header has this function, and allows this call now.
        let name = name.map(|name| unsafe { name() });
        Ok(Description {
            // SAFETY: the text is null, or NUL-terminated and static, by the header.
            name: name.and_then(|name| unsafe { text(name) }),
            version,
            serial: flags & CONCURRENT == 0,
            // SAFETY: the text is null, or NUL-terminated and static, by the header.
            operations: names(operations.and_then(|operations| unsafe { text(operations) })),
            symbols: Self {
                call,
                stream: stream.map(StreamFunction),
                // SAFETY: the header gives the symbol this signature.
                error_message: unsafe { symbol(image, c"exchange_error_message") },
                // SAFETY: the header gives the symbol this signature.
                open: unsafe { symbol(image, c"exchange_open") },
                // SAFETY: the header gives the symbol this signature.
                close: unsafe { symbol(image, c"exchange_close") },
                // SAFETY: the header gives the symbol this signature.
                cancel: unsafe { symbol(image, c"exchange_cancel") },
            },
        })
    }

    /// Whether `exchange_perform` makes the library's exchanges. Otherwise it can do the default request alone.
    pub fn performs(&self) -> bool {
        matches!(self.call, CallFunction::Perform(_))
    }

    /// That makes the messages of a stream by itself.
    pub(crate) fn stream_function(&self) -> Option<StreamFunction> {
        self.stream
    }

    /// Calls the library: the number that it returns.
    pub fn call(&self, memory: LentMemory<'_>, request: &Request, caller: &dyn Caller) -> i64 {
        self.call.call(memory, request, caller)
    }

    /// Opens the library for an environment. The status, if it refuses.
    pub fn open(&self) -> Result<(), i64> {
        let Some(open) = self.open else { return Ok(()) };
        // SAFETY: the library is loaded; the signature is the header's.
        match unsafe { open() } {
            status @ ..0 => Err(status),
            _ => Ok(()),
        }
    }

    /// Closes it, as often as it was opened.
    pub fn close(&self) {
        if let Some(close) = self.close {
            // SAFETY: the library is loaded; the signature is the header's.
            unsafe { close() };
        }
    }

    /// Whether the library can be asked to return early.
    pub fn can_cancel(&self) -> bool {
        self.cancel.is_some()
    }

    /// Asks the calls that run to return early.
    pub fn cancel(&self) {
        if let Some(cancel) = self.cancel {
            // SAFETY: the library is loaded, and the header allows this call from any thread at any time.
            unsafe { cancel() };
        }
    }

    /// What the library says of a negative status.
    pub fn error_message(&self, status: i64) -> Option<String> {
        let message = self.error_message?;
        // SAFETY: the library is loaded, and the header allows this call from any thread at any time.
        let message = unsafe { message(status) };
        // SAFETY: the text is null, or NUL-terminated and static, by the header.
        unsafe { text(message) }
    }
}

/// # Safety
/// `T` is the function type that the header gives this symbol.
unsafe fn symbol<T: Copy>(image: &'static libloading::Library, name: &CStr) -> Option<T> {
    // SAFETY: T is the symbol's type (this function's contract), and a 'static library is never unloaded.
    unsafe { image.get::<T>(name) }.ok().map(|symbol| *symbol)
}

#[cfg(test)]
mod tests;
