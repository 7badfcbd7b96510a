//! Claims: if a process has several copies of the addon, for example two versions of the package in node_modules, only
//! one of them uses a library.
//!
//! Two copies never both use a file. If two claim it at the same time, both may be refused.
//!
//! Each copy has its own state, so two copies could not serialise their calls of a library. Therefore a copy claims a
//! file first, and then asks every other copy whether it has claimed it, through a C variable that each copy exports.
//! If two claim at the same time, at least the later one finds the other's claim. Copies are found on systems that can
//! list the files of a process, see [`loaded_files`].

use std::ffi::{CStr, OsStr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file_identity::FileIdentity;
use super::loaded_files;

/// The files that this copy loads or uses. A leaf lock, held for a look-up.
static CLAIMS: Mutex<Vec<Arc<FileIdentity>>> = Mutex::new(Vec::new());

/// Ignores poisoning: each change of the list is a single step.
fn claims() -> MutexGuard<'static, Vec<Arc<FileIdentity>>> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This copy's right to use a library's file, which no other copy in the process has. Withdrawn when it is dropped.
pub(super) struct Claim(Arc<FileIdentity>);

impl Claim {
    /// Claims a file. The error is the file of the copy that has claimed it already.
    pub(super) fn new(file: &FileIdentity) -> Result<Self, PathBuf> {
        let claim = Self(Arc::new(file.clone()));
        // Claims first and asks second: in the other order, two copies could both find the file unclaimed.
        claims().push(Arc::clone(&claim.0));
        match other_owner(&file.path) {
            Some(owner) => Err(owner),
            None => Ok(claim),
        }
    }

    /// Makes the claim permanent: for the life of the process, or until this copy is unloaded together with its claims.
    pub(super) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        claims().retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

/// Whether a copy has claimed the file whose real path is the `len` bytes at `path`, in the system's encoding, on
/// Windows in UTF-8. May be called on any thread, blocks for a look-up, and does not unwind.
///
/// # Safety
/// - `path` points at `len` bytes, not null, that stay unchanged during the call.
type HasClaimed = unsafe extern "C" fn(path: *const u8, len: usize) -> bool;

/// The exported variable's name. Its number changes when [`HasClaimed`] does.
const SYMBOL: &CStr = c"inplace_exchange_has_claimed_v1";

/// The variable that other copies look up. Not the function itself: the linker may resolve its address to that of
/// another copy (loaded with `RTLD_GLOBAL`), and a copy would not recognise itself.
#[unsafe(export_name = "inplace_exchange_has_claimed_v1")]
static HAS_CLAIMED: HasClaimed = has_claimed;

/// See [`HasClaimed`].
unsafe extern "C" fn has_claimed(path: *const u8, len: usize) -> bool {
    // SAFETY: `path` points at `len` bytes that do not change (this function's contract).
    let path = PathBuf::from(decode(unsafe { std::slice::from_raw_parts(path, len) }));
    let file = FileIdentity::at_real_path(path.clone());
    let matches = |claim: &Arc<FileIdentity>| match &file {
        Ok(file) => claim.is_same_file(file),
        Err(_) => claim.path == path, // the file of a loaded library may have been removed
    };
    claims().iter().any(matches)
}

#[cfg(unix)]
fn encode(path: &Path) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())
}

#[cfg(unix)]
fn decode(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

/// A path that is not Unicode becomes the empty path, which matches no claim.
#[cfg(not(unix))]
fn encode(path: &Path) -> &[u8] {
    path.to_str().unwrap_or_default().as_bytes()
}

#[cfg(not(unix))]
fn decode(bytes: &[u8]) -> &OsStr {
    OsStr::new(std::str::from_utf8(bytes).unwrap_or_default())
}

/// The file of another copy that has claimed a file.
fn other_owner(path: &Path) -> Option<PathBuf> {
    let path = encode(path);
    loaded_files::list().into_iter().find(|file| {
        let Some(image) = loaded_files::open(file) else {
            return false;
        };
        // SAFETY: the variable of this name has this type in every version of the addon, as its name has a version.
        let Ok(variable) = (unsafe { image.get::<*const HasClaimed>(SYMBOL) }) else {
            return false;
        };
        // SAFETY: points at an initialised variable that is never written, in a file that `image` keeps loaded.
        let other: HasClaimed = unsafe { **variable };
        let is_this_copy = std::ptr::fn_addr_eq(other, has_claimed as HasClaimed);
        // SAFETY: the code is in the file that `image` keeps loaded, and `path` is borrowed during the call.
        !is_this_copy && unsafe { other(path.as_ptr(), path.len()) }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn is_claimed(path: &Path) -> bool {
        let path = encode(path);
        // SAFETY: `path` is borrowed during the call.
        unsafe { has_claimed(path.as_ptr(), path.len()) }
    }

    #[test]
    fn a_claim_holds_for_every_name_of_the_file_until_it_is_dropped() {
        let folder = std::env::temp_dir().join(format!("claim-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let folder = dunce::canonicalize(folder).unwrap();
        let (path, other) = (folder.join("ä.so"), folder.join("other.so"));
        fs::write(&path, "").unwrap();
        fs::write(&other, "").unwrap();
        let file = FileIdentity::at(&path).unwrap();
        assert!(!is_claimed(&path));

        let claim = Claim::new(&file).unwrap();
        assert!(is_claimed(&path));
        assert!(!is_claimed(&other) && !is_claimed(&folder.join("missing")) && !is_claimed(Path::new("")));
        let linked = folder.join("linked.so");
        fs::hard_link(&path, &linked).unwrap();
        assert!(is_claimed(&linked));
        let again = Claim::new(&file).unwrap();
        drop(claim);
        assert!(is_claimed(&path), "the second claim still holds");
        fs::remove_file(&path).unwrap();
        assert!(is_claimed(&path), "the file of a loaded library may be removed");
        drop(again);
        assert!(!is_claimed(&path));
        fs::remove_dir_all(folder).unwrap();
    }
}
