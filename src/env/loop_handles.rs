//! The handles of an environment's event loop that its asynchronous calls need: a bell, which any thread can ring, and a
//! timer. They keep the loop alive only when that is asked for.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use napi::sys;

use crate::env::uv::{Handle, Kind, Loop, Uv};

/// How often a library is asked again.
const REMIND_MS: u64 = 25;

/// Its callbacks are called on the environment's thread, in whatever context the loop works for.
pub(crate) struct LoopHandles {
    uv: &'static Uv,
    event_loop: Loop,
    bell: Handle,
    timer: Handle,
    reminding: Cell<bool>,
    on_bell: fn(sys::napi_env),
    on_timer: fn(sys::napi_env),
    env: sys::napi_env,
    /// That of the cleanup that closes this.
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
}

impl LoopHandles {
    /// `None` in a runtime that does not let its addons use libuv.
    ///
    /// # Safety
    /// `env` is live and on its own thread, as it is in every use of the handles, until [`close`](Self::close).
    pub(crate) unsafe fn new(
        env: sys::napi_env,
        on_bell: fn(sys::napi_env),
        on_timer: fn(sys::napi_env),
    ) -> Option<Rc<Self>> {
        unsafe extern "C" fn rung(handle: Handle) {
            // SAFETY: libuv calls this for an open handle, on its own thread.
            if let Some(handles) = unsafe { LoopHandles::of(handle) } {
                (handles.on_bell)(handles.env);
            }
        }

        let uv = Uv::get()?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: env is live and event_loop is a place for the answer.
        if unsafe { sys::napi_get_uv_event_loop(env, &mut event_loop) } != sys::Status::napi_ok {
            return None;
        }
        let handles = Rc::new(Self {
            uv,
            event_loop,
            bell: uv.allocate(Kind::Async),
            timer: uv.allocate(Kind::Timer),
            reminding: Cell::new(false),
            on_bell,
            on_timer,
            env,
            hook: Cell::new(ptr::null_mut()),
        });
        // SAFETY: this is the loop's thread, and the handles are memory of the sizes that libuv asks for. Their data is a
        // reference of its own to this, given back when both are closed.
        unsafe {
            if (uv.async_init)(event_loop, handles.bell, rung) != 0 {
                uv.free(Kind::Async, handles.bell);
                uv.free(Kind::Timer, handles.timer);
                return None;
            }
            (uv.timer_init)(event_loop, handles.timer);
            let data = Rc::into_raw(Rc::clone(&handles)).cast_mut().cast::<c_void>();
            for handle in [handles.bell, handles.timer] {
                (uv.handle_set_data)(handle, data);
                (uv.unreference)(handle);
            }
        }
        Some(handles)
    }

    /// Those that a handle belongs to, which libuv calls back for.
    ///
    /// # Safety
    /// The handle is one of these, and is not closed.
    unsafe fn of<'handles>(handle: Handle) -> Option<&'handles Self> {
        // SAFETY: the data of an open handle is this, of which it has a reference.
        Uv::get().map(|uv| unsafe { &*(uv.handle_get_data)(handle).cast::<Self>() })
    }

    pub(crate) fn uv(&self) -> &'static Uv {
        self.uv
    }

    pub(crate) fn event_loop(&self) -> Loop {
        self.event_loop
    }

    /// For other threads, which must not ring it after [`close`](Self::close).
    pub(crate) fn bell(&self) -> Bell {
        Bell {
            uv: self.uv,
            handle: self.bell,
        }
    }

    /// Has the event loop wait for this environment, or not.
    pub(crate) fn keep_alive(&self, alive: bool) {
        // SAFETY: this is the loop's thread, and the handle is open.
        unsafe {
            if alive {
                (self.uv.reference)(self.bell);
            } else {
                (self.uv.unreference)(self.bell);
            }
        }
    }

    /// Has `on_timer` called from time to time.
    pub(crate) fn start_timer(&self) {
        unsafe extern "C" fn called(handle: Handle) {
            // SAFETY: libuv calls this for an open handle, on its own thread.
            if let Some(handles) = unsafe { LoopHandles::of(handle) } {
                (handles.on_timer)(handles.env);
            }
        }

        if !self.reminding.replace(true) {
            // SAFETY: this is the loop's thread, and the handle is open.
            unsafe { (self.uv.timer_start)(self.timer, called, REMIND_MS, REMIND_MS) };
            self.bell().ring(); // a loop that waits does not know of the timer yet
        }
    }

    pub(crate) fn stop_timer(&self) {
        if self.reminding.replace(false) {
            // SAFETY: this is the loop's thread, and the handle is open.
            unsafe { (self.uv.timer_stop)(self.timer) };
        }
    }

    /// Gives the handles back to the loop, one after the other, and then the hook to the environment, which waits for
    /// that.
    ///
    /// # Safety
    /// The hook is that of the cleanup that is going on, and neither the handles nor a bell is used after this.
    pub(crate) unsafe fn close(&self, hook: sys::napi_async_cleanup_hook_handle) {
        unsafe extern "C" fn bell_closed(handle: Handle) {
            // SAFETY: the handle's data is still this; the timer is open.
            if let Some(handles) = unsafe { LoopHandles::of(handle) } {
                // SAFETY: as above.
                unsafe { (handles.uv.close)(handles.timer, timer_closed) };
            }
        }

        unsafe extern "C" fn timer_closed(handle: Handle) {
            if let Some(uv) = Uv::get() {
                // SAFETY: libuv has done with both handles. The reference that they had is given back here, once, and so
                // is the hook.
                unsafe {
                    let handles = Rc::from_raw((uv.handle_get_data)(handle).cast::<LoopHandles>());
                    uv.free(Kind::Async, handles.bell);
                    uv.free(Kind::Timer, handles.timer);
                    sys::napi_remove_async_cleanup_hook(handles.hook.get());
                }
            }
        }

        self.stop_timer();
        self.hook.set(hook);
        // SAFETY: this is the loop's thread, and the handle is open.
        unsafe { (self.uv.close)(self.bell, bell_closed) };
    }
}

/// Wakes the environment's thread.
#[derive(Clone, Copy)]
pub(crate) struct Bell {
    uv: &'static Uv,
    handle: Handle,
}

// SAFETY: libuv lets any thread send to an async handle that is open. That it is not closed yet is what those who keep a
// bell on another thread answer for (`LoopHandles::bell`).
unsafe impl Send for Bell {}

impl Bell {
    pub(crate) fn ring(&self) {
        // SAFETY: the handle is open: nobody rings after `LoopHandles::close`.
        unsafe { (self.uv.async_send)(self.handle) };
    }
}
