//! The caller's AbortSignal, which may be any object: all of its code can run, throw, and call this addon.

use std::ffi::CStr;
use std::ptr;

use napi::bindgen_prelude::{Env, JsValue};
use napi::sys;

use crate::environment;
use crate::error::{self, Error};
use crate::exchange_async::Refusal;
use crate::memory::{Reference, call, take_exception};

/// A property of the caller's object, whose code may run, and throw.
///
/// # Safety
/// `env` is live, and `object` is one of its objects.
pub(crate) unsafe fn property(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &CStr,
) -> std::result::Result<sys::napi_value, Refusal> {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's, and value is a place for one.
    match unsafe { sys::napi_get_named_property(env, object, name.as_ptr(), &mut value) } {
        sys::Status::napi_ok => Ok(value),
        // SAFETY: env is live.
        _ => Err(Refusal::Thrown(unsafe { take_exception(env) })),
    }
}

/// # Safety
/// `env` is live, and `value` is one of its values.
unsafe fn is(env: sys::napi_env, value: sys::napi_value, expected: sys::napi_valuetype) -> bool {
    let mut kind = sys::ValueType::napi_undefined;
    // SAFETY: the caller's, and kind is a place for the answer.
    unsafe { sys::napi_typeof(env, value, &mut kind) };
    kind == expected
}

/// An AbortSignal that is listened to.
pub(crate) struct Signal {
    signal: Reference,
    listener: Reference,
}

impl Signal {
    /// Listens to the signal in the options, if there is one, for the call of this number.
    ///
    /// # Safety
    /// `env` is live, `options` is one of its values, and no exception is pending.
    pub(crate) unsafe fn listen(
        env: sys::napi_env,
        options: sys::napi_value,
        id: u64,
    ) -> std::result::Result<Option<Self>, Refusal> {
        use sys::ValueType::{napi_boolean, napi_function, napi_object, napi_undefined};
        // SAFETY: the caller's, here and below; values are used only after they were given.
        unsafe {
            let invalid = |value| {
                let given = error::kind_of(env, value);
                Refusal::Error(Box::new(Error::InvalidOptions { given }))
            };
            if is(env, options, napi_undefined) {
                return Ok(None);
            }
            if !is(env, options, napi_object) {
                return Err(invalid(options));
            }
            let signal = property(env, options, c"signal")?;
            if is(env, signal, napi_undefined) {
                return Ok(None);
            }
            if !is(env, signal, napi_object) {
                return Err(invalid(signal));
            }
            let add = property(env, signal, c"addEventListener")?;
            if !is(env, add, napi_function) || !is(env, property(env, signal, c"aborted")?, napi_boolean) {
                return Err(invalid(signal));
            }
            // A number, and no pointer: a listener can be called long after its call has ended.
            let number = ptr::without_provenance(usize::try_from(id).unwrap_or(usize::MAX));
            let napi_env = Env::from_raw(env);
            let listener = match environment::function(&napi_env, c"aborted", on_abort, number) {
                Ok(listener) => listener.raw(),
                Err(_) => return Err(Refusal::Thrown(take_exception(env))),
            };
            let arguments = [error::string(env, "abort"), listener];
            let status = sys::napi_call_function(env, signal, add, 2, arguments.as_ptr(), ptr::null_mut());
            if status != sys::Status::napi_ok {
                return Err(Refusal::Thrown(take_exception(env)));
            }
            let (Some(kept_signal), Some(kept_listener)) = (Reference::new(env, signal), Reference::new(env, listener))
            else {
                return Err(Refusal::Thrown(take_exception(env)));
            };
            let listening = Self {
                signal: kept_signal,
                listener: kept_listener,
            };
            // Asked after listening, so that nothing falls between the two.
            let mut aborted = false;
            let refusal = match property(env, signal, c"aborted") {
                Ok(answer) => {
                    sys::napi_get_value_bool(env, answer, &mut aborted);
                    Refusal::Aborted(signal)
                }
                Err(thrown) => {
                    aborted = true;
                    thrown
                }
            };
            if aborted {
                listening.leave(env);
                return Err(refusal);
            }
            Ok(Some(listening))
        }
    }

    /// The AbortError of a call that listened to this.
    ///
    /// # Safety
    /// `env` is live and that of the signal, and no exception is pending.
    pub(crate) unsafe fn abort_error(&self, env: sys::napi_env) -> sys::napi_value {
        // SAFETY: the caller's.
        unsafe { abort_error(env, Some(self.signal.value(env))) }
    }

    /// # Safety
    /// `env` is live and that of the signal, and no exception is pending.
    pub(crate) unsafe fn leave(self, env: sys::napi_env) {
        // SAFETY: the caller's. What the caller's code throws here is nobody's to catch.
        unsafe {
            let signal = self.signal.value(env);
            if let Ok(remove) = property(env, signal, c"removeEventListener") {
                let arguments = [error::string(env, "abort"), self.listener.value(env)];
                call(env, signal, remove, &arguments);
            }
            self.forget(env);
        }
    }

    /// # Safety
    /// `env` is live and that of the signal.
    pub(crate) unsafe fn forget(self, env: sys::napi_env) {
        // SAFETY: the caller's.
        unsafe {
            self.signal.give_up(env);
            self.listener.give_up(env);
        }
    }
}

/// An AbortError, with the signal's reason as its cause.
///
/// # Safety
/// `env` is live, and `signal` is one of its objects.
pub(crate) unsafe fn abort_error(env: sys::napi_env, signal: Option<sys::napi_value>) -> sys::napi_value {
    // SAFETY: the caller's.
    unsafe {
        let error = Error::Aborted.create(env);
        if let Some(Ok(reason)) = signal.map(|signal| property(env, signal, c"reason")) {
            error::define_hidden(env, error, c"cause", reason);
        }
        error
    }
}

/// What listens to a signal. Its data pointer is the number of the call.
unsafe extern "C" fn on_abort(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut number = ptr::null_mut();
    let (mut argc, argv, this) = (0, ptr::null_mut(), ptr::null_mut());
    // SAFETY: called by Node-API with a live env and info; the out-pointers are null or places of their types.
    unsafe { sys::napi_get_cb_info(env, info, &mut argc, argv, this, &mut number) };
    if let Ok(environment) = environment::current(&Env::from_raw(env))
        && let Some(background) = environment.background.get()
    {
        background.ask_to_stop(number.addr() as u64);
    }
    ptr::null_mut()
}
