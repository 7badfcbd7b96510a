//! What `process` and the addon's own address say of the runtime.

use std::path::{Path, PathBuf};

use inplace_exchange_host::locate;
use napi::bindgen_prelude::{Env, JsObjectValue, Object, Result};

use crate::env::binding::Source;
use crate::js::scope::Scope;

/// The default library of an environment.
pub(crate) fn default_library(env: &Env) -> Result<Source> {
    Ok(Source::Path(locate::default_library(
        &addon_folder(env)?,
        std::env::var_os(locate::LIBRARY_VARIABLE),
        process_property(env, "resourcesPath").map(PathBuf::from).as_deref(),
    )))
}

/// The program that runs a library in a process of its own: the file beside the addon, and no other.
pub(crate) fn library_program(env: &Env) -> Result<PathBuf> {
    let name = format!("inplace-exchange-library{}", std::env::consts::EXE_SUFFIX);
    Ok(locate::unpacked(&addon_folder(env)?.join(name)))
}

/// The folder that the addon's file is in.
fn addon_folder(env: &Env) -> Result<PathBuf> {
    let name = Scope::of(env).module_file_name()?;
    match locate::path_of(&name).as_deref().and_then(Path::parent) {
        Some(folder) => Ok(folder.to_owned()),
        None => Err(napi::Error::from_reason(format!(
            "the addon's own address is no file URL: {name:?}"
        ))),
    }
}

/// What kind of process of Electron this is, by its `process.type`, which plain Node.js does not have.
pub(crate) fn process_type(env: &Env) -> Option<String> {
    process_property(env, "type")
}

/// Electron's `process` has a `type`, and, in an app, a `resourcesPath`, where a packaged app has its files.
fn process_property(env: &Env, name: &str) -> Option<String> {
    let process = env.get_global().ok()?.get_named_property::<Object>("process").ok()?;
    process.get_named_property::<String>(name).ok()
}
