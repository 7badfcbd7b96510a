//! What only the runtime knows: where the addon's file is, and whether native memory may be wrapped. Also its marks on
//! objects, which JavaScript cannot see.

use std::ffi::{CStr, c_void};
use std::ptr;

use napi::bindgen_prelude::Result;
use napi::{check_status, sys};

use crate::js::scope::Scope;
use crate::js::value::Value;

impl Scope<'_> {
    /// The address of the addon's file, as a URL.
    pub(crate) fn module_file_name(self) -> Result<String> {
        let mut name = ptr::null();
        // SAFETY: env is live and name a place for one pointer.
        check_status!(unsafe { sys::node_api_get_module_file_name(self.raw(), &mut name) })?;
        // SAFETY: Node-API has answered with a NUL-terminated string that lives as long as the environment.
        let name = unsafe { CStr::from_ptr(name) };
        Ok(name.to_string_lossy().into_owned())
    }

    /// Tries to wrap one native byte in a Buffer.
    pub(crate) fn external_buffers_allowed(self) -> Result<bool> {
        unsafe extern "C" fn free(_env: sys::napi_env, _data: *mut c_void, byte: *mut c_void) {
            // SAFETY: the byte came from Box::into_raw below, and a finalizer runs once.
            drop(unsafe { Box::from_raw(byte.cast::<u8>()) });
        }

        let byte = Box::into_raw(Box::new(0u8));
        let mut buffer = ptr::null_mut();
        // SAFETY: env is live, and buffer is a place for one value. On success the Buffer owns the byte, and frees it
        // in its finalizer.
        let status = unsafe {
            sys::napi_create_external_buffer(self.raw(), 1, byte.cast(), Some(free), byte.cast(), &mut buffer)
        };
        if status == sys::Status::napi_ok {
            return Ok(true);
        }
        // SAFETY: the byte came from Box::into_raw; it was refused, so no Buffer owns it.
        drop(unsafe { Box::from_raw(byte) });
        if status == sys::Status::napi_no_external_buffers_allowed {
            return Ok(false);
        }
        check_status!(status).map(|()| false)
    }
}

impl Value<'_> {
    /// Marks an object. False if it was marked so before, or cannot be.
    pub(crate) fn mark_once(self, mark: &'static sys::napi_type_tag) -> bool {
        let mut marked = false;
        // SAFETY: env and the value are live, and marked is a place for the answer.
        unsafe { sys::napi_check_object_type_tag(self.scope().raw(), self.raw(), mark, &mut marked) };
        // SAFETY: env and the value are live.
        !marked && unsafe { sys::napi_type_tag_object(self.scope().raw(), self.raw(), mark) } == sys::Status::napi_ok
    }
}
