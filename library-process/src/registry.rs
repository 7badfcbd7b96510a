//! The libraries of this process that run in processes of their own.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use inplace_exchange_host::{Error, Library, Properties, is_same_file, real_path};

use crate::client::Client;
use crate::options::Options;

/// For the life of this process.
static LIBRARIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// A library in a process of its own.
#[derive(Clone, Copy)]
pub struct OwnLibrary {
    /// As any other library.
    pub library: &'static Library,
    /// Its process.
    client: &'static Client,
    /// By which [`client`] knows it.
    pub number: u32,
}

struct Entry {
    program: PathBuf,
    path: PathBuf,
    options: Options,
    own: OwnLibrary,
}

/// The library at an absolute path, in a process that `program` runs: one process for each file, program and set of
/// options, whichever of this process's windows and workers asks. Its process is started, so that a library that cannot
/// be loaded is refused now.
pub fn open(program: &Path, path: &Path, options: &Options) -> Result<OwnLibrary, Box<Error>> {
    let path = real_path(path)?;
    let is_same =
        |entry: &&Entry| entry.program == program && entry.options == *options && is_same_file(&entry.path, &path);
    let own = lock().iter().find(is_same).map(|entry| entry.own);
    if let Some(own) = own {
        own.client.start()?;
        return Ok(own);
    }
    // Without the lock: it may take a while.
    let client = Client::new(program.to_owned(), path.clone(), options.clone());
    let description = client.start()?;
    let mut libraries = lock();
    if let Some(entry) = libraries.iter().find(is_same) {
        return Ok(entry.own); // another thread was faster, and this process ends with its client
    }
    let client: &'static Client = Box::leak(Box::new(client));
    let properties = Properties {
        name: description.name.clone(),
        abi_version: description.abi_version,
        serial: description.serial,
        performs: description.performs,
        pushes: description.pushes,
        operations: description.operations.clone(),
    };
    let library = Library::elsewhere(&path, properties, client);
    let number = u32::try_from(libraries.len()).unwrap_or(u32::MAX);
    let own = OwnLibrary {
        library,
        client,
        number,
    };
    libraries.push(Entry {
        program: program.to_owned(),
        path,
        options: options.clone(),
        own,
    });
    Ok(own)
}

/// The process of a library, by its number.
pub fn client(number: u32) -> Option<&'static Client> {
    lock().get(number as usize).map(|entry| entry.own.client)
}

fn lock() -> MutexGuard<'static, Vec<Entry>> {
    LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner)
}
