//! The models of a lane under loom. `scripts/model.mjs` runs them.
//!
//!     model-lane-loom [--scenario NAME] [--preemptions COUNT] [--seconds COUNT]

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
mod process;
#[allow(dead_code, reason = "some is for shuttle alone")]
mod scenarios;
mod spin;
mod sync;

/// With one lane, threads use it one after another; with two, at a time.
mod protocol {
    pub(crate) const MAX_LANES: usize = 1;
}

/// The files under test, unchanged.
#[path = "../../../library-process/src"]
#[allow(dead_code, reason = "a model does not use all of them")]
mod library_process {
    pub(crate) mod lane;
    pub(crate) mod lanes;
    pub(crate) mod running;
}

use library_process::{lane, lanes, running};

fn main() {
    for scenario in scenarios::SCENARIOS {
        explore::explore(scenario.name, scenario.run);
    }
}
