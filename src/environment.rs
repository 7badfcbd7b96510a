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

/// Prepares an environment that has just loaded the addon.
pub(crate) fn start(env: &Env) -> Result<()> {
    env.set_instance_data(Rc::<Opened>::default(), (), |context| drop(context.value))
}

/// The libraries that are open in an environment, each once. They are closed when the environment has ended: when its
/// instance data and all its bindings have gone.
#[derive(Default)]
struct Opened(RefCell<Vec<&'static Library>>);

impl Opened {
    fn of(env: &Env) -> Result<Rc<Self>> {
        match env.get_instance_data::<Rc<Self>>()? {
            Some(opened) => Ok(Rc::clone(opened)),
            None => Err(napi::Error::from_reason("this environment has ended")),
        }
    }

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
pub(crate) struct Binding {
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
    unsafe extern "C" fn free(_env: sys::napi_env, binding: *mut c_void, _hint: *mut c_void) {
        // SAFETY: the binding came from Box::into_raw below, and a finalizer runs once: when the function it belongs
        // to has been collected, or the environment has ended. Nobody can call the function any more.
        drop(unsafe { Box::from_raw(binding.cast::<Binding>()) });
    }

    const NAME: &CStr = c"exchangeDataInPlace";
    let opened = Opened::of(env)?;
    let binding = Box::into_raw(Box::new(Binding {
        entry: OnceCell::new(),
        source,
        opened,
    }))
    .cast::<c_void>();
    let mut function = ptr::null_mut();
    // SAFETY: env is live; the name is NUL-terminated and copied; a Binding is what the callback asks for, and it lives
    // as long as the function, whose finalizer frees it.
    let status = unsafe {
        let status = sys::napi_create_function(
            env.raw(),
            NAME.as_ptr(),
            NAME.count_bytes().cast_signed(),
            Some(exchange::callback),
            binding,
            &mut function,
        );
        if status == sys::Status::napi_ok {
            sys::napi_add_finalizer(
                env.raw(),
                function,
                binding,
                Some(free),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        } else {
            status
        }
    };
    if status != sys::Status::napi_ok {
        // SAFETY: no finalizer was set, so the binding is still ours; the function, if any, was given to nobody.
        drop(unsafe { Box::from_raw(binding.cast::<Binding>()) });
    }
    check_status!(status)?;
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
