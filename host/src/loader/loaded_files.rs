//! Lists the program and library files that this process has loaded, from the system's loader.
//!
//! For Linux, macOS and Windows. On other systems the list is empty.

use std::path::{Path, PathBuf};

/// A reference to a loaded file, which keeps it loaded. `None` if the file is not loaded.
pub(super) fn open(file: &Path) -> Option<libloading::Library> {
    #[cfg(unix)]
    {
        use libloading::os::unix::{Library, RTLD_LAZY};
        // SAFETY: RTLD_NOLOAD loads no file, so no initialiser runs. Dropping the last reference runs the file's
        // finalisers, as when its other users drop the last reference.
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

/// The files, by the names that the loader has for them. The program itself may be missing.
#[cfg(target_os = "linux")]
pub(super) fn list() -> Vec<PathBuf> {
    use std::ffi::{CStr, OsStr, c_int, c_void};
    use std::os::unix::ffi::OsStrExt;

    unsafe extern "C" fn collect(info: *mut libc::dl_phdr_info, _size: usize, files: *mut c_void) -> c_int {
        // SAFETY: `info` points at an object's description, valid during this callback (dl_iterate_phdr's contract).
        let name = unsafe { (*info).dlpi_name };
        // SAFETY: `files` is the vector of `list`, which has no other reference to it during the iteration.
        let files = unsafe { &mut *files.cast::<Vec<PathBuf>>() };
        if !name.is_null() {
            // SAFETY: NUL-terminated, and the object cannot be unloaded during this callback.
            let name = unsafe { CStr::from_ptr(name) };
            files.push(OsStr::from_bytes(name.to_bytes()).into());
        }
        0
    }

    let mut files = Vec::<PathBuf>::new();
    // SAFETY: the callback has the signature asked for, does not unwind, and casts the vector back to its own type.
    unsafe { libc::dl_iterate_phdr(Some(collect), (&raw mut files).cast()) };
    files.retain(|file| !file.as_os_str().is_empty()); // the program itself has no name
    files
}

/// The files, by the names that the loader has for them.
#[cfg(target_os = "macos")]
#[allow(deprecated, reason = "libc would have these in the crate mach2")]
pub(super) fn list() -> Vec<PathBuf> {
    use std::ffi::{CStr, OsStr};
    use std::os::unix::ffi::OsStrExt;

    // SAFETY: has no precondition.
    let count = unsafe { libc::_dyld_image_count() };
    let name_of = |index| {
        // SAFETY: any index may be passed; one beyond the last image gives null.
        let name = unsafe { libc::_dyld_get_image_name(index) };
        if name.is_null() {
            return None;
        }
        // SAFETY: NUL-terminated, and valid while the image is loaded. dyld has no way to keep an image loaded
        // meanwhile; the standard library reads these names in the same way.
        let name = unsafe { CStr::from_ptr(name) };
        Some(OsStr::from_bytes(name.to_bytes()).into())
    };
    (0..count).filter_map(name_of).collect()
}

/// The files, by the names that the loader has for them.
#[cfg(windows)]
pub(super) fn list() -> Vec<PathBuf> {
    use std::ffi::OsString;
    use std::os::windows::ffi::OsStringExt;
    use std::ptr;
    use windows_sys::Win32::Foundation::HMODULE;
    use windows_sys::Win32::System::LibraryLoader::GetModuleFileNameW;
    use windows_sys::Win32::System::ProcessStatus::K32EnumProcessModules;
    use windows_sys::Win32::System::Threading::GetCurrentProcess;

    /// The longest possible path, in UTF-16 units.
    const MAX_PATH_LEN: u32 = 32_767;

    let mut modules: Vec<HMODULE> = vec![ptr::null_mut(); 4096];
    let capacity = u32::try_from(size_of_val(&modules[..])).unwrap_or(0);
    let mut bytes = 0;
    // SAFETY: has no precondition.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: a process's handle of itself is always valid, and `modules` has room for `capacity` bytes of handles.
    let listed = unsafe { K32EnumProcessModules(process, modules.as_mut_ptr(), capacity, &mut bytes) };
    modules.truncate(if listed == 0 {
        0
    } else {
        bytes as usize / size_of::<HMODULE>()
    });
    let mut name = vec![0; MAX_PATH_LEN as usize];
    let name_of = |module| {
        // SAFETY: the call fails for a module that was unloaded meanwhile, and `name` has room for MAX_PATH_LEN units.
        let len = unsafe { GetModuleFileNameW(module, name.as_mut_ptr(), MAX_PATH_LEN) };
        (len > 0).then(|| OsString::from_wide(&name[..len as usize]).into())
    };
    modules.into_iter().filter_map(name_of).collect()
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
pub(super) fn list() -> Vec<PathBuf> {
    Vec::new()
}

#[cfg(all(test, any(target_os = "linux", target_os = "macos", windows)))]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_this_process_are_listed_and_can_be_opened() {
        let files = list();
        let opened = files.iter().filter(|file| open(file).is_some()).count();
        assert!(opened > 0, "{files:?}");
        assert!(open(Path::new("/no-such-folder/library")).is_none());
    }
}
