//! The caller's AbortSignal, which may be any object: all of its code can run, throw, and call this addon.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::error::Error;
use crate::js::callback::Callback;
use crate::js::reference::Reference;
use crate::js::rejection::Rejection;
use crate::js::scope::Scope;
use crate::js::throw::{abort_error, describe};
use crate::js::value::Value;

/// The AbortSignals that an environment listens to: each by one listener, however many calls have it. Node.js warns of
/// a leak when an object has more than ten.
pub(crate) struct AbortListeners {
    /// A WeakMap from the signal to its number, and functions of its prototype, as they were found when the addon was
    /// loaded.
    numbers: Reference,
    get: Reference,
    set: Reference,
    delete: Reference,
    listeners: RefCell<BTreeMap<u32, AbortListener>>,
    next: Cell<u32>,
    /// Makes the function that is called with the number of a signal when that is aborted.
    create: for<'s> fn(Scope<'s>, u32) -> Option<Value<'s>>,
}

/// The listener of one signal.
struct AbortListener {
    signal: Reference,
    function: Reference,
    /// The calls that have the signal.
    calls: BTreeSet<u64>,
}

/// That a call has a signal.
pub(crate) struct Subscription {
    listeners: Rc<AbortListeners>,
    number: u32,
    call: u64,
}

impl AbortListeners {
    /// `C` is called with the number of a signal when that is aborted, and cancels its [`calls`](Self::calls). `None`
    /// if V8's own WeakMap is not whole.
    pub(crate) fn capture<C: Callback>(scope: Scope<'_>) -> Option<Self> {
        let constructor = scope.global()?.get_property(c"WeakMap").ok()?;
        let map = constructor.new_instance([])?;
        let prototype = constructor.get_property(c"prototype").ok()?;
        let method = |name| Reference::new(prototype.get_property(name).ok()?);
        Some(Self {
            numbers: Reference::new(map)?,
            get: method(c"get")?,
            set: method(c"set")?,
            delete: method(c"delete")?,
            listeners: RefCell::default(),
            next: Cell::new(1),
            create: |scope, number| scope.create_function::<C>(c"aborted", number as usize),
        })
    }

    /// Listens to the signal in the options, if there is one, for a call.
    pub(crate) fn subscribe<'s>(
        self: &Rc<Self>,
        options: Value<'s>,
        call: u64,
    ) -> Result<Option<Subscription>, Rejection<'s>> {
        let Some(signal) = signal_of(options)? else {
            return Ok(None);
        };
        let number = match self.number_of(signal) {
            Some(number) => number,
            None => self.listen(signal)?,
        };
        let subscription = Subscription {
            listeners: Rc::clone(self),
            number,
            call,
        };
        if let Some(listener) = self.listeners.borrow_mut().get_mut(&number) {
            listener.calls.insert(call);
        }
        // Asked after listening, so that nothing falls between the two.
        let rejection = match signal.get_property(c"aborted") {
            Ok(answer) if answer.is_true() => Rejection::Aborted(signal),
            Ok(_) => return Ok(Some(subscription)),
            Err(thrown) => thrown.into(),
        };
        subscription.unsubscribe(signal.scope());
        Err(rejection)
    }

    /// The number of a signal that is listened to.
    fn number_of(&self, signal: Value<'_>) -> Option<u32> {
        let scope = signal.scope();
        let get = self.get.value(scope)?;
        let number = get.call_function(self.numbers.value(scope)?, [signal]).ok()?.to_u32()?;
        let known = self.listeners.borrow().get(&number)?.signal.value(scope)?;
        known.strict_equals(signal).then_some(number)
    }

    /// Begins to listen to a signal. Its own code may run.
    fn listen<'s>(&self, signal: Value<'s>) -> Result<u32, Rejection<'s>> {
        let scope = signal.scope();
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        let add = signal.get_property(c"addEventListener")?;
        let (Some(event), Some(function)) = (scope.string("abort"), (self.create)(scope, number)) else {
            return Err(scope.take_exception().into());
        };
        add.call_function(signal, [event, function])?;
        let (Some(kept_signal), Some(kept_function)) = (Reference::new(signal), Reference::new(function)) else {
            return Err(scope.take_exception().into());
        };
        let listener = AbortListener {
            signal: kept_signal,
            function: kept_function,
            calls: BTreeSet::new(),
        };
        self.listeners.borrow_mut().insert(number, listener);
        if let (Some(numbers), Some(set), Some(value)) = (
            self.numbers.value(scope),
            self.set.value(scope),
            scope.number(i64::from(number)),
        ) {
            let _ = set.call_function(numbers, [signal, value]); // what has no number gets a listener more
        }
        Ok(number)
    }

    /// The calls that have a signal, the latest first: those that wait are dropped before those that run are asked, or
    /// a thread would start the next one in between.
    pub(crate) fn calls(&self, number: usize) -> Vec<u64> {
        let listeners = self.listeners.borrow();
        u32::try_from(number)
            .ok()
            .and_then(|number| listeners.get(&number))
            .map(|listener| listener.calls.iter().rev().copied().collect())
            .unwrap_or_default()
    }
}

impl Subscription {
    /// The AbortError of the call. The signal's own code may run.
    pub(crate) fn abort_error<'s>(&self, scope: Scope<'s>) -> Option<Value<'s>> {
        let listeners = self.listeners.listeners.borrow();
        let listener = listeners.get(&self.number);
        let signal = listener.and_then(|listener| listener.signal.value(scope));
        drop(listeners); // the signal's own code may run
        abort_error(scope, signal)
    }

    /// The call is over. With its last call a signal is listened to no more. The signal's own code may run; what it
    /// throws is dropped, as no caller is there to catch it.
    pub(crate) fn unsubscribe(self, scope: Scope<'_>) {
        let Some(AbortListener { signal, function, .. }) = self.take_if_last() else {
            return;
        };
        if let Some(value) = signal.value(scope) {
            let listeners = &self.listeners;
            if let (Some(numbers), Some(delete)) = (listeners.numbers.value(scope), listeners.delete.value(scope)) {
                let _ = delete.call_function(numbers, [value]);
            }
            if let Ok(remove) = value.get_property(c"removeEventListener")
                && let (Some(event), Some(function)) = (scope.string("abort"), function.value(scope))
            {
                let _ = remove.call_function(value, [event, function]);
            }
        }
        signal.release(scope);
        function.release(scope);
    }

    /// As [`unsubscribe`](Self::unsubscribe), where no JavaScript can run.
    pub(crate) fn forget(self, scope: Scope<'_>) {
        if let Some(AbortListener { signal, function, .. }) = self.take_if_last() {
            signal.release(scope);
            function.release(scope);
        }
    }

    fn take_if_last(&self) -> Option<AbortListener> {
        let mut listeners = self.listeners.listeners.borrow_mut();
        let listener = listeners.get_mut(&self.number)?;
        listener.calls.remove(&self.call);
        if listener.calls.is_empty() {
            listeners.remove(&self.number)
        } else {
            None
        }
    }
}

/// The signal in the options, if there is one.
fn signal_of<'s>(options: Value<'s>) -> Result<Option<Value<'s>>, Rejection<'s>> {
    let invalid = |value| {
        let given = describe(value);
        Rejection::Error(Box::new(Error::InvalidOptions { given }))
    };
    if options.is_undefined() {
        return Ok(None);
    }
    if !options.is_object() {
        return Err(invalid(options));
    }
    let signal = options.get_property(c"signal")?;
    if signal.is_undefined() {
        return Ok(None);
    }
    let is_signal = signal.is_object()
        && signal.get_property(c"addEventListener")?.is_function()
        && signal.get_property(c"aborted")?.is_boolean();
    if is_signal {
        Ok(Some(signal))
    } else {
        Err(invalid(signal))
    }
}
