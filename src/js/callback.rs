//! JavaScript functions whose code is native.

use std::ffi::{CStr, c_void};
use std::ptr;

use napi::sys;

use crate::js::scope::Scope;
use crate::js::value::{Value, raw_of};

/// A callback in safe code, for all but the two functions that exchange data. What it is called for is `data`, a
/// number: functions can be called long after what they were made for has gone, so that a pointer would not do.
pub(crate) trait Callback {
    /// Returns undefined to JavaScript.
    fn call(scope: Scope<'_>, argument: Option<Value<'_>>, data: usize);
}

/// As Node-API calls it.
pub(crate) type RawCallback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

impl<'s> Scope<'s> {
    /// A function that calls `C`.
    pub(crate) fn create_function<C: Callback>(self, name: &CStr, data: usize) -> Option<Value<'s>> {
        // SAFETY: the trampoline asks nothing of its data, which it takes for a number.
        unsafe { self.create_raw_function(name, trampoline::<C>, ptr::without_provenance(data)) }
    }

    /// A function whose callback is written by hand over Node-API.
    ///
    /// # Safety
    /// `data` is what `callback` asks for, whenever the function can be called.
    pub(crate) unsafe fn create_raw_function(
        self,
        name: &CStr,
        callback: RawCallback,
        data: *const c_void,
    ) -> Option<Value<'s>> {
        let (len, callback) = (name.count_bytes().cast_signed(), Some(callback));
        // SAFETY: env is live, the name is read for its length and copied, and the result is a place for one value. The
        // callback gets the data that it asks for (this function's contract).
        self.make(|env, result| unsafe {
            sys::napi_create_function(env, name.as_ptr(), len, callback, data.cast_mut(), result)
        })
    }
}

/// # Safety
/// Called by Node-API, with a live environment on its thread and the info of this call.
unsafe extern "C" fn trampoline<C: Callback>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut argc, mut argument, mut data) = (1, ptr::null_mut(), ptr::null_mut());
    // SAFETY: env and info are live (this function's contract), and the out-pointers are null or places of their types,
    // with room for the one argument that argc allows.
    let status = unsafe { sys::napi_get_cb_info(env, info, &mut argc, &mut argument, ptr::null_mut(), &mut data) };
    if status == sys::Status::napi_ok {
        // SAFETY: env is live and on its thread, and Node-API has opened a handle scope around this call.
        let scope = unsafe { Scope::from_raw(env) };
        // SAFETY: null, or a value of this call.
        let argument = unsafe { Value::from_raw(scope, argument) };
        C::call(scope, argument, data.addr());
    }
    raw_of(None)
}
