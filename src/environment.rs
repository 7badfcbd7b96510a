//! What one JavaScript environment (a page load, a worker, the main process) holds, from its start to its end.

use std::cell::{OnceCell, RefCell};
use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::*;
use napi::{check_status, sys};

use crate::error::Error;
use crate::exchange;
use crate::library::{Entry, Library};
use crate::locate;

/// What an environment holds. It is dropped when the environment has ended and no JavaScript of it can run any more.
#[derive(Default)]
struct Environment {
    /// One for each library, at an address that stays: functions point at it.
    bindings: RefCell<Vec<Rc<Binding>>>,
    opened: Rc<Opened>,
}

/// Prepares an environment that has just loaded the addon.
pub(crate) fn start(env: &Env) -> Result<()> {
    env.set_instance_data(Environment::default(), (), |context| drop(context.value))
}

/// The libraries that are open in an environment, each once. They are closed when it has ended.
#[derive(Default)]
struct Opened(RefCell<Vec<&'static Library>>);

impl Opened {
    fn open(&self, library: &'static Library) -> std::result::Result<(), Box<Error>> {
        // The list is not borrowed while the library's code runs.
        if !self.0.borrow().iter().any(|other| ptr::eq(*other, library)) {
            library.open()?;
            self.0.borrow_mut().push(library);
        }
        Ok(())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        for library in self.0.get_mut() {
            library.close();
        }
    }
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
    entry: OnceCell<Entry>,
    source: Source,
    opened: Rc<Opened>,
}

impl Binding {
    /// The library's entry, once it is ready to be called in this environment.
    #[inline]
    pub(crate) fn entry(&self) -> std::result::Result<&Entry, Box<Error>> {
        match self.entry.get() {
            Some(entry) => Ok(entry),
            None => self.open(),
        }
    }

    #[cold]
    fn open(&self) -> std::result::Result<&Entry, Box<Error>> {
        let library = match &self.source {
            Source::Path(path) => Library::load(path)?,
            Source::Loaded(library) => library,
        };
        self.opened.open(library)?;
        Ok(self.entry.get_or_init(|| library.entry()))
    }
}

/// `exchangeDataInPlace` of this environment, over a library.
pub(crate) fn exchange_function(env: &Env, source: Source) -> Result<Unknown<'_>> {
    const NAME: &CStr = c"exchangeDataInPlace";
    let binding = binding(env, source)?;
    let mut function = ptr::null_mut();
    // SAFETY: env is live; the name is NUL-terminated and copied; a Binding is what the callback asks for, and this one
    // lives as long as the environment, so longer than the function can be called.
    check_status!(unsafe {
        sys::napi_create_function(
            env.raw(),
            NAME.as_ptr(),
            NAME.count_bytes().cast_signed(),
            Some(exchange::callback),
            binding.cast_mut().cast::<c_void>(),
            &mut function,
        )
    })?;
    // SAFETY: function was just made in this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), function) })
}

/// The environment's binding of a library: always the same one, so that opening it again costs no memory.
fn binding(env: &Env, source: Source) -> Result<*const Binding> {
    let Some(environment) = env.get_instance_data::<Environment>()? else {
        return Err(napi::Error::from_reason("this environment has ended"));
    };
    let mut bindings = environment.bindings.borrow_mut();
    let known = bindings.iter().position(|binding| binding.source == source);
    let index = known.unwrap_or_else(|| {
        let opened = Rc::clone(&environment.opened);
        bindings.push(Rc::new(Binding {
            entry: OnceCell::new(),
            source,
            opened,
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
