//! What becomes of a synchronous call.

use std::ptr;

use inplace_exchange_host::{NoMessage, Waiting};
use napi::sys;

use crate::env::binding::Binding;
use crate::js::answer::answered;
use crate::js::scope::Scope;

/// What the function returns, or throws: with the words that the library has told the caller, if there is one.
#[inline(always)]
pub(super) fn return_or_throw(
    scope: Scope<'_>,
    binding: &Binding,
    exchanged: Result<u32, NoMessage>,
    caller: Option<&Waiting>,
) -> sys::napi_value {
    match exchanged {
        Ok(count) => create_count(scope, count),
        Err(why) => throw(scope, binding, why, caller),
    }
}

/// The length of a message, as JavaScript gets it.
#[inline(always)]
pub(super) fn create_count(scope: Scope<'_>, count: u32) -> sys::napi_value {
    // A count is at most 2^31-1, so this is the same number as create_uint32 makes, one step sooner.
    // SAFETY: env is live, as the scope proves, and the result is a place for one value.
    let create = |result| unsafe { sys::napi_create_int32(scope.raw(), count.cast_signed(), result) };
    // SAFETY: Node-API has written a result that is ok.
    unsafe { answered(create) }.unwrap_or(ptr::null_mut())
}

#[cold]
fn throw(scope: Scope<'_>, binding: &Binding, why: NoMessage, caller: Option<&Waiting>) -> sys::napi_value {
    let error = match binding.session() {
        Ok(session) => why.into_error(session.library(), caller).into(),
        Err(error) => error,
    };
    error.throw(scope)
}
