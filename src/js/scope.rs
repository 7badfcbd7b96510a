//! A live environment on its own thread: what every call of Node-API needs, as a type.
//!
//! A [`Scope`] proves that the environment is live, that this is its thread, and that a handle scope is open for the
//! values that are made. Whoever has one calls Node-API in safe code: a null or foreign argument is answered with a status.
//! It does not prove that JavaScript can run, or that no exception is pending; Node-API refuses what needs that with a
//! status too, and then nothing happens.

use std::marker::PhantomData;
use std::ptr;

use napi::bindgen_prelude::Env;
use napi::sys;

use crate::js::value::{Thrown, Value, raw_of};

/// The longest text that is handed to JavaScript, in bytes.
const MAX_TEXT: usize = 64 * 1024;

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
    /// - A handle scope is open, and what is made in it is not used after it was closed. Node-API opens one around every
    ///   callback that it is given.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(env: sys::napi_env) -> Self {
        Self { env, open: PhantomData }
    }

    /// That of a function which napi-rs has derived: its `&Env` proves the same.
    pub(crate) fn of(env: &'s Env) -> Self {
        // SAFETY: napi-rs lends an Env to a derived function only, for the time of its call: the environment is live, on
        // its thread, and Node-API has opened a handle scope around the call.
        unsafe { Self::from_raw(env.raw()) }
    }

    /// Opens a handle scope, for a callback that libuv or a cleanup hook makes. `None` if that cannot be done.
    ///
    /// # Safety
    /// - `env` is live, and this is its thread.
    /// - `inner` makes no values in another `Scope` of the environment: they would be closed with this one.
    pub(crate) unsafe fn open<R>(env: sys::napi_env, inner: impl for<'i> FnOnce(Scope<'i>) -> R) -> Option<R> {
        let mut handles = ptr::null_mut();
        // SAFETY: env is live and on its thread (this function's contract), and handles is a place for one handle scope.
        let status = unsafe { sys::napi_open_handle_scope(env, &mut handles) };
        if status != sys::Status::napi_ok {
            return None;
        }
        // SAFETY: env is live and on its thread (this function's contract). The handle scope that was just opened is closed
        // below, when inner has returned, and inner cannot return what has its lifetime.
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

    /// Whether JavaScript can still run here. Probes with a null exception: any status but invalid_arg means that teardown
    /// has begun, or that an exception is pending.
    pub(crate) fn can_call_js(self) -> bool {
        // SAFETY: env is live and on its thread; Node-API refuses a null value.
        let status = unsafe { sys::napi_throw(self.env, ptr::null_mut()) };
        status == sys::Status::napi_invalid_arg
    }

    /// The text, cut where no reader would go on: V8 has a limit, and an error must not get lost because a path or a
    /// library's message is beyond it.
    pub(crate) fn string(self, text: &str) -> Option<Value<'s>> {
        let end = (0..=MAX_TEXT.min(text.len()))
            .rev()
            .find(|&end| text.is_char_boundary(end));
        let text = &text[..end.unwrap_or(0)];
        // SAFETY: env is live, the text is read for its own length, and the result is a place for one value.
        self.make(|env, result| unsafe {
            sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), result)
        })
    }

    /// A number, or a bigint where a number would round.
    pub(crate) fn number(self, integer: i64) -> Option<Value<'s>> {
        const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
        if integer.unsigned_abs() > MAX_SAFE_INTEGER {
            return self.bigint(integer);
        }
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_create_int64(env, integer, result) })
    }

    pub(crate) fn bigint(self, integer: i64) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_create_bigint_int64(env, integer, result) })
    }

    pub(crate) fn undefined(self) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_get_undefined(env, result) })
    }

    pub(crate) fn global(self) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_get_global(env, result) })
    }

    /// An empty object. Its prototype is that of the current context, which libuv's callbacks may find to be another page's.
    pub(crate) fn object(self) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_create_object(env, result) })
    }

    pub(crate) fn array(self) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_create_array(env, result) })
    }

    /// An ArrayBuffer of so many zeroes.
    pub(crate) fn array_buffer(self, len: usize) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value; the address of the bytes is not asked for.
        self.make(|env, result| unsafe { sys::napi_create_arraybuffer(env, len, ptr::null_mut(), result) })
    }

    /// A view of `len` bytes of an ArrayBuffer. `None`, with an exception pending, if they are not there.
    pub(crate) fn uint8_array(self, buffer: Value<'s>, offset: usize, len: usize) -> Option<Value<'s>> {
        self.typed_array(sys::TypedarrayType::uint8_array, buffer, offset, len)
    }

    /// A view of the first `len` words of an ArrayBuffer. `None`, with an exception pending, if they are not there.
    pub(crate) fn int32_array(self, buffer: Value<'s>, len: usize) -> Option<Value<'s>> {
        self.typed_array(sys::TypedarrayType::int32_array, buffer, 0, len)
    }

    fn typed_array(
        self,
        kind: sys::napi_typedarray_type,
        buffer: Value<'s>,
        offset: usize,
        len: usize,
    ) -> Option<Value<'s>> {
        // SAFETY: env is live, the buffer is a value of it, and the result is a place for one value. Node-API checks the
        // range.
        self.make(|env, result| unsafe { sys::napi_create_typedarray(env, kind, len, buffer.raw(), offset, result) })
    }

    /// The exception that is pending, which it is no more then; undefined if none was.
    pub(crate) fn take_exception(self) -> Thrown<'s> {
        // SAFETY: env is live, and the result is a place for one value.
        Thrown(self.make(|env, result| unsafe { sys::napi_get_and_clear_last_exception(env, result) }))
    }

    /// A promise, and the right to settle it.
    pub(crate) fn promise(self) -> Option<(Deferred, Value<'s>)> {
        let mut deferred = ptr::null_mut();
        // SAFETY: env is live, and both are places of their types.
        let promise = self.make(|env, result| unsafe { sys::napi_create_promise(env, &mut deferred, result) })?;
        let env = self.env;
        Some((Deferred { env, deferred }, promise))
    }

    /// The value that a function of Node-API makes in this environment, or `None` if it refuses.
    #[inline]
    pub(crate) fn make(
        self,
        create: impl FnOnce(sys::napi_env, *mut sys::napi_value) -> sys::napi_status,
    ) -> Option<Value<'s>> {
        let mut value = ptr::null_mut();
        let status = create(self.env, &mut value);
        if status != sys::Status::napi_ok {
            return None;
        }
        // SAFETY: null, or what Node-API has just made in this environment, in the handle scope that is open for 's.
        unsafe { Value::from_raw(self, value) }
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
            // SAFETY: env is live, as the value's scope proves. The deferred is of it, and settled once: self is consumed.
            unsafe { sys::napi_resolve_deferred(self.env, self.deferred, value.raw()) };
        }
    }

    /// As [`resolve`](Self::resolve), with undefined for an error that could not be made.
    pub(crate) fn reject<'s>(self, scope: Scope<'s>, error: Option<Value<'s>>) {
        if scope.raw() == self.env {
            let error = raw_of(error.or_else(|| scope.undefined()));
            // SAFETY: env is live, as the scope proves. The deferred is of it, and settled once: self is consumed. Node-API
            // refuses a null value.
            unsafe { sys::napi_reject_deferred(self.env, self.deferred, error) };
        }
    }
}
