//! The way from the libraries' threads to an environment's event loop: a list of calls that have ended, and the loop's
//! async handle, which any thread can wake.
//!
//! Over libuv by hand, because Node-API's own ways (thread-safe functions, asynchronous work) assert that the current
//! context is the environment's. In a renderer of Electron before 44 it may not be: all pages share one event loop, and
//! Node.js runs that in the context of any page that it tears down. A completion that came for another page then would
//! end the process. libuv's callback asserts nothing, so that the context can be looked at first
//! ([`OwnLoop`](crate::env::own_loop::OwnLoop)).

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::{c_int, c_uint, c_void};
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use inplace_exchange_host::{Call, CompletionSink};
use napi::sys;

use crate::js::scope::Scope;

type Handle = NonNull<c_void>;
type RawHandle = *mut c_void;
type HandleCallback = unsafe extern "C" fn(RawHandle);
type Loop = *mut sys::uv_loop_s;

/// `UV_ASYNC` of uv.h's `uv_handle_type`.
const UV_ASYNC: c_uint = 1;

/// No field of a handle has a stricter alignment.
const ALIGN: usize = 16;

/// Functions of libuv, which Node.js and Electron export to their addons. The signatures are those of uv.h, unchanged in
/// all of libuv 1.
struct Uv {
    /// Of an async handle's memory.
    layout: Layout,
    handle_set_data: unsafe extern "C" fn(RawHandle, *mut c_void),
    handle_get_data: unsafe extern "C" fn(RawHandle) -> *mut c_void,
    async_init: unsafe extern "C" fn(Loop, RawHandle, HandleCallback) -> c_int,
    async_send: unsafe extern "C" fn(RawHandle) -> c_int,
    reference: unsafe extern "C" fn(RawHandle),
    unreference: unsafe extern "C" fn(RawHandle),
    close: unsafe extern "C" fn(RawHandle, HandleCallback),
}

impl Uv {
    /// Looked up in the process, because on Windows that cannot be left to the linker. `None` in a runtime that does not
    /// export it.
    fn get() -> Option<&'static Self> {
        static UV: OnceLock<Option<Uv>> = OnceLock::new();
        UV.get_or_init(Self::find).as_ref()
    }

    fn find() -> Option<Self> {
        #[cfg(unix)]
        let process = libloading::os::unix::Library::this();
        #[cfg(windows)]
        let process = libloading::os::windows::Library::this().ok()?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the field has the signature that uv.h gives this function, and the process is never unloaded.
                *unsafe { process.get($name) }.ok()?
            };
        }
        let handle_size: unsafe extern "C" fn(c_uint) -> usize = function!(c"uv_handle_size");
        // SAFETY: the function takes any number of a handle type, and looks its size up.
        let size = unsafe { handle_size(UV_ASYNC) };
        Some(Self {
            layout: Layout::from_size_align(size.max(ALIGN), ALIGN).ok()?,
            handle_set_data: function!(c"uv_handle_set_data"),
            handle_get_data: function!(c"uv_handle_get_data"),
            async_init: function!(c"uv_async_init"),
            async_send: function!(c"uv_async_send"),
            reference: function!(c"uv_ref"),
            unreference: function!(c"uv_unref"),
            close: function!(c"uv_close"),
        })
    }

    fn allocate(&self) -> Handle {
        // SAFETY: the layout's size is not 0.
        let memory = unsafe { alloc_zeroed(self.layout) };
        NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(self.layout))
    }

    /// # Safety
    /// The handle was [allocated](Self::allocate), and libuv has done with it.
    unsafe fn free(&self, handle: RawHandle) {
        // SAFETY: allocated with this layout, and not used any more (this function's contract).
        unsafe { dealloc(handle.cast(), self.layout) };
    }
}

/// What the event loop calls when it was woken.
pub(crate) trait OnWake {
    /// On the environment's thread, in whatever context the loop works for. Wake-ups that come close together are one.
    fn woken(scope: Scope<'_>);
}

/// The async handle of an environment: open as long as this is in its [`CompletionQueue`].
struct Waker {
    uv: &'static Uv,
    handle: Handle,
}

// SAFETY: libuv lets any thread send to an open async handle. What else is done with it is done by methods of `LoopHandle`,
// which stays on the environment's thread.
unsafe impl Send for Waker {}

impl Waker {
    fn wake(&self) {
        // SAFETY: the handle is open (this type's invariant), and any thread may do this.
        unsafe { (self.uv.async_send)(self.handle.as_ptr()) };
    }
}

/// Where the libraries' threads leave the calls that have ended.
pub(crate) struct CompletionQueue(Mutex<Option<Inner>>);

struct Inner {
    ended: Vec<Arc<dyn Call>>,
    waker: Waker,
}

impl CompletionQueue {
    /// `None` once the environment has ended. The handle is not closed while this is locked.
    fn lock(&self) -> MutexGuard<'_, Option<Inner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CompletionSink for CompletionQueue {
    fn push(&self, call: Arc<dyn Call>) {
        if let Some(inner) = self.lock().as_mut() {
            inner.ended.push(call);
            inner.waker.wake(); // libuv makes one wake-up of several
        }
    }
}

/// An environment's handle on its event loop, for use on its thread.
pub(crate) struct LoopHandle {
    completions: Arc<CompletionQueue>,
    /// Of the environment's thread.
    not_send: std::marker::PhantomData<*mut ()>,
}

impl LoopHandle {
    /// Opens the async handle, which does not keep the loop alive. `None` in a runtime that does not let its addons use
    /// libuv. It is closed in the environment's cleanup hook, or when this is dropped.
    pub(crate) fn open<W: OnWake>(scope: Scope<'_>) -> Option<Self> {
        let uv = Uv::get()?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: env is live (the scope), and event_loop is a place for the answer.
        let status = unsafe { sys::napi_get_uv_event_loop(scope.raw(), &mut event_loop) };
        if status != sys::Status::napi_ok {
            return None;
        }
        let handle = uv.allocate();
        // SAFETY: this is the loop's thread, and the handle is memory of the size that libuv asks for.
        let status = unsafe { (uv.async_init)(event_loop, handle.as_ptr(), on_wake::<W>) };
        if status != 0 {
            // SAFETY: allocated above, and not in the loop: libuv has refused it.
            unsafe { uv.free(handle.as_ptr()) };
            return None;
        }
        // SAFETY: the handle is open, and this is the loop's thread. The data is what `on_wake` takes it for.
        unsafe { (uv.handle_set_data)(handle.as_ptr(), scope.raw().cast()) };
        // SAFETY: as above.
        unsafe { (uv.unreference)(handle.as_ptr()) };
        let inner = Inner {
            ended: Vec::new(),
            waker: Waker { uv, handle },
        };
        Some(Self {
            completions: Arc::new(CompletionQueue(Mutex::new(Some(inner)))),
            not_send: std::marker::PhantomData,
        })
    }

    /// For the calls of this environment.
    pub(crate) fn completions(&self) -> Arc<CompletionQueue> {
        Arc::clone(&self.completions)
    }

    /// Has the loop go round once more.
    pub(crate) fn wake(&self) {
        if let Some(inner) = &*self.completions.lock() {
            inner.waker.wake();
        }
    }

    /// Has the event loop wait for this environment, or not.
    pub(crate) fn keep_alive(&self, alive: bool) {
        if let Some(Inner { waker, .. }) = &*self.completions.lock() {
            let change = if alive {
                waker.uv.reference
            } else {
                waker.uv.unreference
            };
            // SAFETY: the handle is open (Waker's invariant), and this is the loop's thread.
            unsafe { change(waker.handle.as_ptr()) };
        }
    }

    /// The calls that have ended since this was last asked.
    pub(crate) fn take(&self) -> Vec<Arc<dyn Call>> {
        self.completions
            .lock()
            .as_mut()
            .map(|inner| std::mem::take(&mut inner.ended))
            .unwrap_or_default()
    }

    /// Puts back calls that could not be settled, because the current context is another environment's, and wakes the loop
    /// if there are any.
    pub(crate) fn requeue(&self, calls: Vec<Arc<dyn Call>>) {
        if let Some(inner) = self.completions.lock().as_mut() {
            inner.ended.splice(0..0, calls);
            if !inner.ended.is_empty() {
                inner.waker.wake();
            }
        }
    }

    /// Closes the handle. From here on no thread wakes the loop, and no completion is taken.
    pub(crate) fn close(&self) {
        if let Some(Inner { waker, .. }) = self.completions.lock().take() {
            // SAFETY: the handle is open, this is the loop's thread, and no other thread can reach the handle any more.
            unsafe { (waker.uv.close)(waker.handle.as_ptr(), on_closed) };
        }
    }
}

impl Drop for LoopHandle {
    fn drop(&mut self) {
        self.close();
    }
}

/// # Safety
/// Called by libuv on the loop's thread, with an open handle of [`LoopHandle::open`].
unsafe extern "C" fn on_wake<W: OnWake>(handle: RawHandle) {
    let Some(uv) = Uv::get() else { return };
    // SAFETY: the handle is open (this function's contract), and its data was set before anything could wake it.
    let env = unsafe { (uv.handle_get_data)(handle) };
    // SAFETY: the handle's environment is live, as the handle is closed by the environment's cleanup hook at the latest, and
    // this is its thread. `woken` makes no values but in the scope that it is given.
    unsafe { Scope::open(env.cast(), |scope| W::woken(scope)) };
}

/// # Safety
/// Called by libuv, once, when it has done with the handle.
unsafe extern "C" fn on_closed(handle: RawHandle) {
    if let Some(uv) = Uv::get() {
        // SAFETY: allocated for the environment's loop, and libuv has done with it.
        unsafe { uv.free(handle) };
    }
}
