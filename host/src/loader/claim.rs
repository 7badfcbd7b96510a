//! Which copy of the addon has a library, where a process has several: two versions of the package in node_modules, say.
//!
//! Copies know nothing of each other, so if two used one library, its calls would not come one at a time. A copy claims a
//! file, and then asks each of the others, by a C variable that they all export, whether it has claimed it too. Of two that
//! do so at once the later one at least sees the other's claim; both may be refused, and never do both go on.
//!
//! Done where the files of a process can be listed: Linux, macOS and Windows.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file_identity::FileIdentity;

/// The files that this copy loads or uses. Locked for a look-up, and nothing is locked under it.
static CLAIMS: Mutex<Vec<Arc<FileIdentity>>> = Mutex::new(Vec::new());

fn claims() -> MutexGuard<'static, Vec<Arc<FileIdentity>>> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A library's file that this copy may use, and no other copy in this process. Withdrawn when it is dropped.
pub(crate) struct Claim(Arc<FileIdentity>);

impl Claim {
    /// Claims a file, or gives the file of the copy that has it.
    pub(crate) fn new(file: &FileIdentity) -> Result<Self, PathBuf> {
        let claim = Self(Arc::new(file.clone()));
        // First the claim, then the question: the other way round, two copies could both find that nobody has it.
        claims().push(Arc::clone(&claim.0));
        match owner_among_others(&file.path) {
            Some(owner) => Err(owner),
            None => Ok(claim),
        }
    }

    /// The claim stands for the life of the process, or until this copy is unloaded: then nobody uses the file any more.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        claims().retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

/// Whether a copy has claimed the file at `len` bytes of `path`: a real path, in the system's own encoding, on Windows in
/// UTF-8. May be called from any thread, blocks for a look-up, and does not unwind.
///
/// # Safety
/// `path` points at `len` bytes that stay unchanged during the call.
type HasClaimed = unsafe extern "C" fn(path: *const u8, len: usize) -> bool;

/// The variable's name. Its number changes when [`HasClaimed`] does.
const SYMBOL: &std::ffi::CStr = c"inplace_exchange_has_claimed_v1";

/// What other copies find. A variable and not the function itself, whose address the linker may take from another copy
/// (one that was loaded with `RTLD_GLOBAL`), so that a copy would not know itself.
#[unsafe(export_name = "inplace_exchange_has_claimed_v1")]
static HAS_CLAIMED: HasClaimed = has_claimed;

/// See [`HasClaimed`].
unsafe extern "C" fn has_claimed(path: *const u8, len: usize) -> bool {
    // SAFETY: path points at len bytes that do not change (this function's contract).
    let path = PathBuf::from(decoded(unsafe { std::slice::from_raw_parts(path, len) }));
    let file = FileIdentity::at_real_path(path.clone());
    let is_it = |claim: &Arc<FileIdentity>| match &file {
        Ok(file) => claim.is_same_file(file),
        Err(_) => claim.path == path,
    };
    claims().iter().any(is_it)
}

#[cfg(unix)]
fn encoded(path: &Path) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())
}

#[cfg(unix)]
fn decoded(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

/// A path that is no Unicode is none of a file that both copies find.
#[cfg(not(unix))]
fn encoded(path: &Path) -> &[u8] {
    path.to_str().unwrap_or_default().as_bytes()
}

#[cfg(not(unix))]
fn decoded(bytes: &[u8]) -> &OsStr {
    OsStr::new(std::str::from_utf8(bytes).unwrap_or_default())
}

/// The file of another copy that has claimed a file.
fn owner_among_others(path: &Path) -> Option<PathBuf> {
    let path = encoded(path);
    loaded_files().into_iter().find(|file| {
        let Some(image) = open_loaded(file) else { return false };
        // SAFETY: whoever exports a variable of this name gives it this type: the name has a version.
        let Ok(variable) = (unsafe { image.get::<*const HasClaimed>(SYMBOL) }) else {
            return false;
        };
        // SAFETY: the variable is initialised, never written, and there as long as `image` keeps its file loaded.
        let other: HasClaimed = unsafe { **variable };
        let is_this_copy = std::ptr::fn_addr_eq(other, has_claimed as HasClaimed);
        // SAFETY: the function is in the file that `image` keeps loaded; path points at so many bytes, borrowed meanwhile.
        !is_this_copy && unsafe { other(path.as_ptr(), path.len()) }
    })
}

/// A file that is loaded. It stays so until this is dropped.
fn open_loaded(file: &Path) -> Option<libloading::Library> {
    #[cfg(unix)]
    {
        use libloading::os::unix::{Library, RTLD_LAZY};
        // SAFETY: nothing is loaded, so no initialiser runs. When the handle is dropped the file may be unloaded, if its
        // last other user has let go of it meanwhile, which could have done that itself: its finalisers may run now.
        unsafe { Library::open(Some(file), RTLD_LAZY | libc::RTLD_NOLOAD) }
            .ok()
            .map(Into::into)
    }
    #[cfg(windows)]
    {
        libloading::os::windows::Library::open_already_loaded(file)
            .ok()
            .map(Into::into)
    }
}

/// The files of the process's code, under the names by which the system's loader has them.
#[cfg(target_os = "linux")]
fn loaded_files() -> Vec<PathBuf> {
    use std::ffi::{CStr, c_int, c_void};

    unsafe extern "C" fn collect(info: *mut libc::dl_phdr_info, _size: usize, files: *mut c_void) -> c_int {
        // SAFETY: the loader passes a description of an object, valid during this call, and what was given below: a vector
        // that nobody else uses meanwhile.
        let (name, files) = unsafe { ((*info).dlpi_name, &mut *files.cast::<Vec<PathBuf>>()) };
        if !name.is_null() {
            // SAFETY: not null, so NUL-terminated, and the object cannot go away during this call.
            files.push(decoded(unsafe { CStr::from_ptr(name) }.to_bytes()).into());
        }
        0
    }

    let mut files = Vec::<PathBuf>::new();
    // SAFETY: the callback keeps to the signature, does not unwind, and takes the vector for what it is.
    unsafe { libc::dl_iterate_phdr(Some(collect), (&raw mut files).cast()) };
    files.retain(|file| !file.as_os_str().is_empty()); // the program itself
    files
}

#[cfg(target_os = "macos")]
#[allow(deprecated, reason = "libc would have these in the crate mach2")]
fn loaded_files() -> Vec<PathBuf> {
    // SAFETY: may be called at any time.
    (0..unsafe { libc::_dyld_image_count() })
        .filter_map(|index| {
            // SAFETY: may be called with any number, and answers with null where there is no image.
            let name = unsafe { libc::_dyld_get_image_name(index) };
            // SAFETY: not null, so NUL-terminated, and there as long as the image is loaded. dyld has no way to hold one;
            // the standard library reads these names in the same way.
            (!name.is_null()).then(|| decoded(unsafe { std::ffi::CStr::from_ptr(name) }.to_bytes()).into())
        })
        .collect()
}

#[cfg(windows)]
fn loaded_files() -> Vec<PathBuf> {
    use std::ffi::OsString;
    use std::os::windows::ffi::OsStringExt;
    use std::ptr;
    use windows_sys::Win32::Foundation::HMODULE;
    use windows_sys::Win32::System::LibraryLoader::GetModuleFileNameW;
    use windows_sys::Win32::System::ProcessStatus::K32EnumProcessModules;
    use windows_sys::Win32::System::Threading::GetCurrentProcess;

    /// The longest path there is, in UTF-16.
    const MAX_PATH_LEN: u32 = 32_767;

    let mut modules: Vec<HMODULE> = vec![ptr::null_mut(); 4096];
    let mut bytes = 0;
    let room = u32::try_from(size_of_val(&modules[..])).unwrap_or(0);
    // SAFETY: the handle of this process is always valid; there is room for so many bytes of handles.
    let listed = unsafe { K32EnumProcessModules(GetCurrentProcess(), modules.as_mut_ptr(), room, &mut bytes) };
    modules.truncate(if listed == 0 {
        0
    } else {
        bytes as usize / size_of::<HMODULE>()
    });
    let mut name = vec![0; MAX_PATH_LEN as usize];
    modules
        .into_iter()
        .filter_map(|module| {
            // SAFETY: a handle of a module that has been unloaded since is refused; there is room for so many units.
            let len = unsafe { GetModuleFileNameW(module, name.as_mut_ptr(), MAX_PATH_LEN) };
            (len > 0).then(|| OsString::from_wide(&name[..len as usize]).into())
        })
        .collect()
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn loaded_files() -> Vec<PathBuf> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn is_claimed(path: &Path) -> bool {
        let path = encoded(path);
        // SAFETY: path points at so many bytes, borrowed meanwhile.
        unsafe { has_claimed(path.as_ptr(), path.len()) }
    }

    #[test]
    fn a_claim_is_seen_under_every_name_until_it_is_dropped() {
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
        #[cfg(unix)]
        {
            let linked = folder.join("linked.so");
            fs::hard_link(&path, &linked).unwrap();
            assert!(is_claimed(&linked));
        }
        let again = Claim::new(&file).unwrap();
        drop(claim);
        assert!(is_claimed(&path), "the second claim stands");
        fs::remove_file(&path).unwrap();
        assert!(is_claimed(&path), "a file that is loaded may be removed");
        drop(again);
        assert!(!is_claimed(&path));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    fn the_files_of_this_process_are_found_and_can_be_held() {
        let files = loaded_files();
        let held = files.iter().filter(|file| open_loaded(file).is_some()).count();
        assert!(held > 0, "{files:?}");
        assert!(open_loaded(Path::new("/no-such-folder/library")).is_none());
    }
}
