use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;

use super::*;
use crate::abi::{Action, Exchange, Open};
use crate::entry_point::InPlace;
use crate::session::Session;
use proptest::prelude::*;

thread_local! {
    static ANSWER: Cell<i64> = const { Cell::new(0) };
    static SEEN: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Writes all it is lent, remembers what that was, and returns `ANSWER`.
unsafe extern "C" fn scribble(data: *mut u8, len: usize) -> i64 {
    SEEN.set((data.addr(), len));
    // SAFETY: the test lends len bytes at data.
    unsafe { data.write_bytes(0xA5, len) };
    ANSWER.get()
}

/// What a library of a test exports.
pub(crate) struct Exports {
    pub(crate) exchange: Exchange,
    pub(crate) open: Option<Open>,
    pub(crate) close: Option<Action>,
    pub(crate) cancel: Option<Action>,
    pub(crate) serial: bool,
}

/// A library that is part of the test.
pub(crate) fn library(exports: Exports) -> &'static Library {
    /// As those that are loaded, they live as long as the process. What is not held somewhere is a leak.
    static KEPT: Mutex<Vec<&'static Library>> = Mutex::new(Vec::new());

    // SAFETY: the functions are part of this program, and keep the contract.
    let symbols = unsafe { Symbols::new(exports.exchange, exports.open, exports.close, exports.cancel) };
    let description = Description {
        symbols,
        name: None,
        version: crate::abi::VERSION,
        serial: exports.serial,
        operations: Vec::new(),
    };
    let library: &'static Library = Box::leak(Box::new(Library::new(description, Path::new("/test"))));
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(library);
    library
}

/// Lends memory of a test, which keeps it until the call has ended.
pub(crate) fn lend(memory: &mut [u8]) -> LentMemory<'static> {
    // SAFETY: the slice has so many bytes. The test does not touch them until the call has ended.
    unsafe { LentMemory::new(NonNull::from(&mut *memory).cast(), memory.len()) }
}

fn scribbler(serial: bool) -> &'static Library {
    library(Exports {
        exchange: scribble,
        open: None,
        close: None,
        cancel: None,
        serial,
    })
}

fn numbers(len: usize) -> impl Strategy<Value = i64> {
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
    fn the_library_sees_just_the_view_and_its_number_becomes_one_outcome(
        serial: bool,
        before in 0usize..64,
        after in 0usize..64,
        (len, number) in (0usize..4096).prop_flat_map(|len| (Just(len), numbers(len))),
    ) {
        let library = scribbler(serial);
        let mut memory = vec![0x5A; before + len + after];
        for _again in 0..2 {
            ANSWER.set(number);
            let view = &mut memory[before..before + len];
            let start = view.as_ptr().addr();
            let outcome = exchange_in_place(library, view);
            prop_assert_eq!(SEEN.get(), (start, len));
            prop_assert!(Session::new(library).open().is_ok(), "others may enter again");
            match outcome.map_err(|error| *error) {
                Ok(count) => {
                    prop_assert_eq!(i64::from(count), number);
                    prop_assert!(count as usize <= len);
                }
                Err(Error::BufferTooSmall { path, required }) => {
                    prop_assert_eq!(&path, library.path());
                    prop_assert_eq!(i64::from(required), number);
                    prop_assert!(required as usize > len && required <= i32::MAX as u32);
                }
                Err(Error::LibraryCount { count, .. }) => {
                    prop_assert!(count == number && count > i64::from(i32::MAX));
                }
                Err(Error::LibraryFailed { status, .. }) => prop_assert!(status == number && status < 0),
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
    let gate = library.dispatcher().gate().unwrap();
    let session = Session::new(library);
    let busy = gate.try_exclusive(|| session.open()).unwrap();
    assert!(matches!(busy.map_err(|error| *error), Err(Error::LibraryBusy { .. })));
    assert!(session.open().is_ok());
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
pub(crate) fn fixture(name: &str) -> &'static Library {
    let folder = crate::fixtures();
    let file = folder.join(name).with_extension(std::env::consts::DLL_EXTENSION);
    Library::load(&file).unwrap_or_else(|error| panic!("{error} Type: npm test -- fixtures"))
}

/// As an environment does, by the shortest way.
pub(crate) fn exchange_in_place(library: &'static Library, memory: &mut [u8]) -> Result<u32, Box<Error>> {
    let exchanged = InPlace::of(library).unwrap().exchange(lend(memory));
    exchanged.map_err(|why| why.into_error(library, None))
}

/// Lends a real library just `len` bytes of the heap, where a byte too many is noticed.
fn exchange_on_the_heap(library: &'static Library, len: usize) -> (Result<u32, Box<Error>>, Box<[u8]>) {
    let mut memory = vec![0; len].into_boxed_slice();
    let outcome = exchange_in_place(library, &mut memory);
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

/// `npm run sanitize` runs this, to see it found out.
#[test]
#[ignore = "two threads write a byte without a lock"]
fn planted_race() {
    let mut memory = 0u8;
    let shared = AtomicPtr::new(&raw mut memory);
    // The end of one thread may happen before the start of the next one; what both do after a barrier is unordered.
    let both = Barrier::new(2);
    let write = |value| {
        both.wait();
        // SAFETY: the byte outlives the scope. That the other thread writes to it as well is the planted error.
        unsafe { shared.load(Ordering::Relaxed).write(value) };
    };
    thread::scope(|scope| {
        scope.spawn(|| write(1));
        scope.spawn(|| write(2));
    });
    assert_ne!(memory, 0);
}
