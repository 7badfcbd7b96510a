//! A loaded library: the C ABI of `include/exchange.h` behind a safe type.

use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::loader::Loader;
use crate::turns::Turns;

/// The version of the C ABI that this addon speaks.
const ABI_VERSION: u32 = 1;

/// Bit 0 of `exchange_flags`: calls may run on several threads at once.
const CONCURRENT: u32 = 1;

/// The largest message that a call can report: lengths travel through JavaScript as signed 32-bit integers.
const MAX_COUNT: u64 = i32::MAX as u64;

type Name = unsafe extern "C" fn() -> *const c_char;
type Exchange = unsafe extern "C" fn(*mut u8, usize) -> i64;
type ErrorMessage = unsafe extern "C" fn(i64) -> *const c_char;
type Open = unsafe extern "C" fn() -> i64;
pub type Close = unsafe extern "C" fn();
pub type Cancel = unsafe extern "C" fn();

/// A library that stays loaded for the life of the process. Its function pointers are valid for as long as it exists,
/// and it is only ever handed out as `&'static`.
pub struct Library {
    exchange: Exchange,
    error_message: Option<ErrorMessage>,
    open: Option<Open>,
    turns: Turns,
    name: String,
    abi_version: u32,
    /// The real path: absolute, without links.
    path: PathBuf,
}

/// A library is itself, and no other.
impl PartialEq for Library {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Library {}

impl Library {
    /// The library at an absolute path: always the same one for a file, however often it is asked for.
    pub fn load(path: &Path) -> Result<&'static Self, Box<Error>> {
        static LIBRARIES: Loader<Library> = Loader::new();

        LIBRARIES.load(path, Self::resolve_symbols)
    }

    /// Reads the version, refuses what it does not know, and only then looks at the rest.
    fn resolve_symbols(file: &libloading::Library, path: &Path) -> Result<Self, Box<Error>> {
        let path = path.to_owned();
        // SAFETY: the header gives each symbol this signature, and what the pointers point at stays loaded: a `Loader`
        // never unloads a file.
        let (abi_version, flags, name, exchange, error_message, open, close, cancel) = unsafe {
            (
                symbol::<unsafe extern "C" fn() -> u32>(file, c"exchange_abi_version"),
                symbol::<unsafe extern "C" fn() -> u32>(file, c"exchange_flags"),
                symbol::<Name>(file, c"exchange_library_name"),
                symbol::<Exchange>(file, c"exchange_inplace"),
                symbol::<ErrorMessage>(file, c"exchange_error_message"),
                symbol::<Open>(file, c"exchange_open"),
                symbol::<Close>(file, c"exchange_close"),
                symbol::<Cancel>(file, c"exchange_cancel"),
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
        // SAFETY: likewise; the text, if there is one, is NUL-terminated and static.
        let name = name.and_then(|name| unsafe { text(name()) });
        Ok(Self {
            name: name.unwrap_or_else(|| {
                path.file_name()
                    .unwrap_or(path.as_os_str())
                    .to_string_lossy()
                    .into_owned()
            }),
            abi_version: version,
            exchange,
            error_message,
            open,
            turns: Turns::new(flags & CONCURRENT == 0, close, cancel),
            path,
        })
    }

    /// What a call of this library needs.
    pub fn entry(&'static self) -> Entry {
        Entry {
            exchange: self.exchange,
            serial: self.turns.serial(),
            library: self,
        }
    }

    /// Who may be in it, and when.
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// To be called from time to time while calls of it wait or were asked to stop.
    pub fn remind(&self) {
        self.turns.remind();
    }

    /// Makes a call on this thread: if the library takes one at a time, only when nobody else is in it.
    pub fn call<T>(&self, call: impl FnOnce() -> Result<T, Box<Error>>) -> Result<T, Box<Error>> {
        if self.turns.serial() {
            self.turns.alone(call).unwrap_or_else(|| Err(self.busy()))
        } else {
            call()
        }
    }

    /// Tells the library that a JavaScript environment is about to use it. The caller is allowed inside it.
    pub fn open(&self) -> Result<(), Box<Error>> {
        let Some(open) = self.open else { return Ok(()) };
        // SAFETY: the library is loaded, and the header allows this call from any thread before an exchange.
        match unsafe { open() } {
            status @ ..0 => Err(self.failure(Answer::Failed(status))),
            _ => Ok(()),
        }
    }

    /// Lends `len` bytes at `data` to the library, and answers how many of them its message takes. The caller is
    /// allowed inside it.
    ///
    /// # Safety
    /// - `data` points at `len` bytes that may be read and written until this returns. When `len` is 0 it is only
    ///   passed on.
    /// - Nothing else in this process relies on those bytes staying unchanged meanwhile.
    #[inline]
    pub unsafe fn exchange(&self, data: *mut u8, len: usize) -> Result<u32, Box<Error>> {
        // SAFETY: the library is loaded, and lent memory as its header says: the caller's obligation.
        self.outcome(unsafe { (self.exchange)(data, len) }, len)
    }

    #[inline]
    fn outcome(&self, answer: i64, len: usize) -> Result<u32, Box<Error>> {
        match interpret(answer, len) {
            Answer::Message(count) => Ok(count),
            answer => Err(self.failure(answer)),
        }
    }

    /// The real path of the library's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the library calls itself, or the name of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the C ABI that it was built for.
    pub fn abi_version(&self) -> u32 {
        self.abi_version
    }

    #[cold]
    fn busy(&self) -> Box<Error> {
        Box::new(Error::LibraryBusy {
            path: self.path.clone(),
        })
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

    /// What the library says of a negative status.
    fn message(&self, status: i64) -> Option<String> {
        let message = self.error_message?;
        // SAFETY: the library is loaded, and the header allows this call from any thread at any time. The text, if
        // there is one, is NUL-terminated and static.
        unsafe { text(message(status)) }
    }
}

/// What a call needs, in one place: whoever holds this reaches the library's code in one step. The way through the
/// [`Library`] is a load more, and costs a nanosecond.
#[derive(Clone, Copy)]
pub struct Entry {
    exchange: Exchange,
    serial: bool,
    library: &'static Library,
}

impl Entry {
    /// As [`Library::exchange`], for a caller on whom JavaScript waits: a library that takes one call at a time may
    /// refuse.
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub unsafe fn exchange(&self, data: *mut u8, len: usize) -> Result<u32, Box<Error>> {
        let call = || {
            // SAFETY: the library is loaded, and lent memory as its header says: the caller's obligation.
            unsafe { (self.exchange)(data, len) }
        };
        let answer = if self.serial {
            match self.library.turns.alone(call) {
                Some(answer) => answer,
                None => return Err(self.library.busy()),
            }
        } else {
            call()
        };
        self.library.outcome(answer, len)
    }
}

/// A library's text; bytes that are not UTF-8 are replaced.
///
/// # Safety
/// `text` is null, or NUL-terminated and static.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: not null, so NUL-terminated and static.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
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
    // As an unsigned number a negative status is beyond every limit, so that one comparison settles a good answer.
    let count = answer.cast_unsigned();
    if count > len as u64 || count > MAX_COUNT {
        return fault(answer);
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most MAX_COUNT")]
    Answer::Message(count as u32)
}

/// What an answer means that is no message.
#[cold]
fn fault(answer: i64) -> Answer {
    match u32::try_from(answer) {
        _ if answer < 0 => Answer::Failed(answer),
        Ok(count) if u64::from(count) <= MAX_COUNT => Answer::TooSmall(count),
        _ => Answer::Beyond(answer),
    }
}

#[cfg(test)]
pub mod tests {
    use std::cell::Cell;
    use std::sync::{Mutex, PoisonError};

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

    thread_local! {
        static ANSWER: Cell<i64> = const { Cell::new(0) };
        static SEEN: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    /// Writes all it is lent, remembers what that was, and answers `ANSWER`.
    unsafe extern "C" fn scribble(data: *mut u8, len: usize) -> i64 {
        SEEN.set((data.addr(), len));
        // SAFETY: the test lends len bytes at data.
        unsafe { data.write_bytes(0xA5, len) };
        ANSWER.get()
    }

    /// What a library of a test exports.
    pub struct Functions {
        pub exchange: Exchange,
        pub open: Option<Open>,
        pub close: Option<Close>,
        pub cancel: Option<Cancel>,
        pub serial: bool,
    }

    pub fn library(functions: Functions) -> &'static Library {
        /// As those that are loaded, they live as long as the process. What is not held somewhere is a leak.
        static KEPT: Mutex<Vec<&'static Library>> = Mutex::new(Vec::new());

        let library: &'static Library = Box::leak(Box::new(Library {
            exchange: functions.exchange,
            error_message: None,
            open: functions.open,
            turns: Turns::new(functions.serial, functions.close, functions.cancel),
            name: String::new(),
            abi_version: ABI_VERSION,
            path: PathBuf::new(),
        }));
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(library);
        library
    }

    fn scribbler(serial: bool) -> &'static Library {
        library(Functions {
            exchange: scribble,
            open: None,
            close: None,
            cancel: None,
            serial,
        })
    }

    fn answers(len: usize) -> impl Strategy<Value = i64> {
        let len = len as i64;
        prop_oneof![
            any::<i64>(),
            len - 2..=len + 2,
            i64::from(i32::MAX) - 2..=i64::from(i32::MAX) + 2,
            -2i64..=2
        ]
    }

    proptest! {
        #[test]
        fn the_library_sees_just_the_view_and_its_answer_becomes_one_outcome(
            serial: bool,
            before in 0usize..64,
            after in 0usize..64,
            (len, answer) in (0usize..4096).prop_flat_map(|len| (Just(len), answers(len))),
        ) {
            let library = scribbler(serial);
            let mut memory = vec![0x5A; before + len + after];
            let start = memory.as_mut_ptr().wrapping_add(before);
            for _again in 0..2 {
                ANSWER.set(answer);
                // SAFETY: start points at len bytes in the middle of memory, which nothing else uses.
                let outcome = unsafe { library.entry().exchange(start, len) };
                prop_assert_eq!(SEEN.get(), (start.addr(), len));
                prop_assert!(library.call(|| Ok(())).is_ok(), "others may go in again");
                match outcome.map_err(|error| *error) {
                    Ok(count) => {
                        prop_assert_eq!(i64::from(count), answer);
                        prop_assert!(count as usize <= len);
                    }
                    Err(Error::BufferTooSmall { required }) => {
                        prop_assert_eq!(i64::from(required), answer);
                        prop_assert!(required as usize > len && required <= i32::MAX as u32);
                    }
                    Err(Error::LibraryCount { count, .. }) => {
                        prop_assert!(count == answer && count > i64::from(i32::MAX));
                    }
                    Err(Error::LibraryFailed { status, .. }) => prop_assert!(status == answer && status < 0),
                    Err(other) => prop_assert!(false, "{}", other),
                }
            }
            prop_assert!(memory[..before].iter().chain(&memory[before + len..]).all(|&byte| byte == 0x5A));
            prop_assert!(memory[before..before + len].iter().all(|&byte| byte == 0xA5));
        }
    }

    #[test]
    fn a_library_that_takes_one_call_at_a_time_refuses_a_second_one() {
        let library = scribbler(true);
        let busy = library.call(|| Ok(library.call(|| Ok(())).err())).ok().flatten();
        assert!(matches!(busy.as_deref(), Some(Error::LibraryBusy { .. })));
        assert!(library.call(|| Ok(())).is_ok());
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

    /// A library that `npm test` and `npm run sanitize` have built.
    fn fixture(name: &str) -> &'static Library {
        let folder = crate::fixtures();
        let file = folder.join(name).with_extension(std::env::consts::DLL_EXTENSION);
        Library::load(&file).unwrap_or_else(|error| panic!("{error} Type: npm test -- fixtures"))
    }

    /// Lends a real library just `len` bytes of the heap, where a byte too many is noticed.
    fn exchange_on_the_heap(library: &'static Library, len: usize) -> (Result<u32, Box<Error>>, Box<[u8]>) {
        let mut memory = vec![0; len].into_boxed_slice();
        // SAFETY: the memory has len bytes, and is this thread's own.
        let outcome = unsafe { library.entry().exchange(memory.as_mut_ptr(), len) };
        (outcome, memory)
    }

    proptest! {
        #[test]
        fn a_real_library_writes_into_what_it_is_lent(len in 16usize..8192) {
            let (outcome, memory) = exchange_on_the_heap(fixture("address"), len);
            prop_assert_eq!(outcome.ok(), u32::try_from(len).ok());
            prop_assert_eq!(&memory[..8], &(memory.as_ptr().addr() as u64).to_le_bytes()[..]);
            prop_assert_eq!(&memory[8..16], &(len as u64).to_le_bytes()[..]);
            prop_assert!(memory[16..].iter().all(|&byte| byte == 0xA5));
        }
    }

    #[test]
    fn a_real_library_fails_in_words() {
        let (outcome, _memory) = exchange_on_the_heap(fixture("negative-message"), 16);
        let error = outcome.unwrap_err();
        assert!(
            matches!(&*error, Error::LibraryFailed { status: -9, message: Some(words), .. } if words == "the lens cap is on")
        );
    }

    /// `npm run sanitize` runs this, to see it found out.
    #[test]
    #[ignore = "writes a byte too many"]
    fn planted_overflow() {
        let (outcome, memory) = exchange_on_the_heap(fixture("overflow"), 100);
        assert_eq!((outcome.ok(), memory[99]), (Some(100), 0xA5));
    }
}
