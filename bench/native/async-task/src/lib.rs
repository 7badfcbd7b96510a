//! The usual way to call native code on another thread with napi-rs: an `AsyncTask` that keeps a reference to the buffer,
//! while JavaScript may still write to it, resize it or give it away.

use napi::bindgen_prelude::*;
use napi_derive::napi;

type Exchange = unsafe extern "C" fn(*mut u8, usize) -> i64;

/// A library of the benchmark.
#[napi]
pub struct Library {
    exchange: Exchange,
}

/// One call of it.
pub struct Call {
    exchange: Exchange,
    buffer: Uint8Array,
}

impl Task for Call {
    type Output = u32;
    type JsValue = u32;

    fn compute(&mut self) -> Result<u32> {
        // SAFETY: the benchmark leaves the buffer alone until the call has ended.
        let bytes = unsafe { self.buffer.as_mut() };
        // SAFETY: the library is loaded, and given len writable bytes.
        let count = unsafe { (self.exchange)(bytes.as_mut_ptr(), bytes.len()) };
        u32::try_from(count).map_err(|error| Error::from_reason(error.to_string()))
    }

    fn resolve(&mut self, _env: Env, count: u32) -> Result<u32> {
        Ok(count)
    }
}

#[napi]
impl Library {
    /// Loads it, for the life of the process.
    #[napi(constructor)]
    pub fn new(path: String) -> Result<Self> {
        let failed = |error: libloading::Error| Error::from_reason(error.to_string());
        // SAFETY: the benchmark names its own library, which has this function.
        let exchange = unsafe {
            let library = libloading::Library::new(path).map_err(failed)?;
            let exchange = *library.get::<Exchange>(c"exchange_inplace").map_err(failed)?;
            std::mem::forget(library);
            exchange
        };
        Ok(Self { exchange })
    }

    /// Has it fill the buffer, on another thread.
    #[napi]
    pub fn exchange(&self, buffer: Uint8Array) -> AsyncTask<Call> {
        AsyncTask::new(Call {
            exchange: self.exchange,
            buffer,
        })
    }
}
