//! The asynchronous calls of an environment, from the hand-over to the pool to the promise, and what becomes of them when
//! the environment ends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Env, JsObjectValue, JsValue, Object};
use napi::sys;

use crate::environment::{self, Callback, Environment};
use crate::error::{self, Error};
use crate::memory::{Intrinsics, Memory, call, take_exception};
use crate::signal::{Signal, abort_error, property};
use crate::task::{Home, Session, Task};
use crate::watch::Watch;

/// A call that has not been settled, as its environment sees it.
struct Call {
    task: Arc<Task>,
    /// The promise, until it is settled.
    deferred: Cell<Option<sys::napi_deferred>>,
    memory: Memory,
    signal: Option<Signal>,
    /// Null, until the pool has been given it.
    work: sys::napi_async_work,
    /// It can be taken back from the pool. That is tried once, and never when the pool has done with it: libuv would
    /// complete it twice.
    in_pool: Cell<bool>,
    /// It waits for its turn, and the event loop for it.
    waiting: Cell<bool>,
}

/// The asynchronous calls of an environment. All of it is used on the environment's own thread, but for the mailbox.
pub(crate) struct Background {
    env: sys::napi_env,
    intrinsics: Rc<Intrinsics>,
    next: Cell<u64>,
    calls: RefCell<BTreeMap<u64, Call>>,
    /// How many of them wait for their turn.
    waiting: Cell<usize>,
    mailbox: Arc<Mailbox>,
    watch: Option<Rc<Watch>>,
    /// No JavaScript can run any more.
    ending: Cell<bool>,
}

impl Background {
    /// That of an environment, made at its first asynchronous call.
    ///
    /// # Safety
    /// `env` is live, and `environment` is that of it.
    pub(crate) unsafe fn of(env: sys::napi_env, environment: &Environment) -> Result<&Self, sys::napi_status> {
        if let Some(background) = environment.background.get() {
            return Ok(background);
        }
        // SAFETY: the caller's; the environment's thread runs all of this.
        let background = unsafe {
            let mailbox = Mailbox::new(env)?;
            if let Some(background) = environment.background.get() {
                mailbox.discard(); // async_hooks have run the caller's code, and that has called us
                return Ok(background);
            }
            // Registered after the mailbox, and so called before the mailbox goes.
            let status = sys::napi_add_async_cleanup_hook(env, Some(clean_up), env.cast(), ptr::null_mut());
            if status != sys::Status::napi_ok {
                return Err(status);
            }
            Self {
                env,
                intrinsics: Rc::clone(&environment.intrinsics),
                next: Cell::new(1),
                calls: RefCell::default(),
                waiting: Cell::new(0),
                mailbox,
                watch: Watch::new(env, look_round, remind),
                ending: Cell::new(false),
            }
        };
        Ok(environment.background.get_or_init(|| background))
    }

    /// A number for a call, which no other call of this environment has or had.
    pub(crate) fn next_id(&self) -> u64 {
        let id = self.next.get();
        self.next.set(id + 1);
        id
    }

    /// Makes a call, now or when its turn comes, and settles its promise.
    pub(crate) fn call(
        &self,
        id: u64,
        session: Arc<Session>,
        memory: Memory,
        signal: Option<Signal>,
        deferred: sys::napi_deferred,
    ) {
        let home = Arc::clone(&self.mailbox);
        let task = Task::new(id, session, home, memory.data, memory.len);
        let call = Call {
            task: Arc::clone(&task),
            deferred: Cell::new(Some(deferred)),
            memory,
            signal,
            work: ptr::null_mut(),
            in_pool: Cell::new(false),
            waiting: Cell::new(false),
        };
        self.calls.borrow_mut().insert(id, call);
        if let Some(watch) = &self.watch {
            watch.start();
        }
        if task.enter() {
            self.start(task);
        } else {
            self.wait_for_turn(id);
        }
    }

    /// Hands a call to the pool.
    fn start(&self, task: Arc<Task>) {
        let id = task.id;
        let fresh = |call: &Call| call.work.is_null();
        if !self.calls.borrow().get(&id).is_some_and(fresh) {
            return; // it was told before, or is over
        }
        let mut work = ptr::null_mut();
        let data = Arc::as_ptr(&task).cast_mut().cast::<c_void>();
        // SAFETY: env is live and this is its thread; the name is a string of it; data is a Task.
        let created = unsafe {
            let name = error::string(self.env, "exchangeDataAsync");
            let (env, resource) = (self.env, ptr::null_mut());
            sys::napi_create_async_work(env, resource, name, Some(execute), Some(complete), data, &mut work)
        };
        // Creating it runs the caller's async_hooks, which may have aborted this call.
        let wanted = created == sys::Status::napi_ok && self.calls.borrow().get(&id).is_some_and(fresh);
        if wanted {
            task.brought(); // before the pool has it, which may be done with it at once
        }
        // SAFETY: env is live and this is its thread; the work is not in the pool.
        let queued = wanted && unsafe { sys::napi_queue_async_work(self.env, work) } == sys::Status::napi_ok;
        if queued {
            let _taken_back_in_complete = Arc::into_raw(task);
            if let Some(call) = self.calls.borrow_mut().get_mut(&id) {
                call.work = work;
                call.in_pool.set(true);
                if call.waiting.take() {
                    self.add_waiting(-1);
                }
            }
            return;
        }
        if created == sys::Status::napi_ok {
            // SAFETY: env is live and this is its thread; the work is not in the pool.
            unsafe { sys::napi_delete_async_work(self.env, work) };
        }
        task.forgo();
        self.finish(id);
    }

    /// Settles a call that is over: it has returned, or will not be made.
    fn finish(&self, id: u64) {
        let Some(call) = self.calls.borrow_mut().remove(&id) else {
            return;
        };
        if call.waiting.take() {
            self.add_waiting(-1);
        }
        // SAFETY: env is live and this is its thread; the values are its own. No thread uses the memory: the call is over.
        unsafe {
            if !call.work.is_null() {
                sys::napi_delete_async_work(self.env, call.work);
            }
            if !self.ending.get() {
                self.settle(&call);
            }
            call.memory.give_up(self.env);
            match call.signal {
                Some(signal) if self.ending.get() => signal.forget(self.env),
                Some(signal) => signal.leave(self.env),
                None => {}
            }
        }
    }

    /// # Safety
    /// The call is over, and JavaScript can run.
    unsafe fn settle(&self, call: &Call) {
        let Some(deferred) = call.deferred.take() else { return };
        let env = self.env;
        // SAFETY: env is live and this is its thread; the values are its own. An exception that would keep Node-API from
        // going on is taken before each step that may leave one.
        unsafe {
            let error = match call.task.outcome() {
                Ok(count) => {
                    let message = call.memory.message(env, &self.intrinsics, count);
                    if !message.is_null() {
                        sys::napi_resolve_deferred(env, deferred, message);
                        return;
                    }
                    take_exception(env)
                }
                Err(error) => {
                    let error = match *error {
                        Error::Aborted => match &call.signal {
                            Some(signal) => signal.abort_error(env),
                            None => abort_error(env, None),
                        },
                        error => error.create(env),
                    };
                    error::define_hidden(env, error, c"buffer", call.memory.whole(env));
                    error
                }
            };
            take_exception(env);
            sys::napi_reject_deferred(env, deferred, error);
        }
    }

    /// Asks a call to stop. One that the pool has not been given is over at once, another when the pool says so.
    pub(crate) fn ask_to_stop(&self, id: u64) {
        let look = |call: &Call| (Arc::clone(&call.task), call.work, call.in_pool.take());
        let known = self.calls.borrow().get(&id).map(look);
        let Some((task, work, in_pool)) = known else { return };
        task.ask_to_stop();
        if work.is_null() {
            task.forgo();
            self.finish(id);
            return;
        }
        if in_pool {
            // SAFETY: env is live, this is its thread, and the work is in the pool. If it has begun, nothing happens.
            unsafe { sys::napi_cancel_async_work(self.env, work) };
        }
        self.start_reminding();
    }

    /// Puts a call in its place again that the pool has sent back.
    fn bring_again(&self, task: Arc<Task>) {
        let id = task.id;
        if let Some(call) = self.calls.borrow_mut().get_mut(&id) {
            let work = std::mem::replace(&mut call.work, ptr::null_mut());
            // SAFETY: env is live and this is its thread; the pool has done with the work.
            unsafe { sys::napi_delete_async_work(self.env, work) };
        }
        if task.turn.asked() || self.ending.get() {
            task.forgo();
            self.finish(id);
        } else if task.enter_again() {
            self.start(task);
        } else {
            self.wait_for_turn(id);
        }
    }

    fn wait_for_turn(&self, id: u64) {
        if let Some(call) = self.calls.borrow().get(&id) {
            call.waiting.set(true);
            self.add_waiting(1);
        }
        self.start_reminding();
    }

    /// Has the libraries reminded from time to time, until there are no calls.
    fn start_reminding(&self) {
        if let Some(watch) = self.watch.as_ref().filter(|_| !self.calls.borrow().is_empty())
            && watch.start_reminding()
        {
            self.mailbox.knock(); // an event loop that waits does not know of the timer yet
        }
    }

    /// Not as soon as a call is over: the next one often begins before the event loop waits.
    fn rest_if_idle(&self) {
        if let Some(watch) = self.watch.as_ref().filter(|_| self.calls.borrow().is_empty()) {
            watch.rest();
        }
    }

    fn ask_all_to_stop(&self) {
        let ids: Vec<u64> = self.calls.borrow().keys().copied().collect();
        for id in ids {
            self.ask_to_stop(id);
        }
    }

    /// Rejects what a thread is still busy with: it will not be settled later, and a promise that is never settled keeps
    /// a whole page in memory.
    fn settle_all(&self) {
        let calls = self.calls.borrow();
        let unsettled: Vec<_> = calls.values().filter_map(|call| call.deferred.take()).collect();
        drop(calls);
        for deferred in unsettled {
            // SAFETY: env is live and this is its thread, and nobody else settles the promise: deferred was taken.
            unsafe { sys::napi_reject_deferred(self.env, deferred, abort_error(self.env, None)) };
        }
    }

    /// Whether a call is inside a library.
    fn runs(&self) -> bool {
        self.calls.borrow().values().any(|call| call.task.is_running())
    }

    /// The environment is ending: no JavaScript can run any more.
    fn end(&self) {
        if !self.ending.replace(true) {
            self.ask_all_to_stop();
        }
    }

    /// Keeps the event loop alive while calls wait for their turn: nothing else in it tells of them.
    fn add_waiting(&self, change: isize) {
        let before = self.waiting.get();
        let after = before.saturating_add_signed(change);
        self.waiting.set(after);
        if (before == 0) != (after == 0) {
            self.mailbox.keep_alive(self.env, after > 0);
        }
    }
}

/// Whether JavaScript can no longer run in an environment. It is asked to throw nothing: Node-API looks at the
/// environment first, and finds fault with the nothing only then.
///
/// # Safety
/// `env` is live and on its own thread.
unsafe fn is_ending(env: sys::napi_env) -> bool {
    // SAFETY: the caller's; Node-API refuses a null value.
    unsafe { sys::napi_throw(env, ptr::null_mut()) != sys::Status::napi_invalid_arg }
}

/// What a thread of the pool does.
unsafe extern "C" fn execute(_env: sys::napi_env, data: *mut c_void) {
    // SAFETY: data is a Task that has entered, and stays one until `complete`, which follows this. Its memory is kept
    // by a strong reference until then. It is either out of JavaScript's reach, or shared: then others may write at the
    // same time, a race on plain bytes that the library sees through a C pointer, as the caller chose.
    unsafe { (*data.cast::<Task>()).run() };
}

/// Called on the environment's thread when the pool has done with a call, or has dropped it.
unsafe extern "C" fn complete(env: sys::napi_env, status: sys::napi_status, data: *mut c_void) {
    // SAFETY: data is the Task that the work was created with, taken back once.
    let task = unsafe { Arc::from_raw(data.cast::<Task>().cast_const()) };
    if status == sys::Status::napi_cancelled {
        task.forgo();
    }
    if let Ok(environment) = environment::current(&Env::from_raw(env))
        && let Some(background) = environment.background.get()
    {
        if let Some(call) = background.calls.borrow().get(&task.id) {
            call.in_pool.set(false);
        }
        // SAFETY: env is live and this is its thread.
        if unsafe { is_ending(env) } {
            background.end();
        }
        if task.was_sent_back() {
            background.bring_again(task);
        } else {
            background.finish(task.id);
        }
    }
}

/// What is done when the event loop is about to wait.
fn look_round(env: sys::napi_env) {
    if let Ok(environment) = environment::current(&Env::from_raw(env))
        && let Some(background) = environment.background.get()
    {
        // SAFETY: env is live and this is its thread.
        if unsafe { is_ending(env) } {
            background.end();
        }
        background.rest_if_idle();
    }
}

/// What is done from time to time when calls were asked to stop.
fn remind(env: sys::napi_env) {
    if let Ok(environment) = environment::current(&Env::from_raw(env)) {
        environment.remind_libraries();
    }
}

/// Called when the environment ends, with no work of its own left in the pool.
unsafe extern "C" fn clean_up(hook: sys::napi_async_cleanup_hook_handle, env: *mut c_void) {
    let environment = environment::current(&Env::from_raw(env.cast()));
    let background = environment
        .as_ref()
        .ok()
        .and_then(|environment| environment.background.get());
    if let Some(background) = background {
        background.end();
        background.mailbox.close();
    }
    match background.and_then(|background| background.watch.as_ref()) {
        // SAFETY: the hook is this one, and nothing uses the watch after the end.
        Some(watch) => unsafe { watch.close(hook) },
        // SAFETY: the hook is this one, given back once.
        None => drop(unsafe { sys::napi_remove_async_cleanup_hook(hook) }),
    }
}

/// Has an environment leave its libraries while JavaScript can still run, and before anything waits for the pool: at the
/// 'exit' event of its process object, and in a page at 'pagehide'. When a window is closed that is the last that its
/// process hears before Chromium ends it.
pub(crate) fn listen_for_end(env: &Env) -> napi::Result<()> {
    let global = env.get_global()?;
    let global = Object::from_raw(env.raw(), global.raw());
    let process = global.get_named_property::<Object>("process").unwrap_or(global);
    for (emitter, method, event, callback) in [
        (process, c"on", "exit", on_exit as Callback),
        (global, c"addEventListener", "pagehide", on_page_hide as Callback),
    ] {
        let listener = environment::function(env, c"leaveLibraries", callback, ptr::null())?;
        // SAFETY: env is live, and the values are its own. What has no such method has no such event either.
        unsafe {
            if let Ok(listen) = property(env.raw(), emitter.raw(), method) {
                let arguments = [error::string(env.raw(), event), listener.raw()];
                call(env.raw(), emitter.raw(), listen, &arguments);
            }
        }
    }
    Ok(())
}

unsafe extern "C" fn on_exit(env: sys::napi_env, _info: sys::napi_callback_info) -> sys::napi_value {
    if let Ok(environment) = environment::current(&Env::from_raw(env)) {
        leave(&environment, true);
    }
    ptr::null_mut()
}

unsafe extern "C" fn on_page_hide(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut argc, mut event) = (1, ptr::null_mut());
    // SAFETY: called by Node-API with a live env and info; the out-pointers are null or places of their types.
    let (trusted, persisted) = unsafe {
        sys::napi_get_cb_info(env, info, &mut argc, &mut event, ptr::null_mut(), ptr::null_mut());
        let is_set = |name| {
            let mut set = false;
            if let Ok(answer) = property(env, event, name) {
                sys::napi_get_value_bool(env, answer, &mut set);
            }
            set
        };
        (is_set(c"isTrusted"), is_set(c"persisted"))
    };
    // A page can make events of its own, which are not trusted. One that is persisted may come back.
    if trusted && let Ok(environment) = environment::current(&Env::from_raw(env)) {
        leave(&environment, !persisted);
    }
    ptr::null_mut()
}

/// Stops and settles what goes on in an environment, and closes its libraries. If that is for good, asynchronous calls
/// are refused from here on, and a library that a synchronous call opens is closed after it.
fn leave(environment: &Environment, for_good: bool) {
    /// How long to wait for libraries that were asked to stop. Chromium ends a page that is still busy half a second
    /// after its window was closed.
    const PATIENCE: Duration = Duration::from_millis(400);

    if for_good {
        environment.set_leaving();
    }
    let deadline = Instant::now() + PATIENCE;
    if let Some(background) = environment.background.get() {
        background.ask_all_to_stop();
        background.settle_all();
        for waited_ms in 1.. {
            if !background.runs() || Instant::now() > deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
            if waited_ms % 25 == 0 {
                environment.remind_libraries();
            }
        }
    }
    environment.close_libraries(deadline);
}

/// Where other threads leave the calls of an environment whose turn has come.
struct Mailbox {
    number: u64,
    inbox: Mutex<Option<Inbox>>,
}

struct Inbox {
    ready: Vec<Arc<Task>>,
    bell: sys::napi_threadsafe_function,
}

// SAFETY: a thread-safe function may be called from any thread. It ends when its environment does, and the inbox is gone
// before that.
unsafe impl Send for Inbox {}

impl Mailbox {
    /// # Safety
    /// `env` is live.
    unsafe fn new(env: sys::napi_env) -> Result<Arc<Self>, sys::napi_status> {
        static NEXT: AtomicU64 = AtomicU64::new(0);

        let mut bell = ptr::null_mut();
        // SAFETY: env is live, the name is one of its strings, and bell is a place for the answer. Without a JavaScript
        // function there has to be a native one, and there is.
        unsafe {
            let status = sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                error::string(env, "exchangeDataAsync"),
                0,
                1,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                Some(empty_mailbox),
                &mut bell,
            );
            if status != sys::Status::napi_ok {
                return Err(status);
            }
            sys::napi_unref_threadsafe_function(env, bell);
        }
        let ready = Vec::new();
        Ok(Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            inbox: Mutex::new(Some(Inbox { ready, bell })),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Inbox>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Arc<Task>> {
        self.lock()
            .as_mut()
            .map(|inbox| std::mem::take(&mut inbox.ready))
            .unwrap_or_default()
    }

    /// Has the environment's thread look into the mailbox, and its event loop at its timers.
    fn knock(&self) {
        if let Some(inbox) = &*self.lock() {
            inbox.ring();
        }
    }

    fn keep_alive(&self, env: sys::napi_env, alive: bool) {
        if let Some(inbox) = &*self.lock() {
            let change = if alive {
                sys::napi_ref_threadsafe_function
            } else {
                sys::napi_unref_threadsafe_function
            };
            // SAFETY: env is live, this is its thread, and the bell is its own.
            unsafe { change(env, inbox.bell) };
        }
    }

    /// From here on nobody hears.
    fn close(&self) {
        self.lock().take();
    }

    /// As [`close`](Self::close), for a mailbox that nobody knows.
    fn discard(&self) {
        if let Some(inbox) = self.lock().take() {
            // SAFETY: the bell has one user, who gives it up.
            unsafe { sys::napi_release_threadsafe_function(inbox.bell, sys::ThreadsafeFunctionReleaseMode::release) };
        }
    }
}

impl Inbox {
    fn ring(&self) {
        const MODE: sys::napi_threadsafe_function_call_mode = sys::ThreadsafeFunctionCallMode::nonblocking;
        // SAFETY: the bell exists as long as the inbox. Its queue has no limit, so that no ring gets lost.
        unsafe { sys::napi_call_threadsafe_function(self.bell, ptr::null_mut(), MODE) };
    }
}

impl Home for Mailbox {
    fn number(&self) -> u64 {
        self.number
    }

    fn turn_has_come(&self, task: Arc<Task>) -> bool {
        let mut inbox = self.lock();
        let Some(inbox) = inbox.as_mut() else { return false };
        inbox.ready.push(task);
        inbox.ring();
        true
    }
}

unsafe extern "C" fn empty_mailbox(
    env: sys::napi_env,
    _function: sys::napi_value,
    _context: *mut c_void,
    _data: *mut c_void,
) {
    // Null when the environment is ending; the mailbox is closed then.
    if env.is_null() {
        return;
    }
    if let Ok(environment) = environment::current(&Env::from_raw(env))
        && let Some(background) = environment.background.get()
    {
        for task in background.mailbox.take() {
            background.start(task);
        }
    }
}
