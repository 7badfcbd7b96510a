//! Whether the event loop that an environment works with is its own.
//!
//! Before Electron 44 all pages of a renderer process share Node.js's event loop, and everything on it runs in the context
//! of the page that came first: nothing can come back from it to another page. A page can be the second one without
//! anything in it telling so: it was opened by `window.open`, and has since set `opener` to null and reloaded.
//!
//! So it is tried: a callback of libuv's own, which asserts nothing, makes an object. Its prototype is the current
//! context's `Object.prototype`, and that is this environment's, or another's. The answer comes when the loop goes round;
//! calls that are made before it are held. A loop that does not go round, as its page has gone, is nobody's.
//!
//! One answer is enough for a loop that is the environment's own. It takes several for another's: Node.js may just be
//! running the loop for a page that it tears down, which takes a round or two. (It takes more if that page has work of its
//! own to wait for. This page could then be refused its own loop, until it is loaded again.) They follow each other at
//! once. Later would not do: Electron 33 never runs the loop again that was woken when the page which owned it had gone.

use std::cell::Cell;

use crate::js::callback::Callback;
use crate::js::reference::Reference;
use crate::js::scope::Scope;
use crate::js::value::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Not found out yet.
    Unknown,
    Own,
    /// Another page's, or no page's.
    Foreign,
}

/// What a round of the loop has shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// It works for this environment.
    Own,
    /// It works for another one, which may pass: the loop has to be woken again.
    AskAgain,
    /// It works for another one, and this one's calls are refused by the page's timer.
    Foreign,
}

/// What is known of an environment's event loop.
pub(crate) struct OwnLoop {
    ownership: Cell<Ownership>,
    /// Only in a page: elsewhere the loop is the environment's own.
    probe: Option<Probe>,
}

struct Probe {
    /// The environment's `Object.prototype`.
    prototype: Reference,
    /// The page's own timer, which does not need the loop.
    set_timeout: Reference,
    /// Makes the function that the timer calls.
    on_timer: for<'s> fn(Scope<'s>) -> Option<Value<'s>>,
    /// How often the timer is still to look, while calls wait for the answer.
    looks: Cell<Option<u32>>,
    /// How often the loop was found to work for another environment.
    times_foreign: Cell<u32>,
}

/// How often the page's timer looks for the answer, and how many times before the loop counts as nobody's. In times and not
/// in seconds: a page that was busy for long has not given the loop a chance.
const LOOK_EVERY_MS: i64 = 20;
const MAX_LOOKS: u32 = 100;

/// So many answers, each asked for by itself, make the loop another's.
const ENOUGH_FOREIGN: u32 = 4;

impl OwnLoop {
    /// For an environment whose context is the current one. In a page its loop has to be woken, and asked in
    /// [`note_round`](Self::note_round); while calls wait for that, a timer calls `T`, which calls
    /// [`look_again`](Self::look_again).
    pub(crate) fn new<T: Callback>(scope: Scope<'_>, in_page: bool, has_loop: bool) -> Self {
        let probe = if in_page { Probe::new::<T>(scope) } else { None };
        let ownership = match (in_page, &probe) {
            _ if !has_loop => Ownership::Foreign, // nothing could come back
            (false, _) => Ownership::Own,         // Node.js, a main or utility process, a Worker
            (true, Some(_)) => Ownership::Unknown,
            (true, None) => Ownership::Foreign, // not to be found out
        };
        Self {
            ownership: Cell::new(ownership),
            probe,
        }
    }

    pub(crate) fn ownership(&self) -> Ownership {
        self.ownership.get()
    }

    /// Looks at the current context. Called whenever the loop has been woken.
    pub(crate) fn note_round(&self, scope: Scope<'_>) -> Round {
        let Some(probe) = &self.probe else {
            return match self.ownership.get() {
                Ownership::Own => Round::Own,
                Ownership::Unknown | Ownership::Foreign => Round::Foreign,
            };
        };
        if probe.is_current(scope) {
            self.ownership.set(Ownership::Own);
            return Round::Own;
        }
        if self.ownership.get() == Ownership::Unknown {
            probe.times_foreign.set(probe.times_foreign.get() + 1);
            if probe.times_foreign.get() >= ENOUGH_FOREIGN {
                self.ownership.set(Ownership::Foreign);
            }
        }
        match self.ownership.get() {
            Ownership::Foreign => Round::Foreign,
            Ownership::Unknown | Ownership::Own => Round::AskAgain,
        }
    }

    /// Has the timer called while calls wait for the answer. False if that cannot be done.
    pub(crate) fn expect_answer(&self, scope: Scope<'_>) -> bool {
        let Some(probe) = &self.probe else { return false };
        if probe.looks.get().is_none() {
            probe.looks.set(probe.look_later(scope).then_some(MAX_LOOKS));
        }
        probe.looks.get().is_some()
    }

    /// Called by the timer, which this sets again while the answer is missing. True if the held calls are to be refused: the
    /// loop is another environment's, or has not run in time.
    pub(crate) fn look_again(&self, scope: Scope<'_>) -> bool {
        let Some(probe) = &self.probe else { return false };
        let left = probe.looks.get().unwrap_or(0);
        if self.ownership.get() == Ownership::Unknown && left > 0 && probe.look_later(scope) {
            probe.looks.set(Some(left - 1));
            return false;
        }
        probe.looks.set(None);
        if self.ownership.get() == Ownership::Unknown {
            self.ownership.set(Ownership::Foreign);
        }
        self.ownership.get() == Ownership::Foreign
    }
}

impl Probe {
    fn new<T: Callback>(scope: Scope<'_>) -> Option<Self> {
        Some(Self {
            prototype: Reference::new(scope.object()?.get_prototype()?)?,
            set_timeout: Reference::new(scope.global()?.get_property(c"setTimeout").ok()?)?,
            on_timer: |scope| scope.create_function::<T>(c"eventLoop", 0),
            looks: Cell::new(None),
            times_foreign: Cell::new(0),
        })
    }

    /// Whether the current context is the environment's, so that Node.js can be asked to go back into it. It is another's
    /// while Node.js runs the loop for a page that it tears down. Runs no JavaScript.
    fn is_current(&self, scope: Scope<'_>) -> bool {
        let own = self.prototype.value(scope);
        let current = scope.object().and_then(Value::get_prototype);
        own.zip(current)
            .is_some_and(|(own, current)| own.strict_equals(current))
    }

    /// Sets the page's timer. False if that cannot be done.
    fn look_later(&self, scope: Scope<'_>) -> bool {
        let set = || {
            let (set_timeout, global) = (self.set_timeout.value(scope)?, scope.global()?);
            let arguments = [(self.on_timer)(scope)?, scope.number(LOOK_EVERY_MS)?];
            set_timeout.call_function(global, arguments).ok()
        };
        set().is_some()
    }
}
