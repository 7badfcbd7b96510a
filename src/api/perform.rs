//! The synchronous call of a library that exports `exchange_perform`: as in [`exchange`](super::exchange), with what else
//! the caller can say.

use std::ptr::{self, NonNull};

use inplace_exchange_host::{LentMemory, Pages, Request};
use napi::sys;

use super::outcome::return_or_throw;
use crate::env::binding::Binding;
use crate::env::instance;
use crate::env::mapping::{self, MAPPED_FROM};
use crate::error::Error;
use crate::js::byte_view::ByteView;
use crate::js::input::input_len;
use crate::js::lent_buffer::empty_ptr;
use crate::js::scope::Scope;
use crate::js::value::Value;

/// The native side of a function that `operation` returns. Its data pointer is the [`Binding`] of the library and the
/// operation to call.
///
/// # Safety
/// - Called by Node-API, with a live environment and callback info.
/// - The function was created with a pointer to a `Binding` of the same environment.
pub(crate) unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut argc = 2;
    let mut arguments = [ptr::null_mut(); 2];
    let mut data = ptr::null_mut();
    // SAFETY: env and info are live (this function's contract), and every out-pointer is null or a place of its type,
    // with room for argc arguments. Node-API fills in undefined for those that the caller did not give.
    let status =
        unsafe { sys::napi_get_cb_info(env, info, &mut argc, arguments.as_mut_ptr(), ptr::null_mut(), &mut data) };
    if status != sys::Status::napi_ok {
        return ptr::null_mut();
    }
    // SAFETY: data is the Binding that the function was created with (this function's contract). It lives as long as
    // the environment, which is live, and only this thread uses it, by shared reference.
    let binding = unsafe { &*data.cast::<Binding>() };
    // SAFETY: env is live and on its thread (this function's contract), and Node-API has opened a handle scope around
    // this call.
    let scope = unsafe { Scope::from_raw(env) };
    // SAFETY: null, or a value of this call.
    let [buffer, input] = arguments.map(|argument| unsafe { Value::from_raw(scope, argument) });
    perform(scope, binding, buffer, input)
}

/// Makes the call. Without an input, all of the memory is that.
#[inline(never)]
pub(super) fn perform(
    scope: Scope<'_>,
    binding: &Binding,
    buffer: Option<Value<'_>>,
    input: Option<Value<'_>>,
) -> sys::napi_value {
    let checked = buffer
        .map_or_else(|| Err(Error::aborted()), ByteView::of)
        .and_then(|view| {
            let input = input.map_or(Ok(None), |input| input_len(input, view.len))?;
            Ok((view, input))
        });
    let (view, input) = match checked {
        Ok(checked) => checked,
        Err(error) => return error.throw(scope),
    };
    let request = Request {
        operation: binding.operation(),
        input,
        shared: !view.buffer.is_array_buffer(),
    };
    let data = NonNull::new(view.data)
        .filter(|_| view.len > 0)
        .unwrap_or_else(empty_ptr);
    let entry = binding.entry();
    let environment = (entry.is_none() && view.len >= MAPPED_FROM).then(|| instance::current(scope));
    let pages = environment
        .flatten()
        .map_or(Pages::Fixed, |environment| mapping::pages_of(&environment, &view));
    // SAFETY: V8 owns len bytes at data, outside its moving heap; the view keeps them alive, and no JavaScript of this
    // thread can run to detach or resize them before the call returns. Rust forms no reference to them and relies on none
    // of them: other threads may write to shared ones, of which the library is told. What may be done with their pages is
    // as `pages_of` has found it, and `can_map` has tried.
    let memory = unsafe { LentMemory::in_pages(data, view.len, pages) };
    match entry {
        Some(entry) => return_or_throw(scope, entry.perform(memory, &request)),
        None => return_or_throw(scope, binding.open_and_exchange(memory, &request)),
    }
}
