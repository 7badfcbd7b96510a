//! The word that tells JavaScript that its environment has ended.
//!
//! V8's functions outlive their environment: a window that a page has opened can hold on to the page's functions over a
//! reload. Node-API has freed the environment by then, and would use it in a call before any code of this crate runs. So
//! JavaScript asks first, and without native code: it reads this word, which lives in V8's memory.

use std::ffi::c_void;

use napi::bindgen_prelude::Result;
use napi::{check_status, sys};

use crate::js::reference::Reference;
use crate::js::scope::Scope;
use crate::js::value::Value;

/// One 32-bit word in an ArrayBuffer: 0, and 1 from the end of the environment on.
pub(crate) struct EndedFlag(Reference);

const WORD: usize = size_of::<i32>();

/// What the cleanup hook needs.
struct Hook {
    env: sys::napi_env,
    buffer: Reference,
}

impl EndedFlag {
    pub(crate) fn new(scope: Scope<'_>) -> Result<Self> {
        let (env, buffer) = (scope.raw(), scope.array_buffer(WORD));
        let hold = || {
            buffer
                .and_then(Reference::new)
                .ok_or_else(|| napi::Error::from_reason("the ArrayBuffer of a word cannot be referred to"))
        };
        let hook = Box::into_raw(Box::new(Hook { env, buffer: hold()? }));
        // SAFETY: env is live, and the hook is a Hook, which `set` takes back: it is called once, when the environment ends.
        check_status!(unsafe { sys::napi_add_env_cleanup_hook(env, Some(set), hook.cast()) })?;
        Ok(Self(hold()?))
    }

    /// As an Int32Array of one element.
    pub(crate) fn word<'s>(&self, scope: Scope<'s>) -> Option<Value<'s>> {
        scope.int32_array(self.0.value(scope)?, 1)
    }
}

/// The cleanup hook.
///
/// # Safety
/// Called once by Node-API, on the environment's thread, with the Hook that was registered.
unsafe extern "C" fn set(hook: *mut c_void) {
    // SAFETY: the hook came from Box::into_raw, and is taken back once (this function's contract).
    let Hook { env, buffer } = *unsafe { Box::from_raw(hook.cast::<Hook>()) };
    let set_word = |scope: Scope<'_>| {
        // The address is asked for now: JavaScript may have detached the buffer, and then has no word to read either.
        let bytes = buffer.value(scope).and_then(Value::array_buffer_bytes);
        if let Some((data, WORD)) = bytes {
            // SAFETY: V8 owns WORD bytes at data, aligned for any element, while the reference holds the buffer.
            unsafe { data.cast::<i32>().write(1) };
        }
        buffer.release(scope);
    };
    // SAFETY: in its cleanup hooks an environment is live, and on its thread; no other Scope of it is used. No JavaScript
    // runs here: the calls look up a reference and a pointer.
    unsafe { Scope::open(env, set_word) };
}
