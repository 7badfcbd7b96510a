//! The functions that exchange data with a library: what JavaScript calls, by hand over Node-API.

mod bytes;
pub(crate) mod exchange;
pub(crate) mod exchange_async;
mod outcome;
pub(crate) mod perform;

use std::rc::Rc;

use napi::bindgen_prelude::{Env, Result, Unknown};

use crate::env::binding::Source;
use crate::env::instance;
use crate::js::callback::RawCallback;
use crate::js::scope::Scope;
use crate::js::value::Value;

/// What JavaScript calls to exchange data with one library.
pub(crate) struct Functions<'env> {
    pub(crate) in_place: Unknown<'env>,
    /// As `in_place`, with a length of the input.
    pub(crate) perform: Unknown<'env>,
    pub(crate) asynchronous: Unknown<'env>,
    /// Not public: for memory that its caller alone holds.
    pub(crate) owned_asynchronous: Unknown<'env>,
    /// By which [`Libraries`](crate::env::binding::Libraries) knows what they are bound to.
    pub(crate) number: u32,
}

/// The functions of this environment over an operation of a library; 0 is none. They may outlive the environment, and must
/// not be called then.
pub(crate) fn functions(env: &Env, source: Source, operation: u32) -> Result<Functions<'_>> {
    let scope = Scope::of(env);
    let environment = instance::of(scope)?;
    let (number, binding) = environment.libraries.bind(source.clone(), operation);
    let binding = Rc::as_ptr(&binding);
    let create = |name, callback: RawCallback| {
        // SAFETY: the callbacks ask for a Binding of this environment, which keeps it until it ends.
        let function = unsafe { scope.create_raw_function(name, callback, binding.cast()) };
        let refused = || napi::Error::from_reason("the environment makes no functions any more");
        function.map(Value::to_unknown).ok_or_else(refused)
    };
    // One that has still to be loaded may turn out to.
    let in_place = match &source {
        Source::Loaded(library) if library.performs() => perform::plain_callback,
        _ => exchange::callback,
    };
    Ok(Functions {
        in_place: create(c"exchangeDataInPlace", in_place)?,
        perform: create(c"perform", perform::callback)?,
        asynchronous: create(c"exchangeDataAsync", exchange_async::callback)?,
        owned_asynchronous: create(c"exchangeOwnedAsync", exchange_async::owned_callback)?,
        number,
    })
}
