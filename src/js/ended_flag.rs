//! The word that tells JavaScript that its environment has ended.
//!
//! V8's functions outlive their environment: a window that a page has opened can hold on to the page's functions over a
//! reload. Node-API has freed the environment by then, and would use it in a call before any code of this crate runs. So
//! JavaScript asks first, and without native code: it reads this word, which lives in V8's memory.

use crate::js::reference::Reference;
use crate::js::scope::Scope;
use crate::js::value::Value;

/// One 32-bit element in an ArrayBuffer: 0, and 1 from the end of the environment on.
pub(crate) struct EndedFlag(Reference);

impl EndedFlag {
    pub(crate) fn new(scope: Scope<'_>) -> Option<Self> {
        Reference::new(scope.array_buffer(size_of::<i32>())?).map(Self)
    }

    /// As an Int32Array of one element.
    pub(crate) fn word<'s>(&self, scope: Scope<'s>) -> Option<Value<'s>> {
        scope.int32_array(self.0.value(scope)?, 1)
    }

    /// The environment has ended. The address is asked for now: JavaScript may have detached the buffer, and then has no word to read either.
    pub(crate) fn set(&self, scope: Scope<'_>) {
        let bytes = self.0.value(scope).and_then(Value::array_buffer_bytes);
        if let Some((data, len)) = bytes
            && len == size_of::<i32>()
        {
            // SAFETY: V8 owns len bytes at data while the reference holds the buffer. V8 aligns buffers for any element.
            unsafe { data.cast::<i32>().write(1) };
        }
    }
}
