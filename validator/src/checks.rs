//! The checks, by their names.

mod answers;
mod calls;
mod cancel;
mod endurance;
mod sessions;
mod speed;
mod symbols;
mod threads;

use crate::subject::Subject;

/// The check of a name.
pub(crate) fn find(name: &str) -> Option<fn(&Subject)> {
    Some(match name {
        "symbols" => symbols::symbols,
        "empty" => calls::empty,
        "alignment" => calls::alignment,
        "guards" => calls::guards,
        "earlier" => calls::earlier,
        "random" => calls::random,
        "returns" => answers::returns,
        "too-small" => answers::too_small,
        "repeat" => answers::repeat,
        "threads" => threads::threads,
        "shared" => threads::shared,
        "open-close" => sessions::open_close,
        "cancel" => cancel::cancel,
        "endurance" => endurance::endurance,
        "speed" => speed::speed,
        _ => return None,
    })
}
