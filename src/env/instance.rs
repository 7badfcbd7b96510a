//! What one environment holds, from its start to its end.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use inplace_exchange_host::locate;
use napi::bindgen_prelude::{Env, JsObjectValue, Object, Result};

use crate::env::background::Background;
use crate::env::binding::{Libraries, Source};
use crate::env::ended_flag::EndedFlag;
use crate::env::own_loop::OwnLoop;
use crate::js::abort_listener::AbortListeners;
use crate::js::intrinsics::Intrinsics;
use crate::js::scope::Scope;

/// The data of an environment. It is dropped when the environment has ended and no other thread works for it.
pub(crate) struct Environment {
    pub(crate) libraries: Libraries,
    pub(crate) intrinsics: Rc<Intrinsics>,
    pub(crate) ended: EndedFlag,
    pub(crate) own_loop: Rc<OwnLoop>,
    pub(crate) abort_listeners: Rc<AbortListeners>,
    /// Made for the first asynchronous call.
    pub(crate) background: OnceCell<Background>,
}

impl Environment {
    pub(crate) fn new(
        intrinsics: Intrinsics,
        ended: EndedFlag,
        own_loop: Rc<OwnLoop>,
        abort_listeners: AbortListeners,
    ) -> Self {
        Self {
            libraries: Libraries::default(),
            intrinsics: Rc::new(intrinsics),
            ended,
            own_loop,
            abort_listeners: Rc::new(abort_listeners),
            background: OnceCell::new(),
        }
    }
}

/// The environment that is running.
pub(crate) fn current(env: &Env) -> Result<Rc<Environment>> {
    match env.get_instance_data::<Rc<Environment>>()? {
        Some(environment) => Ok(Rc::clone(environment)),
        None => Err(napi::Error::from_reason("this environment has ended")),
    }
}

/// The default library, as it is found in an environment.
pub(crate) fn default_library(env: &Env) -> Result<Source> {
    Ok(Source::Path(locate::default_library(
        &addon_folder(env)?,
        std::env::var_os(locate::LIBRARY_VARIABLE),
        process_property(env, "resourcesPath").map(PathBuf::from).as_deref(),
    )))
}

/// The folder that the addon's file is in.
fn addon_folder(env: &Env) -> Result<PathBuf> {
    let name = Scope::of(env).module_file_name()?;
    match locate::path_of(&name).as_deref().and_then(Path::parent) {
        Some(folder) => Ok(folder.to_owned()),
        None => Err(napi::Error::from_reason(format!(
            "the addon's own address is no file: {name:?}"
        ))),
    }
}

/// What kind of process of Electron this is, by its own word. Plain Node.js does not say.
pub(crate) fn process_type(env: &Env) -> Option<String> {
    process_property(env, "type")
}

/// Electron's `process` has a `type`, and, in an app, a `resourcesPath`, where a packaged app has its files.
fn process_property(env: &Env, name: &str) -> Option<String> {
    let process = env.get_global().ok()?.get_named_property::<Object>("process").ok()?;
    process.get_named_property::<String>(name).ok()
}
