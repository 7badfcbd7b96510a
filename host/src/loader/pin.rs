//! Pins the file that contains this code: it stays loaded for the life of the process.
//!
//! A library's threads outlive the environment that loaded the addon, and Node.js unloads an addon with its last
//! environment: the threads would continue in code that is no longer mapped.

use std::ffi::c_void;
use std::sync::Once;

/// Pins the file that contains this function. No effect if that is the program itself, which is never unloaded.
pub fn pin_this_module() {
    static PINNED: Once = Once::new();
    PINNED.call_once(|| {
        pin(pin_this_module as fn() as *const c_void);
    });
}

/// Pins the file whose code or data is at an address. Returns whether it did so.
#[cfg(unix)]
fn pin(address: *const c_void) -> bool {
    use std::mem::MaybeUninit;

    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address may be passed, and `info` has room for the result.
    if unsafe { libc::dladdr(address, info.as_mut_ptr()) } == 0 {
        return false;
    }
    // SAFETY: dladdr has filled it in, since it did not return 0.
    let info = unsafe { info.assume_init() };
    // RTLD_NOLOAD: if the name does not lead to the loaded file, no other file must be loaded.
    let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
    // SAFETY: `dli_fname` is NUL-terminated, and valid while the file is loaded. Nothing is loaded, so no initialiser
    // runs.
    let handle = unsafe { libc::dlopen(info.dli_fname, flags) };
    // The handle is never closed, which pins the file even where RTLD_NODELETE is not supported.
    !handle.is_null()
}

/// Pins the file whose code or data is at an address. Returns whether it did so.
#[cfg(windows)]
fn pin(address: *const c_void) -> bool {
    use std::ptr;
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };

    let flags = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    let mut module = ptr::null_mut();
    // SAFETY: with FROM_ADDRESS, the name is any address and is not read as text; `module` has room for the handle.
    unsafe { GetModuleHandleExW(flags, address.cast(), &mut module) != 0 }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::loaded_files;
    use super::*;

    /// Loads a copy of a library, unloads it, and returns whether the file is still loaded.
    fn stays_loaded(name: &str, pinned: bool) -> bool {
        let copy = std::env::temp_dir().join(format!("{name}-{}.so", std::process::id()));
        fs::copy(crate::fixtures().join("zero.so"), &copy).unwrap();
        // SAFETY: the library's initialisers do nothing.
        let library = unsafe { libloading::Library::new(&copy) }.unwrap();
        // SAFETY: the symbol is only used as an address.
        let symbol = unsafe { library.get::<*const c_void>(c"exchange_inplace") }.unwrap();
        if pinned {
            assert!(pin(*symbol));
        }
        assert!(is_loaded(&copy));
        library.close().unwrap();
        fs::remove_file(&copy).unwrap();
        is_loaded(&copy)
    }

    fn is_loaded(file: &Path) -> bool {
        loaded_files::list().iter().any(|loaded| loaded == file)
    }

    #[test]
    fn a_pinned_file_stays_loaded_after_it_is_closed() {
        assert!(!stays_loaded("not-pinned", false));
        assert!(stays_loaded("pinned", true));
    }

    #[test]
    fn addresses_outside_any_library_are_ignored() {
        let on_the_heap = Box::new(0);
        assert!(!pin((&raw const *on_the_heap).cast()));
        for _again in 0..2 {
            pin_this_module();
        }
    }
}
