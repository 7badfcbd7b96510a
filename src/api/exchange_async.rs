//! The call that does not hold up JavaScript: takes the memory away from it, has a thread of the library make the call, and
//! gives the memory back with the outcome.
//!
//! No JavaScript touches the memory meanwhile: the caller's ArrayBuffer is detached, and the one that owns the memory
//! now is known to this addon alone; or the caller alone holds it, and leaves it be ([`Custody`]). A strong reference
//! is kept until the native work has ended. What is and is not relied on for that is said at [`LentBuffer::take`].

use std::ptr;
use std::sync::Arc;

use inplace_exchange_host::{Request, StreamOptions};
use napi::sys;

use crate::env::binding::Binding;
use crate::env::instance::{self, Environment};
use crate::env::mapping;
use crate::env::own_loop::Ownership;
use crate::env::pending::PendingCalls;
use crate::env::submission::Submission;
use crate::error::Error;
use crate::js::byte_view::ByteView;
use crate::js::input::input_len;
use crate::js::lent_buffer::{Custody, LentBuffer};
use crate::js::reference::Deferred;
use crate::js::rejection::Rejection;
use crate::js::scope::Scope;
use crate::js::stream_options::stream_options;

use crate::js::value::{Thrown, Value, raw_of};

/// The native side of `exchangeDataAsync`. Its data pointer is the [`Binding`] of the library to call.
///
/// # Safety
/// - Called by Node-API, with a live environment and callback info.
/// - The function was created with a pointer to a `Binding` of the same environment.
pub(crate) unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: env, info and the function's data are as this function's contract says.
    unsafe { start_call(env, info, Custody::Detached) }
}

/// As [`callback`], for memory that its caller alone holds: `exchangeOwnedAsync`, which is not public.
///
/// # Safety
/// As [`callback`].
pub(crate) unsafe extern "C" fn owned_callback(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: env, info and the function's data are as this function's contract says.
    unsafe { start_call(env, info, Custody::Retained) }
}

/// # Safety
/// As [`callback`].
unsafe fn start_call(env: sys::napi_env, info: sys::napi_callback_info, custody: Custody) -> sys::napi_value {
    let mut argc = 2;
    let mut arguments = [ptr::null_mut(); 2];
    let mut data = ptr::null_mut();
    // SAFETY: env and info are live (this function's contract), and every out-pointer is null or a place of its type,
    // with room for argc arguments. Node-API fills in undefined for those that the caller did not give.
    let status =
        unsafe { sys::napi_get_cb_info(env, info, &mut argc, arguments.as_mut_ptr(), ptr::null_mut(), &mut data) };
    if status != sys::Status::napi_ok {
        return ptr::null_mut();
    }
    // SAFETY: env is live and on its thread (this function's contract), and Node-API has opened a handle scope around
    // this call.
    let scope = unsafe { Scope::from_raw(env) };
    // SAFETY: null, or a value of this call.
    let [buffer, options] = arguments.map(|argument| unsafe { Value::from_raw(scope, argument) });
    // SAFETY: data is the Binding that the function was created with (this function's contract). It lives as long as
    // the environment, which is live, and only this thread uses it, by shared reference.
    let binding = unsafe { &*data.cast::<Binding>() };
    let (Some(environment), Some((deferred, promise)), Some(buffer), Some(options)) =
        (instance::current(scope), scope.promise(), buffer, options)
    else {
        return ptr::null_mut();
    };
    match prepare(&environment, binding, custody, buffer, options) {
        Ok((pending, submission)) => submit(scope, &environment, pending, submission, deferred),
        Err(rejection) => deferred.reject(scope, rejection.into_value(scope, Some(buffer))),
    }
    raw_of(Some(promise))
}

/// Checks the arguments and takes the memory, or says why not.
fn prepare<'e, 's>(
    environment: &'e Environment,
    binding: &Binding,
    custody: Custody,
    buffer: Value<'s>,
    options: Value<'s>,
) -> Result<(&'e PendingCalls, Submission), Rejection<'s>> {
    let scope = buffer.scope();
    let (Some(pending), Ownership::Own | Ownership::Unknown) = (&environment.pending, environment.own_loop.ownership())
    else {
        return Err(Box::new(Error::ForeignEventLoop).into());
    };
    if !pending.prepare(scope) {
        return Err(Error::aborted().into());
    }
    let id = pending.next_id();
    // All that runs the caller's code comes first: what is found after it still holds when the memory is taken.
    let subscription = environment.abort_listeners.subscribe(options, id)?;
    let (input, stream) = match said_of_call(options, id, custody) {
        Ok(said) => said,
        Err(thrown) => {
            if let Some(subscription) = subscription {
                subscription.unsubscribe(scope);
            }
            return Err(thrown.into());
        }
    };
    let taken = stream.transpose().and_then(|stream| {
        let view = ByteView::of(buffer)?;
        if environment.libraries.is_closing() {
            return Err(Error::aborted());
        }
        let request = Request {
            operation: binding.operation(),
            input: input.map_or(Ok(None), |input| input_len(input, view.len))?,
            shared: !view.buffer.is_array_buffer(),
        };
        let has_room = |stream: &StreamOptions| request.shared && stream.fit(view.data.addr(), view.len);
        if !stream.as_ref().is_none_or(has_room) {
            return Err(Box::new(Error::InvalidStream));
        }
        let session = binding.session()?; // before the memory is taken: the library may not load
        session.library().check(&request)?;
        let pages = mapping::pages_of(environment, &view); // before it is taken, and detached
        let buffer = LentBuffer::take(&environment.intrinsics, &view, custody)?;
        // SAFETY: no JavaScript uses the memory that was taken, which is that of the view; where that is shared, so are its
        // pages. The rest is as `pages_of` has found it, and `can_map` has tried.
        let buffer = unsafe { buffer.in_pages(pages) };
        Ok((Arc::clone(session), buffer, request, stream))
    });
    match taken {
        Ok((session, buffer, request, stream)) => {
            let submission = Submission {
                id,
                session,
                buffer,
                request,
                stream,
                subscription,
            };
            Ok((pending, submission))
        }
        Err(error) => {
            if let Some(subscription) = subscription {
                subscription.unsubscribe(scope);
            }
            Err(error.into())
        }
    }
}

/// What the options say of the input, which is checked later, and of a stream, if the caller is the preload. Their
/// `progress`, which is lib/progress.js's, is given the number of the call. The caller's code may run.
fn said_of_call<'s>(options: Value<'s>, id: u64, custody: Custody) -> Result<Said<'s>, Thrown<'s>> {
    if !options.is_object() {
        return Ok((None, None));
    }
    let progress = options.get_property(c"progress")?;
    if progress.is_object() {
        let id = i64::try_from(id).unwrap_or(i64::MAX);
        progress.define(c"call", options.scope().number(id));
    }
    let stream = match custody {
        Custody::Detached => None,
        Custody::Retained => stream_options(options)?,
    };
    Ok((Some(options.get_property(c"input")?), stream))
}

type Said<'s> = (Option<Value<'s>>, Option<Result<StreamOptions, Box<Error>>>);

/// Submits a call, or holds it until it is known whose the event loop is. From here on it settles the promise.
fn submit(
    scope: Scope<'_>,
    environment: &Environment,
    pending: &PendingCalls,
    submission: Submission,
    deferred: Deferred,
) {
    // Asked again: the caller's code may have run since.
    let hold = environment.own_loop.ownership() != Ownership::Own;
    pending.submit(scope, submission, deferred, hold);
    if hold && !environment.own_loop.expect_answer(scope) {
        pending.refuse_held(scope);
    }
}
