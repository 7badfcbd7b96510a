//! New JavaScript values. `None` where the environment makes none any more.

use std::ptr;

use napi::sys;

use crate::js::scope::Scope;
use crate::js::value::Value;

/// The longest text that is handed to JavaScript, in bytes.
const MAX_TEXT: usize = 64 * 1024;

impl<'s> Scope<'s> {
    /// The text, cut where no reader would go on: V8 has a limit, and an error must not get lost because a path or a
    /// library's message is beyond it.
    pub(crate) fn string(self, text: &str) -> Option<Value<'s>> {
        let end = (0..=MAX_TEXT.min(text.len()))
            .rev()
            .find(|&end| text.is_char_boundary(end));
        let text = &text[..end.unwrap_or(0)];
        // SAFETY: env is live, the text is read for its own length, and the result is a place for one value.
        self.make(|env, result| unsafe {
            sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), result)
        })
    }

    /// A number, or a bigint where a number would round.
    pub(crate) fn number(self, integer: i64) -> Option<Value<'s>> {
        const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
        if integer.unsigned_abs() > MAX_SAFE_INTEGER {
            return self.bigint(integer);
        }
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_create_int64(env, integer, result) })
    }

    pub(crate) fn bigint(self, integer: i64) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_create_bigint_int64(env, integer, result) })
    }

    pub(crate) fn undefined(self) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_get_undefined(env, result) })
    }

    pub(crate) fn global(self) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_get_global(env, result) })
    }

    /// An empty object. Its prototype is that of the current context, which libuv's callbacks may find to be another
    /// page's.
    pub(crate) fn object(self) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_create_object(env, result) })
    }

    pub(crate) fn array(self) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value.
        self.make(|env, result| unsafe { sys::napi_create_array(env, result) })
    }

    /// An ArrayBuffer of so many zeroes.
    pub(crate) fn array_buffer(self, len: usize) -> Option<Value<'s>> {
        // SAFETY: env is live, and the result is a place for one value; the address of the bytes is not asked for.
        self.make(|env, result| unsafe { sys::napi_create_arraybuffer(env, len, ptr::null_mut(), result) })
    }

    /// A view of `len` bytes of an ArrayBuffer. `None`, with an exception pending, if they are not there.
    pub(crate) fn uint8_array(self, buffer: Value<'s>, offset: usize, len: usize) -> Option<Value<'s>> {
        self.typed_array(sys::TypedarrayType::uint8_array, buffer, offset, len)
    }

    /// A view of the first `len` words of an ArrayBuffer. `None`, with an exception pending, if they are not there.
    pub(crate) fn int32_array(self, buffer: Value<'s>, len: usize) -> Option<Value<'s>> {
        self.typed_array(sys::TypedarrayType::int32_array, buffer, 0, len)
    }

    fn typed_array(
        self,
        kind: sys::napi_typedarray_type,
        buffer: Value<'s>,
        offset: usize,
        len: usize,
    ) -> Option<Value<'s>> {
        // SAFETY: env is live, the buffer is a value of it, and the result is a place for one value. Node-API checks
        // the range.
        self.make(|env, result| unsafe { sys::napi_create_typedarray(env, kind, len, buffer.raw(), offset, result) })
    }
}
