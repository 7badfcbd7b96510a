//! What is used of libuv.
//!
//! Node.js's own ways back to the thread of an environment (asynchronous work, thread-safe functions) assert that the
//! current context is the environment's. In a renderer of Electron before 44 it may not be: all its pages share one event
//! loop, and Node.js runs that, in the context of the page that goes, whenever one of them goes. What comes back for
//! another page meanwhile ends the process. libuv's callbacks assert nothing, so that it can be asked first
//! ([`OwnLoop`](crate::env::own_loop::OwnLoop)).

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::{c_int, c_uint, c_void};
use std::sync::OnceLock;

use napi::sys;

/// What memory is for: a handle, by libuv's `uv_handle_type`, or a request, by its `uv_req_type`.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Async,
    Timer,
    Work,
}

pub(crate) type Handle = *mut c_void;
pub(crate) type HandleCallback = unsafe extern "C" fn(Handle);
pub(crate) type Request = *mut c_void;
pub(crate) type Execute = unsafe extern "C" fn(Request);
pub(crate) type Returned = unsafe extern "C" fn(Request, c_int);
pub(crate) type Loop = *mut sys::uv_loop_s;

/// Functions of libuv, which Node.js and Electron export to their addons.
pub(crate) struct Uv {
    handle_size: unsafe extern "C" fn(c_uint) -> usize,
    req_size: unsafe extern "C" fn(c_uint) -> usize,
    pub(crate) handle_set_data: unsafe extern "C" fn(Handle, *mut c_void),
    pub(crate) handle_get_data: unsafe extern "C" fn(Handle) -> *mut c_void,
    pub(crate) req_set_data: unsafe extern "C" fn(Request, *mut c_void),
    pub(crate) req_get_data: unsafe extern "C" fn(Request) -> *mut c_void,
    pub(crate) async_init: unsafe extern "C" fn(Loop, Handle, HandleCallback) -> c_int,
    pub(crate) async_send: unsafe extern "C" fn(Handle) -> c_int,
    pub(crate) timer_init: unsafe extern "C" fn(Loop, Handle) -> c_int,
    pub(crate) timer_start: unsafe extern "C" fn(Handle, HandleCallback, u64, u64) -> c_int,
    pub(crate) timer_stop: unsafe extern "C" fn(Handle) -> c_int,
    pub(crate) queue_work: unsafe extern "C" fn(Loop, Request, Execute, Returned) -> c_int,
    pub(crate) cancel: unsafe extern "C" fn(Request) -> c_int,
    pub(crate) reference: unsafe extern "C" fn(Handle),
    pub(crate) unreference: unsafe extern "C" fn(Handle),
    pub(crate) close: unsafe extern "C" fn(Handle, HandleCallback),
}

impl Uv {
    /// Looked up in the process, because on Windows that cannot be left to the linker. `None` in a runtime that does not
    /// export it.
    pub(crate) fn get() -> Option<&'static Self> {
        static UV: OnceLock<Option<Uv>> = OnceLock::new();
        UV.get_or_init(Self::find).as_ref()
    }

    fn find() -> Option<Self> {
        #[cfg(unix)]
        let process = libloading::os::unix::Library::this();
        #[cfg(windows)]
        let process = libloading::os::windows::Library::this().ok()?;
        // SAFETY: these are the signatures of uv.h, unchanged in all of libuv 1; the process is never unloaded.
        unsafe {
            Some(Self {
                handle_size: *process.get(c"uv_handle_size").ok()?,
                req_size: *process.get(c"uv_req_size").ok()?,
                handle_set_data: *process.get(c"uv_handle_set_data").ok()?,
                handle_get_data: *process.get(c"uv_handle_get_data").ok()?,
                req_set_data: *process.get(c"uv_req_set_data").ok()?,
                req_get_data: *process.get(c"uv_req_get_data").ok()?,
                async_init: *process.get(c"uv_async_init").ok()?,
                async_send: *process.get(c"uv_async_send").ok()?,
                timer_init: *process.get(c"uv_timer_init").ok()?,
                timer_start: *process.get(c"uv_timer_start").ok()?,
                timer_stop: *process.get(c"uv_timer_stop").ok()?,
                queue_work: *process.get(c"uv_queue_work").ok()?,
                cancel: *process.get(c"uv_cancel").ok()?,
                reference: *process.get(c"uv_ref").ok()?,
                unreference: *process.get(c"uv_unref").ok()?,
                close: *process.get(c"uv_close").ok()?,
            })
        }
    }

    /// Memory for a handle or a request of this kind.
    pub(crate) fn allocate(&self, kind: Kind) -> *mut c_void {
        let layout = self.layout(kind);
        // SAFETY: the layout has a size.
        let memory = unsafe { alloc_zeroed(layout) };
        if memory.is_null() {
            handle_alloc_error(layout)
        }
        memory.cast()
    }

    /// # Safety
    /// The memory was allocated here, for this kind, and libuv has done with it.
    pub(crate) unsafe fn free(&self, kind: Kind, memory: *mut c_void) {
        // SAFETY: allocated with this layout, and used by nobody any more (this function's contract).
        unsafe { dealloc(memory.cast(), self.layout(kind)) };
    }

    fn layout(&self, kind: Kind) -> Layout {
        /// More than any of them has, and enough to give the layout a size whatever libuv says.
        const ALIGN: usize = 16;
        // SAFETY: the functions only look the size up. The numbers are UV_ASYNC, UV_TIMER and UV_WORK of uv.h.
        let size = unsafe {
            match kind {
                Kind::Async => (self.handle_size)(1),
                Kind::Timer => (self.handle_size)(13),
                Kind::Work => (self.req_size)(7),
            }
        };
        Layout::from_size_align(size.clamp(ALIGN, 1 << 16), ALIGN).unwrap_or(Layout::new::<u128>())
    }
}
