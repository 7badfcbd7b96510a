//! A loaded library: the C ABI of `native-lib/include/exchange.h` behind a safe type.

use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::error::Error;

/// The version of the C ABI that this addon speaks.
const ABI_VERSION: u32 = 1;

/// Bit 0 of `exchange_flags`: calls may run on several threads at once.
const CONCURRENT: u32 = 1;

/// The largest message that a call can report: lengths travel through JavaScript as signed 32-bit integers.
const MAX_COUNT: u64 = i32::MAX as u64;

type Exchange = unsafe extern "C" fn(*mut u8, usize) -> i64;
type ErrorMessage = unsafe extern "C" fn(i64) -> *const c_char;
type Open = unsafe extern "C" fn() -> i64;
type Close = unsafe extern "C" fn();

/// A library that stays loaded for the life of the process. Its function pointers are valid for as long as it exists,
/// and it is only ever handed out as `&'static`.
pub(crate) struct Library {
    exchange: Exchange,
    error_message: Option<ErrorMessage>,
    open: Option<Open>,
    close: Option<Close>,
    /// Set when the library takes one call at a time.
    serial: bool,
    /// A call is running; used only when `serial`.
    running: AtomicBool,
    /// The real path: absolute, without links.
    path: PathBuf,
    stamp: Stamp,
}

/// What tells one build of a file from the next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(Self {
            modified: metadata.modified().ok(),
            len: metadata.len(),
        })
    }
}

impl Library {
    /// The library at an absolute path. Each real file is loaded once in a process, however often it is asked for, and
    /// never unloaded: code that a thread may be running must not go away.
    pub(crate) fn load(path: &Path) -> Result<&'static Self, Box<Error>> {
        static LOADED: Mutex<Vec<&'static Library>> = Mutex::new(Vec::new());

        if !path.is_absolute() || path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(Box::new(Error::LibraryPath { path: path.into() }));
        }
        let not_found = |source| {
            Box::new(Error::LibraryNotFound {
                path: path.into(),
                source,
            })
        };
        let path = path.canonicalize().map_err(not_found)?;
        let stamp = Stamp::of(&path).map_err(not_found)?;

        // Held while the library loads, so that two threads never load one file twice. A panic cannot leave the list
        // half changed, so a poisoned lock is as good as any.
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = loaded.iter().find(|library| library.path == path) {
            if library.stamp != stamp {
                return Err(Box::new(Error::LibraryChanged { path }));
            }
            return Ok(library);
        }
        let library: &'static Self = Box::leak(Box::new(Self::open_file(path, stamp)?));
        loaded.push(library);
        Ok(library)
    }

    /// Reads the version, refuses what it does not know, and only then looks at the rest.
    fn open_file(path: PathBuf, stamp: Stamp) -> Result<Self, Box<Error>> {
        // SAFETY: loading runs the library's initialisers, which may do anything: to name a library is to trust its
        // code, as with any addon. Its path is absolute, so that the search order cannot put another in its place.
        let file = match unsafe { libloading::Library::new(&path) } {
            Ok(file) => file,
            Err(source) => return Err(Box::new(Error::LibraryLoad { path, source })),
        };
        // SAFETY: the header gives each symbol this signature, and what the pointers point at stays loaded: `file` is
        // never closed once they are kept, below.
        let (abi_version, flags, exchange, error_message, open, close) = unsafe {
            (
                symbol::<unsafe extern "C" fn() -> u32>(&file, c"exchange_abi_version"),
                symbol::<unsafe extern "C" fn() -> u32>(&file, c"exchange_flags"),
                symbol::<Exchange>(&file, c"exchange_inplace"),
                symbol::<ErrorMessage>(&file, c"exchange_error_message"),
                symbol::<Open>(&file, c"exchange_open"),
                symbol::<Close>(&file, c"exchange_close"),
            )
        };
        // SAFETY: the header allows this call once the library is loaded, before any other.
        let version = abi_version.map_or(1, |version| unsafe { version() });
        if version != ABI_VERSION {
            return Err(Box::new(Error::LibraryAbi {
                path,
                library: version,
                host: ABI_VERSION,
            }));
        }
        let Some(exchange) = exchange else {
            return Err(Box::new(Error::LibrarySymbol {
                path,
                symbol: "exchange_inplace",
            }));
        };
        // SAFETY: the version is one whose header has this function, and allows this call now.
        let flags = flags.map_or(0, |flags| unsafe { flags() });
        std::mem::forget(file);
        Ok(Self {
            exchange,
            error_message,
            open,
            close,
            serial: flags & CONCURRENT == 0,
            running: AtomicBool::new(false),
            path,
            stamp,
        })
    }

    /// Lends `len` bytes at `data` to the library, and answers how many of them its message takes.
    ///
    /// # Safety
    /// - `data` points at `len` bytes that may be read and written until this returns. When `len` is 0 it is only
    ///   passed on.
    /// - Nothing else in this process relies on those bytes staying unchanged meanwhile.
    #[inline]
    pub(crate) unsafe fn exchange(&self, data: NonNull<u8>, len: usize) -> Result<u32, Box<Error>> {
        let answer = if self.serial {
            if self.running.swap(true, Ordering::Acquire) {
                return Err(Box::new(Error::LibraryBusy {
                    path: self.path.clone(),
                }));
            }
            // SAFETY: as below; and no other call of this library is running.
            let answer = unsafe { (self.exchange)(data.as_ptr(), len) };
            self.running.store(false, Ordering::Release);
            answer
        } else {
            // SAFETY: the library is loaded, and lent memory as its header says: the caller's obligation.
            unsafe { (self.exchange)(data.as_ptr(), len) }
        };
        match interpret(answer, len) {
            Answer::Message(count) => Ok(count),
            answer => Err(self.failure(answer)),
        }
    }

    /// Tells the library that a JavaScript environment is about to use it.
    pub(crate) fn open(&self) -> Result<(), Box<Error>> {
        let Some(open) = self.open else { return Ok(()) };
        // SAFETY: the library is loaded, and the header allows this call from any thread before an exchange.
        let status = unsafe { open() };
        if status < 0 {
            Err(self.failure(Answer::Failed(status)))
        } else {
            Ok(())
        }
    }

    /// Pairs with an [`open`](Self::open) that succeeded, when its environment has ended.
    pub(crate) fn close(&self) {
        if let Some(close) = self.close {
            // SAFETY: the library is loaded, and the header allows this call once the environment's calls are over.
            unsafe { close() }
        }
    }

    /// An answer that is no message, as an error.
    #[cold]
    fn failure(&self, answer: Answer) -> Box<Error> {
        let path = self.path.clone();
        Box::new(match answer {
            Answer::Message(count) | Answer::TooSmall(count) => Error::BufferTooSmall { required: count },
            Answer::Beyond(count) => Error::LibraryCount { path, count },
            Answer::Failed(status) => Error::LibraryFailed {
                path,
                status,
                message: self.message(status),
            },
        })
    }

    /// What the library says of a negative status. Bytes that are not UTF-8 are replaced.
    fn message(&self, status: i64) -> Option<String> {
        // SAFETY: the library is loaded, and the header allows this call from any thread at any time.
        let text = unsafe { self.error_message?(status) };
        if text.is_null() {
            return None;
        }
        // SAFETY: not null, so by the header NUL-terminated and static.
        Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }
}

/// # Safety
/// `T` is the function type that the header gives this symbol. The result must not be called after `file` is closed.
unsafe fn symbol<T: Copy>(file: &libloading::Library, name: &CStr) -> Option<T> {
    // SAFETY: the caller vouches for T.
    unsafe { file.get::<T>(name) }.ok().map(|symbol| *symbol)
}

/// What the number returned by `exchange_inplace` means.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// The message stands in the first so many bytes.
    Message(u32),
    /// It did not fit, and needs so many bytes.
    TooSmall(u32),
    /// A length beyond [`MAX_COUNT`]: no buffer can be asked for, and likely no length at all.
    Beyond(i64),
    /// A negative status.
    Failed(i64),
}

#[inline]
fn interpret(answer: i64, len: usize) -> Answer {
    match u64::try_from(answer) {
        Err(_) => Answer::Failed(answer),
        Ok(count) if count > MAX_COUNT => Answer::Beyond(answer),
        Ok(count) => {
            #[expect(clippy::cast_possible_truncation, reason = "at most MAX_COUNT, checked above")]
            let small = count as u32;
            if count <= len as u64 {
                Answer::Message(small)
            } else {
                Answer::TooSmall(small)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_message_never_reaches_past_the_buffer(answer: i64, len: usize) {
            match interpret(answer, len) {
                Answer::Message(n) => {
                    prop_assert_eq!(i64::from(n), answer);
                    prop_assert!(n as usize <= len);
                }
                Answer::TooSmall(n) => {
                    prop_assert_eq!(i64::from(n), answer);
                    prop_assert!(n as usize > len && n <= i32::MAX as u32);
                }
                Answer::Beyond(n) => prop_assert!(n == answer && n > i64::from(i32::MAX)),
                Answer::Failed(n) => prop_assert!(n == answer && n < 0),
            }
        }

        #[test]
        fn counts_near_the_length_are_told_apart(len in 0usize..=i32::MAX as usize, off in -2i64..=2) {
            let answer = len as i64 + off;
            let expected = match u32::try_from(answer) {
                Err(_) => Answer::Failed(answer),
                Ok(n) if n > i32::MAX as u32 => Answer::Beyond(answer),
                Ok(n) if off <= 0 => Answer::Message(n),
                Ok(n) => Answer::TooSmall(n),
            };
            prop_assert_eq!(interpret(answer, len), expected);
        }
    }

    #[test]
    fn the_extremes_keep_their_exact_value() {
        for (answer, expected) in [
            (i64::MIN, Answer::Failed(i64::MIN)),
            (-1, Answer::Failed(-1)),
            (0, Answer::Message(0)),
            (i64::from(i32::MAX), Answer::TooSmall(i32::MAX as u32)),
            (i64::from(i32::MAX) + 1, Answer::Beyond(i64::from(i32::MAX) + 1)),
            (1 << 32, Answer::Beyond(1 << 32)),
            ((1 << 53) + 1, Answer::Beyond((1 << 53) + 1)),
            (i64::MAX, Answer::Beyond(i64::MAX)),
        ] {
            assert_eq!(interpret(answer, 64), expected);
        }
        // A message beyond the limit is refused even where it would fit.
        assert_eq!(interpret(1 << 32, usize::MAX), Answer::Beyond(1 << 32));
    }

    #[test]
    fn only_absolute_paths_are_loaded() {
        for path in ["", "libm.so.6", "./libm.so.6", "../x", "/tmp/a\0b"] {
            let Err(error) = Library::load(Path::new(path)) else {
                panic!("{path:?} was loaded")
            };
            assert!(matches!(*error, Error::LibraryPath { .. }), "{path:?}: {error}");
        }
    }

    #[test]
    fn a_missing_file_and_a_text_file_say_why() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let missing = Library::load(&folder.join("no-such-library")).err().unwrap();
        assert!(matches!(*missing, Error::LibraryNotFound { .. }), "{missing}");
        let text = Library::load(&folder.join("Cargo.toml")).err().unwrap();
        assert!(matches!(*text, Error::LibraryLoad { .. }), "{text}");
        assert!(std::error::Error::source(&*text).is_some());
    }
}
