//! What [`library!`](crate::library) makes of a library: its functions, and the way of a call through them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi::{CONCURRENT, RawCall, RawSink};
use crate::call::Call;
use crate::error::Error;
use crate::panics::words_of;
use crate::sink::Sink;
use crate::slot::Slot;

type Function = fn(&mut Call<'_>) -> Result<usize, Error>;
type Exclusive<S> = fn(&mut S, &mut Call<'_>) -> Result<usize, Error>;
type Shared<S> = fn(&S, &mut Call<'_>) -> Result<usize, Error>;

type Stream = fn(&mut Sink<'_>) -> Result<(), Error>;
type ExclusiveStream<S> = fn(&mut S, &mut Sink<'_>) -> Result<(), Error>;
type SharedStream<S> = fn(&S, &mut Sink<'_>) -> Result<(), Error>;

/// The functions of a library: that of a call without an operation, those of its operations, from 1 on, and the one that
/// makes the messages of a stream.
pub struct Operations<F: 'static, T> {
    /// Without an operation.
    pub call: Option<F>,
    /// By number - 1.
    pub named: &'static [F],
    /// Makes the messages of a stream.
    pub stream: Option<T>,
}

impl<F: Copy, T> Operations<F, T> {
    #[inline]
    fn get(&self, number: usize) -> Option<F> {
        match number.checked_sub(1) {
            None => self.call,
            Some(index) => self.named.get(index).copied(),
        }
    }
}

/// How the functions get at the state decides which calls may run at once.
enum Functions<S: 'static> {
    Stateless(Operations<Function, Stream>),
    /// One call at a time, which the host sees to.
    Exclusive(Operations<Exclusive<S>, ExclusiveStream<S>>),
    Shared(Operations<Shared<S>, SharedStream<S>>),
}

/// A library. A `static` of it is behind the functions that [`library!`](crate::library) exports.
pub struct Definition<S: 'static> {
    functions: Functions<S>,
    names: &'static [&'static str],
    concurrent: bool,
    slot: Slot<S>,
}

impl Definition<()> {
    /// Of functions without state.
    pub const fn stateless(
        concurrent: bool,
        names: &'static [&'static str],
        operations: Operations<Function, Stream>,
    ) -> Self {
        Self {
            functions: Functions::Stateless(operations),
            names,
            concurrent,
            slot: Slot::new(|| Ok(())),
        }
    }
}

impl<S: Send> Definition<S> {
    /// Of methods that have the state to themselves. Calls come from several threads, one after another.
    pub const fn exclusive(
        open: fn() -> Result<S, Error>,
        names: &'static [&'static str],
        operations: Operations<Exclusive<S>, ExclusiveStream<S>>,
    ) -> Self {
        Self {
            functions: Functions::Exclusive(operations),
            names,
            concurrent: false,
            slot: Slot::new(open),
        }
    }

    /// Of methods that run at the same time.
    pub const fn shared(
        open: fn() -> Result<S, Error>,
        names: &'static [&'static str],
        operations: Operations<Shared<S>, SharedStream<S>>,
    ) -> Self
    where
        S: Sync,
    {
        Self {
            functions: Functions::Shared(operations),
            names,
            concurrent: true,
            slot: Slot::new(open),
        }
    }
}

impl<S> Definition<S> {
    /// `exchange_perform`.
    ///
    /// # Safety
    /// The caller keeps the contract of `exchange.h`:
    /// - `call` is valid, and nobody writes to it, until this returns.
    /// - The environment of the call has opened the library, and closes it after this has returned.
    /// - Unless [`Definition::flags`] has `CONCURRENT`, no other call, open or close runs meanwhile.
    #[inline]
    pub unsafe fn perform(&self, call: *const RawCall) -> i64 {
        // SAFETY: valid and not written to until this returns (this function's contract), which the reference does not
        // outlive.
        let raw = unsafe { &*call };
        // SAFETY: as above; it is the only one.
        let mut call = unsafe { Call::new(raw, self.names) };
        // What a panic interrupts is the call, whose memory is bytes, and the state, which is dropped or shared.
        let run = || {
            // SAFETY: the environment has the library open, and no other call runs where one excludes it (this function's
            // contract).
            let result = unsafe { self.run(&mut call) };
            call.finish(result)
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
            // SAFETY: this function's contract, and the call has been left.
            unsafe { self.recover() };
            call.finish(Err(Error::panicked(&words_of(payload))))
        })
    }

    /// # Safety
    /// As for [`Definition::perform`].
    #[inline]
    unsafe fn run(&self, call: &mut Call<'_>) -> Result<usize, Error> {
        let number = call.number();
        match &self.functions {
            Functions::Stateless(operations) => {
                let function = operations.get(number).ok_or_else(|| call.unknown())?;
                function(call)
            }
            Functions::Exclusive(operations) => {
                let function = operations.get(number).ok_or_else(|| call.unknown())?;
                // SAFETY: the state is there until this environment closes the library. No other call runs meanwhile,
                // so that this is the only reference (both by this function's contract).
                function(unsafe { self.slot.get()?.as_mut() }, call)
            }
            Functions::Shared(operations) => {
                let function = operations.get(number).ok_or_else(|| call.unknown())?;
                // SAFETY: the state is there until this environment closes the library (this function's contract). The
                // references of several threads are shared ones, and `S` is Sync (`Definition::shared`).
                function(unsafe { self.slot.get()?.as_ref() }, call)
            }
        }
    }

    /// `exchange_stream`.
    ///
    /// # Safety
    /// As for [`Definition::perform`], with `sink` for `call`.
    pub unsafe fn stream(&self, sink: *const RawSink) -> i64 {
        // SAFETY: valid and not written to until this returns (this function's contract), which the reference does not
        // outlive.
        let raw = unsafe { &*sink };
        // SAFETY: as above; it is the only one.
        let mut sink = unsafe { Sink::new(raw, self.names) };
        let control = sink.control();
        // SAFETY: the environment has the library open, and no other call runs where one excludes it (this function's
        // contract).
        let run = || unsafe { self.run_stream(&mut sink) };
        // As in `perform`.
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
            // SAFETY: this function's contract, and the function has been left.
            unsafe { self.recover() };
            Err(Error::panicked(&words_of(payload)))
        });
        Sink::finish(control, result)
    }

    /// # Safety
    /// As for [`Definition::perform`].
    unsafe fn run_stream(&self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let none = || Error::new("the library does not stream");
        match &self.functions {
            Functions::Stateless(operations) => operations.stream.ok_or_else(none)?(sink),
            Functions::Exclusive(operations) => {
                let function = operations.stream.ok_or_else(none)?;
                // SAFETY: as in `run`.
                function(unsafe { self.slot.get()?.as_mut() }, sink)
            }
            Functions::Shared(operations) => {
                let function = operations.stream.ok_or_else(none)?;
                // SAFETY: as in `run`.
                function(unsafe { self.slot.get()?.as_ref() }, sink)
            }
        }
    }

    /// After a panic. A state that a method had to itself may be half changed: it is dropped, and the next call opens a
    /// new one. One that is shared may be in use by other calls; what is to guard it against a panic is in it, as Mutex
    /// does by its poison.
    ///
    /// # Safety
    /// As for [`Definition::perform`], and the call does not use the state any more.
    #[cold]
    unsafe fn recover(&self) {
        if let Functions::Exclusive(_) = self.functions {
            // SAFETY: no other call uses the state (this function's contract).
            unsafe { self.slot.discard() };
        }
    }

    /// `exchange_flags`.
    pub const fn flags(&self) -> u32 {
        if self.concurrent { CONCURRENT } else { 0 }
    }

    /// `exchange_open`. It never refuses: see [`Slot`].
    pub fn open(&self) -> i64 {
        self.slot.enter();
        0
    }

    /// `exchange_close`.
    ///
    /// # Safety
    /// The environment has opened the library, and none of its calls is running.
    pub unsafe fn close(&self) {
        // SAFETY: it has opened the library, and none of its calls uses the state (this function's contract).
        unsafe { self.slot.leave() };
    }
}

/// Checks the names of operations against the limits of the header when a library is compiled.
pub const fn check_names(names: &[&str]) {
    let mut all = 0;
    let mut index = 0;
    while index < names.len() {
        let name = names[index].as_bytes();
        assert!(!name.is_empty(), "an operation has a name");
        assert!(name.len() <= 255, "the name of an operation has at most 255 bytes");
        let mut at = 0;
        while at < name.len() {
            assert!(
                name[at] != b'\n' && name[at] != 0,
                "the name of an operation is one line"
            );
            at += 1;
        }
        let mut earlier = 0;
        while earlier < index {
            assert!(
                !is_equal(names[earlier].as_bytes(), name),
                "two operations have the same name"
            );
            earlier += 1;
        }
        all += name.len() + 1;
        index += 1;
    }
    assert!(all <= 32 << 10, "the names of all operations have at most 32 KiB");
}

const fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}
