//! The library of the Live panel: simulates ink in water, one step for each picture.
//!
//! Calls are serial, because the simulation has state. The picture overwrites the request in the memory, see
//! [`request::Request`]. All state is freed when a page ends. `include/exchange.h` is the contract of these symbols.
//! The result is `width * height` pixels of four bytes: red, green, blue, 255.

mod fluid;
#[path = "../../native-lib/src/lent_buffer.rs"]
mod lent_buffer;
mod picture;
mod request;

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use fluid::Fluid;
use lent_buffer::LentBuffer;
use picture::Painter;
use request::{Rejection, Request};

const STATUS_NO_REQUEST: i64 = -1;
const STATUS_SIZE: i64 = -2;
const STATUS_NOT_FINITE: i64 = -3;
const STATUS_PANIC: i64 = -4;

#[derive(Default)]
struct State {
    fluid: Fluid,
    painter: Painter,
}

/// The simulation. It exists from the first picture until a page ends.
static STATE: Mutex<Option<Box<State>>> = Mutex::new(None);

/// Reads a request at the start of `data` and writes its picture over it.
///
/// # Safety
/// - `data` is null, or valid for reads and writes of `len` bytes during this call.
/// - If other threads read or write those bytes during this call, the memory is shared and `exchange.h` allows it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exchange_inplace(data: *mut u8, len: usize) -> i64 {
    if data.is_null() || len == 0 {
        return STATUS_NO_REQUEST;
    }
    // SAFETY: `data` is not null, and valid for reads and writes of `len` bytes until this function returns (its
    // contract).
    let memory = unsafe { LentBuffer::new(data, len) };
    // A panic must not leave this function. It may have left the state inconsistent, so the state is dropped.
    catch_unwind(AssertUnwindSafe(|| serve(&memory))).unwrap_or_else(|_| {
        exchange_close();
        STATUS_PANIC
    })
}

fn serve(memory: &LentBuffer) -> i64 {
    // Copied, then checked: another thread may write to shared memory meanwhile. Only this copy decides the size of the
    // picture, here and in the painter.
    let request = match memory.first().ok_or(Rejection::Missing).and_then(Request::read) {
        Ok(request) => request,
        Err(Rejection::Missing) => return STATUS_NO_REQUEST,
        Err(Rejection::Size) => return STATUS_SIZE,
        Err(Rejection::NotFinite) => return STATUS_NOT_FINITE,
    };
    let bytes = request.picture_bytes();
    if bytes <= memory.len() {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        let State { fluid, painter } = &mut **state.get_or_insert_default();
        fluid.step(&request);
        painter.paint(fluid, &request, memory);
    }
    bytes as i64
}

/// Frees the state when a page has ended. The next picture of another page begins with still water.
#[unsafe(no_mangle)]
pub extern "C" fn exchange_close() {
    *STATE.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// The library's name and version.
#[unsafe(no_mangle)]
pub extern "C" fn exchange_library_name() -> *const c_char {
    const NAME: &CStr =
        match CStr::from_bytes_with_nul(concat!("live-lib ", env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(name) => name,
            Err(_) => panic!("the package version contains a NUL"),
        };
    NAME.as_ptr()
}

/// What a negative status of [`exchange_inplace`] means; null for a status that this library does not use.
#[unsafe(no_mangle)]
pub extern "C" fn exchange_error_message(status: i64) -> *const c_char {
    match status {
        STATUS_NO_REQUEST => c"the memory does not begin with a request (64 bytes, the first four INK1)",
        STATUS_SIZE => c"a picture is 16 to 4096 pixels wide and high",
        STATUS_NOT_FINITE => c"a number of the request is infinite or not a number",
        STATUS_PANIC => c"the computation failed; the next picture begins with still water",
        _ => return std::ptr::null(),
    }
    .as_ptr()
}

#[cfg(test)]
mod tests;
