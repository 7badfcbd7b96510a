//! The end of an environment: what is done while JavaScript can still run, and what is left to the cleanup hook.
//!
//! Live -> closing ('exit' of the process object, or a 'pagehide' that is final: calls are refused, cancelled and rejected,
//! and libraries closed) -> ended (the cleanup hook: no more completions, calls are waited for, memory is released).
//! The hook alone would be too late: when a window is closed, 'pagehide' is the last that its process hears before Chromium
//! ends it, and `process.exit()` runs no hooks.

use std::ffi::c_void;
use std::time::{Duration, Instant};

use napi::sys;

use crate::env::instance::{self, Environment};
use crate::js::callback::Callback;
use crate::js::scope::Scope;
use crate::js::value::Value;

/// How long to wait for libraries that were asked to return. Chromium ends a page that is still busy half a second after its
/// window was closed.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(400);

/// Begins to listen for the end of an environment. `None` if the environment lets nothing be listened to.
pub(crate) fn listen(scope: Scope<'_>) -> Option<()> {
    // SAFETY: env is live and on its thread (the scope). The hook is given its own environment, once, when that ends.
    let status = unsafe { sys::napi_add_env_cleanup_hook(scope.raw(), Some(clean_up), scope.raw().cast()) };
    if status != sys::Status::napi_ok {
        return None;
    }
    let global = scope.global()?;
    let on_exit = scope.create_function::<OnExit>(c"closeLibraries", 0)?;
    // What has no such method has no such event either.
    if let Ok(process) = global.get_property(c"process")
        && let Ok(on) = process.get_property(c"on")
    {
        let _ = on.call_function(process, [scope.string("exit")?, on_exit]);
    }
    let on_page_hide = scope.create_function::<OnPageHide>(c"closeLibraries", 0)?;
    if let Ok(add_event_listener) = global.get_property(c"addEventListener") {
        let _ = add_event_listener.call_function(global, [scope.string("pagehide")?, on_page_hide]);
    }
    Some(())
}

struct OnExit;

impl Callback for OnExit {
    /// Anybody can emit the event, as Electron does when a page is torn down. After one that Node.js did not emit, the
    /// environment may go on, as a page that comes back.
    fn call(scope: Scope<'_>, _code: Option<Value<'_>>, _data: usize) {
        let process = scope.global().and_then(|global| global.get_property(c"process").ok());
        let is_exiting = process.is_some_and(|process| process.has_true(c"_exiting"));
        if let Some(environment) = instance::current(scope)
            && !close(scope, &environment, is_exiting)
            && is_exiting
        {
            inplace_exchange_host::finish_calls_first();
        }
    }
}

struct OnPageHide;

impl Callback for OnPageHide {
    /// A page can make events of its own, which are not trusted. One that is persisted may come back.
    fn call(scope: Scope<'_>, event: Option<Value<'_>>, _data: usize) {
        if let Some(event) = event
            && event.has_true(c"isTrusted")
            && let Some(environment) = instance::current(scope)
        {
            close(scope, &environment, !event.has_true(c"persisted"));
        }
    }
}

/// Cancels and settles all calls of an environment, and closes its libraries. If it is for good, asynchronous calls are
/// refused from here on, and a library that a synchronous call opens is closed after it. False if a call still runs.
fn close(scope: Scope<'_>, environment: &Environment, for_good: bool) -> bool {
    if for_good {
        environment.libraries.begin_closing();
    }
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    let mut ended = true;
    if let Some(pending) = &environment.pending {
        pending.cancel_all(scope);
        ended = pending.wait(Some(deadline));
        pending.complete_ended(scope);
        pending.reject_all(scope);
    }
    environment.libraries.close(deadline);
    ended
}

/// The cleanup hook.
///
/// # Safety
/// Called by Node-API, once, with the environment that it was registered with, on its thread, while it is still live.
unsafe extern "C" fn clean_up(env: *mut c_void) {
    let clean_up = |scope: Scope<'_>| {
        let Some(environment) = instance::current(scope) else {
            return;
        };
        environment.ended.set(scope);
        environment.libraries.begin_closing();
        if let Some(pending) = &environment.pending {
            pending.tear_down(scope);
        }
        environment.libraries.close(Instant::now() + CLOSE_TIMEOUT);
    };
    // SAFETY: env is live and on its thread (this function's contract). All values are made in the scope that is given.
    unsafe { Scope::open(env.cast(), clean_up) };
}
