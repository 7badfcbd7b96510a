//! `library-process/src/spin.rs` for models: whether to look once more is the checker's choice.

use crate::checker::{choose, yield_now};

#[derive(Clone, Copy, Default)]
pub(crate) struct Spin(());

pub(crate) struct Looking;

impl Spin {
    #[expect(clippy::unused_self, reason = "as in the crate")]
    pub(crate) fn begin(&mut self, _pays: bool) -> Looking {
        Looking
    }
}

impl Looking {
    #[expect(clippy::unused_self, reason = "as in the crate")]
    pub(crate) fn goes_on(&mut self) -> bool {
        let again = choose(3) == 1;
        if again {
            yield_now();
        }
        again
    }

    pub(crate) fn end(self) {}
}
