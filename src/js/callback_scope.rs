//! The way back into JavaScript from the event loop.

use std::cell::Cell;
use std::ptr;

use napi::sys;

use crate::js::scope::Scope;
use crate::js::value::raw_of;

/// What Node.js wants to know of whoever goes back into JavaScript: `async_hooks` see one resource for each environment.
pub(crate) struct AsyncContext {
    env: sys::napi_env,
    /// Until it is destroyed.
    context: Cell<Option<sys::napi_async_context>>,
}

impl AsyncContext {
    /// `None` if the environment is about to end. Listeners of `async_hooks` run.
    pub(crate) fn new(scope: Scope<'_>, name: &str) -> Option<Self> {
        let name = raw_of(scope.string(name));
        let env = scope.raw();
        let mut context = ptr::null_mut();
        // SAFETY: env is live, the resource may be null, the name is null, which Node-API refuses, or a string of env, and
        // context is a place for the result.
        let status = unsafe { sys::napi_async_init(env, ptr::null_mut(), name, &mut context) };
        let context = Cell::new(Some(context));
        (status == sys::Status::napi_ok).then_some(Self { env, context })
    }

    /// Settles promises in `settle`, and then has their callbacks run. False, without a call, if that cannot be done.
    ///
    /// The current context has to be the environment's: Node.js ends the process otherwise.
    pub(crate) fn enter(&self, scope: Scope<'_>, settle: impl FnOnce()) -> bool {
        let Some(context) = self.context.get().filter(|_| scope.raw() == self.env) else {
            return false;
        };
        let mut callback = ptr::null_mut();
        // SAFETY: env is live and on its thread (the scope), the resource may be null, the context is of this env and not
        // destroyed, and callback is a place for the result.
        let status = unsafe { sys::napi_open_callback_scope(self.env, ptr::null_mut(), context, &mut callback) };
        if status != sys::Status::napi_ok {
            return false;
        }
        settle();
        // SAFETY: env is live, and callback is the callback scope that was opened last: those that were opened in `settle`
        // are closed.
        unsafe { sys::napi_close_callback_scope(self.env, callback) };
        true
    }

    /// Does nothing in another environment.
    pub(crate) fn destroy(&self, scope: Scope<'_>) {
        if scope.raw() == self.env
            && let Some(context) = self.context.take()
        {
            // SAFETY: env is live, and the context is of it, and destroyed once: it was taken.
            unsafe { sys::napi_async_destroy(self.env, context) };
        }
    }
}
