//! The memory of a buffer, taken out of JavaScript's reach and given back.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, Ordering};

use napi::bindgen_prelude::{Env, FnArgs, Function, JsObjectValue, JsValue, Object, Result, Unknown, ValueType};
use napi::sys;

use crate::api::exchange::is_bytes;
use crate::env::instance as environment;
use crate::error::{self, Error};

/// The bytes that JavaScript has passed.
#[derive(Clone, Copy)]
pub(crate) struct View {
    value: sys::napi_value,
    data: *mut c_void,
    len: usize,
    buffer: sys::napi_value,
    offset: usize,
}

impl View {
    /// # Safety
    /// `env` is live and `value` is one of its values.
    pub(crate) unsafe fn of(env: sys::napi_env, value: sys::napi_value) -> std::result::Result<Self, Box<Error>> {
        // Node-API leaves the kind as it is for one that it does not know.
        let mut kind = sys::TypedarrayType::int8_array;
        let mut view = Self {
            value,
            data: ptr::null_mut(),
            len: 0,
            buffer: ptr::null_mut(),
            offset: 0,
        };
        let mut detached = false;
        // SAFETY: env and value are live, and the out-pointers are places of their types. The buffer is asked about only
        // when it was written.
        unsafe {
            let status = sys::napi_get_typedarray_info(
                env,
                value,
                &mut kind,
                &mut view.len,
                &mut view.data,
                &mut view.buffer,
                &mut view.offset,
            );
            if status != sys::Status::napi_ok || !is_bytes(kind) {
                return Err(Error::invalid_buffer(env, value));
            }
            sys::napi_is_detached_arraybuffer(env, view.buffer, &mut detached);
        }
        if detached {
            return Err(Box::new(Error::BufferDetached));
        }
        Ok(view)
    }

    /// Where its first byte is.
    pub(crate) fn address(&self) -> usize {
        self.data.addr()
    }
}

/// Who answers for it that no JavaScript touches memory while it is lent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Custody {
    /// The addon: it moves the memory to an ArrayBuffer of its own.
    Taken,
    /// The caller, who alone holds the ArrayBuffer: a preload that was given it over a port.
    Owned,
}

/// Memory that no JavaScript touches, or that is shared and can be reached by all who have it.
pub(crate) struct Memory {
    /// Its ArrayBuffer or SharedArrayBuffer: as long as it is referred to, the memory stays where it is.
    owner: Reference,
    /// The caller's own view, if the memory is shared.
    shared: Option<Reference>,
    offset: usize,
    pub(crate) data: NonNull<u8>,
    pub(crate) len: usize,
}

impl Memory {
    /// Takes a view's memory: detaches its ArrayBuffer, or refers to its SharedArrayBuffer, which can be neither
    /// detached nor freed nor made shorter.
    ///
    /// It is detached by a function of JavaScript's (there is none in Node-API that keeps the memory), the one that was in
    /// its place when the addon was loaded. Code that ran in the same world before, and put its own there, can keep a
    /// second handle on the memory, and with it free what a library is writing to. That is code with all of this
    /// process's rights: a preload's own, or what it loaded first; a page's scripts have a world of their own under
    /// context isolation. `expose()` loads the addon at the top of a preload.
    ///
    /// # Safety
    /// - `env` is live, the view was just found there, and no exception is pending.
    /// - With [`Custody::Owned`], no JavaScript but the caller's has the ArrayBuffer, and the caller leaves it alone until
    ///   the call has been settled with it.
    pub(crate) unsafe fn take(
        env: sys::napi_env,
        intrinsics: &Intrinsics,
        view: &View,
        custody: Custody,
    ) -> std::result::Result<Self, Box<Error>> {
        let mut detachable = false;
        // SAFETY: env is live and the view is of it, here and below; every out-pointer is a place of its type.
        unsafe {
            sys::napi_is_arraybuffer(env, view.buffer, &mut detachable);
            if detachable {
                let data = Self::check_whole(env, intrinsics, view)?;
                return match custody {
                    Custody::Taken => Self::detach(env, intrinsics, view),
                    Custody::Owned => Self::whole_buffer(env, view.buffer, data, view.len),
                };
            }
            Ok(Self {
                owner: Reference::new(env, view.buffer).ok_or(Error::BufferImmovable)?,
                shared: Some(Reference::new(env, view.value).ok_or(Error::BufferImmovable)?),
                offset: view.offset,
                data: not_null(view.data),
                len: view.len,
            })
        }
    }

    /// Where the bytes of an ArrayBuffer are, all of which the view covers, and whose length is fixed.
    ///
    /// # Safety
    /// As [`take`](Self::take).
    unsafe fn check_whole(
        env: sys::napi_env,
        intrinsics: &Intrinsics,
        view: &View,
    ) -> std::result::Result<*mut c_void, Box<Error>> {
        let (mut data, mut total) = (ptr::null_mut(), 0);
        // SAFETY: env is live, the view's buffer is an ArrayBuffer of it, and the out-pointers are places of their types.
        unsafe {
            if intrinsics.is_resizable(env, view.buffer) {
                return Err(Box::new(Error::BufferResizable));
            }
            sys::napi_get_arraybuffer_info(env, view.buffer, &mut data, &mut total);
        }
        if view.offset == 0 && view.len == total {
            return Ok(data);
        }
        Err(Box::new(Error::BufferInPart {
            offset: view.offset,
            len: view.len,
            total,
        }))
    }

    /// # Safety
    /// As [`take`](Self::take), and the view is [whole](Self::check_whole).
    unsafe fn detach(
        env: sys::napi_env,
        intrinsics: &Intrinsics,
        view: &View,
    ) -> std::result::Result<Self, Box<Error>> {
        let (mut data, mut total) = (ptr::null_mut(), 0);
        // SAFETY: env is live and the view is of it. What is used is what the captured function has answered: an
        // ArrayBuffer, asked for its memory after all JavaScript that may run here (structuredClone looks at
        // Array.prototype). Whether others hold it too is said at `take`.
        unsafe {
            let moved = intrinsics.transfer(env, view.buffer).ok_or(Error::BufferImmovable)?;
            let mut detached = false;
            sys::napi_is_detached_arraybuffer(env, view.buffer, &mut detached);
            let status = sys::napi_get_arraybuffer_info(env, moved, &mut data, &mut total);
            // structuredClone copies what it cannot move.
            if !detached || status != sys::Status::napi_ok || total != view.len {
                return Err(Box::new(Error::BufferImmovable));
            }
            Self::whole_buffer(env, moved, data, total)
        }
    }

    /// # Safety
    /// `env` is live, `buffer` is an ArrayBuffer of it, and has `len` bytes at `data`.
    unsafe fn whole_buffer(
        env: sys::napi_env,
        buffer: sys::napi_value,
        data: *mut c_void,
        len: usize,
    ) -> std::result::Result<Self, Box<Error>> {
        Ok(Self {
            // SAFETY: env is live, and buffer is a value of it.
            owner: unsafe { Reference::new(env, buffer) }.ok_or(Error::BufferImmovable)?,
            shared: None,
            offset: 0,
            data: not_null(data),
            len,
        })
    }

    /// A view of a message of `len` bytes. Null, with an exception pending, if it cannot be made.
    ///
    /// # Safety
    /// `env` is live and that of the memory, no other thread writes to it any more, and no exception is pending.
    pub(crate) unsafe fn message(&self, env: sys::napi_env, intrinsics: &Intrinsics, len: u32) -> sys::napi_value {
        // SAFETY: the caller's. A message is never longer than the memory it is in.
        unsafe {
            match self.shared {
                Some(_) => intrinsics.view_shared(env, self.owner.value(env), self.offset, len as usize),
                None => self.view(env, len as usize),
            }
        }
    }

    /// All of the memory, for an error to carry.
    ///
    /// # Safety
    /// As [`message`](Self::message).
    pub(crate) unsafe fn whole(&self, env: sys::napi_env) -> sys::napi_value {
        // SAFETY: the caller's.
        unsafe {
            match &self.shared {
                Some(given) => given.value(env),
                None => self.view(env, self.len),
            }
        }
    }

    /// # Safety
    /// As [`message`](Self::message), and the memory is not shared and has so many bytes.
    unsafe fn view(&self, env: sys::napi_env, len: usize) -> sys::napi_value {
        let mut view = ptr::null_mut();
        // SAFETY: the caller's.
        unsafe {
            let owner = self.owner.value(env);
            sys::napi_create_typedarray(
                env,
                sys::TypedarrayType::uint8_array,
                len,
                owner,
                self.offset,
                &mut view,
            );
        }
        view
    }

    /// # Safety
    /// `env` is live and that of the memory, and no other thread uses it any more.
    pub(crate) unsafe fn give_up(self, env: sys::napi_env) {
        // SAFETY: the caller's.
        unsafe {
            self.owner.give_up(env);
            if let Some(view) = self.shared {
                view.give_up(env);
            }
        }
    }
}

/// A pointer that is not null, which is what the contract gives a library whose buffer is empty.
fn not_null(data: *mut c_void) -> NonNull<u8> {
    NonNull::new(data.cast()).unwrap_or(nothing())
}

/// Where a buffer without bytes is. It is memory that was written to: no bytes may be stored at any address, but where they
/// could not be, the processor takes 100 ns for that (a masked store, with which memset begins).
pub(crate) fn nothing() -> NonNull<u8> {
    static NOTHING: AtomicU8 = AtomicU8::new(0);
    NOTHING.store(0, Ordering::Relaxed);
    NonNull::from(&NOTHING).cast()
}

/// A strong reference to a JavaScript object. It ends with its environment, if it is not given up before.
pub(crate) struct Reference(sys::napi_ref);

impl Reference {
    /// Nothing, if the value is null or no object.
    ///
    /// # Safety
    /// `env` is live and `value` is null or one of its values.
    pub(crate) unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> Option<Self> {
        let mut reference = ptr::null_mut();
        // SAFETY: the caller's; Node-API refuses a null value, and reference is a place for one.
        let status = unsafe { sys::napi_create_reference(env, value, 1, &mut reference) };
        (status == sys::Status::napi_ok).then_some(Self(reference))
    }

    /// # Safety
    /// `env` is live and that of the reference.
    pub(crate) unsafe fn value(&self, env: sys::napi_env) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: the caller's, and value is a place for one.
        unsafe { sys::napi_get_reference_value(env, self.0, &mut value) };
        value
    }

    /// # Safety
    /// `env` is live and that of the reference.
    pub(crate) unsafe fn give_up(self, env: sys::napi_env) {
        // SAFETY: the caller's, and it is done once.
        unsafe { sys::napi_delete_reference(env, self.0) };
    }
}

/// What V8 came with, as it was found when the addon was loaded: what is put in its place later has no effect.
pub(crate) struct Intrinsics {
    /// `ArrayBuffer.prototype.transfer`, or `structuredClone` with a list of what to transfer.
    transfer: Reference,
    /// It is `structuredClone`: Node.js 20 has no `transfer` yet, and in a renderer of Electron, memory that was moved by
    /// it and is then posted to a Worker is never freed.
    by_clone: bool,
    /// The getter of `ArrayBuffer.prototype.resizable`, where there is one.
    resizable: Option<Reference>,
    uint8_array: Reference,
}

impl Intrinsics {
    pub(crate) fn capture(env: &Env) -> Result<Self> {
        let global = env.get_global()?;
        // A constructor is a function; napi-rs takes a plain Object for its properties.
        let of_constructor = |name| -> Result<Object> {
            let constructor = global.get_named_property::<Unknown>(name)?;
            Ok(Object::from_raw(env.raw(), constructor.raw()))
        };
        let array_buffer = of_constructor("ArrayBuffer")?;
        let prototype = array_buffer.get_named_property::<Object>("prototype")?;
        let transfer = prototype.get_named_property::<Unknown>("transfer")?;
        let in_renderer = matches!(environment::process_type(env).as_deref(), Some("renderer" | "worker"));
        let by_clone = transfer.get_type()? != ValueType::Function || in_renderer;
        let transfer = if by_clone {
            global.get_named_property::<Unknown>("structuredClone")?
        } else {
            transfer
        };
        let describe = of_constructor("Object")?
            .get_named_property::<Function<FnArgs<(Object, &str)>, Unknown>>("getOwnPropertyDescriptor")?;
        let resizable = describe.call((prototype, "resizable").into())?;
        let resizable = match resizable.get_type()? {
            // SAFETY: it is an object.
            ValueType::Object => unsafe { resizable.cast::<Object>() }?
                .get_named_property::<Unknown>("get")?
                .raw(),
            _ => ptr::null_mut(),
        };
        let uint8_array = global.get_named_property::<Unknown>("Uint8Array")?;
        // SAFETY: env is live, and the values are its own, or null.
        unsafe {
            let missing = || napi::Error::from_reason("V8's own ArrayBuffer is not whole");
            Ok(Self {
                transfer: Reference::new(env.raw(), transfer.raw()).ok_or_else(missing)?,
                by_clone,
                resizable: Reference::new(env.raw(), resizable),
                uint8_array: Reference::new(env.raw(), uint8_array.raw()).ok_or_else(missing)?,
            })
        }
    }

    /// Moves an ArrayBuffer's memory to a new one, without a copy. Nothing, if V8 refuses.
    ///
    /// # Safety
    /// `env` is live, `buffer` is one of its values, and no exception is pending.
    unsafe fn transfer(&self, env: sys::napi_env, buffer: sys::napi_value) -> Option<sys::napi_value> {
        // SAFETY: the caller's. An object that could not be made is null, which Node-API refuses.
        unsafe {
            if !self.by_clone {
                return call(env, buffer, self.transfer.value(env), &[]);
            }
            let (mut list, mut options) = (ptr::null_mut(), ptr::null_mut());
            sys::napi_create_array(env, &mut list);
            error::define(env, list, c"0", buffer);
            sys::napi_create_object(env, &mut options);
            error::define(env, options, c"transfer", list);
            call(env, undefined(env), self.transfer.value(env), &[buffer, options])
        }
    }

    /// # Safety
    /// `env` is live, `buffer` is one of its ArrayBuffers, and no exception is pending.
    unsafe fn is_resizable(&self, env: sys::napi_env, buffer: sys::napi_value) -> bool {
        let mut resizable = false;
        // SAFETY: the caller's, and resizable is a place for the answer.
        unsafe {
            if let Some(getter) = &self.resizable
                && let Some(answer) = call(env, buffer, getter.value(env), &[])
            {
                sys::napi_get_value_bool(env, answer, &mut resizable);
            }
        }
        resizable
    }

    /// How many bytes a SharedArrayBuffer has, which Node-API has no function for: a view of all of it is asked. `None`
    /// for anything else.
    ///
    /// # Safety
    /// `env` is live, `buffer` is one of its values, and no exception is pending.
    pub(crate) unsafe fn shared_len(&self, env: sys::napi_env, buffer: sys::napi_value) -> Option<usize> {
        let mut kind = sys::ValueType::napi_undefined;
        let (mut unshared, mut same, mut view) = (false, false, ptr::null_mut());
        // SAFETY: env is live, the values are its own, and the out-pointers are places of their types. The constructor is
        // given objects alone, as it would allocate for a number.
        unsafe {
            sys::napi_typeof(env, buffer, &mut kind);
            sys::napi_is_arraybuffer(env, buffer, &mut unshared);
            if kind != sys::ValueType::napi_object || unshared {
                return None;
            }
            if sys::napi_new_instance(env, self.uint8_array.value(env), 1, &buffer, &mut view) != sys::Status::napi_ok {
                take_exception(env);
                return None;
            }
            let view = View::of(env, view).ok()?;
            sys::napi_strict_equals(env, view.buffer, buffer, &mut same);
            same.then_some(view.len)
        }
    }

    /// A view of a SharedArrayBuffer, which Node-API has no function for.
    ///
    /// # Safety
    /// `env` is live, and `buffer` is one of its values.
    unsafe fn view_shared(
        &self,
        env: sys::napi_env,
        buffer: sys::napi_value,
        offset: usize,
        len: usize,
    ) -> sys::napi_value {
        let (mut first, mut count, mut view) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: env is live, and the out-pointers are places for a value. A length of a buffer is a safe integer.
        unsafe {
            sys::napi_create_int64(env, offset.cast_signed() as i64, &mut first);
            sys::napi_create_int64(env, len.cast_signed() as i64, &mut count);
            let arguments = [buffer, first, count];
            sys::napi_new_instance(env, self.uint8_array.value(env), 3, arguments.as_ptr(), &mut view);
        }
        view
    }
}

/// Calls a function. Nothing, if it throws; the exception is gone then.
///
/// # Safety
/// `env` is live, the values are null or its own, and no exception is pending.
pub(crate) unsafe fn call(
    env: sys::napi_env,
    this: sys::napi_value,
    function: sys::napi_value,
    arguments: &[sys::napi_value],
) -> Option<sys::napi_value> {
    let mut result = ptr::null_mut();
    // SAFETY: the caller's; Node-API refuses a null function; the arguments are as many as their slice says.
    unsafe {
        match sys::napi_call_function(env, this, function, arguments.len(), arguments.as_ptr(), &mut result) {
            sys::Status::napi_ok => Some(result),
            _ => {
                take_exception(env);
                None
            }
        }
    }
}

/// # Safety
/// `env` is live.
pub(crate) unsafe fn take_exception(env: sys::napi_env) -> sys::napi_value {
    let mut exception = ptr::null_mut();
    // SAFETY: env is live, and exception is a place for one value: undefined if none is pending.
    unsafe { sys::napi_get_and_clear_last_exception(env, &mut exception) };
    exception
}

/// # Safety
/// `env` is live.
unsafe fn undefined(env: sys::napi_env) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: env is live, and value is a place for one.
    unsafe { sys::napi_get_undefined(env, &mut value) };
    value
}
