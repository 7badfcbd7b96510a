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
use std::rc::Rc;

use napi::sys;

use crate::env::uv::{Handle, Kind, Uv};
use crate::js::callback::Callback;
use crate::js::reference::Reference;
use crate::js::scope::Scope;
use crate::js::value::Value;

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
    env: sys::napi_env,
    /// libuv's, open until the environment ends. Its data is a counted reference to the `OwnLoop`.
    handle: Handle,
    /// The environment's `Object.prototype`.
    prototype: Reference,
    /// The page's own timer, which does not need the loop.
    set_timeout: Reference,
    /// Makes the function that the timer calls.
    create: for<'s> fn(Scope<'s>) -> Option<Value<'s>>,
    /// Is told when the answer is known, in the environment's own context.
    on_known: OnKnown,
    /// How often the timer is still to look, while calls wait for the answer.
    looks: Cell<Option<u32>>,
    /// How often the loop was found to work for another environment.
    times_foreign: Cell<u32>,
}

pub(crate) type OnKnown = fn(Scope<'_>, Ownership);

/// How often the page's timer looks for the answer, and how many times before the loop counts as nobody's. In times and not
/// in seconds: a page that was busy for long has not given the loop a chance.
const LOOK_EVERY_MS: u32 = 20;
const MAX_LOOKS: u32 = 100;

/// So many answers, each asked for by itself, make the loop another's.
const ENOUGH_FOREIGN: u32 = 4;

impl OwnLoop {
    /// Begins to find out, in a page: Node.js, a main process, a utility process and a Worker have a loop of their own.
    /// `C`, called by the page's timer, [looks](Self::look).
    pub(crate) fn probe<C: Callback>(scope: Scope<'_>, in_page: bool, on_known: OnKnown) -> Rc<Self> {
        let probe = if in_page {
            Probe::new::<C>(scope, on_known)
        } else {
            None
        };
        let ownership = match (in_page, &probe) {
            (false, _) => Ownership::Own,
            (true, Some(_)) => Ownership::Unknown,
            (true, None) => Ownership::Foreign, // not to be found out
        };
        let own_loop = Rc::new(Self {
            ownership: Cell::new(ownership),
            probe,
        });
        if let Some(probe) = &own_loop.probe {
            probe.begin(Rc::clone(&own_loop));
        }
        own_loop
    }

    pub(crate) fn ownership(&self) -> Ownership {
        self.ownership.get()
    }

    /// Whether the current context is the environment's, so that Node.js can be asked to go back into it. In a page it is
    /// another's while Node.js runs the loop for another page that goes.
    pub(crate) fn is_current(&self, scope: Scope<'_>) -> bool {
        let Some(probe) = &self.probe else { return true };
        // Making an object and looking at its prototype runs no JavaScript.
        let prototype = scope.object().and_then(Value::get_prototype);
        let expected = probe.prototype.value(scope);
        prototype
            .zip(expected)
            .is_some_and(|(prototype, expected)| prototype.strict_equals(expected))
    }

    /// Has the calls that wait for the answer refused if it is a bad one, or does not come. False if that cannot be done.
    pub(crate) fn expect_answer(&self, scope: Scope<'_>) -> bool {
        let Some(probe) = &self.probe else { return false };
        if probe.looks.get().is_none() {
            probe.looks.set(probe.look_later(scope).then_some(MAX_LOOKS));
        }
        probe.looks.get().is_some()
    }

    /// What the page's timer does. It runs in the environment's own context, whatever the loop does.
    pub(crate) fn look(&self, scope: Scope<'_>) {
        let Some(probe) = &self.probe else { return };
        let left = probe.looks.get().unwrap_or(0);
        if self.ownership.get() == Ownership::Unknown && left > 0 && probe.look_later(scope) {
            probe.looks.set(Some(left - 1));
            return;
        }
        probe.looks.set(None);
        if self.ownership.get() != Ownership::Own {
            self.ownership.set(Ownership::Foreign);
            (probe.on_known)(scope, Ownership::Foreign);
        }
    }

    /// The loop has gone round, in whatever context it works for.
    fn note_answer(&self, probe: &Probe, scope: Scope<'_>) {
        if !scope.can_call_js() {
            return; // Node.js runs the loop in this environment's context now, whoever's it is
        }
        if self.is_current(scope) {
            self.ownership.set(Ownership::Own);
            (probe.on_known)(scope, Ownership::Own);
            return;
        }
        probe.times_foreign.set(probe.times_foreign.get() + 1);
        if probe.times_foreign.get() < ENOUGH_FOREIGN {
            probe.ask();
        } else {
            self.ownership.set(Ownership::Foreign); // and the page's timer refuses: this is another page's context
        }
    }
}

impl Probe {
    /// `None` if it cannot be found out.
    fn new<C: Callback>(scope: Scope<'_>, on_known: OnKnown) -> Option<Self> {
        let uv = Uv::get()?;
        let env = scope.raw();
        let set_timeout = Reference::new(scope.global()?.get_property(c"setTimeout").ok()?)?;
        let prototype = Reference::new(scope.object()?.get_prototype()?)?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: env is live, and event_loop is a place for the answer.
        if unsafe { sys::napi_get_uv_event_loop(env, &mut event_loop) } != sys::Status::napi_ok {
            return None;
        }
        let handle = uv.allocate(Kind::Async);
        // SAFETY: this is the loop's thread, and the handle is memory of the size that libuv asks for.
        if unsafe { (uv.async_init)(event_loop, handle, on_answer) } != 0 {
            // SAFETY: allocated for this kind, and libuv has refused it.
            unsafe { uv.free(Kind::Async, handle) };
            return None;
        }
        Some(Self {
            uv,
            env,
            handle,
            prototype,
            set_timeout,
            create: |scope| scope.create_function::<C>(c"eventLoop", 0),
            on_known,
            looks: Cell::new(None),
            times_foreign: Cell::new(0),
        })
    }

    /// Asks for the first answer.
    fn begin(&self, own_loop: Rc<OwnLoop>) {
        let (uv, handle) = (self.uv, self.handle);
        let data = Rc::into_raw(own_loop).cast_mut().cast();
        // SAFETY: this is the loop's thread, and the handle is open. Its data is a counted reference, given back in `closed`.
        unsafe { (uv.handle_set_data)(handle, data) };
        // SAFETY: this is the loop's thread, and the handle is open.
        unsafe { (uv.unreference)(handle) };
        // SAFETY: env is live, and the hook gets the handle that it closes. It is called once.
        unsafe { sys::napi_add_env_cleanup_hook(self.env, Some(close), handle) };
        self.ask();
    }

    fn ask(&self) {
        // SAFETY: the handle is open: the environment, whose cleanup hook closes it, is live.
        unsafe { (self.uv.async_send)(self.handle) };
    }

    /// Sets the page's timer. Answers whether that was done.
    fn look_later(&self, scope: Scope<'_>) -> bool {
        let call = || {
            let (listener, delay) = ((self.create)(scope)?, scope.number(i64::from(LOOK_EVERY_MS))?);
            let set_timeout = self.set_timeout.value(scope)?;
            set_timeout.call_function(scope.global()?, [listener, delay]).ok()
        };
        call().is_some()
    }
}

/// # Safety
/// Called by libuv, on the environment's thread, with the handle of a [`Probe`] that is open.
unsafe extern "C" fn on_answer(handle: Handle) {
    let Some(uv) = Uv::get() else { return };
    // SAFETY: the handle is open (this function's contract).
    let data = unsafe { (uv.handle_get_data)(handle) };
    // SAFETY: the handle's data is a counted reference to an OwnLoop, given back when the handle was closed.
    let own_loop = unsafe { &*data.cast::<OwnLoop>() };
    if let Some(probe) = &own_loop.probe {
        // SAFETY: the environment is live, as its cleanup hook, which closes the handle, has not run; this is its thread;
        // no other Scope of it is used in here.
        unsafe { Scope::open(probe.env, |scope| own_loop.note_answer(probe, scope)) };
    }
}

/// The cleanup hook.
///
/// # Safety
/// Called once by Node-API, on the environment's thread, with the handle that was registered.
unsafe extern "C" fn close(handle: *mut c_void) {
    if let Some(uv) = Uv::get() {
        // SAFETY: this is the loop's thread, and the handle is open (this function's contract). From here on libuv calls
        // `closed` for it and nothing else, when the loop goes round again.
        unsafe { (uv.close)(handle, closed) };
    }
}

/// # Safety
/// Called once by libuv, for the handle of a [`Probe`], when it has done with it.
unsafe extern "C" fn closed(handle: Handle) {
    let Some(uv) = Uv::get() else { return };
    // SAFETY: the handle's memory is still there.
    let data = unsafe { (uv.handle_get_data)(handle) };
    // SAFETY: the data came from Rc::into_raw, and is given back once.
    drop(unsafe { Rc::from_raw(data.cast::<OwnLoop>()) });
    // SAFETY: allocated for this kind, and libuv has done with it (this function's contract).
    unsafe { uv.free(Kind::Async, handle) };
}
