//! The word that tells JavaScript that its environment has ended.
//!
//! V8's functions outlive their environment: a window that a page has opened can hold on to the page's functions over a
//! reload. Node-API has freed the environment by then, and would use it in a call before any code of this crate runs. So
//! JavaScript asks first, and without native code: it reads this word, which lives in V8's memory.

use std::ffi::c_void;
use std::ptr;

use napi::bindgen_prelude::{Env, Result, Unknown};
use napi::{check_status, sys};

use crate::js::lent_buffer::Reference;

/// One 32-bit word in an ArrayBuffer: 0, and 1 from the end of the environment on.
pub(crate) struct EndedFlag(Reference);

const WORD: usize = size_of::<i32>();

/// What the cleanup hook needs.
struct Hook {
    env: sys::napi_env,
    buffer: Reference,
}

impl EndedFlag {
    pub(crate) fn new(env: &Env) -> Result<Self> {
        let (mut buffer, mut data) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: env is live, and the out-pointers are places of their types. V8 fills the buffer with zeroes.
        check_status!(unsafe { sys::napi_create_arraybuffer(env.raw(), WORD, &mut data, &mut buffer) })?;
        let hold = || {
            // SAFETY: env is live, and buffer is a value of it.
            unsafe { Reference::new(env.raw(), buffer) }
                .ok_or_else(|| napi::Error::from_reason("the ArrayBuffer of a word cannot be referred to"))
        };
        let hook = Box::into_raw(Box::new(Hook {
            env: env.raw(),
            buffer: hold()?,
        }));
        // SAFETY: env is live, and the hook is a Hook that it takes back. It runs once, when the environment ends.
        check_status!(unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(set), hook.cast()) })?;
        Ok(Self(hold()?))
    }

    /// As an Int32Array of one element.
    pub(crate) fn word<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        let mut view = ptr::null_mut();
        // SAFETY: env is live and that of the reference, whose buffer has one word; view is a place for a value.
        check_status!(unsafe {
            let buffer = self.0.value(env.raw());
            sys::napi_create_typedarray(env.raw(), sys::TypedarrayType::int32_array, 1, buffer, 0, &mut view)
        })?;
        // SAFETY: view was just made in this environment.
        Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), view) })
    }
}

/// The cleanup hook.
unsafe extern "C" fn set(hook: *mut c_void) {
    // SAFETY: Node-API calls this once, with the Hook that was registered.
    let Hook { env, buffer } = *unsafe { Box::from_raw(hook.cast::<Hook>()) };
    let (mut scope, mut data, mut len) = (ptr::null_mut(), ptr::null_mut(), 0);
    // SAFETY: an environment is live, and on its thread, in its cleanup hooks. No JavaScript runs here: the calls look up
    // a reference and a pointer. The address is asked for now, as JavaScript may have detached the buffer, and then has
    // no word to read either. V8 owns WORD bytes at data, aligned for any element, while the reference holds the buffer.
    unsafe {
        if sys::napi_open_handle_scope(env, &mut scope) != sys::Status::napi_ok {
            return;
        }
        let status = sys::napi_get_arraybuffer_info(env, buffer.value(env), &mut data, &mut len);
        if status == sys::Status::napi_ok && len == WORD {
            data.cast::<i32>().write(1);
        }
        buffer.give_up(env);
        sys::napi_close_handle_scope(env, scope);
    }
}
