//! What JavaScript asks of a library's operations and of calls that run, for lib/operation.js and lib/progress.js.

use inplace_exchange_host::Library;
use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::api;
use crate::env::binding::{Binding, Source};
use crate::env::instance;
use crate::js::scope::Scope;

/// Internal (lib/operation.js): what calls one operation of a library.
#[napi(object, object_from_js = false)]
#[doc(hidden)]
pub struct BoundOperation<'env> {
    /// The synchronous call.
    pub perform: Unknown<'env>,
    /// As `exchangeDataAsync`.
    pub exchange_data_async: Unknown<'env>,
    /// As `exchangeOwnedAsync`.
    pub exchange_owned_async: Unknown<'env>,
}

/// Internal (lib/operation.js): binds functions to an operation, or to none. A library is known by the number that
/// `openLibrary` gives it, the default one by 0.
#[napi(skip_typescript)]
pub fn bind_operation(env: &Env, binding: u32, name: Option<String>) -> Result<BoundOperation<'_>> {
    let scope = Scope::of(env);
    let environment = instance::of(scope)?;
    let binding = environment.libraries.binding(binding).ok_or_else(instance::ended)?;
    let library = library(scope, &binding)?;
    let operation = name.map_or(Ok(0), |name| library.operation(&name));
    let operation = operation.map_err(|error| Box::<crate::error::Error>::from(error).throw_into_napi(scope))?;
    let functions = api::functions(env, Source::clone(binding.source()), operation)?;
    Ok(BoundOperation {
        perform: functions.perform,
        exchange_data_async: functions.asynchronous,
        exchange_owned_async: functions.owned_asynchronous,
    })
}

/// Internal (lib/operation.js): the names of the operations of a library.
#[napi(skip_typescript)]
pub fn operations_of(env: &Env, binding: u32) -> Result<Vec<String>> {
    let scope = Scope::of(env);
    let environment = instance::of(scope)?;
    let binding = environment.libraries.binding(binding).ok_or_else(instance::ended)?;
    let names = library(scope, &binding)?.operations().iter();
    Ok(names.filter(|name| !name.is_empty()).cloned().collect())
}

/// Internal (lib/progress.js): how far a call is, `[done, total]`, or `undefined` once it has been settled. The call is known
/// by its number.
#[napi(skip_typescript)]
pub fn progress_of(env: &Env, call: i64) -> Result<Option<(f64, f64)>> {
    let environment = instance::of(Scope::of(env))?;
    let calls = environment.pending.as_ref().zip(u64::try_from(call).ok());
    let progress = calls.and_then(|(pending, call)| pending.progress(call));
    Ok(progress.map(|progress| (to_number(progress.done), to_number(progress.total))))
}

#[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers have no more")]
fn to_number(count: u64) -> f64 {
    count as f64
}

fn library(scope: Scope<'_>, binding: &Binding) -> Result<&'static Library> {
    let session = binding.session().map_err(|error| error.throw_into_napi(scope))?;
    Ok(session.library())
}
