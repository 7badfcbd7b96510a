//! The models of a ring under loom. `scripts/model.mjs` runs them.
//!
//!     model-ring-loom [--scenario NAME] [--preemptions COUNT] [--seconds COUNT]

#![allow(clippy::unwrap_used, reason = "as in tests")]

#[path = "../loom/checker.rs"]
#[allow(dead_code, unused_imports, reason = "some is for the dispatcher")]
mod checker;
#[path = "../shared/command.rs"]
mod command;
#[path = "../shared/data.rs"]
mod data;
#[path = "../loom/explore.rs"]
mod explore;
mod memory;
mod reader;
#[path = "../shared/scenario.rs"]
mod scenario;
mod scenarios;
mod sync;
mod writers;

/// The file under test, unchanged.
#[path = "../../../host/src"]
#[allow(dead_code, reason = "a model does not use all of it")]
mod host {
    pub(crate) mod ring;
}

use host::ring;
use loom::sync::atomic;

use scenarios::SCENARIOS;
use writers::WRITERS;

fn main() {
    for scenario in SCENARIOS.iter().chain(WRITERS) {
        for variant in 0..scenario.variants {
            explore::explore(scenario.name, move || (scenario.run)(variant));
        }
    }
}
