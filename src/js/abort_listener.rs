//! The caller's AbortSignal, which may be any object: all of its code can run, throw, and call this addon.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::{Env, JsObjectValue, JsValue, Object, Unknown};
use napi::{check_status, sys};

use crate::api::exchange_async::Refusal;
use crate::env::instance as environment;
use crate::error::{self, Error};
use crate::js::lent_buffer::{Reference, call as call_function, take_exception};

/// A property of the caller's object, whose code may run, and throw.
///
/// # Safety
/// `env` is live, and `object` is one of its objects.
pub(crate) unsafe fn property(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &CStr,
) -> std::result::Result<sys::napi_value, Refusal> {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's, and value is a place for one.
    match unsafe { sys::napi_get_named_property(env, object, name.as_ptr(), &mut value) } {
        sys::Status::napi_ok => Ok(value),
        // SAFETY: env is live.
        _ => Err(Refusal::Thrown(unsafe { take_exception(env) })),
    }
}

/// # Safety
/// `env` is live, and `value` is one of its values.
unsafe fn is(env: sys::napi_env, value: sys::napi_value, expected: sys::napi_valuetype) -> bool {
    let mut kind = sys::ValueType::napi_undefined;
    // SAFETY: the caller's, and kind is a place for the answer.
    unsafe { sys::napi_typeof(env, value, &mut kind) };
    kind == expected
}

/// The AbortSignals that an environment listens to: each by one listener, however many calls have it. Node.js warns of a
/// leak when an object has more than ten.
pub(crate) struct Signals {
    /// A WeakMap from the signal to its number, and functions of its prototype, as they were found when the addon was loaded.
    numbers: Reference,
    get: Reference,
    set: Reference,
    delete: Reference,
    listened: RefCell<BTreeMap<u32, Listened>>,
    next: Cell<u32>,
}

/// A signal that calls have.
struct Listened {
    signal: Reference,
    listener: Reference,
    calls: BTreeSet<u64>,
}

/// That a call has a signal.
pub(crate) struct Subscription {
    signals: Rc<Signals>,
    number: u32,
    call: u64,
}

impl Signals {
    pub(crate) fn capture(env: &Env) -> napi::Result<Self> {
        let constructor = env.get_global()?.get_named_property::<Unknown>("WeakMap")?;
        let mut map = ptr::null_mut();
        // SAFETY: env is live, the constructor is a value of it, and map is a place for one.
        check_status!(unsafe { sys::napi_new_instance(env.raw(), constructor.raw(), 0, ptr::null(), &mut map) })?;
        let prototype = Object::from_raw(env.raw(), constructor.raw()).get_named_property::<Object>("prototype")?;
        let hold = |value: sys::napi_value| {
            // SAFETY: env is live, and the value is one of it.
            unsafe { Reference::new(env.raw(), value) }
                .ok_or_else(|| napi::Error::from_reason("V8's own WeakMap is not whole"))
        };
        let method = |name| hold(prototype.get_named_property::<Unknown>(name)?.raw());
        Ok(Self {
            numbers: hold(map)?,
            get: method("get")?,
            set: method("set")?,
            delete: method("delete")?,
            listened: RefCell::default(),
            next: Cell::new(1),
        })
    }

    /// Listens to the signal in the options, if there is one, for a call.
    ///
    /// # Safety
    /// `env` is live, on its thread and that of this, `options` is one of its values, and no exception is pending.
    pub(crate) unsafe fn subscribe(
        self: &Rc<Self>,
        env: sys::napi_env,
        options: sys::napi_value,
        call: u64,
    ) -> std::result::Result<Option<Subscription>, Refusal> {
        // SAFETY: env is live, here and below, and values are used only after they were given.
        unsafe {
            let Some(signal) = signal_of(env, options)? else {
                return Ok(None);
            };
            let number = match self.number_of(env, signal) {
                Some(number) => number,
                None => self.listen(env, signal)?,
            };
            let subscription = Subscription {
                signals: Rc::clone(self),
                number,
                call,
            };
            if let Some(listened) = self.listened.borrow_mut().get_mut(&number) {
                listened.calls.insert(call);
            }
            // Asked after listening, so that nothing falls between the two.
            let mut aborted = false;
            let refusal = match property(env, signal, c"aborted") {
                Ok(answer) => {
                    sys::napi_get_value_bool(env, answer, &mut aborted);
                    Refusal::Aborted(signal)
                }
                Err(thrown) => {
                    aborted = true;
                    thrown
                }
            };
            if aborted {
                subscription.end(env);
                return Err(refusal);
            }
            Ok(Some(subscription))
        }
    }

    /// The number of a signal that is listened to.
    ///
    /// # Safety
    /// As [`subscribe`](Self::subscribe); `signal` is an object.
    unsafe fn number_of(&self, env: sys::napi_env, signal: sys::napi_value) -> Option<u32> {
        let (mut number, mut same) = (0, false);
        // SAFETY: env is live, the values are its own, and the out-pointers are places of their types.
        unsafe {
            let found = call_function(env, self.numbers.value(env), self.get.value(env), &[signal])?;
            sys::napi_get_value_uint32(env, found, &mut number);
            let listened = self.listened.borrow();
            let known = listened.get(&number)?.signal.value(env);
            sys::napi_strict_equals(env, known, signal, &mut same);
        }
        same.then_some(number)
    }

    /// Begins to listen to a signal. Its own code may run.
    ///
    /// # Safety
    /// As [`subscribe`](Self::subscribe); `signal` is an object.
    unsafe fn listen(&self, env: sys::napi_env, signal: sys::napi_value) -> std::result::Result<u32, Refusal> {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        // SAFETY: env is live, the values are its own, and the out-pointers are null or places of their types.
        unsafe {
            let add = property(env, signal, c"addEventListener")?;
            // A number, and no pointer: a listener can be called long after its calls have ended.
            let data = ptr::without_provenance(number as usize);
            let napi_env = Env::from_raw(env);
            let Ok(listener) = environment::function(&napi_env, c"aborted", on_abort, data) else {
                return Err(Refusal::Thrown(take_exception(env)));
            };
            let arguments = [error::string(env, "abort"), listener.raw()];
            let status = sys::napi_call_function(env, signal, add, 2, arguments.as_ptr(), ptr::null_mut());
            if status != sys::Status::napi_ok {
                return Err(Refusal::Thrown(take_exception(env)));
            }
            let (Some(kept_signal), Some(kept_listener)) =
                (Reference::new(env, signal), Reference::new(env, listener.raw()))
            else {
                return Err(Refusal::Thrown(take_exception(env)));
            };
            let listened = Listened {
                signal: kept_signal,
                listener: kept_listener,
                calls: BTreeSet::new(),
            };
            self.listened.borrow_mut().insert(number, listened);
            let mut value = ptr::null_mut();
            sys::napi_create_uint32(env, number, &mut value);
            call_function(env, self.numbers.value(env), self.set.value(env), &[signal, value]);
        }
        Ok(number)
    }

    /// The calls that have a signal, the latest first: those that wait are dropped before those that run are asked, or a
    /// thread would start the next one in between.
    fn calls(&self, number: u32) -> Vec<u64> {
        let listened = self.listened.borrow();
        listened
            .get(&number)
            .map(|listened| listened.calls.iter().rev().copied().collect())
            .unwrap_or_default()
    }
}

impl Subscription {
    /// The AbortError of the call.
    ///
    /// # Safety
    /// `env` is live and that of the signal, and no exception is pending.
    pub(crate) unsafe fn abort_error(&self, env: sys::napi_env) -> sys::napi_value {
        let listened = self.signals.listened.borrow();
        // SAFETY: env is live and that of the reference.
        let signal = listened
            .get(&self.number)
            .map(|listened| unsafe { listened.signal.value(env) });
        drop(listened); // the signal's own code may run
        // SAFETY: env is live, and the signal is a value of it.
        unsafe { abort_error(env, signal) }
    }

    /// The call is over. With its last call a signal is listened to no more.
    ///
    /// # Safety
    /// `env` is live and that of the signal, and no exception is pending.
    pub(crate) unsafe fn end(self, env: sys::napi_env) {
        let Some(Listened { signal, listener, .. }) = self.take_if_last() else {
            return;
        };
        let signals = &self.signals;
        // SAFETY: env is live, and the values are its own. What the caller's code throws here is nobody's to catch.
        unsafe {
            let value = signal.value(env);
            call_function(env, signals.numbers.value(env), signals.delete.value(env), &[value]);
            if let Ok(remove) = property(env, value, c"removeEventListener") {
                let arguments = [error::string(env, "abort"), listener.value(env)];
                call_function(env, value, remove, &arguments);
            }
            signal.give_up(env);
            listener.give_up(env);
        }
    }

    /// As [`end`](Self::end), where no JavaScript can run.
    ///
    /// # Safety
    /// `env` is live and that of the signal.
    pub(crate) unsafe fn forget(self, env: sys::napi_env) {
        if let Some(Listened { signal, listener, .. }) = self.take_if_last() {
            // SAFETY: env is live and that of the references.
            unsafe {
                signal.give_up(env);
                listener.give_up(env);
            }
        }
    }

    fn take_if_last(&self) -> Option<Listened> {
        let mut listened = self.signals.listened.borrow_mut();
        let entry = listened.get_mut(&self.number)?;
        entry.calls.remove(&self.call);
        if entry.calls.is_empty() {
            listened.remove(&self.number)
        } else {
            None
        }
    }
}

/// The signal in the options, if there is one.
///
/// # Safety
/// `env` is live, `options` is one of its values, and no exception is pending.
unsafe fn signal_of(
    env: sys::napi_env,
    options: sys::napi_value,
) -> std::result::Result<Option<sys::napi_value>, Refusal> {
    use sys::ValueType::{napi_boolean, napi_function, napi_object, napi_undefined};
    // SAFETY: env is live, and values are used only after they were given.
    unsafe {
        let invalid = |value| {
            let given = error::kind_of(env, value);
            Refusal::Error(Box::new(Error::InvalidOptions { given }))
        };
        if is(env, options, napi_undefined) {
            return Ok(None);
        }
        if !is(env, options, napi_object) {
            return Err(invalid(options));
        }
        let signal = property(env, options, c"signal")?;
        if is(env, signal, napi_undefined) {
            return Ok(None);
        }
        let is_signal = is(env, signal, napi_object)
            && is(env, property(env, signal, c"addEventListener")?, napi_function)
            && is(env, property(env, signal, c"aborted")?, napi_boolean);
        if is_signal {
            Ok(Some(signal))
        } else {
            Err(invalid(signal))
        }
    }
}

/// An AbortError, with the signal's reason as its cause.
///
/// # Safety
/// `env` is live, and `signal` is one of its objects.
pub(crate) unsafe fn abort_error(env: sys::napi_env, signal: Option<sys::napi_value>) -> sys::napi_value {
    // SAFETY: the caller's.
    unsafe {
        let error = Error::aborted().create(env);
        if let Some(Ok(reason)) = signal.map(|signal| property(env, signal, c"reason")) {
            error::define_hidden(env, error, c"cause", reason);
        }
        error
    }
}

/// What listens to a signal. Its data pointer is the number of the signal.
unsafe extern "C" fn on_abort(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut number = ptr::null_mut();
    let (mut argc, argv, this) = (0, ptr::null_mut(), ptr::null_mut());
    // SAFETY: called by Node-API with a live env and info; the out-pointers are null or places of their types.
    unsafe { sys::napi_get_cb_info(env, info, &mut argc, argv, this, &mut number) };
    if let Ok(environment) = environment::current(&Env::from_raw(env))
        && let Some(background) = environment.background.get()
        && let Ok(number) = u32::try_from(number.addr())
    {
        for call in environment.signals.calls(number) {
            background.ask_to_stop(call);
        }
    }
    ptr::null_mut()
}
