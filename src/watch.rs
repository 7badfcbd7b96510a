//! Notices that an environment is ending while native work holds up its end.
//!
//! Node.js waits for work on the thread pool before it tells an addon that the environment ends, and a terminated worker
//! gets no 'exit' event either: nobody would ask a running call to stop. While Node.js waits it runs the event loop, so
//! two handles of the loop's own (libuv) still work: one that is called whenever the loop is about to wait, and costs
//! nothing else; and a timer, which asks again a library that has not stopped.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ffi::{c_int, c_uint, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::OnceLock;

use napi::sys;

/// How often a library is asked again.
const REMIND_MS: u64 = 25;

/// `UV_PREPARE` and `UV_TIMER` of libuv's `uv_handle_type`.
const PREPARE: c_uint = 9;
const TIMER: c_uint = 13;

type Handle = *mut c_void;
type Callback = unsafe extern "C" fn(Handle);

/// What is used of libuv. Node.js and Electron export it to their addons.
struct Uv {
    handle_size: unsafe extern "C" fn(c_uint) -> usize,
    handle_set_data: unsafe extern "C" fn(Handle, *mut c_void),
    handle_get_data: unsafe extern "C" fn(Handle) -> *mut c_void,
    prepare_init: unsafe extern "C" fn(*mut sys::uv_loop_s, Handle) -> c_int,
    prepare_start: unsafe extern "C" fn(Handle, Callback) -> c_int,
    prepare_stop: unsafe extern "C" fn(Handle) -> c_int,
    timer_init: unsafe extern "C" fn(*mut sys::uv_loop_s, Handle) -> c_int,
    timer_start: unsafe extern "C" fn(Handle, Callback, u64, u64) -> c_int,
    timer_stop: unsafe extern "C" fn(Handle) -> c_int,
    unref: unsafe extern "C" fn(Handle),
    close: unsafe extern "C" fn(Handle, Callback),
}

impl Uv {
    /// Looked up in the process, because on Windows that cannot be left to the linker. Nothing, in a runtime that does
    /// not export it: a library is then waited for where it would be asked to stop.
    fn get() -> Option<&'static Self> {
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
                handle_set_data: *process.get(c"uv_handle_set_data").ok()?,
                handle_get_data: *process.get(c"uv_handle_get_data").ok()?,
                prepare_init: *process.get(c"uv_prepare_init").ok()?,
                prepare_start: *process.get(c"uv_prepare_start").ok()?,
                prepare_stop: *process.get(c"uv_prepare_stop").ok()?,
                timer_init: *process.get(c"uv_timer_init").ok()?,
                timer_start: *process.get(c"uv_timer_start").ok()?,
                timer_stop: *process.get(c"uv_timer_stop").ok()?,
                unref: *process.get(c"uv_unref").ok()?,
                close: *process.get(c"uv_close").ok()?,
            })
        }
    }

    /// Memory for a handle of this kind.
    fn allocate(&self, kind: c_uint) -> Handle {
        let layout = self.layout(kind);
        // SAFETY: the layout has a size.
        let handle = unsafe { alloc_zeroed(layout) };
        if handle.is_null() {
            handle_alloc_error(layout)
        }
        handle.cast()
    }

    /// # Safety
    /// The handle was allocated here, for this kind, and libuv has done with it.
    unsafe fn free(&self, kind: c_uint, handle: Handle) {
        // SAFETY: the caller's.
        unsafe { dealloc(handle.cast(), self.layout(kind)) };
    }

    fn layout(&self, kind: c_uint) -> Layout {
        /// More than any handle has, and enough to give the layout a size whatever libuv says.
        const ALIGN: usize = 16;
        // SAFETY: the function only looks the size up.
        let size = unsafe { (self.handle_size)(kind) }.clamp(ALIGN, 1 << 16);
        Layout::from_size_align(size, ALIGN).unwrap_or(Layout::new::<u128>())
    }
}

/// Watches over an environment while it has calls. It keeps nothing alive.
pub(crate) struct Watch {
    uv: &'static Uv,
    prepare: Handle,
    timer: Handle,
    watching: Cell<bool>,
    reminding: Cell<bool>,
    before_waiting: fn(sys::napi_env),
    remind: fn(sys::napi_env),
    env: sys::napi_env,
    /// That of the cleanup that closes this.
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
}

impl Watch {
    /// A watch that is at rest. It calls `before_waiting` when the event loop is about to wait, and from time to time
    /// `remind`, once that was asked for.
    ///
    /// # Safety
    /// `env` is live and on its own thread, as it is in every use of the watch, until [`close`](Self::close).
    pub(crate) unsafe fn new(
        env: sys::napi_env,
        before_waiting: fn(sys::napi_env),
        remind: fn(sys::napi_env),
    ) -> Option<Rc<Self>> {
        let uv = Uv::get()?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: env is live and event_loop is a place for the answer.
        if unsafe { sys::napi_get_uv_event_loop(env, &mut event_loop) } != sys::Status::napi_ok {
            return None;
        }
        let watch = Rc::new(Self {
            uv,
            prepare: uv.allocate(PREPARE),
            timer: uv.allocate(TIMER),
            watching: Cell::new(false),
            reminding: Cell::new(false),
            before_waiting,
            remind,
            env,
            hook: Cell::new(ptr::null_mut()),
        });
        // SAFETY: this is the loop's thread, and the handles are memory of the sizes that libuv asks for. Their data is a
        // reference of its own to the watch, given back when both are closed.
        unsafe {
            let data = Rc::into_raw(Rc::clone(&watch)).cast_mut().cast();
            (uv.prepare_init)(event_loop, watch.prepare);
            (uv.timer_init)(event_loop, watch.timer);
            for handle in [watch.prepare, watch.timer] {
                (uv.handle_set_data)(handle, data);
                (uv.unref)(handle);
            }
        }
        Some(watch)
    }

    /// The watch of a handle that libuv calls back for.
    ///
    /// # Safety
    /// The handle is one of a watch, and is not closed.
    unsafe fn of<'watch>(handle: Handle) -> Option<&'watch Self> {
        // SAFETY: the data of an open handle is its watch, of which it has a reference.
        Uv::get().map(|uv| unsafe { &*(uv.handle_get_data)(handle).cast::<Self>() })
    }

    pub(crate) fn start(&self) {
        unsafe extern "C" fn called(handle: Handle) {
            // SAFETY: libuv calls this for an open handle, on its own thread.
            if let Some(watch) = unsafe { Watch::of(handle) } {
                (watch.before_waiting)(watch.env);
            }
        }

        if !self.watching.replace(true) {
            // SAFETY: this is the loop's thread, and the handle is open.
            unsafe { (self.uv.prepare_start)(self.prepare, called) };
        }
    }

    /// Has `remind` called from time to time, until the watch rests. Answers whether that is new.
    pub(crate) fn start_reminding(&self) -> bool {
        unsafe extern "C" fn called(handle: Handle) {
            // SAFETY: libuv calls this for an open handle, on its own thread.
            if let Some(watch) = unsafe { Watch::of(handle) } {
                (watch.remind)(watch.env);
            }
        }

        let new = !self.reminding.replace(true);
        if new {
            // SAFETY: this is the loop's thread, and the handle is open.
            unsafe { (self.uv.timer_start)(self.timer, called, REMIND_MS, REMIND_MS) };
        }
        new
    }

    pub(crate) fn rest(&self) {
        // SAFETY: this is the loop's thread, and the handles are open.
        unsafe {
            if self.watching.replace(false) {
                (self.uv.prepare_stop)(self.prepare);
            }
            if self.reminding.replace(false) {
                (self.uv.timer_stop)(self.timer);
            }
        }
    }

    /// Gives the handles back to the loop, one after the other, and then the hook to the environment, which waits for
    /// that.
    ///
    /// # Safety
    /// The hook is that of the cleanup that is going on, and the watch is not used after this.
    pub(crate) unsafe fn close(&self, hook: sys::napi_async_cleanup_hook_handle) {
        unsafe extern "C" fn prepare_closed(handle: Handle) {
            // SAFETY: the handle's data is still the watch; the timer is open.
            if let Some(watch) = unsafe { Watch::of(handle) } {
                // SAFETY: as above.
                unsafe { (watch.uv.close)(watch.timer, timer_closed) };
            }
        }

        unsafe extern "C" fn timer_closed(handle: Handle) {
            if let Some(uv) = Uv::get() {
                // SAFETY: libuv has done with both handles. The reference that they had is given back here, once, and so
                // is the hook.
                unsafe {
                    let watch = Rc::from_raw((uv.handle_get_data)(handle).cast::<Watch>());
                    uv.free(PREPARE, watch.prepare);
                    uv.free(TIMER, watch.timer);
                    sys::napi_remove_async_cleanup_hook(watch.hook.get());
                }
            }
        }

        self.rest();
        self.hook.set(hook);
        // SAFETY: this is the loop's thread, and the handle is open.
        unsafe { (self.uv.close)(self.prepare, prepare_closed) };
    }
}
