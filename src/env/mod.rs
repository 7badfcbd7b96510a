//! What one JavaScript environment (a page load, a worker, the main process) has, and how its parts are put together.

pub(crate) mod binding;
mod completions;
pub(crate) mod instance;
pub(crate) mod mapping;
pub(crate) mod own_library;
pub(crate) mod own_loop;
pub(crate) mod pending;
pub(crate) mod process;
pub(crate) mod submission;
pub(crate) mod teardown;

use std::cell::OnceCell;
use std::rc::Rc;

use napi::bindgen_prelude::{Env, Result};

use crate::js::abort_listener::AbortListeners;
use crate::js::callback::Callback;
use crate::js::ended_flag::EndedFlag;
use crate::js::intrinsics::Intrinsics;
use crate::js::scope::Scope;
use crate::js::value::Value;
use binding::Libraries;
use completions::{LoopHandle, OnWake};
use instance::Environment;
use own_loop::{OwnLoop, Ownership, Round};
use pending::PendingCalls;

/// Prepares an environment that has just loaded the addon.
pub(crate) fn start(env: &Env) -> Result<()> {
    inplace_exchange_host::pin_this_module(); // libuv calls back, to close the handle, when the environment has ended
    let scope = Scope::of(env);
    let process_type = process::process_type(env);
    let in_page = process_type.as_deref() == Some("renderer");
    let in_renderer = in_page || process_type.as_deref() == Some("worker");
    let missing = |what: &str| napi::Error::from_reason(format!("V8's own {what} is not whole"));
    let intrinsics = Rc::new(Intrinsics::capture(scope, in_renderer).ok_or_else(|| missing("ArrayBuffer"))?);
    let event_loop = LoopHandle::open::<Woken>(scope);
    let environment = Rc::new(Environment {
        libraries: Libraries::default(),
        ended: EndedFlag::new(scope).ok_or_else(|| missing("ArrayBuffer"))?,
        own_loop: OwnLoop::new::<OnTimer>(scope, in_page, event_loop.is_some()),
        in_renderer,
        can_map: OnceCell::new(),
        abort_listeners: Rc::new(AbortListeners::capture::<OnAbort>(scope).ok_or_else(|| missing("WeakMap"))?),
        pending: event_loop.map(|event_loop| PendingCalls::new(event_loop, Rc::clone(&intrinsics))),
        intrinsics,
    });
    env.set_instance_data(Rc::clone(&environment), (), |context| drop(context.value))?;
    teardown::listen(scope)
        .ok_or_else(|| napi::Error::from_reason("this environment lets its end not be listened to"))?;
    if let Some(pending) = &environment.pending
        && environment.own_loop.ownership() == Ownership::Unknown
    {
        pending.wake();
    }
    Ok(())
}

/// The event loop was woken: a call has ended, or it is to be found out whose loop this is.
struct Woken;

impl OnWake for Woken {
    fn woken(scope: Scope<'_>) {
        // Node.js runs the loop in the context of an environment that it tears down, whoever's loop it is. What is left
        // then is left to the cleanup hook.
        if !scope.can_call_js() {
            return;
        }
        let Some(environment) = instance::current(scope) else {
            return;
        };
        let Some(pending) = &environment.pending else { return };
        let before = environment.own_loop.ownership();
        match environment.own_loop.note_round(scope) {
            Round::Own => {
                if before != Ownership::Own {
                    pending.submit_held(scope);
                }
                pending.drain(scope);
            }
            Round::AskAgain if before == Ownership::Unknown => pending.wake(),
            Round::AskAgain | Round::Foreign => pending.retry_drain(),
        }
    }
}

/// A signal was aborted, whose number is `data`: cancels the calls that have it.
struct OnAbort;

impl Callback for OnAbort {
    fn call(scope: Scope<'_>, _event: Option<Value<'_>>, number: usize) {
        if let Some(environment) = instance::current(scope)
            && let Some(pending) = &environment.pending
        {
            for call in environment.abort_listeners.calls(number) {
                pending.cancel(scope, call);
            }
        }
    }
}

/// The page's timer, while calls wait for the answer whose the event loop is.
struct OnTimer;

impl Callback for OnTimer {
    fn call(scope: Scope<'_>, _argument: Option<Value<'_>>, _data: usize) {
        if let Some(environment) = instance::current(scope)
            && let Some(pending) = &environment.pending
            && environment.own_loop.look_again(scope)
        {
            pending.refuse_held(scope);
        }
    }
}
