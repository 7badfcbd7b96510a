//! The call: from a JavaScript argument to the library and back, by hand over Node-API.

use std::mem::MaybeUninit;
use std::ptr;

use inplace_exchange_host::{LentMemory, NoMessage};
use napi::sys;

use super::bytes::bytes;
use super::outcome::return_or_throw;
use super::perform;
use crate::env::binding::Binding;
use crate::js::scope::Scope;

/// The native side of `exchangeDataInPlace`. Its data pointer is the [`Binding`] of the library to call.
///
/// # Safety
/// - Called by Node-API, with a live environment and callback info.
/// - The function was created with a pointer to a `Binding` of the same environment.
///
/// A live environment cannot be checked in here. A page's functions outlive it where another page of its origin holds
/// them, and Node-API passes such a call through the freed environment before any code of this crate runs. JavaScript
/// that another page can reach therefore asks first ([`EndedFlag`](crate::js::ended_flag::EndedFlag)).
pub(crate) unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut argc = 1;
    let (mut argument, mut data) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: env and info are live (this function's contract). There is room for the one argument that argc allows;
    // Node-API fills it with undefined when the caller gave none.
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut argc,
            argument.as_mut_ptr(),
            ptr::null_mut(),
            data.as_mut_ptr(),
        )
    };
    if status != sys::Status::napi_ok {
        return ptr::null_mut();
    }
    // SAFETY: Node-API has answered, and so written the argument.
    let argument = unsafe { argument.assume_init() };
    // SAFETY: Node-API has answered, and so written the data pointer.
    let data: *mut std::ffi::c_void = unsafe { data.assume_init() };
    // SAFETY: data is the Binding that the function was created with (this function's contract). It lives as long as
    // the environment, which is live, and only this thread uses it, by shared reference.
    let binding = unsafe { &*data.cast::<Binding>() };
    // SAFETY: env is live and on its thread (this function's contract), and Node-API has opened a handle scope around
    // this call.
    let scope = unsafe { Scope::from_raw(env) };
    if binding.in_place().is_none() {
        // SAFETY: the argument is a value of this call.
        return unsafe { not_open(scope, binding, argument) };
    }
    // SAFETY: the argument is a value of this call.
    let (data, len) = match unsafe { bytes(scope, argument, None) } {
        Ok(bytes) => bytes,
        Err(error) => return error.throw(scope),
    };
    // SAFETY: V8 owns len bytes at data, outside its moving heap; the view keeps them alive, and no JavaScript of this
    // thread can run to detach or resize them before the call returns. Rust forms no reference to them and
    // relies on none of them: other threads may write to shared ones, of which the library's contract warns it.
    let memory = unsafe { LentMemory::new(data, len) };
    // Loaded again, so that it has not to be kept meanwhile. It is there: no JavaScript has run that could have ended the
    // environment.
    let exchanged = match binding.in_place() {
        Some(entry) => entry.exchange(memory),
        None => Err(NoMessage::Busy),
    };
    return_or_throw(scope, binding, exchanged, None)
}

/// The call of a library that is not open, or has a process of its own, or turns out to export `exchange_perform`. Out of
/// line, to keep the hot path's values in registers.
///
/// # Safety
/// `argument` is a value of the scope's environment.
#[cold]
unsafe fn not_open(scope: Scope<'_>, binding: &Binding, argument: sys::napi_value) -> sys::napi_value {
    // SAFETY: the argument is a value of the scope's environment (this function's contract).
    unsafe { perform::perform(scope, binding, argument, None) }
}
