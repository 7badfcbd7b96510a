//! What the SDK adds to a call: prints it, with `cargo test --release -p inplace-exchange-sdk --test cost -- --ignored
//! --nocapture`.

use std::ffi::{c_char, c_int, c_void};
use std::hint::black_box;
use std::panic::catch_unwind;
use std::time::Instant;

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

struct State(u64);

impl State {
    fn open() -> Result<Self, Error> {
        Ok(Self(0))
    }

    fn count(&mut self, _call: &mut Call) -> Result<usize, Error> {
        self.0 += 1;
        Ok(0)
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

library! { state: State, operations: { "empty" => |_, _| Ok(0), "count" => State::count, "slice" => State::slice, "view" => State::view } }

unsafe extern "C" {
    safe fn exchange_open() -> i64;
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

/// The median of the nanoseconds of a call.
fn time(function: Perform, operation: u32, memory: &mut [u8], flags: u32, calls: u32) -> f64 {
    let call = RawCall {
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
    };
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
