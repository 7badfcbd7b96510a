//! What the ring takes from `host/src/sync.rs`, for models, and what its reader takes from JavaScript.

pub(crate) use std::sync::atomic::Ordering;

macro_rules! atomics {
    ($($name:ident $value:ty)*) => {$(
        /// Stores by swapping, see `loom/checker.rs`.
        pub(crate) struct $name(crate::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(crate::atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.swap(value, order);
            }

            #[allow(dead_code, reason = "the time is not exchanged")]
            pub(crate) fn compare_exchange(
                &self,
                from: $value,
                to: $value,
                yes: Ordering,
                no: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange(from, to, yes, no)
            }
        }
    )*};
}

atomics! {
    AtomicU32 u32
    AtomicU64 u64
}

/// JavaScript's `Atomics`. They are sequentially consistent, which loom does not know: what relies on it uses
/// [`load_latest`](js::load_latest).
pub(crate) mod js {
    use super::{AtomicU32, Ordering};

    pub(crate) fn load(word: &AtomicU32) -> u32 {
        word.load(Ordering::Acquire)
    }

    /// Comes before or after each other access to the word, together with all that its thread has done before.
    pub(crate) fn load_latest(word: &AtomicU32) -> u32 {
        add(word, 0)
    }

    pub(crate) fn store(word: &AtomicU32, value: u32) {
        word.store(value, Ordering::Release);
    }

    /// The value before it.
    pub(crate) fn add(word: &AtomicU32, value: u32) -> u32 {
        word.0.fetch_add(value, Ordering::AcqRel)
    }

    /// Whether it was exchanged.
    pub(crate) fn compare_exchange(word: &AtomicU32, from: u32, to: u32) -> bool {
        word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
