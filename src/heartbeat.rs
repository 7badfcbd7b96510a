//! Notices that an environment is ending while native work holds up its end.
//!
//! Node.js waits for work on the thread pool before it tells an addon that the environment ends, and a terminated worker
//! gets no 'exit' event either: nobody would ask a running call to stop. While Node.js waits it runs the event loop, so
//! a timer of the loop's own (libuv) still beats. The same beat asks again a library that has not stopped.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ffi::{c_int, c_uint, c_void};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::OnceLock;

use napi::sys;

/// How often it beats while there are calls.
const PERIOD_MS: u64 = 25;

/// `UV_TIMER` of libuv's `uv_handle_type`.
const TIMER: c_uint = 13;

type Handle = *mut c_void;
type Callback = unsafe extern "C" fn(Handle);

/// What is used of libuv. Node.js and Electron export it to their addons.
struct Uv {
    handle_size: unsafe extern "C" fn(c_uint) -> usize,
    handle_set_data: unsafe extern "C" fn(Handle, *mut c_void),
    handle_get_data: unsafe extern "C" fn(Handle) -> *mut c_void,
    timer_init: unsafe extern "C" fn(*mut sys::uv_loop_s, Handle) -> c_int,
    timer_start: unsafe extern "C" fn(Handle, Callback, u64, u64) -> c_int,
    timer_stop: unsafe extern "C" fn(Handle) -> c_int,
    unref: unsafe extern "C" fn(Handle),
    close: unsafe extern "C" fn(Handle, Callback),
}

impl Uv {
    /// Looked up in the process, because Windows has no way to leave it to the linker. Nothing, in a runtime that does
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
                timer_init: *process.get(c"uv_timer_init").ok()?,
                timer_start: *process.get(c"uv_timer_start").ok()?,
                timer_stop: *process.get(c"uv_timer_stop").ok()?,
                unref: *process.get(c"uv_unref").ok()?,
                close: *process.get(c"uv_close").ok()?,
            })
        }
    }
}

/// A timer of an environment's event loop, which keeps nothing alive.
pub(crate) struct Heartbeat {
    uv: &'static Uv,
    timer: NonNull<c_void>,
    beating: Cell<bool>,
    on_beat: Box<dyn Fn()>,
}

impl Heartbeat {
    /// A heartbeat that is at rest. It is kept until [`close`](Self::close), because the timer points at it.
    ///
    /// # Safety
    /// `env` is live and on its own thread, as it is in every use of the heartbeat.
    pub(crate) unsafe fn new(env: sys::napi_env, on_beat: impl Fn() + 'static) -> Option<Rc<Self>> {
        let uv = Uv::get()?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: env is live and event_loop is a place for the answer.
        if unsafe { sys::napi_get_uv_event_loop(env, &mut event_loop) } != sys::Status::napi_ok {
            return None;
        }
        let layout = layout(uv)?;
        // SAFETY: the layout has a size.
        let Some(timer) = NonNull::new(unsafe { alloc_zeroed(layout) }.cast::<c_void>()) else {
            handle_alloc_error(layout)
        };
        let heartbeat = Rc::new(Self {
            uv,
            timer,
            beating: Cell::new(false),
            on_beat: Box::new(on_beat),
        });
        // SAFETY: this is the loop's thread, and timer is memory of the size that libuv asks for. The data is read while
        // the timer runs, which ends before the heartbeat does.
        unsafe {
            (uv.timer_init)(event_loop, timer.as_ptr());
            (uv.handle_set_data)(timer.as_ptr(), Rc::as_ptr(&heartbeat).cast_mut().cast());
            (uv.unref)(timer.as_ptr());
        }
        Some(heartbeat)
    }

    pub(crate) fn start(&self) {
        unsafe extern "C" fn beat(timer: Handle) {
            if let Some(uv) = Uv::get() {
                // SAFETY: the timer runs, so its heartbeat is alive; this is its thread.
                let heartbeat = unsafe { &*(uv.handle_get_data)(timer).cast::<Heartbeat>() };
                (heartbeat.on_beat)();
            }
        }

        if !self.beating.replace(true) {
            // SAFETY: this is the loop's thread, and the timer is initialised and not closed.
            unsafe { (self.uv.timer_start)(self.timer.as_ptr(), beat, PERIOD_MS, PERIOD_MS) };
        }
    }

    pub(crate) fn rest(&self) {
        if self.beating.replace(false) {
            // SAFETY: as in `start`.
            unsafe { (self.uv.timer_stop)(self.timer.as_ptr()) };
        }
    }

    /// Gives the timer back to the loop, and then the hook to the environment, which waits for that.
    ///
    /// # Safety
    /// The hook is that of the cleanup that is going on. The heartbeat is not used after this.
    pub(crate) unsafe fn close(&self, hook: sys::napi_async_cleanup_hook_handle) {
        unsafe extern "C" fn closed(timer: Handle) {
            if let Some(uv) = Uv::get()
                && let Some(layout) = layout(uv)
            {
                // SAFETY: the data is the hook, since `close`, and is given back once. The timer was allocated with
                // this layout, and libuv has done with it.
                unsafe {
                    sys::napi_remove_async_cleanup_hook((uv.handle_get_data)(timer).cast());
                    dealloc(timer.cast(), layout);
                }
            }
        }

        self.rest();
        // SAFETY: this is the loop's thread; the timer is at rest, so its data has no reader until it is closed.
        unsafe {
            (self.uv.handle_set_data)(self.timer.as_ptr(), hook.cast());
            (self.uv.close)(self.timer.as_ptr(), closed);
        }
    }
}

fn layout(uv: &Uv) -> Option<Layout> {
    // SAFETY: the function only looks the size up.
    let size = unsafe { (uv.handle_size)(TIMER) };
    Layout::from_size_align(size, align_of::<u128>())
        .ok()
        .filter(|layout| layout.size() > 0)
}
