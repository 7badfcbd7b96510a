//! JavaScript values, and what is asked of them.

use std::ffi::CStr;
use std::ptr::{self, NonNull};

use napi::bindgen_prelude::{JsValue, Unknown, ValueType};
use napi::sys;

use crate::js::answer::answered;
use crate::js::scope::Scope;

/// A value of an environment, in the handle scope that is open for `'s`.
#[derive(Clone, Copy)]
pub(crate) struct Value<'s> {
    scope: Scope<'s>,
    raw: NonNull<sys::napi_value__>,
}

/// What JavaScript has thrown. `None` if the environment is about to end and does not say.
pub(crate) struct Thrown<'s>(pub(crate) Option<Value<'s>>);

/// The value, or the null that Node-API refuses.
pub(crate) fn raw_of(value: Option<Value<'_>>) -> sys::napi_value {
    value.map_or(ptr::null_mut(), Value::raw)
}

impl<'s> Scope<'s> {
    /// The value that a function of Node-API makes in this environment, or `None` if it refuses. What `create` writes
    /// to the place that it is given, which takes `unsafe`, is null or such a value.
    #[inline]
    pub(super) fn make(
        self,
        create: impl FnOnce(sys::napi_env, *mut sys::napi_value) -> sys::napi_status,
    ) -> Option<Value<'s>> {
        let mut value = ptr::null_mut();
        let status = create(self.raw(), &mut value);
        if status != sys::Status::napi_ok {
            return None;
        }
        // SAFETY: null, or a value that was just made in this environment, in the handle scope that is open for 's.
        unsafe { Value::from_raw(self, value) }
    }

    /// The exception that is pending, which it is no more then; undefined if none was.
    pub(crate) fn take_exception(self) -> Thrown<'s> {
        // SAFETY: env is live, and the result is a place for one value.
        Thrown(self.make(|env, result| unsafe { sys::napi_get_and_clear_last_exception(env, result) }))
    }
}

impl<'s> Value<'s> {
    /// `None` for null.
    ///
    /// # Safety
    /// `raw` is null, or a value of the scope's environment that stays valid for `'s`.
    #[inline]
    pub(crate) unsafe fn from_raw(scope: Scope<'s>, raw: sys::napi_value) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self { scope, raw })
    }

    /// That of an argument of a derived function.
    pub(crate) fn of(scope: Scope<'s>, unknown: &Unknown<'s>) -> Option<Self> {
        // SAFETY: napi-rs gives an Unknown to a derived function for the time of its call, and for no longer.
        unsafe { Self::from_raw(scope, unknown.raw()) }
    }

    /// For the functions of napi-rs.
    pub(crate) fn to_unknown(self) -> Unknown<'s> {
        // SAFETY: the value is one of this environment, and valid for 's.
        unsafe { Unknown::from_raw_unchecked(self.scope.raw(), self.raw()) }
    }

    pub(crate) fn raw(self) -> sys::napi_value {
        self.raw.as_ptr()
    }

    pub(crate) fn scope(self) -> Scope<'s> {
        self.scope
    }

    pub(crate) fn kind(self) -> ValueType {
        // SAFETY: env and the value are live, and kind is a place for the answer.
        let ask = |kind| unsafe { sys::napi_typeof(self.scope.raw(), self.raw(), kind) };
        // SAFETY: Node-API has written an answer that is ok.
        unsafe { answered(ask) }.map_or(ValueType::Undefined, ValueType::from)
    }

    pub(crate) fn is_function(self) -> bool {
        self.kind() == ValueType::Function
    }

    /// Not a function, and not null.
    pub(crate) fn is_object(self) -> bool {
        self.kind() == ValueType::Object
    }

    pub(crate) fn is_undefined(self) -> bool {
        self.kind() == ValueType::Undefined
    }

    pub(crate) fn is_boolean(self) -> bool {
        self.kind() == ValueType::Boolean
    }

    pub(crate) fn is_array_buffer(self) -> bool {
        // SAFETY: env and the value are live, and the answer is a place for one.
        let ask = |answer| unsafe { sys::napi_is_arraybuffer(self.scope.raw(), self.raw(), answer) };
        // SAFETY: Node-API has written an answer that is ok.
        unsafe { answered(ask) }.unwrap_or(false)
    }

    pub(crate) fn is_typed_array(self) -> bool {
        // SAFETY: env and the value are live, and the answer is a place for one.
        self.answers(|env, value, answer| unsafe { sys::napi_is_typedarray(env, value, answer) })
    }

    pub(crate) fn is_data_view(self) -> bool {
        // SAFETY: env and the value are live, and the answer is a place for one.
        self.answers(|env, value, answer| unsafe { sys::napi_is_dataview(env, value, answer) })
    }

    pub(crate) fn is_array(self) -> bool {
        // SAFETY: env and the value are live, and the answer is a place for one.
        self.answers(|env, value, answer| unsafe { sys::napi_is_array(env, value, answer) })
    }

    /// Whether it is an ArrayBuffer whose memory has been transferred away.
    pub(crate) fn is_detached(self) -> bool {
        // SAFETY: env and the value are live, and the answer is a place for one.
        self.answers(|env, value, answer| unsafe { sys::napi_is_detached_arraybuffer(env, value, answer) })
    }

    /// Whether it is the boolean `true`.
    pub(crate) fn is_true(self) -> bool {
        // SAFETY: env and the value are live, and the answer is a place for one.
        self.answers(|env, value, answer| unsafe { sys::napi_get_value_bool(env, value, answer) })
    }

    pub(crate) fn strict_equals(self, other: Value<'s>) -> bool {
        // SAFETY: env and the values are live, and the answer is a place for one.
        self.answers(|env, value, answer| unsafe { sys::napi_strict_equals(env, value, other.raw(), answer) })
    }

    fn answers(self, ask: impl FnOnce(sys::napi_env, sys::napi_value, *mut bool) -> sys::napi_status) -> bool {
        let mut answer = false;
        let status = ask(self.scope.raw(), self.raw(), &mut answer);
        status == sys::Status::napi_ok && answer
    }

    pub(crate) fn to_f64(self) -> Option<f64> {
        // SAFETY: env and the value are live, and number is a place for the answer.
        let ask = |number| unsafe { sys::napi_get_value_double(self.scope.raw(), self.raw(), number) };
        // SAFETY: Node-API has written an answer that is ok.
        unsafe { answered(ask) }
    }

    pub(crate) fn to_u32(self) -> Option<u32> {
        // SAFETY: env and the value are live, and number is a place for the answer.
        let ask = |number| unsafe { sys::napi_get_value_uint32(self.scope.raw(), self.raw(), number) };
        // SAFETY: Node-API has written an answer that is ok.
        unsafe { answered(ask) }
    }

    /// Where the bytes of an ArrayBuffer are, and how many. `None` for anything else.
    pub(crate) fn array_buffer_bytes(self) -> Option<(*mut u8, usize)> {
        let (mut data, mut len) = (ptr::null_mut(), 0);
        // SAFETY: env and the value are live, and the out-pointers are places of their types.
        let status = unsafe { sys::napi_get_arraybuffer_info(self.scope.raw(), self.raw(), &mut data, &mut len) };
        (status == sys::Status::napi_ok).then_some((data.cast(), len))
    }

    /// Takes an ArrayBuffer's memory away from it, and frees it. Without effect on anything else.
    pub(crate) fn detach(self) {
        // SAFETY: env and the value are live.
        unsafe { sys::napi_detach_arraybuffer(self.scope.raw(), self.raw()) };
    }

    /// Runs no JavaScript, unless it is a Proxy.
    pub(crate) fn get_prototype(self) -> Option<Value<'s>> {
        // SAFETY: env and the value are live, and the result is a place for one value.
        self.scope
            .make(|env, result| unsafe { sys::napi_get_prototype(env, self.raw(), result) })
    }

    /// A property, whose getter may run, and throw.
    pub(crate) fn get_property(self, name: &CStr) -> Result<Value<'s>, Thrown<'s>> {
        // SAFETY: env and the value are live, the name is NUL-terminated, and the result is a place for one value.
        self.scope
            .make(|env, result| unsafe { sys::napi_get_named_property(env, self.raw(), name.as_ptr(), result) })
            .ok_or_else(|| self.scope.take_exception())
    }

    /// Whether a property is the boolean `true`. An exception of its getter is dropped.
    pub(crate) fn has_true(self, name: &CStr) -> bool {
        self.get_property(name).is_ok_and(Value::is_true)
    }

    /// Calls this as a function, on `this`.
    pub(crate) fn call_function<const N: usize>(
        self,
        this: Value<'s>,
        arguments: [Value<'s>; N],
    ) -> Result<Value<'s>, Thrown<'s>> {
        let arguments = arguments.map(Value::raw);
        let (this, function) = (this.raw(), self.raw());
        // SAFETY: env and the values are live, the arguments are as many as is said, and the result is a place for one
        // value.
        self.scope
            .make(|env, result| unsafe { sys::napi_call_function(env, this, function, N, arguments.as_ptr(), result) })
            .ok_or_else(|| self.scope.take_exception())
    }

    /// Calls this as a constructor. `None`, with an exception pending, if it throws.
    pub(crate) fn new_instance<const N: usize>(self, arguments: [Value<'s>; N]) -> Option<Value<'s>> {
        let arguments = arguments.map(Value::raw);
        // SAFETY: env and the values are live, the arguments are as many as is said, and the result is a place for one
        // value.
        self.scope
            .make(|env, result| unsafe { sys::napi_new_instance(env, self.raw(), N, arguments.as_ptr(), result) })
    }

    /// Makes a property as an assignment would, without calling a setter. A value that could not be made is left out.
    pub(crate) fn define(self, name: &CStr, value: Option<Value<'s>>) {
        self.define_as(name, value, sys::PropertyAttributes::enumerable);
    }

    /// As [`define`](Self::define), for a property that is left out when the object is printed or gone through.
    pub(crate) fn define_hidden(self, name: &CStr, value: Option<Value<'s>>) {
        self.define_as(name, value, sys::PropertyAttributes::default);
    }

    fn define_as(self, name: &CStr, value: Option<Value<'s>>, enumerable: sys::napi_property_attributes) {
        let Some(value) = value else { return };
        let property = sys::napi_property_descriptor {
            utf8name: name.as_ptr(),
            name: ptr::null_mut(),
            method: None,
            getter: None,
            setter: None,
            value: value.raw(),
            attributes: enumerable | sys::PropertyAttributes::writable | sys::PropertyAttributes::configurable,
            data: ptr::null_mut(),
        };
        // SAFETY: env and the object are live, and the one descriptor is complete, its name NUL-terminated.
        unsafe { sys::napi_define_properties(self.scope.raw(), self.raw(), 1, &property) };
    }
}
