//! What JavaScript asks of memory, besides having it filled.

use std::ptr::NonNull;

use inplace_exchange_host::{LentMemory, Pages};
use napi::bindgen_prelude::*;
use napi::sys;
use napi_derive::napi;

use crate::api;
use crate::env::binding::Source;
use crate::env::{instance, mapping, own_library};
use crate::js::byte_view::ByteView;
use crate::js::scope::Scope;
use crate::js::throw::invalid_buffer;
use crate::js::value::Value;
use crate::operation::BoundOperation;

/// Whether this runtime lets native code wrap its own memory in a Buffer, found out by trying: `false` inside V8's
/// memory cage (Electron 20 and later), `true` in Node.js.
#[napi]
pub fn external_buffers_allowed(env: Env) -> Result<bool> {
    Scope::of(&env).external_buffers_allowed()
}

/// The address of a buffer's bytes in native code: to prove that nothing was copied, or to compare with a debugger. It
/// does not change during the life of the memory, whichever buffer, page or worker holds it. Addresses help an
/// attacker, so do not give them to a page that you do not trust.
///
/// Throws `ERR_INVALID_BUFFER` (TypeError) if the argument is not a Uint8Array, Buffer or Uint8ClampedArray, and
/// `ERR_BUFFER_DETACHED` (TypeError).
#[napi(ts_args_type = "buf: Uint8Array | Uint8ClampedArray")]
pub fn address_of(env: &Env, buf: Unknown) -> Result<BigInt> {
    let scope = Scope::of(env);
    let view =
        argument(scope, &buf).and_then(|value| ByteView::of(value).map_err(|error| error.throw_into_napi(scope)))?;
    Ok(BigInt::from(view.data.addr() as u64))
}

/// Reports the size of a SharedArrayBuffer to V8 until the object is collected, so that V8 starts garbage collections
/// in time: V8 does not count the memory of a second handle on shared memory. Internal to the page API. Counts an
/// object only once, and takes the length from the memory itself.
#[napi(skip_typescript)]
pub fn count_shared_memory(env: &Env, memory: Unknown) -> Result<()> {
    /// Marks objects that were counted.
    const COUNTED: sys::napi_type_tag = sys::napi_type_tag {
        lower: 0x9d1c_52a6_70e4_4b3f,
        upper: 0x8f2b_6e0d_31c7_a954,
    };

    let scope = Scope::of(env);
    let value = argument(scope, &memory)?;
    let environment = instance::of(scope)?;
    let Some(len) = environment.intrinsics.shared_len(value) else {
        return Err(invalid_buffer(value).throw_into_napi(scope));
    };
    if !value.mark_once(&COUNTED) {
        return Ok(());
    }
    let len = i64::try_from(len).unwrap_or(0);
    let mut memory = Object::from_raw(env.raw(), memory.raw());
    memory.add_finalizer((), len, |ended| {
        // A finalizer has no caller that could handle a failure.
        let _ = ended.env.adjust_external_memory(-ended.hint);
    })?;
    env.adjust_external_memory(len).map(drop)
}

/// Internal (lib/addon.js): whether a process of a library can have this environment's memory mapped.
#[napi(skip_typescript)]
pub fn can_map_memory(env: &Env) -> Result<bool> {
    let scope = Scope::of(env);
    Ok(mapping::can_map(scope, &*instance::of(scope)?))
}

/// Internal (lib/addon.js): maps a SharedArrayBuffer that nobody else uses yet for the process of a library, so that it is
/// lent without a copy from then on. Without effect where it cannot be mapped.
#[napi(skip_typescript)]
pub fn map_shared_memory(env: &Env, number: u32, memory: Unknown) -> Result<()> {
    let scope = Scope::of(env);
    let environment = instance::of(scope)?;
    let view = environment.intrinsics.shared_view(argument(scope, &memory)?);
    let Some(view) = view.filter(|view| mapping::pages_of(&environment, view) == Pages::Shared) else {
        return Ok(());
    };
    let Some(data) = NonNull::new(view.data) else {
        return Ok(());
    };
    // SAFETY: V8 owns the bytes, and the view keeps them alive for the time of this call. That no other thread writes to them
    // meanwhile is the caller's word; if one does, what it writes may get lost, and nothing else. The rest has been tried.
    let memory = unsafe { LentMemory::in_pages(data, view.len, Pages::Replaceable) };
    own_library::map(number, &memory).map_err(|error| error.throw_into_napi(scope))
}

/// Internal (lib/addon.js): what populates memory, as functions of a library whose exchanges change no byte.
#[napi(skip_typescript)]
pub fn populator(env: &Env) -> Result<BoundOperation<'_>> {
    let functions = api::functions(env, Source::Loaded(inplace_exchange_host::populator()), 0)?;
    Ok(BoundOperation {
        perform: functions.perform,
        exchange_data_async: functions.asynchronous,
        exchange_owned_async: functions.owned_asynchronous,
    })
}

fn argument<'env>(scope: Scope<'env>, argument: &Unknown<'env>) -> Result<Value<'env>> {
    Value::of(scope, argument).ok_or_else(instance::ended)
}
