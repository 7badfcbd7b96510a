//! What lasts longer than a scope: a reference to an object, and the right to settle a promise.

use std::ptr;

use napi::sys;

use crate::js::scope::Scope;
use crate::js::value::{Value, raw_of};

/// A strong reference to a JavaScript object. It ends with its environment, if it is not released before.
///
/// It is used in its own environment only, which it tells by the address. That suffices because references are held by
/// the environment's own data: none is left when a later environment may have the same address.
pub(crate) struct Reference {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Reference {
    /// `None` if the value is no object.
    pub(crate) fn new(value: Value<'_>) -> Option<Self> {
        let env = value.scope().raw();
        let mut reference = ptr::null_mut();
        // SAFETY: env and the value are live, and reference is a place for one.
        let status = unsafe { sys::napi_create_reference(env, value.raw(), 1, &mut reference) };
        (status == sys::Status::napi_ok).then_some(Self { env, reference })
    }

    /// `None` in another environment.
    pub(crate) fn value<'s>(&self, scope: Scope<'s>) -> Option<Value<'s>> {
        if scope.raw() != self.env {
            return None;
        }
        // SAFETY: env is live, the reference is of it and was not deleted, and the result is a place for one value.
        scope.make(|env, result| unsafe { sys::napi_get_reference_value(env, self.reference, result) })
    }

    /// Does nothing in another environment.
    pub(crate) fn release(self, scope: Scope<'_>) {
        if scope.raw() == self.env {
            // SAFETY: env is live, and the reference is of it and deleted once: self is consumed.
            unsafe { sys::napi_delete_reference(self.env, self.reference) };
        }
    }
}

impl<'s> Scope<'s> {
    /// A promise, and the right to settle it.
    pub(crate) fn promise(self) -> Option<(Deferred, Value<'s>)> {
        let mut deferred = ptr::null_mut();
        // SAFETY: env is live, and both are places of their types.
        let promise = self.make(|env, result| unsafe { sys::napi_create_promise(env, &mut deferred, result) })?;
        let env = self.raw();
        Some((Deferred { env, deferred }, promise))
    }
}

/// The right to settle a promise, once. A promise that is never settled keeps a page in memory until it ends.
pub(crate) struct Deferred {
    env: sys::napi_env,
    deferred: sys::napi_deferred,
}

impl Deferred {
    /// Does nothing in another environment than the promise's, or while an exception is pending.
    pub(crate) fn resolve(self, value: Value<'_>) {
        if value.scope().raw() == self.env {
            // SAFETY: env is live, as the value's scope proves. The deferred is of it, and settled once: self is
            // consumed.
            unsafe { sys::napi_resolve_deferred(self.env, self.deferred, value.raw()) };
        }
    }

    /// As [`resolve`](Self::resolve), with undefined for an error that could not be made.
    pub(crate) fn reject<'s>(self, scope: Scope<'s>, error: Option<Value<'s>>) {
        if scope.raw() == self.env {
            let error = raw_of(error.or_else(|| scope.undefined()));
            // SAFETY: env is live, as the scope proves. The deferred is of it, and settled once: self is consumed.
            // Node-API refuses a null value.
            unsafe { sys::napi_reject_deferred(self.env, self.deferred, error) };
        }
    }
}
