//! The call: from a JavaScript argument to the library and back, by hand over Node-API.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use inplace_exchange_host::{LentMemory, Pages, Request};
use napi::sys;

use super::outcome::return_or_throw;
use super::perform;
use crate::env::binding::Binding;
use crate::env::instance;
use crate::env::mapping::{self, MAPPED_FROM};
use crate::error::Error;
use crate::js::byte_view::{ByteView, is_bytes};
use crate::js::lent_buffer::empty_ptr;
use crate::js::scope::Scope;
use crate::js::throw::invalid_buffer;
use crate::js::value::Value;

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
    let entry = binding.entry();
    if entry.is_some_and(|entry| entry.performs()) {
        // SAFETY: null, or a value of this call.
        let buffer = unsafe { Value::from_raw(scope, argument) };
        return perform::perform(scope, binding, buffer, None);
    }
    // SAFETY: the argument is a value of this call.
    let (data, len) = match unsafe { bytes(scope, argument) } {
        Ok(bytes) => bytes,
        Err(error) => return error.throw(scope),
    };
    // SAFETY: V8 owns len bytes at data, outside its moving heap; the view keeps them alive, and no JavaScript of this
    // thread can run to detach or resize them before the call returns. Rust forms no reference to them and
    // relies on none of them: other threads may write to shared ones, of which the library's contract warns it.
    let memory = unsafe { LentMemory::new(data, len) };
    match entry {
        Some(entry) => return_or_throw(scope, entry.exchange(memory)),
        // SAFETY: the argument is a value of this call, and a view of these bytes.
        None => unsafe { open_and_exchange(scope, binding, argument, memory) },
    }
}

/// For a library that is not open, or has a process of its own, or is unknown yet. Out of line, to keep the hot path's values in registers.
///
/// # Safety
/// `view` is a value of the scope's environment, a view of the memory.
#[cold]
unsafe fn open_and_exchange(
    scope: Scope<'_>,
    binding: &Binding,
    view: sys::napi_value,
    memory: LentMemory<'_>,
) -> sys::napi_value {
    // SAFETY: the view is a value of the scope's environment (this function's contract).
    let view = unsafe { Value::from_raw(scope, view) }.and_then(|view| ByteView::of(view).ok());
    let request = Request {
        shared: view.is_some_and(|view| !view.buffer.is_array_buffer()),
        ..Request::default()
    };
    if memory.len() < MAPPED_FROM {
        return return_or_throw(scope, binding.open_and_exchange(memory, &request));
    }
    let pages = match (instance::current(scope), view) {
        (Some(environment), Some(view)) => mapping::pages_of(&environment, &view),
        _ => Pages::Fixed,
    };
    // SAFETY: the memory of above, which no JavaScript uses before this call returns; where other threads have it, its pages
    // are shared. The rest is as `pages_of` has found it, and `can_map` has tried.
    let memory = unsafe { LentMemory::in_pages(memory.data(), memory.len(), pages) };
    return_or_throw(scope, binding.open_and_exchange(memory, &request))
}

/// The bytes that JavaScript has passed.
///
/// # Safety
/// `value` is a value of the scope's environment.
#[inline(always)]
unsafe fn bytes(scope: Scope<'_>, value: sys::napi_value) -> Result<(NonNull<u8>, usize), Box<Error>> {
    // Node-API leaves the kind as it is for one that it does not know yet, as some versions do with Float16Array.
    let mut kind = sys::TypedarrayType::int8_array;
    let (mut len, mut data) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: env and value are live, and every out-pointer is null or a place of its type. A value that is no typed
    // array is answered with a status.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            scope.raw(),
            value,
            &mut kind,
            len.as_mut_ptr(),
            data.as_mut_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok {
        // SAFETY: value is one of the scope's environment (this function's contract).
        return Err(unsafe { not_bytes(scope, value) });
    }
    // SAFETY: Node-API has answered, and so written the length.
    let len = unsafe { len.assume_init() };
    // SAFETY: Node-API has answered, and so written the address.
    let data = unsafe { data.assume_init() };
    if !is_bytes(kind) {
        // SAFETY: value is one of the scope's environment (this function's contract).
        return Err(unsafe { not_bytes(scope, value) });
    }
    match NonNull::new(data.cast()) {
        Some(data) if len > 0 => Ok((data, len)),
        // SAFETY: value is one of the scope's environment (this function's contract).
        _ => Ok((unsafe { empty_view(scope, value) }?, 0)),
    }
}

/// # Safety
/// `value` is a value of the scope's environment.
#[cold]
unsafe fn not_bytes(scope: Scope<'_>, value: sys::napi_value) -> Box<Error> {
    // SAFETY: value is one of the scope's environment (this function's contract).
    let value = unsafe { Value::from_raw(scope, value) };
    value.map_or_else(Error::aborted, invalid_buffer)
}

/// The pointer for a view without bytes, unless that is because its memory has gone: V8's may be null or stale, and the
/// contract gives the library one that is not null.
///
/// # Safety
/// `value` is a value of the scope's environment.
#[cold]
unsafe fn empty_view(scope: Scope<'_>, value: sys::napi_value) -> Result<NonNull<u8>, Box<Error>> {
    // SAFETY: value is one of the scope's environment (this function's contract).
    let view = unsafe { Value::from_raw(scope, value) }.map(ByteView::of);
    match view {
        Some(Err(error)) => Err(error),
        _ => Ok(empty_ptr()),
    }
}
