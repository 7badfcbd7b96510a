//! What one environment holds, from its start to its end.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use inplace_exchange_host::locate;
use napi::bindgen_prelude::{Env, JsObjectValue, Object, Result};

use crate::env::binding::{Libraries, Source};
use crate::env::own_loop::OwnLoop;
use crate::env::pending::PendingCalls;
use crate::js::abort_listener::AbortListeners;
use crate::js::ended_flag::EndedFlag;
use crate::js::intrinsics::Intrinsics;
use crate::js::scope::Scope;

/// The data of an environment. It is dropped when the environment has ended.
pub(crate) struct Environment {
    pub(crate) libraries: Libraries,
    pub(crate) intrinsics: Rc<Intrinsics>,
    pub(crate) ended: EndedFlag,
    pub(crate) own_loop: OwnLoop,
    pub(crate) abort_listeners: Rc<AbortListeners>,
    /// `None` where nothing could come back from another thread.
    pub(crate) pending: Option<PendingCalls>,
}

/// That of a scope. `None` once it has been dropped.
pub(crate) fn current(scope: Scope<'_>) -> Option<Rc<Environment>> {
    let data = scope.env().get_instance_data::<Rc<Environment>>();
    data.ok().flatten().map(|environment| Rc::clone(environment))
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
