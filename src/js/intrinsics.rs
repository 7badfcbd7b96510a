//! What V8 came with, as it was found when the addon was loaded: what is put in its place later has no effect.

use crate::js::byte_view::ByteView;
use crate::js::reference::Reference;
use crate::js::scope::Scope;
use crate::js::value::Value;

pub(crate) struct Intrinsics {
    /// `ArrayBuffer.prototype.transfer`, or `structuredClone` with a list of what to transfer.
    transfer: Reference,
    /// It is `structuredClone`: Node.js 20 has no `transfer` yet, and in a renderer of Electron, memory that was moved
    /// by it and is then posted to a Worker is never freed.
    by_clone: bool,
    /// The getter of `ArrayBuffer.prototype.resizable`, where there is one.
    resizable: Option<Reference>,
    uint8_array: Reference,
}

impl Intrinsics {
    /// `None` if V8's own ArrayBuffer is not whole.
    pub(crate) fn capture(scope: Scope<'_>, in_renderer: bool) -> Option<Self> {
        let global = scope.global()?;
        let constructor = global.get_property(c"ArrayBuffer").ok()?;
        let prototype = constructor.get_property(c"prototype").ok()?;
        let transfer = prototype.get_property(c"transfer").ok()?;
        let by_clone = !transfer.is_function() || in_renderer;
        let transfer = if by_clone {
            global.get_property(c"structuredClone").ok()?
        } else {
            transfer
        };
        let object = global.get_property(c"Object").ok()?;
        let describe = object.get_property(c"getOwnPropertyDescriptor").ok()?;
        let resizable = describe
            .call_function(object, [prototype, scope.string("resizable")?])
            .ok()?;
        let resizable = if resizable.is_object() {
            Some(resizable.get_property(c"get").ok()?)
        } else {
            None
        };
        Some(Self {
            transfer: Reference::new(transfer)?,
            by_clone,
            resizable: resizable.and_then(Reference::new),
            uint8_array: Reference::new(global.get_property(c"Uint8Array").ok()?)?,
        })
    }

    /// Moves an ArrayBuffer's memory to a new one, without a copy. `None` if V8 refuses.
    pub(crate) fn transfer<'s>(&self, buffer: Value<'s>) -> Option<Value<'s>> {
        let scope = buffer.scope();
        let transfer = self.transfer.value(scope)?;
        if !self.by_clone {
            return transfer.call_function(buffer, []).ok();
        }
        let list = scope.array()?;
        list.define(c"0", Some(buffer));
        let options = scope.object()?;
        options.define(c"transfer", Some(list));
        transfer.call_function(scope.undefined()?, [buffer, options]).ok()
    }

    pub(crate) fn is_resizable(&self, buffer: Value<'_>) -> bool {
        let getter = self.resizable.as_ref().and_then(|getter| getter.value(buffer.scope()));
        getter.is_some_and(|getter| getter.call_function(buffer, []).is_ok_and(Value::is_true))
    }

    /// How many bytes a SharedArrayBuffer has, which Node-API has no function for. `None` for anything else.
    pub(crate) fn shared_len(&self, buffer: Value<'_>) -> Option<usize> {
        Some(self.shared_view(buffer)?.len)
    }

    /// A view of all of a SharedArrayBuffer. `None` for anything else.
    pub(crate) fn shared_view<'s>(&self, buffer: Value<'s>) -> Option<ByteView<'s>> {
        // The constructor is given objects alone, as it would allocate for a number.
        if !buffer.is_object() || buffer.is_array_buffer() {
            return None;
        }
        let scope = buffer.scope();
        let Some(view) = self.uint8_array.value(scope)?.new_instance([buffer]) else {
            scope.take_exception();
            return None;
        };
        let view = ByteView::of(view).ok()?;
        view.buffer.strict_equals(buffer).then_some(view)
    }

    /// A view of a SharedArrayBuffer, which Node-API has no function for. `None`, with an exception pending, if it
    /// cannot be made.
    pub(crate) fn view_shared<'s>(&self, buffer: Value<'s>, offset: usize, len: usize) -> Option<Value<'s>> {
        let scope = buffer.scope();
        let count = |len: usize| scope.number(i64::try_from(len).unwrap_or(i64::MAX));
        let constructor = self.uint8_array.value(scope)?;
        constructor.new_instance([buffer, count(offset)?, count(len)?])
    }
}
