//! What becomes of a synchronous call.

use std::ptr;

use napi::sys;

use crate::error::Error;
use crate::js::scope::Scope;

/// What the function returns, or throws.
#[inline(always)]
pub(super) fn return_or_throw<E>(scope: Scope<'_>, outcome: Result<u32, E>) -> sys::napi_value
where
    Box<Error>: From<E>,
{
    match outcome {
        Ok(count) => {
            let mut result = ptr::null_mut();
            // A count is at most 2^31-1, so this is the same number as create_uint32 makes, one step sooner.
            // SAFETY: env is live, as the scope proves, and the result is a place for one value; it stays null if that
            // fails.
            unsafe { sys::napi_create_int32(scope.raw(), count.cast_signed(), &mut result) };
            result
        }
        Err(error) => Box::<Error>::from(error).throw(scope),
    }
}
