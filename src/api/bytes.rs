//! The bytes of a view, by one call of Node-API.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use napi::sys;

use crate::error::Error;
use crate::js::answer::place_with;
use crate::js::byte_view::{ByteView, is_bytes};
use crate::js::lent_buffer::empty_ptr;
use crate::js::scope::Scope;
use crate::js::throw::invalid_buffer;
use crate::js::value::Value;

/// The bytes that JavaScript has passed. `owner`, if it is given, gets their ArrayBuffer or SharedArrayBuffer, if they are some.
///
/// # Safety
/// `value` is a value of the scope's environment.
#[inline(always)]
pub(super) unsafe fn bytes(
    scope: Scope<'_>,
    value: sys::napi_value,
    owner: Option<&mut MaybeUninit<sys::napi_value>>,
) -> Result<(NonNull<u8>, usize), Box<Error>> {
    // Node-API leaves the kind as it is for one that it does not know yet, as some versions do with Float16Array.
    let (mut kind, mut len, mut data) = (MaybeUninit::uninit(), MaybeUninit::uninit(), MaybeUninit::uninit());
    let kind = place_with(&mut kind, sys::TypedarrayType::int8_array);
    // SAFETY: env and value are live, and every out-pointer is null or a place of its type. A value that is no typed
    // array is answered with a status.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            scope.raw(),
            value,
            kind,
            len.as_mut_ptr(),
            data.as_mut_ptr(),
            owner.map_or(ptr::null_mut(), MaybeUninit::as_mut_ptr),
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
    if !is_bytes(*kind) {
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
