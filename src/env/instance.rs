//! What one JavaScript environment (a page load, a worker, the main process) holds, from its start to its end.

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Entry, Library, Session, locate};
use napi::bindgen_prelude::*;
use napi::{check_status, sys};

use crate::api::{exchange, exchange_async};
use crate::env::background::{self, Background};
use crate::env::ended_flag::EndedFlag;
use crate::env::own_loop::OwnLoop;
use crate::error::Error;
use crate::js::abort_listener::Signals;
use crate::js::lent_buffer::Intrinsics;

/// What an environment holds. It is dropped when the environment has ended and no other thread works for it.
pub(crate) struct Environment {
    /// One for each library, at an address that stays: functions point at it.
    bindings: RefCell<Vec<Rc<Binding>>>,
    sessions: Rc<Sessions>,
    pub(crate) intrinsics: Rc<Intrinsics>,
    ended: EndedFlag,
    pub(crate) own_loop: OwnLoop,
    pub(crate) signals: Rc<Signals>,
    /// Made for the first asynchronous call.
    pub(crate) background: OnceCell<Background>,
}

/// The libraries that are in use in an environment, each once. They are closed when it has ended.
#[derive(Default)]
struct Sessions {
    all: RefCell<Vec<Arc<Session>>>,
    /// The environment is about to end: what is opened now is closed again at once.
    leaving: Cell<bool>,
}

impl Sessions {
    fn of(&self, library: &'static Library) -> Arc<Session> {
        let mut sessions = self.all.borrow_mut();
        let known = sessions.iter().position(|session| session.library() == library);
        let index = known.unwrap_or_else(|| {
            sessions.push(Arc::new(Session::new(library)));
            sessions.len() - 1
        });
        Arc::clone(&sessions[index])
    }
}

impl Environment {
    /// Says that the environment is about to end.
    pub(crate) fn set_leaving(&self) {
        self.sessions.leaving.set(true);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.sessions.leaving.get()
    }

    /// Closes its libraries. The next exchange opens them again.
    pub(crate) fn close_libraries(&self, deadline: Instant) {
        for binding in self.bindings.borrow().iter() {
            binding.entry.set(None);
        }
        for session in self.sessions.all.borrow().iter() {
            session.close(Some(deadline));
        }
    }

    /// What is to be done from time to time while calls wait or were asked to stop.
    pub(crate) fn remind_libraries(&self) {
        for session in self.sessions.all.borrow().iter() {
            session.library().remind();
        }
    }
}

/// Prepares an environment that has just loaded the addon.
pub(crate) fn start(env: &Env) -> Result<()> {
    let environment = Environment {
        bindings: RefCell::default(),
        sessions: Rc::default(),
        intrinsics: Rc::new(Intrinsics::capture(env)?),
        ended: EndedFlag::new(env)?,
        own_loop: OwnLoop::probe(env)?,
        signals: Rc::new(Signals::capture(env)?),
        background: OnceCell::new(),
    };
    env.set_instance_data(Rc::new(environment), (), |context| drop(context.value))?;
    background::listen_for_end(env)
}

/// The environment that is running.
pub(crate) fn current(env: &Env) -> Result<Rc<Environment>> {
    match env.get_instance_data::<Rc<Environment>>()? {
        Some(environment) => Ok(Rc::clone(environment)),
        None => Err(napi::Error::from_reason("this environment has ended")),
    }
}

/// The word that is not 0 once this environment has ended, for JavaScript to read.
pub(crate) fn ended_word(env: &Env) -> Result<Unknown<'_>> {
    current(env)?.ended.word(env)
}

/// Which library a function calls.
#[derive(PartialEq, Eq)]
pub(crate) enum Source {
    /// The one at this path, loaded at the first call.
    Path(PathBuf),
    /// One that is loaded.
    Loaded(&'static Library),
}

impl Source {
    /// The default library, as it is found in this environment.
    pub(crate) fn default(env: &Env) -> Result<Self> {
        Ok(Self::Path(locate::default_library(
            &addon_folder(env)?,
            std::env::var_os(locate::LIBRARY_VARIABLE),
            resources_path(env).as_deref(),
        )))
    }
}

/// What a JavaScript function is bound to: a library, loaded and opened when it is first called. From then on the way
/// from the function to the library's code is one load.
#[repr(C, align(64))]
pub(crate) struct Binding {
    /// First, at the start of a cache line: all that a call reads is then in one, wherever the allocator puts it.
    entry: Cell<Option<Entry>>,
    source: Source,
    session: OnceCell<Arc<Session>>,
    sessions: Rc<Sessions>,
}

impl Binding {
    /// The library's entry, if it is open in this environment.
    #[inline]
    pub(crate) fn entry(&self) -> Option<Entry> {
        self.entry.get()
    }

    /// As [`Entry::exchange`], for a library that is not open.
    ///
    /// # Safety
    /// As there.
    #[cold]
    pub(crate) unsafe fn open_and_exchange(&self, data: *mut u8, len: usize) -> std::result::Result<u32, Box<Error>> {
        /// Nobody hears of an environment that is leaving again: its last call may hold it up for so long.
        const PATIENCE: Duration = Duration::from_millis(100);

        let session = self.session()?;
        let library = session.library();
        library.call(|| session.open())?;
        // SAFETY: the caller's.
        let outcome = unsafe { library.entry().exchange(data, len) };
        if self.sessions.leaving.get() {
            session.close(Some(Instant::now() + PATIENCE));
        } else {
            self.entry.set(Some(library.entry()));
        }
        Ok(outcome?)
    }

    /// The library in this environment: loaded, and not necessarily open.
    pub(crate) fn session(&self) -> std::result::Result<&Arc<Session>, Box<Error>> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let library = match &self.source {
            Source::Path(path) => Library::load(path)?,
            Source::Loaded(library) => library,
        };
        Ok(self.session.get_or_init(|| self.sessions.of(library)))
    }
}

/// What JavaScript calls to exchange data with one library.
pub(crate) struct Functions<'env> {
    pub(crate) in_place: Unknown<'env>,
    pub(crate) asynchronous: Unknown<'env>,
    /// Not public: for memory that its caller alone holds.
    pub(crate) owned_asynchronous: Unknown<'env>,
}

/// The functions of this environment over a library.
pub(crate) fn functions(env: &Env, source: Source) -> Result<Functions<'_>> {
    let binding = binding(env, source)?;
    Ok(Functions {
        in_place: function(env, c"exchangeDataInPlace", exchange::callback, binding.cast())?,
        asynchronous: function(env, c"exchangeDataAsync", exchange_async::callback, binding.cast())?,
        owned_asynchronous: function(
            env,
            c"exchangeOwnedAsync",
            exchange_async::owned_callback,
            binding.cast(),
        )?,
    })
}

pub(crate) type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// A JavaScript function. What its callback asks of `data` is what the caller gives.
pub(crate) fn function<'env>(
    env: &'env Env,
    name: &CStr,
    callback: Callback,
    data: *const c_void,
) -> Result<Unknown<'env>> {
    let mut function = ptr::null_mut();
    // SAFETY: env is live; the name is copied; data is only handed on.
    check_status!(unsafe {
        sys::napi_create_function(
            env.raw(),
            name.as_ptr(),
            name.count_bytes().cast_signed(),
            Some(callback),
            data.cast_mut(),
            &mut function,
        )
    })?;
    // SAFETY: function was just made in this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), function) })
}

/// The environment's binding of a library: always the same one, so that opening it again costs no memory. It lives as
/// long as the environment. The function objects that point at it may live longer, and must not be called then.
fn binding(env: &Env, source: Source) -> Result<*const Binding> {
    let environment = current(env)?;
    let mut bindings = environment.bindings.borrow_mut();
    let known = bindings.iter().position(|binding| binding.source == source);
    let index = known.unwrap_or_else(|| {
        bindings.push(Rc::new(Binding {
            entry: Cell::new(None),
            source,
            session: OnceCell::new(),
            sessions: Rc::clone(&environment.sessions),
        }));
        bindings.len() - 1
    });
    Ok(Rc::as_ptr(&bindings[index]))
}

/// The folder that the addon's file stands in.
fn addon_folder(env: &Env) -> Result<PathBuf> {
    let mut name = ptr::null();
    // SAFETY: env is live and name a place for one pointer.
    check_status!(unsafe { sys::node_api_get_module_file_name(env.raw(), &mut name) })?;
    // SAFETY: Node-API answers with a NUL-terminated string that lives as long as the environment.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    match locate::path_of(&name).as_deref().and_then(Path::parent) {
        Some(folder) => Ok(folder.to_owned()),
        None => Err(napi::Error::from_reason(format!(
            "the addon's own address is no file: {name:?}"
        ))),
    }
}

/// What kind of process of Electron this is, by its own word. Plain Node.js does not say.
pub(crate) fn process_type(env: &Env) -> Option<String> {
    let process = env.get_global().ok()?.get_named_property::<Object>("process").ok()?;
    process.get_named_property::<String>("type").ok()
}

/// Where a packaged Electron app has its files. Nothing else has `process.resourcesPath`.
fn resources_path(env: &Env) -> Option<PathBuf> {
    let process = env.get_global().ok()?.get_named_property::<Object>("process").ok()?;
    process
        .get_named_property::<String>("resourcesPath")
        .ok()
        .map(PathBuf::from)
}

/// Tries to wrap one native byte in a Buffer.
pub(crate) fn external_buffers_allowed(env: &Env) -> Result<bool> {
    unsafe extern "C" fn free(_env: sys::napi_env, _data: *mut c_void, byte: *mut c_void) {
        // SAFETY: the byte came from Box::into_raw below, and a finalizer runs once.
        drop(unsafe { Box::from_raw(byte.cast::<u8>()) });
    }

    let byte = Box::into_raw(Box::new(0u8));
    let mut buffer = ptr::null_mut();
    // SAFETY: env is live. On success the Buffer owns the byte, and frees it in its finalizer.
    let status =
        unsafe { sys::napi_create_external_buffer(env.raw(), 1, byte.cast(), Some(free), byte.cast(), &mut buffer) };
    if status == sys::Status::napi_ok {
        return Ok(true);
    }
    // SAFETY: refused, so the byte is still ours.
    drop(unsafe { Box::from_raw(byte) });
    if status == sys::Status::napi_no_external_buffers_allowed {
        Ok(false)
    } else {
        check_status!(status).map(|()| false)
    }
}
