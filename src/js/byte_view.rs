//! A view of bytes that JavaScript has passed: a Uint8Array or one of its kin.

use std::ptr;

use napi::sys;

use crate::error::Error;
use crate::js::throw::invalid_buffer;
use crate::js::value::Value;

/// A view whose elements are unsigned bytes, and whose memory was not transferred away when it was looked at.
#[derive(Clone, Copy)]
pub(crate) struct ByteView<'s> {
    pub(crate) value: Value<'s>,
    pub(crate) data: *mut u8,
    pub(crate) len: usize,
    /// Its ArrayBuffer or SharedArrayBuffer.
    pub(crate) buffer: Value<'s>,
    pub(crate) offset: usize,
}

impl<'s> ByteView<'s> {
    pub(crate) fn of(value: Value<'s>) -> Result<Self, Box<Error>> {
        // Node-API leaves the kind as it is for one that it does not know.
        let mut kind = sys::TypedarrayType::int8_array;
        let (mut data, mut len, mut offset) = (ptr::null_mut(), 0, 0);
        // SAFETY: env and the value are live, and the out-pointers are places of their types.
        let buffer = value.scope().make(|env, buffer| unsafe {
            sys::napi_get_typedarray_info(env, value.raw(), &mut kind, &mut len, &mut data, buffer, &mut offset)
        });
        let Some(buffer) = buffer.filter(|_| is_bytes(kind)) else {
            return Err(invalid_buffer(value));
        };
        if buffer.is_detached() {
            return Err(Box::new(Error::BufferDetached));
        }
        let data = data.cast();
        Ok(Self {
            value,
            data,
            len,
            buffer,
            offset,
        })
    }
}

/// For these kinds the length of a view, which counts elements, counts bytes.
#[inline]
pub(crate) fn is_bytes(kind: sys::napi_typedarray_type) -> bool {
    kind == sys::TypedarrayType::uint8_array || kind == sys::TypedarrayType::uint8_clamped_array
}
