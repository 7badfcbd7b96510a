//! What ThreadSanitizer is told, where a library has brought its runtime.
//!
//! It knows the order of two threads by the functions of the C library that they call. The locks of Rust's are none of
//! those, and this program is not built with it: without a word it would report as a race of the library what they order.

use std::ffi::{CStr, c_void};
use std::mem;
use std::sync::OnceLock;

type Annotation = unsafe extern "C" fn(*mut c_void);

/// A place by which one thread's accesses come before another's.
pub(crate) struct Order {
    /// Its address is the name.
    place: u8,
}

impl Order {
    pub(crate) const fn new() -> Self {
        Self { place: 0 }
    }

    /// What this thread has done comes before.
    pub(crate) fn release(&'static self) {
        static RELEASE: OnceLock<Option<Annotation>> = OnceLock::new();
        self.annotate(*RELEASE.get_or_init(|| find(c"__tsan_release")));
    }

    /// What this thread will do comes after all that was released.
    pub(crate) fn acquire(&'static self) {
        static ACQUIRE: OnceLock<Option<Annotation>> = OnceLock::new();
        self.annotate(*ACQUIRE.get_or_init(|| find(c"__tsan_acquire")));
    }

    fn annotate(&'static self, annotation: Option<Annotation>) {
        if let Some(annotation) = annotation {
            // SAFETY: the runtime takes the address for a name, and accesses nothing there.
            unsafe { annotation((&raw const self.place).cast_mut().cast()) };
        }
    }
}

fn find(name: &CStr) -> Option<Annotation> {
    // SAFETY: a name that ends with a null byte.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: both functions of the runtime have this type; null is `None`.
    unsafe { mem::transmute::<*mut c_void, Option<Annotation>>(found) }
}
