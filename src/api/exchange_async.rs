//! The call that does not hold up JavaScript: takes the memory away from it, has a thread of the pool make the call, and
//! gives the memory back with the outcome.
//!
//! No JavaScript touches the memory meanwhile: the caller's ArrayBuffer is detached, and the one that owns the memory now
//! is known to this addon alone; or the caller alone holds it, and leaves it be ([`Custody`]). A strong reference is kept
//! until the native work has ended. What is and is not relied on for that is said at [`Memory::take`].

use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::Env;
use napi::sys;

use crate::env::background::{self, Background};
use crate::env::instance::{self as environment, Binding, Environment};
use crate::env::own_loop::Ownership;
use crate::error::{self, Error};
use crate::js::abort_listener::abort_error;
use crate::js::lent_buffer::{Custody, Memory, View};

/// The native side of `exchangeDataAsync`. Its data pointer is the [`Binding`] of the library to call.
///
/// # Safety
/// - Called by Node-API, with a live environment and callback info.
/// - The function was created with a pointer to a `Binding` of the same environment.
pub(crate) unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: env, info and the function's data are as this function's contract says.
    unsafe { start(env, info, Custody::Taken) }
}

/// As [`callback`], for memory that nobody but the caller holds: `exchangeOwnedAsync`, which is not public.
///
/// # Safety
/// As [`callback`].
pub(crate) unsafe extern "C" fn owned_callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: env, info and the function's data are as this function's contract says.
    unsafe { start(env, info, Custody::Owned) }
}

/// # Safety
/// As [`callback`].
unsafe fn start(env: sys::napi_env, info: sys::napi_callback_info, custody: Custody) -> sys::napi_value {
    let mut argc = 2;
    let mut arguments = [ptr::null_mut(); 2];
    let mut data = ptr::null_mut();
    let (mut promise, mut deferred) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: env and info are live, and every out-pointer is null or a place of its type, with room for argc arguments.
    let status = unsafe {
        match sys::napi_get_cb_info(env, info, &mut argc, arguments.as_mut_ptr(), ptr::null_mut(), &mut data) {
            sys::Status::napi_ok => sys::napi_create_promise(env, &mut deferred, &mut promise),
            refused => refused,
        }
    };
    let environment = environment::current(&Env::from_raw(env));
    let (sys::Status::napi_ok, Ok(environment)) = (status, environment) else {
        return ptr::null_mut();
    };
    // SAFETY: data is the Binding this function was created with, which lives as long as the environment, and that is
    // live. Only this thread uses it, and only by shared reference.
    let binding = unsafe { &*data.cast::<Binding>() };
    let [buffer, options] = arguments;
    // SAFETY: env is live, and the values are of this call.
    unsafe {
        if let Err(refusal) = begin(env, &environment, binding, custody, [buffer, options], deferred) {
            sys::napi_reject_deferred(env, deferred, refusal.into_value(env, buffer));
        }
    }
    promise
}

/// Why a call does not begin. The memory has not been taken.
pub(crate) enum Refusal {
    Error(Box<Error>),
    /// The signal, which is given here, has been aborted.
    Aborted(sys::napi_value),
    /// The caller's own code, in a getter or an EventTarget, has thrown this.
    Thrown(sys::napi_value),
}

impl From<Box<Error>> for Refusal {
    fn from(error: Box<Error>) -> Self {
        Self::Error(error)
    }
}

impl Refusal {
    /// What the promise is rejected with.
    ///
    /// # Safety
    /// `env` is live, and `buffer` and the signal are its values.
    unsafe fn into_value(self, env: sys::napi_env, buffer: sys::napi_value) -> sys::napi_value {
        // SAFETY: the caller's.
        unsafe {
            let error = match self {
                Self::Error(error) => error.create(env),
                Self::Aborted(signal) => abort_error(env, Some(signal)),
                Self::Thrown(value) => return value,
            };
            // The caller still has the memory, and finds it in the same place as after any other failure.
            if View::of(env, buffer).is_ok() {
                error::define_hidden(env, error, c"buffer", buffer);
            }
            error
        }
    }
}

/// Starts a call, or puts it in its place among the waiting ones. From here on it settles the promise.
///
/// # Safety
/// `env` is live, the values are its own, and `deferred` is settled by nobody else unless this refuses.
unsafe fn begin(
    env: sys::napi_env,
    environment: &Environment,
    binding: &Binding,
    custody: Custody,
    [buffer, options]: [sys::napi_value; 2],
    deferred: sys::napi_deferred,
) -> std::result::Result<(), Refusal> {
    // SAFETY: the caller's, here and below.
    unsafe {
        let ownership = environment.own_loop.ownership();
        if ownership == Ownership::Foreign {
            return Err(Refusal::Error(Box::new(Error::ForeignEventLoop)));
        }
        let background = match Background::of(env, environment) {
            Ok(background) => background,
            Err(_) => return Err(Refusal::Error(Error::aborted())),
        };
        let id = background.next_id();
        // All that runs the caller's code comes first: what is found after it still holds when the memory is taken.
        let signal = environment.signals.subscribe(env, options, id)?;
        let taken = View::of(env, buffer).and_then(|view| {
            if environment.is_leaving() {
                return Err(Error::aborted());
            }
            let session = binding.session()?; // before the memory is taken: the library may not load
            Ok((
                Arc::clone(session),
                Memory::take(env, &environment.intrinsics, &view, custody)?,
            ))
        });
        let (session, memory) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                if let Some(signal) = signal {
                    signal.end(env);
                }
                return Err(error.into());
            }
        };
        // Asked again: the caller's code may have run since.
        let hold = environment.own_loop.ownership() != Ownership::Own;
        background.call(id, session, memory, signal, deferred, hold);
        if hold && !environment.own_loop.expect_answer(&Env::from_raw(env)) {
            background::refuse_held(environment);
        }
    }
    Ok(())
}
