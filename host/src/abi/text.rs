//! What a library says in words.

use std::ffi::{CStr, c_char};

/// The most bytes of `exchange_operations`, and of a name in it.
const MAX_NAMES_LEN: usize = 32 << 10;
const MAX_NAME_LEN: usize = 255;

/// The lines of `exchange_operations`, within the header's limits.
pub(super) fn names(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    let mut len = 0;
    let is_within = |line: &&str| {
        len += line.len() + 1;
        len <= MAX_NAMES_LEN
    };
    let name = |line: &str| {
        if line.len() > MAX_NAME_LEN {
            String::new()
        } else {
            line.to_owned()
        }
    };
    let mut names: Vec<String> = text.split('\n').take_while(is_within).map(name).collect();
    let named = names.iter().rposition(|name| !name.is_empty());
    names.truncate(named.map_or(0, |last| last + 1));
    names
}

/// A library's text; bytes that are not UTF-8 are replaced.
///
/// # Safety
/// `text` is null, or NUL-terminated.
pub(super) unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, so NUL-terminated (this function's contract); it is copied now.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}
