//! The call: from a JavaScript argument to the library and back, by hand over Node-API.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use napi::sys;

use crate::env::instance::Binding;
use crate::error::Error;
use crate::js::lent_buffer::nothing;

/// The native side of `exchangeDataInPlace`. Its data pointer is the [`Binding`] of the library to call.
///
/// # Safety
/// - Called by Node-API, with a live environment and callback info.
/// - The function was created with a pointer to a `Binding` of the same environment.
///
/// A live environment cannot be checked in here. A page's functions outlive it where another page of its origin holds
/// them, and Node-API passes such a call through the freed environment before any code of this crate runs. JavaScript
/// that another page can reach therefore asks first ([`EndedFlag`](crate::env::ended_flag::EndedFlag)).
pub(crate) unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut argc = 1;
    let (mut argument, mut data) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: env and info are live. There is room for the one argument that argc allows; Node-API fills it with
    // undefined when the caller gave none.
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
    // SAFETY: Node-API has answered, and so written both.
    let (argument, data) = unsafe { (argument.assume_init(), data.assume_init()) };
    // SAFETY: data is the Binding this function was created with, which lives as long as the environment, and that is
    // live. Only this thread uses it, and only by shared reference.
    let binding = unsafe { &*data.cast::<Binding>() };
    // SAFETY: env is live and argument is a value of this call.
    unsafe {
        let (data, len) = match bytes(env, argument) {
            Ok(bytes) => bytes,
            Err(error) => return error.throw(env),
        };
        // V8 owns len bytes at data, outside its moving heap; the view keeps them alive, and no JavaScript of this thread
        // can run to detach or resize them before the call returns. Where they are shared with other threads, those may
        // write at the same time: a race on plain bytes that the library sees through a C pointer, as the caller chose.
        match binding.entry() {
            Some(entry) => answer(env, entry.exchange(data, len)),
            None => open_and_exchange(env, binding, data, len),
        }
    }
}

/// Apart from the hot path, so that what that has to say stays in registers.
///
/// # Safety
/// As in [`callback`].
#[cold]
unsafe fn open_and_exchange(env: sys::napi_env, binding: &Binding, data: *mut u8, len: usize) -> sys::napi_value {
    // SAFETY: the caller's.
    unsafe { answer(env, binding.open_and_exchange(data, len)) }
}

/// What the function returns, or throws.
///
/// # Safety
/// `env` is live, and no exception is pending.
#[inline(always)]
unsafe fn answer<E>(env: sys::napi_env, outcome: Result<u32, E>) -> sys::napi_value
where
    Box<Error>: From<E>,
{
    // SAFETY: the caller's.
    unsafe {
        match outcome {
            Ok(count) => {
                let mut result = ptr::null_mut();
                // A count is at most 2^31-1, so this is the same number as create_uint32 makes, one step sooner. The
                // result is a place for one value; it stays null if that fails.
                sys::napi_create_int32(env, count.cast_signed(), &mut result);
                result
            }
            Err(error) => Box::<Error>::from(error).throw(env),
        }
    }
}

/// The bytes that JavaScript has passed.
///
/// # Safety
/// `env` is live and `value` is one of its values.
#[inline(always)]
unsafe fn bytes(env: sys::napi_env, value: sys::napi_value) -> Result<(*mut u8, usize), Box<Error>> {
    // Node-API leaves the kind as it is for one that it does not know yet, as some versions do with Float16Array.
    let mut kind = sys::TypedarrayType::int8_array;
    let (mut len, mut data) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: env and value are live, and every out-pointer is null or a place of its type. A value that is no typed
    // array is answered with a status.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            env,
            value,
            &mut kind,
            len.as_mut_ptr(),
            data.as_mut_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok {
        // SAFETY: env and value are live.
        return Err(unsafe { Error::invalid_buffer(env, value) });
    }
    // SAFETY: Node-API has answered, and so written both.
    let (mut len, data) = unsafe { (len.assume_init(), data.assume_init()) };
    if !is_bytes(kind) {
        // SAFETY: env and value are live.
        return Err(unsafe { Error::invalid_buffer(env, value) });
    }
    let mut data = data.cast::<u8>();
    if len == 0 || data.is_null() {
        // An empty view's pointer may be null or stale. The contract gives the library one that is not null.
        len = 0;
        // SAFETY: env and value are live, and value is a typed array.
        data = unsafe { empty_view(env, value)? }.as_ptr();
    }
    Ok((data, len))
}

/// For these kinds the length of a view, which counts elements, counts bytes.
#[inline]
pub(crate) fn is_bytes(kind: sys::napi_typedarray_type) -> bool {
    kind == sys::TypedarrayType::uint8_array || kind == sys::TypedarrayType::uint8_clamped_array
}

/// The pointer for a view without bytes, unless that is because its memory has gone.
///
/// # Safety
/// `env` is live and `value` is one of its typed arrays.
#[cold]
unsafe fn empty_view(env: sys::napi_env, value: sys::napi_value) -> Result<NonNull<u8>, Box<Error>> {
    let mut buffer = ptr::null_mut();
    let mut detached = false;
    // SAFETY: env and value are live, the out-pointers are null or places of their type, and buffer is read only after
    // the call that set it succeeded.
    unsafe {
        let status = sys::napi_get_typedarray_info(
            env,
            value,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &mut buffer,
            ptr::null_mut(),
        );
        if status == sys::Status::napi_ok {
            sys::napi_is_detached_arraybuffer(env, buffer, &mut detached);
        }
    }
    if detached {
        Err(Box::new(Error::BufferDetached))
    } else {
        Ok(nothing())
    }
}
