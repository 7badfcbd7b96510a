//! The functions that a library exports, called by hand through the C ABI; and what they cost, which
//! `cargo test --release -p inplace-exchange-sdk --test exported -- --ignored --nocapture` prints.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::hint::black_box;
use std::panic::catch_unwind;
use std::time::Instant;

use inplace_exchange_sdk::testing::{Host, Request};
use inplace_exchange_sdk::{Call, Error, library};

/// `exchange_call`, as a host has it.
#[repr(C)]
struct RawCall {
    size: usize,
    data: *mut u8,
    capacity: usize,
    input: usize,
    operation: u32,
    flags: u32,
    host: *mut c_void,
    cancelled: extern "C" fn(*mut c_void) -> c_int,
    progress: extern "C" fn(*mut c_void, u64, u64),
    message: extern "C" fn(*mut c_void, *const c_char),
}

type Perform = unsafe extern "C" fn(*const RawCall) -> i64;

struct State(usize);

impl State {
    fn open() -> Result<Self, Error> {
        Ok(Self(0))
    }

    /// The number of the call, as the length of the message.
    fn count(&mut self, call: &mut Call) -> Result<usize, Error> {
        self.0 = (self.0 + 1) % call.capacity();
        Ok(self.0)
    }

    fn slice(&mut self, call: &mut Call) -> Result<usize, Error> {
        let output = call.output();
        output[0] = output[0].wrapping_add(1);
        Ok(output.len())
    }

    fn view(&mut self, call: &mut Call) -> Result<usize, Error> {
        let mut bytes = call.bytes();
        bytes.set(0, bytes.get(0).unwrap_or(0).wrapping_add(1))?;
        Ok(bytes.len())
    }
}

library! {
    state: State,
    operations: {
        "empty" => |_, _| Ok(0),
        "count" => State::count,
        "slice" => State::slice,
        "view" => State::view,
    },
}

unsafe extern "C" {
    safe fn exchange_abi_version() -> u32;
    safe fn exchange_flags() -> u32;
    safe fn exchange_library_name() -> *const c_char;
    safe fn exchange_operations() -> *const c_char;
    safe fn exchange_open() -> i64;
    fn exchange_close();
    fn exchange_perform(call: *const RawCall) -> i64;
}

/// What is written by hand.
unsafe extern "C" fn by_hand(call: *const RawCall) -> i64 {
    // SAFETY: `time` has the struct.
    let call = unsafe { &*call };
    i64::from(black_box(call.operation) >> 31)
}

/// The same with what keeps a panic in.
unsafe extern "C" fn by_hand_catching(call: *const RawCall) -> i64 {
    // SAFETY: `time` has the struct.
    catch_unwind(|| unsafe { by_hand(call) }).unwrap_or(-1)
}

extern "C" fn cancelled(_host: *mut c_void) -> c_int {
    0
}

extern "C" fn progress(_host: *mut c_void, _done: u64, _total: u64) {}

extern "C" fn message(_host: *mut c_void, _text: *const c_char) {}

/// A call of this thread's memory.
fn call_of(memory: &mut [u8], operation: u32, flags: u32) -> RawCall {
    RawCall {
        size: size_of::<RawCall>(),
        data: memory.as_mut_ptr(),
        capacity: memory.len(),
        input: memory.len(),
        operation,
        flags,
        host: std::ptr::null_mut(),
        cancelled,
        progress,
        message,
    }
}

#[test]
fn are_those_of_the_header_with_a_state_apart_from_that_of_tests() {
    assert_eq!((exchange_abi_version(), exchange_flags()), (1, 0));
    assert!(exchange_library_name().is_null(), "it says none");
    // SAFETY: a static text, by the header.
    let names = unsafe { CStr::from_ptr(exchange_operations()) };
    assert_eq!(names.to_str(), Ok("empty\ncount\nslice\nview\n"));

    let count = || {
        let mut memory = [0; 64];
        let call = call_of(&mut memory, 2, 0);
        // SAFETY: the struct and the memory outlive the call, and no other runs: this test alone is not ignored.
        unsafe { exchange_perform(&raw const call) }
    };
    assert_eq!(exchange_open(), 0);
    assert_eq!((count(), count()), (1, 2));
    let request = Request {
        operation: Some("count"),
        ..Request::default()
    };
    assert_eq!(Host::of(&LIBRARY).perform(&mut [0; 64], request).result, Ok(1));
    assert_eq!(count(), 3);
    // SAFETY: it was opened once, and no call runs.
    unsafe { exchange_close() };
    assert_eq!(exchange_open(), 0);
    assert_eq!(count(), 1);
    // SAFETY: as above.
    unsafe { exchange_close() };
}

/// The median of the nanoseconds of a call.
fn time(function: Perform, operation: u32, memory: &mut [u8], flags: u32, calls: u32) -> f64 {
    let call = call_of(memory, operation, flags);
    let mut rounds = [(); 21].map(|()| {
        let started = Instant::now();
        for _ in 0..calls {
            // SAFETY: the struct and the memory live longer than the call, and are this thread's alone.
            let value = unsafe { black_box(function)(black_box(&raw const call)) };
            assert!(value >= 0);
        }
        started.elapsed()
    });
    rounds.sort_unstable();
    rounds[10].as_secs_f64() * 1e9 / f64::from(calls)
}

#[test]
#[ignore = "prints figures"]
fn prints() {
    const MANY: u32 = 2_000_000;
    assert_eq!(exchange_open(), 0);
    let mut small = [0; 64];
    let mut print = |what, function, operation| {
        let took = (0..5)
            .map(|_| time(function, operation, &mut small, 0, MANY))
            .fold(f64::MAX, f64::min);
        println!("{what:<44} {took:>6.1} ns");
    };
    print("by hand, empty", by_hand as Perform, 0);
    print("by hand, empty, with catch_unwind", by_hand_catching, 0);
    print("the SDK, empty", exchange_perform, 1);
    print("the SDK, counts in its state", exchange_perform, 2);
    print("the SDK, writes a byte through the output", exchange_perform, 3);
    for len in [64, 4096, 1 << 20, 8_294_400] {
        let mut memory = vec![1; len];
        let calls = u32::try_from(200_000_000 / len).map_or(1000, |calls| calls.clamp(8, 1_000_000));
        let plain = time(exchange_perform, 3, &mut memory, 0, calls);
        let shared = time(exchange_perform, 3, &mut memory, 1, calls);
        let view = time(exchange_perform, 4, &mut memory, 1, calls);
        println!(
            "{len:>9} bytes: output {plain:>6.1} ns; of shared memory {shared:>11.1} ns; a view of that {view:>6.1} ns"
        );
    }
}
