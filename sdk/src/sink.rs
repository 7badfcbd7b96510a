//! What a function that streams gets: where its messages go, and what the caller says.

use crate::abi::RawSink;
use crate::control::StreamControl;
use crate::error::Error;
use crate::message::Message;

/// Where a library that makes the messages of a stream by itself puts them: the argument of `stream` in
/// [`library!`](crate::library).
///
/// The function is called once for each stream, and returns when [`next`](Self::next) gives `None`, or when there is no more.
/// It is for an engine that calls the library, from a thread of its own. A library that waits for its device in the call
/// needs none: a page streams from its ordinary function.
///
/// ```
/// use inplace_exchange_sdk::zerocopy::byteorder::little_endian::U32;
/// use inplace_exchange_sdk::{Call, Error, Sink, library};
///
/// /// An engine that calls back from its own thread, until that says no.
/// fn measure(mut each: impl FnMut(u32) -> bool + Send) {
///     std::thread::scope(|scope| {
///         scope.spawn(|| (1..).take_while(|value| each(*value)).for_each(drop));
///     });
/// }
///
/// fn stream(sink: &mut Sink) -> Result<(), Error> {
///     let mut result = Ok(());
///     measure(|value| {
///         let Some(mut message) = sink.next() else { return false };
///         result = message.write(0, &U32::new(value)).and_then(|()| message.send(4));
///         result.is_ok()
///     });
///     result
/// }
///
/// library! { stream: stream }
///
/// // In a test, without Electron:
/// use inplace_exchange_sdk::testing::{Host, StreamRequest};
///
/// let request = StreamRequest { capacity: 64, messages: 2, ..StreamRequest::default() };
/// let outcome = Host::of(&LIBRARY).stream(request);
/// assert_eq!(outcome.result, Ok(()));
/// assert_eq!(outcome.messages, [[1, 0, 0, 0], [2, 0, 0, 0]]);
/// ```
///
/// # What the compiler refuses
///
/// The sink, its input and its messages end with the function. A callback that may outlive it, as some crates ask for, sends
/// what it has through a channel, and the function puts that into messages:
///
/// ```compile_fail,E0521
/// # use inplace_exchange_sdk::{Error, Sink};
/// fn leaks(sink: &mut Sink) -> Result<(), Error> {
///     std::thread::spawn(move || while sink.next().is_some() {});
///     Ok(())
/// }
/// ```
///
/// ```compile_fail,E0521
/// # use inplace_exchange_sdk::{Error, Sink};
/// static LAST: std::sync::Mutex<&[u8]> = std::sync::Mutex::new(&[]);
/// fn keeps(sink: &mut Sink) -> Result<(), Error> {
///     *LAST.lock().unwrap() = sink.input();
///     Ok(())
/// }
/// ```
///
/// There is one message at a time, on one thread at a time, and it is sent once:
///
/// ```compile_fail,E0499
/// # use inplace_exchange_sdk::{Error, Sink};
/// fn two(sink: &mut Sink) -> Result<(), Error> {
///     let (first, second) = (sink.next(), sink.next());
///     first.ok_or("the end")?.send(1)
/// }
/// ```
///
/// ```compile_fail,E0499
/// # use inplace_exchange_sdk::{Error, Sink};
/// fn both(sink: &mut Sink) -> Result<(), Error> {
///     std::thread::scope(|scope| {
///         scope.spawn(|| while sink.next().is_some() {});
///         scope.spawn(|| while sink.next().is_some() {});
///     });
///     Ok(())
/// }
/// ```
///
/// ```compile_fail,E0382
/// # use inplace_exchange_sdk::{Error, Sink};
/// fn twice(sink: &mut Sink) -> Result<(), Error> {
///     let message = sink.next().ok_or("the end")?;
///     message.send(1)?;
///     message.send(1)
/// }
/// ```
pub struct Sink<'call> {
    control: StreamControl<'call>,
    input: &'call [u8],
    operation: usize,
    names: &'static [&'static str],
}

impl<'call> Sink<'call> {
    /// # Safety
    /// During `'call` the struct is that of a call of `exchange_stream` that has not returned, and keeps the contract of
    /// `exchange.h`; and this is the only `Sink` of it.
    pub(crate) unsafe fn new(raw: &'call RawSink, names: &'static [&'static str]) -> Self {
        debug_assert!(raw.size >= size_of::<RawSink>(), "a struct of version 1");
        let input = match raw.input_length {
            0 => &[], // the pointer may be null then
            // SAFETY: by the header these bytes are there, and nobody changes them, for as long as the call runs.
            length => unsafe { std::slice::from_raw_parts(raw.input, length) },
        };
        Self {
            // SAFETY: the call has not returned during 'call (this function's contract).
            control: unsafe { StreamControl::new(raw) },
            input,
            operation: raw.operation as usize,
            names,
        }
    }

    /// The caller's input. It comes from a JavaScript program: it is not to be trusted.
    pub fn input(&self) -> &'call [u8] {
        self.input
    }

    /// The name of the operation that the caller asks for; `None` if it named none.
    pub fn operation(&self) -> Option<&'static str> {
        self.names.get(self.operation.checked_sub(1)?).copied()
    }

    /// How many bytes a message may have.
    pub fn capacity(&self) -> usize {
        self.control.capacity()
    }

    /// As [`StreamControl::cancelled`].
    #[inline]
    pub fn cancelled(&self) -> bool {
        self.control.cancelled()
    }

    /// Asks whether the stream is to end, while another thread has the sink.
    pub fn control(&self) -> StreamControl<'call> {
        self.control
    }

    /// The next message, once there is a free slot. `None` when the stream is to end.
    #[expect(
        clippy::should_implement_trait,
        reason = "what it gives borrows the sink, which no iterator can"
    )]
    #[inline]
    pub fn next(&mut self) -> Option<Message<'_>> {
        self.acquire(true)
    }

    /// The next message, if there is a free slot now: `None` too while the reader is slow. It does not wait, and makes no
    /// system call, so that a driver's callback may use it.
    #[inline]
    pub fn try_next(&mut self) -> Option<Message<'_>> {
        self.acquire(false)
    }

    #[inline]
    fn acquire(&mut self, wait: bool) -> Option<Message<'_>> {
        // SAFETY: this is the only sink (new's contract), and is borrowed exclusively: so no message of it is in use, and no
        // other thread is in `acquire` or `commit`.
        let start = unsafe { self.control.acquire(wait) }?;
        // SAFETY: it was returned just now, and the message borrows the sink exclusively. By the header the memory is the
        // library's; other threads of the page may write to it if it is shared, and then it belongs to V8.
        Some(unsafe { Message::new(self.control, start) })
    }

    /// Ends the call: what `exchange_stream` returns.
    pub(crate) fn finish(control: StreamControl<'_>, result: Result<(), Error>) -> i64 {
        let Err(error) = result else { return 0 };
        control.message(&error.to_string());
        // As if there were any number of bytes: here a positive number would be a stream that has come to its end.
        error.return_value(usize::MAX)
    }
}
