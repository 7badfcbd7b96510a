//! The asynchronous calls of an environment, from the hand-over to the pool to the promise, and what becomes of them when
//! the environment ends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_int, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use napi::bindgen_prelude::Env;
use napi::sys;

use crate::env::instance::{self, Environment};
use crate::env::loop_handles::{Bell, LoopHandles};
use crate::env::uv::{Kind, Request, Uv};
use crate::error::Error;
use crate::js::abort_listener::Subscription;
use crate::js::callback::Callback;
use crate::js::intrinsics::Intrinsics;
use crate::js::lent_buffer::LentBuffer;
use crate::js::reference::Deferred;
use crate::js::scope::Scope;
use crate::js::throw::abort_error;
use crate::js::value::{Value, raw_of};
use inplace_exchange_host::{self as host, Home, Session, Task};

/// Where a call is. Only from `Here` can it be started, settled or dropped.
#[derive(Clone, Copy)]
enum Place {
    /// With its environment: held, or waiting for its turn.
    Here,
    /// The pool has it.
    InPool(Request),
    /// The pool has done with it, and the environment has not seen to it: the loop works for another one.
    Back,
}

/// A call that has not been settled, as its environment sees it.
struct Call {
    task: Arc<Task>,
    /// The promise, until it is settled.
    deferred: Cell<Option<Deferred>>,
    memory: LentBuffer,
    signal: Option<Subscription>,
    place: Cell<Place>,
    /// It waits for its turn, and the event loop for it.
    waiting: Cell<bool>,
    /// The event loop was found to be another environment's.
    refused: Cell<bool>,
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
    handles: Rc<LoopHandles>,
    /// What Node.js wants to know before it is gone back into.
    context: sys::napi_async_context,
    /// Calls that the pool has done with, while the loop worked for another environment.
    returned: RefCell<Vec<Arc<Task>>>,
    /// That of the end of the environment, while calls are waited for.
    hook: Cell<Option<sys::napi_async_cleanup_hook_handle>>,
    /// Calls that wait until it is known whose event loop this is.
    held: RefCell<Vec<Arc<Task>>>,
    /// No JavaScript can run any more.
    ending: Cell<bool>,
}

impl Background {
    /// That of an environment, made at its first asynchronous call.
    pub(crate) fn of<'e>(scope: Scope<'_>, environment: &'e Environment) -> Result<&'e Self, sys::napi_status> {
        if let Some(background) = environment.background.get() {
            return Ok(background);
        }
        let (env, mut context) = (scope.raw(), ptr::null_mut());
        // SAFETY: env is live and on its thread, and the out-pointers are null or places of their types.
        let background = unsafe {
            let name = raw_of(scope.string("exchangeDataAsync"));
            match sys::napi_async_init(env, ptr::null_mut(), name, &mut context) {
                sys::Status::napi_ok => {}
                refused => return Err(refused),
            }
            if let Some(background) = environment.background.get() {
                sys::napi_async_destroy(env, context); // async_hooks have run the caller's code, which has called us
                return Ok(background);
            }
            let handles = LoopHandles::new(env, on_bell, on_timer).ok_or(sys::Status::napi_generic_failure)?;
            // It refuses null arguments, and nothing else.
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
                mailbox: Mailbox::new(handles.bell()),
                handles,
                context,
                returned: RefCell::default(),
                hook: Cell::new(None),
                held: RefCell::default(),
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

    /// Makes a call, now or when its turn comes, and settles its promise. One that is to be held is made after
    /// [`start_held`].
    pub(crate) fn call(
        &self,
        id: u64,
        session: Arc<Session>,
        memory: LentBuffer,
        signal: Option<Subscription>,
        deferred: Deferred,
        hold: bool,
    ) {
        let home = Arc::clone(&self.mailbox);
        let task = Task::new(id, session, home, memory.data, memory.len);
        let call = Call {
            task: Arc::clone(&task),
            deferred: Cell::new(Some(deferred)),
            memory,
            signal,
            place: Cell::new(Place::Here),
            waiting: Cell::new(false),
            refused: Cell::new(false),
        };
        self.calls.borrow_mut().insert(id, call);
        if hold {
            self.held.borrow_mut().push(task);
        } else {
            self.enter(task);
        }
    }

    fn enter(&self, task: Arc<Task>) {
        let id = task.id;
        if task.enter() {
            self.start(task);
        } else {
            self.wait_for_turn(id);
        }
    }

    /// Those that were held and are not over.
    fn take_held(&self) -> Vec<Arc<Task>> {
        let held = self.held.take();
        held.into_iter()
            .filter(|task| self.calls.borrow().contains_key(&task.id))
            .collect()
    }

    /// Hands a call to the pool.
    fn start(&self, task: Arc<Task>) {
        let calls = self.calls.borrow();
        let is_here = |call: &&Call| matches!(call.place.get(), Place::Here);
        let Some(call) = calls.get(&task.id).filter(is_here) else {
            return; // it was told before
        };
        task.brought(); // before the pool has it, which may be done with it at once
        let uv = self.handles.uv();
        let request = uv.allocate(Kind::Work);
        let work = Box::new(Work { task, env: self.env });
        // SAFETY: this is the loop's thread, and the request is memory of the size that libuv asks for. Its data is a Work,
        // taken back in `returned`, which follows.
        let status = unsafe {
            (uv.req_set_data)(request, Box::into_raw(work).cast());
            (uv.queue_work)(self.handles.event_loop(), request, execute, returned)
        };
        debug_assert_eq!(status, 0, "libuv refuses only work without a function");
        call.place.set(Place::InPool(request));
        if call.waiting.take() {
            self.add_waiting(-1);
        }
    }

    /// The pool has done with a call, or has dropped it.
    ///
    /// # Safety
    /// Called on the environment's thread, while it is live.
    unsafe fn take_back(&self, environment: &Environment, task: Arc<Task>) {
        if let Some(call) = self.calls.borrow().get(&task.id) {
            call.place.set(Place::Back);
        }
        let take = |scope: Scope<'_>| {
            if !scope.can_call_js() {
                self.end();
            }
            if self.ending.get() {
                self.conclude(Arc::clone(&task));
                self.close_when_idle();
                return true;
            }
            environment.own_loop.is_current(scope)
                // SAFETY: env is live, this is its thread, and its context is the current one.
                && unsafe { self.in_callback_scope(|| self.conclude(Arc::clone(&task))) }
        };
        // SAFETY: env is live and this is its thread.
        if unsafe { Scope::open(self.env, take) } != Some(true) {
            self.returned.borrow_mut().push(task);
            self.handles.bell().ring();
        }
    }

    /// That of the environment, in which a handle scope is open where values are made.
    fn scope(&self) -> Scope<'_> {
        // SAFETY: all of this is used on the environment's own thread, while it is live.
        unsafe { Scope::from_raw(self.env) }
    }

    /// Settles a call that is back from the pool, or puts it in its place again.
    fn conclude(&self, task: Arc<Task>) {
        if let Some(call) = self.calls.borrow().get(&task.id) {
            call.place.set(Place::Here);
        }
        if task.was_sent_back() {
            self.bring_again(task);
        } else {
            self.finish(task.id);
        }
    }

    /// Goes back into JavaScript: promises that are settled meanwhile are seen to at the end. False if that cannot be done.
    ///
    /// # Safety
    /// `env` is live, this is its thread, and its context is the current one.
    unsafe fn in_callback_scope(&self, settle: impl FnOnce()) -> bool {
        let (env, mut handles, mut callback) = (self.env, ptr::null_mut(), ptr::null_mut());
        // SAFETY: env is live and this is its thread, the context was made for it, and the out-pointers are places of their
        // types. What was opened is closed, in turn.
        unsafe {
            if sys::napi_open_handle_scope(env, &mut handles) != sys::Status::napi_ok {
                return false;
            }
            let status = sys::napi_open_callback_scope(env, ptr::null_mut(), self.context, &mut callback);
            if status == sys::Status::napi_ok {
                settle();
                sys::napi_close_callback_scope(env, callback);
            }
            sys::napi_close_handle_scope(env, handles);
            status == sys::Status::napi_ok
        }
    }

    /// Settles a call that is over: it has returned, or will not be made.
    fn finish(&self, id: u64) {
        let Some(call) = self.calls.borrow_mut().remove(&id) else {
            return;
        };
        if call.waiting.take() {
            self.add_waiting(-1);
        }
        let scope = self.scope();
        if !self.ending.get() {
            self.settle(&call);
        }
        call.memory.release(scope); // no thread uses it: the call is over
        match call.signal {
            Some(signal) if self.ending.get() => signal.forget(scope),
            Some(signal) => signal.unsubscribe(scope),
            None => {}
        }
    }

    /// For a call that is over, while JavaScript can run. An exception that would keep Node-API from going on is taken
    /// before each step that may leave one.
    fn settle(&self, call: &Call) {
        let Some(deferred) = call.deferred.take() else { return };
        let scope = self.scope();
        let outcome = match call.refused.get() {
            true => Err(Box::new(Error::ForeignEventLoop)),
            false => call.task.outcome().map_err(Box::<Error>::from),
        };
        let error = match outcome {
            Ok(count) => match call.memory.result_view(scope, &self.intrinsics, count) {
                Some(view) => return deferred.resolve(view),
                None => scope.take_exception().0,
            },
            Err(error) => {
                let error = match *error {
                    Error::Host(error) if matches!(*error, host::Error::Aborted) => match &call.signal {
                        Some(signal) => signal.abort_error(scope),
                        None => abort_error(scope, None),
                    },
                    error => error.create(scope),
                };
                if let Some(error) = error {
                    error.define_hidden(c"buffer", call.memory.full_view(scope));
                }
                error
            }
        };
        scope.take_exception();
        deferred.reject(scope, error);
    }

    /// Asks a call to stop. One that the pool does not have is over at once, another when the pool says so.
    pub(crate) fn ask_to_stop(&self, id: u64) {
        let look = |call: &Call| (Arc::clone(&call.task), call.place.get());
        let known = self.calls.borrow().get(&id).map(look);
        let Some((task, place)) = known else { return };
        let asked_before = task.was_asked_to_stop();
        task.ask_to_stop();
        match place {
            Place::Back => {}                      // it is about to be settled
            Place::InPool(_) if asked_before => {} // libuv would return a request twice that is cancelled twice
            // SAFETY: this is the loop's thread, and the pool has the request: it is not back yet. If it has begun,
            // nothing happens.
            Place::InPool(request) => drop(unsafe { (self.handles.uv().cancel)(request) }),
            Place::Here => {
                task.forgo();
                self.finish(id);
            }
        }
        self.start_reminding();
    }

    /// Puts a call in its place again that the pool has sent back.
    fn bring_again(&self, task: Arc<Task>) {
        let id = task.id;
        if task.was_asked_to_stop() || self.ending.get() {
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
        if !self.calls.borrow().is_empty() {
            self.handles.start_timer();
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
            deferred.reject(self.scope(), abort_error(self.scope(), None));
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

    /// Lets the end of the environment go on when no call is left.
    fn close_when_idle(&self) {
        if !self.calls.borrow().is_empty() {
            return;
        }
        if let Some(hook) = self.hook.take() {
            // SAFETY: env is live and this is its thread. The hook is that of the cleanup that goes on, no call is left to
            // use the handles, the mailbox is closed, and so no other thread has the bell.
            unsafe {
                sys::napi_async_destroy(self.env, self.context);
                self.handles.close(hook);
            }
        }
    }

    /// Keeps the event loop alive while calls wait for their turn: nothing else in it tells of them.
    fn add_waiting(&self, change: isize) {
        let before = self.waiting.get();
        let after = before.saturating_add_signed(change);
        self.waiting.set(after);
        if (before == 0) != (after == 0) {
            self.handles.keep_alive(after > 0);
        }
    }
}

/// Makes the calls that were held: the event loop is the environment's own.
pub(crate) fn start_held(environment: &Environment) {
    if let Some(background) = environment.background.get() {
        for task in background.take_held() {
            background.enter(task);
        }
    }
}

/// Rejects the calls that were held: nothing could come back to this environment.
pub(crate) fn refuse_held(environment: &Environment) {
    if let Some(background) = environment.background.get() {
        for task in background.take_held() {
            if let Some(call) = background.calls.borrow().get(&task.id) {
                call.refused.set(true);
            }
            background.finish(task.id);
        }
    }
}

/// What the pool is given.
struct Work {
    task: Arc<Task>,
    env: sys::napi_env,
}

/// What a thread of the pool does.
unsafe extern "C" fn execute(request: Request) {
    let Some(uv) = Uv::get() else { return };
    // SAFETY: the request's data is a Work, whose task has entered, until `returned`, which follows this. The memory is
    // kept by a strong reference until then. No JavaScript touches it, or it is shared: then others may write at the same
    // time, a race on plain bytes that the library sees through a C pointer, as the caller chose.
    unsafe { (*(uv.req_get_data)(request).cast::<Work>()).task.run() };
}

/// Called on the environment's thread, in whatever context the loop works for, when the pool has done with a call or has
/// dropped it.
unsafe extern "C" fn returned(request: Request, status: c_int) {
    let Some(uv) = Uv::get() else { return };
    // SAFETY: the request's data is its Work, taken back once; libuv has done with the request.
    let Work { task, env } = *unsafe {
        let work = Box::from_raw((uv.req_get_data)(request).cast::<Work>());
        uv.free(Kind::Work, request);
        work
    };
    if status != 0 {
        task.forgo(); // dropped before it began
    }
    if let Ok(environment) = instance::current(&Env::from_raw(env))
        && let Some(background) = environment.background.get()
    {
        // SAFETY: the environment is live, as its cleanup hook waits for its calls, and this is its thread.
        unsafe { background.take_back(&environment, task) };
    }
}

/// What is done from time to time when calls wait or were asked to stop.
fn on_timer(env: sys::napi_env) {
    if let Ok(environment) = instance::current(&Env::from_raw(env))
        && let Some(background) = environment.background.get()
    {
        if background.calls.borrow().is_empty() {
            background.handles.stop_timer();
        }
        environment.libraries.remind();
    }
}

/// Called when the environment ends: waits for its calls, and closes its handles.
unsafe extern "C" fn clean_up(hook: sys::napi_async_cleanup_hook_handle, env: *mut c_void) {
    let environment = instance::current(&Env::from_raw(env.cast()));
    let background = environment
        .as_ref()
        .ok()
        .and_then(|environment| environment.background.get());
    match background {
        Some(background) => {
            background.end();
            background.mailbox.close();
            for task in background.returned.take() {
                background.conclude(task);
            }
            background.hook.set(Some(hook));
            background.close_when_idle();
        }
        // SAFETY: the hook is this one, given back once.
        None => drop(unsafe { sys::napi_remove_async_cleanup_hook(hook) }),
    }
}

/// Has an environment leave its libraries while JavaScript can still run, and before anything waits for the pool: at the
/// 'exit' event of its process object, and in a page at 'pagehide'. When a window is closed that is the last that its
/// process hears before Chromium ends it.
pub(crate) fn listen_for_end(scope: Scope<'_>) {
    let Some(global) = scope.global() else { return };
    if let Ok(process) = global.get_property(c"process") {
        listen::<OnExit>(process, c"on", "exit");
    }
    listen::<OnPageHide>(global, c"addEventListener", "pagehide");
}

/// What has no such method has no such event either.
fn listen<C: Callback>(emitter: Value<'_>, method: &CStr, event: &str) {
    let scope = emitter.scope();
    if let Ok(listen) = emitter.get_property(method)
        && let (Some(event), Some(listener)) = (scope.string(event), scope.create_function::<C>(c"leaveLibraries", 0))
    {
        let _ = listen.call_function(emitter, [event, listener]);
    }
}

struct OnExit;

impl Callback for OnExit {
    fn call(scope: Scope<'_>, _code: Option<Value<'_>>, _data: usize) {
        let process = scope.global().and_then(|global| global.get_property(c"process").ok());
        // Any code can emit the event, as Electron does when a page goes. After one that Node.js did not emit, the
        // environment goes on, as a page that comes back.
        let exiting = process.is_some_and(|process| process.has_true(c"_exiting"));
        if let Ok(environment) = instance::current(&scope.env()) {
            leave(&environment, exiting);
        }
    }
}

struct OnPageHide;

impl Callback for OnPageHide {
    fn call(scope: Scope<'_>, event: Option<Value<'_>>, _data: usize) {
        let is_set = |name| event.is_some_and(|event| event.has_true(name));
        let (trusted, persisted) = (is_set(c"isTrusted"), is_set(c"persisted"));
        // A page can make events of its own, which are not trusted. One that is persisted may come back.
        if trusted && let Ok(environment) = instance::current(&scope.env()) {
            leave(&environment, !persisted);
        }
    }
}

/// Stops and settles what goes on in an environment, and closes its libraries. If that is for good, asynchronous calls
/// are refused from here on, and a library that a synchronous call opens is closed after it.
fn leave(environment: &Environment, for_good: bool) {
    /// How long to wait for libraries that were asked to stop. Chromium ends a page that is still busy half a second
    /// after its window was closed.
    const PATIENCE: Duration = Duration::from_millis(400);

    if for_good {
        environment.libraries.begin_closing();
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
                environment.libraries.remind();
            }
        }
    }
    environment.libraries.close(deadline);
}

/// Where other threads leave the calls of an environment whose turn has come.
struct Mailbox {
    number: u64,
    inbox: Mutex<Option<Inbox>>,
}

struct Inbox {
    ready: Vec<Arc<Task>>,
    bell: Bell,
}

impl Mailbox {
    fn new(bell: Bell) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);

        let ready = Vec::new();
        Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            inbox: Mutex::new(Some(Inbox { ready, bell })),
        })
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

    /// From here on nobody hears, and nobody rings.
    fn close(&self) {
        self.lock().take();
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
        inbox.bell.ring(); // with the lock held: the bell is not closed meanwhile
        true
    }
}

/// Looks for what has come, on the environment's thread and in whatever context the loop works for.
fn on_bell(env: sys::napi_env) {
    let Ok(environment) = instance::current(&Env::from_raw(env)) else {
        return;
    };
    let Some(background) = environment
        .background
        .get()
        .filter(|background| !background.ending.get())
    else {
        return;
    };
    for task in background.mailbox.take() {
        background.start(task);
    }
    // One by one, and each as when it came: the context may still be another's.
    for task in background.returned.take() {
        // SAFETY: the environment is live, as its handles are not closed, and this is its thread.
        unsafe { background.take_back(&environment, task) };
    }
}
