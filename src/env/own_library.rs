//! Libraries that run in processes of their own. Linux only, so far.

use std::path::Path;

use inplace_exchange_host::Library;

use crate::error::Error;

/// The library, and the number by which [`process_of`] knows it. `timeout` is in milliseconds; 0 stands for none.
#[cfg(target_os = "linux")]
pub(crate) fn open(
    program: &Path,
    path: &Path,
    timeout: u32,
    restarts: u32,
) -> Result<(&'static Library, u32), Box<Error>> {
    let options = library_process::Options {
        timeout: (timeout > 0).then(|| std::time::Duration::from_millis(timeout.into())),
        restarts: restarts as usize,
    };
    let own = library_process::open(program, path, &options)?;
    Ok((own.library, own.number))
}

/// Refused.
#[cfg(not(target_os = "linux"))]
pub(crate) fn open(
    program: &Path,
    path: &Path,
    _timeout: u32,
    _restarts: u32,
) -> Result<(&'static Library, u32), Box<Error>> {
    use inplace_exchange_host as host;
    Err(Box::<host::Error>::new(host::Error::ProcessUnavailable {
        path: path.into(),
        program: program.into(),
        source: std::io::Error::new(std::io::ErrorKind::Unsupported, "this works on Linux only, so far"),
    })
    .into())
}

/// The number of a library's process, if one runs, and how often it was started again within the last minute.
#[cfg(target_os = "linux")]
pub(crate) fn process_of(number: u32) -> (Option<i32>, usize) {
    library_process::client(number).map_or((None, 0), |client| (client.pid(), client.restarts()))
}

/// There are none.
#[cfg(not(target_os = "linux"))]
pub(crate) fn process_of(_number: u32) -> (Option<i32>, usize) {
    (None, 0)
}
