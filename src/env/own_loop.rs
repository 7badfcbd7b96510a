//! Whether the event loop that an environment works with is its own.
//!
//! Before Electron 44 all pages of a renderer process share Node.js's event loop, and everything on it runs in the context
//! of the page that came first. What Node.js itself calls back there for another page (asynchronous work, thread-safe
//! functions) ends the process: it asserts that the current context is the environment's. A page can be the second one
//! without anything in it telling so: it was opened by `window.open`, and has since set `opener` to null and reloaded.
//!
//! So it is tried: a callback of libuv's own, which asserts nothing, makes an object. Its prototype is the current context's
//! `Object.prototype`, and that is this environment's, or another's. The answer comes when the loop goes round; the calls
//! before it wait. A loop that does not go round, as its page has gone, is nobody's.
//!
//! One answer is enough for a loop that is the environment's own. It takes several for another's: Node.js may just have run
//! the loop for a page that goes, which takes a round or two. (It takes more if that page has work of its own to wait for.
//! This page could then be refused its own loop, until it is loaded again.) The answers follow each other at once. Later
//! would not do: Electron 33 never runs the loop again that was woken when the page which owned it had gone.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use napi::bindgen_prelude::{Env, JsObjectValue, JsValue, Result, Unknown};
use napi::sys;

use crate::env::background::{self, is_ending};
use crate::env::instance::{self as environment, Environment};
use crate::env::uv::{Handle, Kind, Uv};
use crate::js::lent_buffer::{Reference, call};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Not found out yet.
    Unknown,
    Own,
    /// Another page's, or nobody's.
    Foreign,
}

/// What is known of an environment's event loop.
pub(crate) struct OwnLoop {
    ownership: Cell<Ownership>,
    /// Only in a page: elsewhere the loop is the environment's own.
    probe: Option<Probe>,
}

struct Probe {
    uv: &'static Uv,
    /// libuv's, open until the environment ends.
    handle: Handle,
    /// The environment's `Object.prototype`.
    prototype: Reference,
    /// The page's own timer, which does not need the loop.
    set_timeout: Reference,
    /// How often the timer is still to look, while calls wait for the answer.
    looks: Cell<Option<u32>>,
    /// How often the loop was found to work for another environment.
    times_foreign: Cell<u32>,
}

/// How often the page's timer looks for the answer, and how many times before the loop counts as nobody's. In times and not
/// in seconds: a page that was busy for long has not given the loop a chance.
const LOOK_EVERY_MS: u32 = 20;
const MAX_LOOKS: u32 = 100;

/// So many answers, each asked for by itself, make the loop another's.
const ENOUGH_FOREIGN: u32 = 4;

impl OwnLoop {
    /// Begins to find out.
    pub(crate) fn probe(env: &Env) -> Result<Self> {
        // Node.js, a main process, a utility process and a Worker have a loop of their own.
        let in_page = environment::process_type(env).as_deref() == Some("renderer");
        let probe = if in_page { Probe::begin(env)? } else { None };
        let ownership = match (in_page, &probe) {
            (false, _) => Ownership::Own,
            (true, Some(_)) => Ownership::Unknown,
            (true, None) => Ownership::Foreign, // not to be found out
        };
        Ok(Self {
            ownership: Cell::new(ownership),
            probe,
        })
    }

    pub(crate) fn ownership(&self) -> Ownership {
        self.ownership.get()
    }

    /// Whether the current context is the environment's, so that Node.js can be asked to go back into it. In a page it is
    /// another's while Node.js runs the loop for another page that goes.
    ///
    /// # Safety
    /// `env` is live, on its thread, and that of this.
    pub(crate) unsafe fn is_current(&self, env: sys::napi_env) -> bool {
        let Some(Probe {
            prototype: expected, ..
        }) = &self.probe
        else {
            return true;
        };
        let (mut scope, mut object, mut prototype, mut same) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), false);
        // SAFETY: env is live and on its thread, the reference is its own, and the out-pointers are places of their types.
        // Making an object and looking at its prototype runs no JavaScript. A value that could not be made is null, which
        // Node-API refuses.
        unsafe {
            if sys::napi_open_handle_scope(env, &mut scope) != sys::Status::napi_ok {
                return false;
            }
            sys::napi_create_object(env, &mut object);
            sys::napi_get_prototype(env, object, &mut prototype);
            sys::napi_strict_equals(env, prototype, expected.value(env), &mut same);
            sys::napi_close_handle_scope(env, scope);
        }
        same
    }

    /// Has the calls that wait for the answer refused if it is a bad one, or does not come. False if that cannot be done.
    pub(crate) fn expect_answer(&self, env: &Env) -> bool {
        let Some(probe) = &self.probe else { return false };
        if probe.looks.get().is_none() {
            probe.looks.set(probe.look_later(env).then_some(MAX_LOOKS));
        }
        probe.looks.get().is_some()
    }
}

impl Probe {
    fn begin(env: &Env) -> Result<Option<Self>> {
        let Some(uv) = Uv::get() else { return Ok(None) };
        let set_timeout = env.get_global()?.get_named_property::<Unknown>("setTimeout")?;
        let (mut event_loop, mut object, mut prototype) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: env is live, its own context is the current one, the values are its own, and the out-pointers are places
        // of their types.
        let references = unsafe {
            sys::napi_get_uv_event_loop(env.raw(), &mut event_loop);
            sys::napi_create_object(env.raw(), &mut object);
            sys::napi_get_prototype(env.raw(), object, &mut prototype);
            (
                Reference::new(env.raw(), prototype),
                Reference::new(env.raw(), set_timeout.raw()),
            )
        };
        let (Some(prototype), Some(set_timeout)) = references else {
            return Ok(None);
        };
        // SAFETY: this is the loop's thread, the handle is memory of the size that libuv asks for, and its data is the
        // environment, whose cleanup hook closes it.
        let handle = unsafe {
            let handle = uv.allocate(Kind::Async);
            if (uv.async_init)(event_loop, handle, on_answer) != 0 {
                uv.free(Kind::Async, handle);
                return Ok(None);
            }
            (uv.handle_set_data)(handle, env.raw().cast());
            (uv.unreference)(handle);
            (uv.async_send)(handle);
            sys::napi_add_env_cleanup_hook(env.raw(), Some(close), handle);
            handle
        };
        Ok(Some(Self {
            uv,
            handle,
            prototype,
            set_timeout,
            looks: Cell::new(None),
            times_foreign: Cell::new(0),
        }))
    }

    fn ask(&self) {
        // SAFETY: the handle is open: the environment, whose cleanup hook closes it, is live.
        unsafe { (self.uv.async_send)(self.handle) };
    }

    /// Sets the page's timer. Answers whether that was done.
    fn look_later(&self, env: &Env) -> bool {
        let Ok(listener) = environment::function(env, c"eventLoop", on_look, ptr::null()) else {
            return false;
        };
        let (mut delay, mut this) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: env is live and on its thread, the values are its own, and the out-pointers are places for a value.
        unsafe {
            sys::napi_create_uint32(env.raw(), LOOK_EVERY_MS, &mut delay);
            sys::napi_get_global(env.raw(), &mut this);
            call(
                env.raw(),
                this,
                self.set_timeout.value(env.raw()),
                &[listener.raw(), delay],
            )
            .is_some()
        }
    }
}

/// The page's timer: it runs in the environment's own context, whatever the loop does.
unsafe extern "C" fn on_look(env: sys::napi_env, _info: sys::napi_callback_info) -> sys::napi_value {
    let env = Env::from_raw(env);
    if let Ok(environment) = environment::current(&env) {
        look(&env, &environment);
    }
    ptr::null_mut()
}

fn look(env: &Env, environment: &Environment) {
    let OwnLoop { ownership, probe } = &environment.own_loop;
    let Some(probe) = probe else { return };
    let left = probe.looks.get().unwrap_or(0);
    if ownership.get() == Ownership::Unknown && left > 0 && probe.look_later(env) {
        probe.looks.set(Some(left - 1));
        return;
    }
    probe.looks.set(None);
    if ownership.get() != Ownership::Own {
        ownership.set(Ownership::Foreign);
        background::refuse_held(environment);
    }
}

/// Called by libuv, on the environment's thread and in whatever context the loop works for.
unsafe extern "C" fn on_answer(handle: Handle) {
    if let Some(uv) = Uv::get() {
        // SAFETY: the handle is open, and so its environment is live: the cleanup hook, which closes it, has not run.
        unsafe { note_answer((uv.handle_get_data)(handle).cast()) };
    }
}

/// # Safety
/// `env` is live and on its thread.
unsafe fn note_answer(env: sys::napi_env) {
    let Ok(environment) = environment::current(&Env::from_raw(env)) else {
        return;
    };
    let OwnLoop { ownership, probe } = &environment.own_loop;
    // SAFETY: env is live and on its thread.
    let own = unsafe {
        if is_ending(env) {
            return; // Node.js runs the loop in this environment's context now, whoever's it is
        }
        environment.own_loop.is_current(env)
    };
    if own {
        ownership.set(Ownership::Own);
        background::start_held(&environment);
    } else if let Some(probe) = probe {
        probe.times_foreign.set(probe.times_foreign.get() + 1);
        if probe.times_foreign.get() < ENOUGH_FOREIGN {
            probe.ask();
        } else {
            ownership.set(Ownership::Foreign); // and the page's timer refuses: this is another page's context
        }
    }
}

/// The cleanup hook.
unsafe extern "C" fn close(handle: *mut c_void) {
    unsafe extern "C" fn closed(handle: Handle) {
        if let Some(uv) = Uv::get() {
            // SAFETY: allocated for this kind, and libuv has done with it.
            unsafe { uv.free(Kind::Async, handle) };
        }
    }

    if let Some(uv) = Uv::get() {
        // SAFETY: Node-API calls this once, on the loop's thread, with the handle that was registered, which is open. From
        // here on libuv calls `closed` for it and nothing else, when the loop goes round again.
        unsafe { (uv.close)(handle, closed) };
    }
}
