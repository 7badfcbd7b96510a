//! The usual ways to call native code with napi-rs, as in its documentation, with a library of the benchmark. Also
//! measures that library alone, without JavaScript.

use std::time::Instant;

use napi::bindgen_prelude::*;
use napi_derive::napi;

type Function = unsafe extern "C" fn(*mut u8, usize) -> i64;

/// A library of the benchmark.
#[napi]
pub struct Library {
    function: Function,
}

impl Library {
    fn fill(&self, bytes: &mut [u8]) -> Result<u32> {
        // SAFETY: the library is never unloaded; the slice's bytes may be read and written during the call.
        let count = unsafe { (self.function)(bytes.as_mut_ptr(), bytes.len()) };
        u32::try_from(count).map_err(|error| Error::from_reason(error.to_string()))
    }
}

#[napi]
impl Library {
    /// Loads the library, for the life of the process.
    #[napi(constructor)]
    pub fn new(path: String) -> Result<Self> {
        let failed = |error: libloading::Error| Error::from_reason(error.to_string());
        // SAFETY: the benchmark names its own library, whose initialisers do nothing.
        let library = unsafe { libloading::Library::new(path) }.map_err(failed)?;
        // SAFETY: exchange.h gives the function this type.
        let function = *unsafe { library.get::<Function>(c"exchange_inplace") }.map_err(failed)?;
        std::mem::forget(library);
        Ok(Self { function })
    }

    /// Returns a `Vec` that the library fills to JavaScript. Inside the memory cage napi-rs copies it.
    #[napi]
    pub fn vec(&self, bytes: u32) -> Result<Buffer> {
        let mut memory = vec![0; bytes as usize];
        self.fill(&mut memory)?;
        Ok(memory.into())
    }

    /// The mean time of `times` calls with native memory that was written to before, in nanoseconds.
    #[napi]
    pub fn limit(&self, bytes: u32, times: u32) -> Result<f64> {
        // Never empty: a masked store to the dangling address of an empty Vec costs more than filling 64 bytes.
        let mut memory = vec![1; bytes as usize + 1];
        let memory = &mut memory[..bytes as usize];
        self.fill(memory)?;
        let started = Instant::now();
        for _ in 0..times {
            self.fill(memory)?;
        }
        Ok(started.elapsed().as_secs_f64() * 1e9 / f64::from(times))
    }

    /// The library fills the buffer, on another thread.
    #[napi]
    pub fn on_worker(&self, buffer: Uint8Array) -> AsyncTask<Call> {
        AsyncTask::new(Call {
            library: Self {
                function: self.function,
            },
            buffer,
        })
    }
}

/// The library that `BENCH_LIBRARY` names, for the functions below: calling a method of a class costs more.
static LIBRARY: std::sync::LazyLock<Library> = std::sync::LazyLock::new(|| {
    let path = std::env::var("BENCH_LIBRARY").expect("BENCH_LIBRARY names the library");
    Library::new(path).expect("the library of the benchmark loads")
});

/// The library fills the buffer, as in napi-rs's documentation.
#[napi]
pub fn exchange_buffer(mut buffer: Buffer) -> Result<u32> {
    LIBRARY.fill(&mut buffer)
}

/// The same with an argument that is borrowed for the call.
#[napi]
pub fn exchange_slice(mut buffer: BufferSlice) -> Result<u32> {
    LIBRARY.fill(&mut buffer)
}

/// A call on another thread: an `AsyncTask` that keeps a reference to the buffer, which JavaScript may still write to,
/// resize or transfer.
pub struct Call {
    library: Library,
    buffer: Uint8Array,
}

impl Task for Call {
    type Output = u32;
    type JsValue = u32;

    fn compute(&mut self) -> Result<u32> {
        // SAFETY: the benchmark does not access the buffer until the call has ended.
        let bytes = unsafe { self.buffer.as_mut() };
        self.library.fill(bytes)
    }

    fn resolve(&mut self, _env: Env, count: u32) -> Result<u32> {
        Ok(count)
    }
}
