//! The synchronous call of a library that exports `exchange_perform`: as in [`exchange`](super::exchange), with what else
//! the caller can say.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use inplace_exchange_host::{LentMemory, Pages, Request, Waiting};
use napi::sys;

use super::bytes::bytes;
use super::outcome::{create_count, return_or_throw};
use crate::env::binding::Binding;
use crate::env::instance;
use crate::env::mapping::{self, MAPPED_FROM};
use crate::js::answer::{answered, place_with};
use crate::js::byte_view::ByteView;
use crate::js::input::input_len;
use crate::js::scope::Scope;
use crate::js::value::Value;

/// The native side of a function that `operation` returns, which takes an input. Its data pointer is the [`Binding`] of the
/// library and the operation to call.
///
/// # Safety
/// - Called by Node-API, with a live environment and callback info.
/// - The function was created with a pointer to a `Binding` of the same environment.
pub(crate) unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: env, info and the function's data are as this function's contract says.
    unsafe { start::<2>(env, info) }
}

/// The native side of `exchangeDataInPlace` of a library that exports `exchange_perform`: as [`callback`], without an input,
/// so that an index which `Array.prototype.forEach` passes is not taken for one.
///
/// # Safety
/// As [`callback`].
pub(crate) unsafe extern "C" fn plain_callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: env, info and the function's data are as this function's contract says.
    unsafe { start::<1>(env, info) }
}

/// # Safety
/// As [`callback`].
#[inline(always)]
unsafe fn start<const ARGUMENTS: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut argc = MaybeUninit::uninit();
    let argc = place_with(&mut argc, ARGUMENTS);
    let mut arguments = MaybeUninit::<[sys::napi_value; ARGUMENTS]>::uninit();
    let first = arguments.as_mut_ptr().cast();
    // SAFETY: env and info are live (this function's contract), and every out-pointer is null or a place of its type,
    // with room for argc arguments.
    let ask = |data| unsafe { sys::napi_get_cb_info(env, info, argc, first, ptr::null_mut(), data) };
    // SAFETY: Node-API has written an answer that is ok.
    let data: Option<*mut c_void> = unsafe { answered(ask) };
    let Some(data) = data else { return ptr::null_mut() };
    // SAFETY: Node-API has answered, and so written them: undefined for those that the caller did not give. How many he has
    // given is in argc.
    let arguments = unsafe { arguments.assume_init() };
    // SAFETY: data is the Binding that the function was created with (this function's contract). It lives as long as
    // the environment, which is live, and only this thread uses it, by shared reference.
    let binding = unsafe { &*data.cast::<Binding>() };
    // SAFETY: env is live and on its thread (this function's contract), and Node-API has opened a handle scope around
    // this call.
    let scope = unsafe { Scope::from_raw(env) };
    // SAFETY: null, or a value of this call.
    let input = arguments
        .get(1)
        .and_then(|&input| unsafe { Value::from_raw(scope, input) });
    // SAFETY: the argument is a value of this call.
    unsafe { perform(scope, binding, arguments[0], input) }
}

/// Makes the call. Without an input, all of the memory is that.
///
/// # Safety
/// `view` is a value of the scope's environment.
#[inline(always)]
pub(super) unsafe fn perform(
    scope: Scope<'_>,
    binding: &Binding,
    view: sys::napi_value,
    input: Option<Value<'_>>,
) -> sys::napi_value {
    let mut owner = MaybeUninit::uninit();
    // SAFETY: the view is a value of the scope's environment (this function's contract).
    let checked = unsafe { bytes(scope, view, Some(&mut owner)) }.and_then(|(data, len)| {
        let input = input.map_or(Ok(None), |input| input_len(input, len))?;
        Ok((data, len, input))
    });
    let (data, len, input) = match checked {
        Ok(checked) => checked,
        Err(error) => return error.throw(scope),
    };
    // SAFETY: these are bytes, and so it has been written.
    let owner = unsafe { owner.assume_init() };
    // SAFETY: null, or a value that Node-API has made in the handle scope of this call.
    let owner = unsafe { Value::from_raw(scope, owner) };
    let request = Request {
        operation: binding.operation(),
        input,
        shared: !owner.is_some_and(Value::is_array_buffer),
    };
    let Some(entry) = binding.performs() else {
        // SAFETY: as above, and a view of these bytes.
        return unsafe { open_and_perform(scope, binding, view, (data, len), &request) };
    };
    // SAFETY: V8 owns len bytes at data, outside its moving heap; the view keeps them alive, and no JavaScript of this
    // thread can run to detach or resize them before the call returns. Rust forms no reference to them and relies on none
    // of them: other threads may write to shared ones, of which the library is told.
    let memory = unsafe { LentMemory::new(data, len) };
    let caller = Waiting::default();
    return_or_throw(scope, binding, entry.perform(memory, &request, &caller), Some(&caller))
}

/// For a library that is not open, or has a process of its own, or no `exchange_perform`.
///
/// # Safety
/// `view` is a value of the scope's environment, a view of the bytes.
#[cold]
pub(super) unsafe fn open_and_perform(
    scope: Scope<'_>,
    binding: &Binding,
    view: sys::napi_value,
    (data, len): (NonNull<u8>, usize),
    request: &Request,
) -> sys::napi_value {
    if let Some(entry) = binding.in_place().filter(|_| !request.needs_perform()) {
        // SAFETY: as in `perform`.
        let memory = unsafe { LentMemory::new(data, len) };
        return return_or_throw(scope, binding, entry.exchange(memory), None);
    }
    // SAFETY: the view is a value of the scope's environment (this function's contract).
    let view = unsafe { Value::from_raw(scope, view) }.filter(|_| len >= MAPPED_FROM);
    let view = view.and_then(|view| ByteView::of(view).ok());
    let pages = match (instance::current(scope), view) {
        (Some(environment), Some(view)) => mapping::pages_of(&environment, &view),
        _ => Pages::Fixed,
    };
    // SAFETY: as in `perform`; where other threads have the memory, its pages are shared. The rest is as `pages_of` has
    // found it, and `can_map` has tried.
    let memory = unsafe { LentMemory::in_pages(data, len, pages) };
    match binding.open_and_exchange(memory, request) {
        Ok(count) => create_count(scope, count),
        Err(error) => error.throw(scope),
    }
}
