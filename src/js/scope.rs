//! A live environment on its own thread: what every call of Node-API needs, as a type.
//!
//! A [`Scope`] proves that the environment is live, that this is its thread, and that a handle scope is open for the
//! values that are made. With one, Node-API is called in safe code: it answers a null argument, or one of the wrong
//! kind, with a status, and a value of another environment on this thread is a handle like any other. That JavaScript
//! can run, or that no exception is pending, is not proven: Node-API refuses what needs it with a status, and nothing
//! happens.

use std::marker::PhantomData;
use std::ptr;

use napi::bindgen_prelude::Env;
use napi::sys;

/// A live environment, on its own thread, with a handle scope that stays open for `'s`.
///
/// It cannot be sent to another thread: the environment is a raw pointer.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s> {
    env: sys::napi_env,
    open: PhantomData<&'s ()>,
}

impl<'s> Scope<'s> {
    /// # Safety
    /// For `'s`:
    /// - `env` is live, and this is its thread.
    /// - A handle scope is open, and what is made in it is not used after it was closed. Node-API opens one around
    ///   every callback that it is given.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(env: sys::napi_env) -> Self {
        Self { env, open: PhantomData }
    }

    /// That of a function which napi-rs has derived: its `&Env` proves the same.
    pub(crate) fn of(env: &'s Env) -> Self {
        // SAFETY: an Env is given to a derived function for the time of its call, or is that of a Scope, and is not
        // kept: the environment is live, this is its thread, and Node-API has opened a handle scope around the call.
        unsafe { Self::from_raw(env.raw()) }
    }

    /// Opens a handle scope, for a callback that libuv or a cleanup hook makes. `None` if that cannot be done.
    ///
    /// # Safety
    /// - `env` is live, and this is its thread.
    /// - `inner` makes no values in another `Scope` of the environment: they would be closed with this one.
    pub(crate) unsafe fn open<R>(env: sys::napi_env, inner: impl for<'i> FnOnce(Scope<'i>) -> R) -> Option<R> {
        let mut handles = ptr::null_mut();
        // SAFETY: env is live and on its thread (this function's contract), and handles is a place for one handle
        // scope.
        let status = unsafe { sys::napi_open_handle_scope(env, &mut handles) };
        if status != sys::Status::napi_ok {
            return None;
        }
        // SAFETY: env is live and on its thread (this function's contract). The handle scope that was just opened is
        // closed below, when inner has returned, and inner cannot return what has its lifetime.
        let result = inner(unsafe { Scope::from_raw(env) });
        // SAFETY: env is live, and handles is the handle scope that was opened last.
        unsafe { sys::napi_close_handle_scope(env, handles) };
        Some(result)
    }

    #[inline(always)]
    pub(crate) fn raw(self) -> sys::napi_env {
        self.env
    }

    /// For the functions of napi-rs, while this scope lasts.
    pub(crate) fn env(self) -> Env {
        Env::from_raw(self.env)
    }

    /// Whether JavaScript can still run here. Probes with a null exception: any status but invalid_arg means that
    /// teardown has begun, or that an exception is pending.
    pub(crate) fn can_call_js(self) -> bool {
        // SAFETY: env is live and on its thread; Node-API refuses a null value.
        let status = unsafe { sys::napi_throw(self.env, ptr::null_mut()) };
        status == sys::Status::napi_invalid_arg
    }
}
