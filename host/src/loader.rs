//! Loads each library's file once in a process, and never unloads it: its threads and function pointers outlive any
//! caller.

pub(crate) mod at_exit;
mod claim;
mod file_identity;
mod loaded_files;
pub(crate) mod pin;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::claim::Claim;
use self::file_identity::FileIdentity;
use crate::elf::{self, Damage};
use crate::error::Error;

/// The real path of a library's file, and that it is one, without loading it.
pub fn real_path(path: &Path) -> Result<PathBuf, Box<Error>> {
    FileIdentity::at(path).map(|file| file.path)
}

/// Whether two paths lead to one file. False if one of them leads to none.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((FileIdentity::at(one), FileIdentity::at(other)), (Ok(one), Ok(other)) if one.is_same_file(&other))
}

/// The files that are loaded, each with its value: a `T`, made by a caller's function.
///
/// - A file is loaded once, by one thread, whatever names it has. It has one `T` for the life of the process.
/// - Code that has been loaded stays loaded, even if it was refused: its initialisers have run, and may have started a
///   thread.
/// - A file that is slow to load blocks threads that request that file, but not threads that request a loaded one: each
///   file has its own lock. Two files that are both loaded for the first time may wait for each other in the system's
///   loader: glibc runs the initialisers of one file at a time.
/// - No other copy of the addon in this process uses the same file, see [`Claim`].
///
/// Lock order: the lock of a file, held while it loads; then that of the list, a leaf, held for a look-up.
pub(crate) struct Loader<T: 'static> {
    files: Mutex<Vec<Arc<LoadedFile<T>>>>,
}

/// A file that is loaded, or is being loaded.
struct LoadedFile<T: 'static> {
    identity: FileIdentity,
    state: Mutex<State<T>>,
}

#[derive(Clone, Copy)]
enum State<T: 'static> {
    /// Not loaded yet.
    New,
    /// Not loaded, and no longer in the list.
    Discarded,
    /// Loaded for the life of the process. Without a value while the file is refused.
    Loaded {
        image: &'static libloading::Library,
        value: Option<&'static T>,
    },
}

impl<T> Loader<T> {
    pub(crate) const fn new() -> Self {
        Self {
            files: Mutex::new(Vec::new()),
        }
    }

    /// The value of the file at an absolute path. `make` receives the file's real path. If it refuses the file, it is
    /// called again by the next request.
    ///
    /// Deadlocks if `make`, or an initialiser of the file, waits for the same file to be loaded.
    pub(crate) fn load(
        &self,
        path: &Path,
        make: impl Fn(&'static libloading::Library, &Path) -> Result<T, Box<Error>>,
    ) -> Result<&'static T, Box<Error>> {
        loop {
            let identity = FileIdentity::at(path)?;
            let file = self.entry(&identity);
            let mut state = lock(&file.state);
            let changed = !file.identity.is_unchanged(&identity);
            match *state {
                // The thread that held the lock could not load the file. The path may lead to another file by now.
                State::Discarded => continue,
                State::New if changed => {
                    self.discard(&file, &mut state);
                    continue;
                }
                State::Loaded { .. } if changed => {
                    return Err(Box::new(Error::LibraryChanged { path: identity.path }));
                }
                State::Loaded { value: Some(value), .. } => return Ok(value),
                State::New | State::Loaded { value: None, .. } => {}
            }
            let loaded = file.load(&mut state, make);
            if let State::New = *state {
                self.discard(&file, &mut state);
            }
            return loaded;
        }
    }

    /// The list's entry for a file; creates it if there is none.
    fn entry(&self, identity: &FileIdentity) -> Arc<LoadedFile<T>> {
        let mut files = lock(&self.files);
        if let Some(known) = files.iter().find(|known| known.identity.is_same_file(identity)) {
            return Arc::clone(known);
        }
        let new = Arc::new(LoadedFile {
            identity: identity.clone(),
            state: Mutex::new(State::New),
        });
        files.push(Arc::clone(&new));
        new
    }

    /// Removes a file that is not loaded from the list.
    fn discard(&self, file: &Arc<LoadedFile<T>>, state: &mut State<T>) {
        *state = State::Discarded;
        lock(&self.files).retain(|other| !Arc::ptr_eq(other, file));
    }
}

impl<T> LoadedFile<T> {
    /// Loads the file, unless it is loaded, and creates its value.
    fn load(
        &self,
        state: &mut State<T>,
        make: impl Fn(&'static libloading::Library, &Path) -> Result<T, Box<Error>>,
    ) -> Result<&'static T, Box<Error>> {
        let claim = Claim::new(&self.identity).map_err(|owner| {
            let path = self.identity.path.clone();
            Box::new(Error::LibraryClaimed { path, owner })
        })?;
        let image = match *state {
            State::Loaded { image, .. } => image,
            State::New | State::Discarded => Box::leak(Box::new(load_complete_file(&self.identity)?)),
        };
        *state = State::Loaded { image, value: None };
        let value = Box::leak(Box::new(make(image, &self.identity.path)?));
        *state = State::Loaded {
            image,
            value: Some(value),
        };
        claim.keep();
        Ok(value)
    }
}

/// Ignores poisoning: no invariant spans two steps under either lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads a file, unless its headers show that part of it is missing.
fn load_complete_file(file: &FileIdentity) -> Result<libloading::Library, Box<Error>> {
    if let Some(damage) = elf::damage(&file.path, file.len) {
        let path = file.path.clone();
        return Err(Box::new(match damage {
            Damage::Truncated { needed } => Error::LibraryTruncated {
                path,
                len: file.len,
                needed,
            },
            Damage::Hole(what) => Error::LibraryHole { path, what },
        }));
    }
    // SAFETY: the initialisers may be run: opening a library means trusting its code, as with any addon. The path is
    // absolute, so that no search order can select another file.
    unsafe { load_file(&file.path) }.map_err(|source| {
        Box::new(Error::LibraryLoad {
            path: file.path.clone(),
            source,
        })
    })
}

/// Loads a file. Fails if it has undefined symbols.
///
/// # Safety
/// - The initialisers of the file, and of what it depends on, may be run now, on this thread.
unsafe fn load_file(path: &Path) -> Result<libloading::Library, libloading::Error> {
    #[cfg(windows)]
    {
        use libloading::os::windows::{LOAD_WITH_ALTERED_SEARCH_PATH, Library};
        // The flag makes the system look for the library's own dependencies beside it.
        // SAFETY: the initialisers may be run (this function's contract).
        unsafe { Library::load_with_flags(path, LOAD_WITH_ALTERED_SEARCH_PATH) }.map(Into::into)
    }
    #[cfg(not(windows))]
    {
        use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
        // RTLD_NOW: with lazy binding, the first call of an undefined symbol would end the process.
        // SAFETY: the initialisers may be run (this function's contract).
        unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A copy of a library that `npm test` has built, in its own folder.
    fn copy_of(fixture: &str, folder: &str) -> PathBuf {
        let fixtures = crate::fixtures();
        let folder = std::env::temp_dir().join(format!("{folder}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let name = Path::new(fixture).with_extension(std::env::consts::DLL_EXTENSION);
        let copy = folder.join(&name);
        fs::copy(fixtures.join(name), &copy).unwrap();
        copy
    }

    fn remove(copy: &Path) {
        let removed = fs::remove_dir_all(copy.parent().unwrap());
        assert!(
            removed.is_ok() || cfg!(windows),
            "Windows does not delete the file of a loaded library"
        );
    }

    #[test]
    fn a_file_accepted_after_refusals_has_one_value() {
        let path = copy_of("zero", "loader-refused");
        // Static, as outside the tests, so that leak checkers still reach what it has loaded.
        static LOADER: Loader<u32> = Loader::new();
        let loader = &LOADER;
        let calls = Cell::new(0);
        let make = |_image: &'static libloading::Library, path: &Path| {
            calls.set(calls.get() + 1);
            let missing = Error::LibrarySymbol {
                path: path.into(),
                symbol: "x",
            };
            if calls.get() < 3 { Err(Box::new(missing)) } else { Ok(7) }
        };
        assert!(loader.load(&path, make).is_err());
        assert!(loader.load(&path, make).is_err());
        let first = loader.load(&path, make).unwrap();
        let second = loader.load(&path, make).unwrap();
        assert!(std::ptr::eq(first, second));
        assert_eq!(calls.get(), 3);
        assert_eq!(lock(&loader.files).len(), 1);
        remove(&path);
    }

    #[test]
    fn a_file_that_failed_to_load_leaves_no_entry_and_may_be_replaced() {
        let path = copy_of("zero", "loader-failed");
        let whole = fs::read(&path).unwrap();
        static LOADER: Loader<()> = Loader::new();
        let loader = &LOADER;
        fs::write(&path, "no library").unwrap();
        for _again in 0..2 {
            assert!(matches!(
                *loader.load(&path, |_, _| Ok(())).unwrap_err(),
                Error::LibraryLoad { .. }
            ));
            assert!(lock(&loader.files).is_empty());
        }
        fs::write(&path, whole).unwrap();
        assert!(loader.load(&path, |_, _| Ok(())).is_ok());
        remove(&path);
    }

    #[test]
    fn an_entry_of_a_file_replaced_before_loading_is_discarded() {
        let path = copy_of("zero", "loader-replaced");
        static LOADER: Loader<()> = Loader::new();
        let loader = &LOADER;
        let mut shorter = FileIdentity::at(&path).unwrap();
        shorter.len -= 1;
        let stale = loader.entry(&shorter);
        assert!(loader.load(&path, |_, _| Ok(())).is_ok());
        assert!(matches!(*lock(&stale.state), State::Discarded));
        remove(&path);
    }
}
