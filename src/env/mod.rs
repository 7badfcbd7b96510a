//! What one JavaScript environment (a page load, a worker, the main process) has, and how its parts are put together.

#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "goes with the calls on libuv's pool"
)]
pub(crate) mod background;
pub(crate) mod binding;
mod ended_flag;
pub(crate) mod instance;
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "goes with the calls on libuv's pool"
)]
mod loop_handles;
pub(crate) mod own_loop;
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "goes with the calls on libuv's pool"
)]
mod uv;

use std::rc::Rc;

use napi::bindgen_prelude::{Env, Result};

use crate::js::abort_listener::AbortListeners;
use crate::js::callback::Callback;
use crate::js::intrinsics::Intrinsics;
use crate::js::scope::Scope;
use crate::js::value::Value;
use ended_flag::EndedFlag;
use instance::Environment;
use own_loop::{OwnLoop, Ownership};

/// Prepares an environment that has just loaded the addon.
pub(crate) fn start(env: &Env) -> Result<()> {
    let scope = Scope::of(env);
    let process_type = instance::process_type(env);
    let in_page = process_type.as_deref() == Some("renderer");
    let in_renderer = in_page || process_type.as_deref() == Some("worker");
    let missing = |what: &str| napi::Error::from_reason(format!("V8's own {what} is not whole"));
    let environment = Environment::new(
        Intrinsics::capture(scope, in_renderer).ok_or_else(|| missing("ArrayBuffer"))?,
        EndedFlag::new(scope)?,
        OwnLoop::probe::<OnLook>(scope, in_page, on_known),
        AbortListeners::capture::<OnAbort>(scope).ok_or_else(|| missing("WeakMap"))?,
    );
    env.set_instance_data(Rc::new(environment), (), |context| drop(context.value))?;
    background::listen_for_end(scope);
    Ok(())
}

/// A signal was aborted, whose number is `data`: cancels the calls that have it.
struct OnAbort;

impl Callback for OnAbort {
    fn call(scope: Scope<'_>, _event: Option<Value<'_>>, number: usize) {
        if let Ok(environment) = instance::current(&scope.env())
            && let Some(background) = environment.background.get()
        {
            for call in environment.abort_listeners.calls(number) {
                background.ask_to_stop(call);
            }
        }
    }
}

/// The page's timer, by which it is found out whose the event loop is.
struct OnLook;

impl Callback for OnLook {
    fn call(scope: Scope<'_>, _argument: Option<Value<'_>>, _data: usize) {
        if let Ok(environment) = instance::current(&scope.env()) {
            environment.own_loop.look(scope);
        }
    }
}

/// It is known whose the event loop is: the calls that wait for that are made, or refused.
fn on_known(scope: Scope<'_>, ownership: Ownership) {
    if let Ok(environment) = instance::current(&scope.env()) {
        if ownership == Ownership::Own {
            background::start_held(&environment);
        } else {
            background::refuse_held(&environment);
        }
    }
}
