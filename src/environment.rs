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
use crate::library::Library;
use crate::locate;

/// What a JavaScript function is bound to: a library, loaded and opened when it is first called. From then on the way
/// from the function to the library is one load.
pub(crate) struct Binding {
    library: OnceCell<&'static Library>,
    path: PathBuf,
    opened: Rc<Opened>,
}

impl Binding {
    /// The library, ready to be called in this environment.
    #[inline]
    pub(crate) fn library(&self) -> std::result::Result<&'static Library, Box<Error>> {
        match self.library.get() {
            Some(library) => Ok(library),
            None => self.open(),
        }
    }

    #[cold]
    fn open(&self) -> std::result::Result<&'static Library, Box<Error>> {
        let library = Library::load(&self.path)?;
        self.opened.open(library)?;
        Ok(self.library.get_or_init(|| library))
    }
}

/// The libraries that are open in an environment, each once. They are closed when the last binding has gone.
#[derive(Default)]
struct Opened(RefCell<Vec<&'static Library>>);

impl Opened {
    fn open(&self, library: &'static Library) -> std::result::Result<(), Box<Error>> {
        let mut opened = self.0.borrow_mut();
        if !opened.iter().any(|other| ptr::eq(*other, library)) {
            library.open()?;
            opened.push(library);
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

/// `exchangeDataInPlace` of this environment, over the default library.
pub(crate) fn default_exchange(env: &Env) -> Result<Unknown<'_>> {
    let path = locate::default_library(
        &addon_folder(env)?,
        std::env::var_os(locate::LIBRARY_VARIABLE),
        resources_path(env).as_deref(),
    );
    bind(
        env,
        Binding {
            library: OnceCell::new(),
            path,
            opened: Rc::default(),
        },
    )
}

/// A JavaScript function that calls the library of a binding.
fn bind(env: &Env, binding: Binding) -> Result<Unknown<'_>> {
    const NAME: &CStr = c"exchangeDataInPlace";
    let binding = Box::into_raw(Box::new(binding));
    // Runs once, when no JavaScript of this environment can run any more: the function below is not called after it.
    env.add_env_cleanup_hook(binding, |binding| {
        // SAFETY: it came from Box::into_raw, and this hook alone takes it back.
        drop(unsafe { Box::from_raw(binding) });
    })?;
    let mut function = ptr::null_mut();
    // SAFETY: env is live; the name is NUL-terminated and copied; the binding is what the callback asks for.
    check_status!(unsafe {
        sys::napi_create_function(
            env.raw(),
            NAME.as_ptr(),
            NAME.count_bytes().cast_signed(),
            Some(exchange::callback),
            binding.cast::<c_void>(),
            &mut function,
        )
    })?;
    // SAFETY: function was just made in this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), function) })
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
