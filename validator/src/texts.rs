//! What a library says of itself, as the bytes that it says: the host replaces those that are not valid.

use std::ffi::{CStr, c_char};
use std::path::Path;

type Text = unsafe extern "C" fn() -> *const c_char;
type Message = unsafe extern "C" fn(i64) -> *const c_char;
type Number = unsafe extern "C" fn() -> u32;

/// The functions of a library that return text, and its flags.
pub(crate) struct Texts {
    image: libloading::Library,
}

/// A text where it is, and what it was.
pub(crate) struct Kept {
    at: *const c_char,
    pub(crate) bytes: Vec<u8>,
}

impl Kept {
    /// Whether it is as it was.
    pub(crate) fn is_unchanged(&self) -> bool {
        // SAFETY: the library has promised that the text stays valid for the life of the process. Where it does not keep
        // that, the process ends, which is the finding.
        let now = unsafe { CStr::from_ptr(self.at) };
        now.to_bytes() == self.bytes
    }

    /// # Safety
    /// `at` is null, or text that ends with a NUL and is static.
    unsafe fn new(at: *const c_char) -> Option<Self> {
        if at.is_null() {
            return None;
        }
        // SAFETY: not null, so the text of this function's contract.
        let bytes = unsafe { CStr::from_ptr(at) }.to_bytes().to_vec();
        Some(Self { at, bytes })
    }
}

impl Texts {
    /// Of a library that is loaded.
    pub(crate) fn of(path: &Path) -> Result<Self, libloading::Error> {
        // SAFETY: it is loaded already, so no initialiser runs.
        let image = unsafe { libloading::Library::new(path) }?;
        Ok(Self { image })
    }

    fn symbol<T: Copy>(&self, name: &CStr) -> Option<T> {
        // SAFETY: the callers name a symbol by the type that the header gives it. The host keeps the library loaded.
        unsafe { self.image.get::<T>(name) }.ok().map(|symbol| *symbol)
    }

    pub(crate) fn exports(&self, name: &CStr) -> bool {
        self.symbol::<*const ()>(name).is_some()
    }

    pub(crate) fn flags(&self) -> u32 {
        // SAFETY: the signature is the header's, and the library is loaded.
        self.symbol::<Number>(c"exchange_flags")
            .map_or(0, |flags| unsafe { flags() })
    }

    /// `exchange_library_name` or `exchange_operations`.
    pub(crate) fn text(&self, name: &CStr) -> Option<Kept> {
        let text = self.symbol::<Text>(name)?;
        // SAFETY: the signature is the header's, and the library is loaded.
        let at = unsafe { text() };
        // SAFETY: null or static text, by the header.
        unsafe { Kept::new(at) }
    }

    /// `exchange_error_message`.
    pub(crate) fn message(&self, status: i64) -> Option<Kept> {
        let message = self.symbol::<Message>(c"exchange_error_message")?;
        // SAFETY: the signature is the header's, which allows this call at any time.
        let at = unsafe { message(status) };
        // SAFETY: null or static text, by the header.
        unsafe { Kept::new(at) }
    }
}
