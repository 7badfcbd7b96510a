//! The models of a lane under shuttle. `scripts/model.mjs` runs them.
//!
//!     model-lane-shuttle [--scenario NAME] [--schedules COUNT] [--seed SEED]

#![allow(clippy::unwrap_used, reason = "as in tests")]

#[path = "../shuttle/checker.rs"]
#[allow(dead_code, unused_imports, reason = "some is for the dispatcher")]
mod checker;
#[path = "../shared/command.rs"]
mod command;
#[path = "../shared/data.rs"]
mod data;
#[path = "../shuttle/explore.rs"]
mod explore;
mod process;
mod scenarios;
mod spin;
mod sync;

mod protocol {
    pub(crate) const MAX_LANES: usize = 3;
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

use scenarios::{SCENARIOS, WORKLOADS};
use shuttle::scheduler::{PctScheduler, RandomScheduler};

fn main() {
    let schedules = command::option_or("--schedules", 1000);
    let seed = command::option_or("--seed", 1);
    for scenario in SCENARIOS.iter().chain(WORKLOADS) {
        let random = RandomScheduler::new_from_seed(seed, schedules);
        explore::explore(scenario.name, scenario.run, "at random", random);
    }
    for scenario in SCENARIOS.iter().chain(WORKLOADS) {
        let by_priority = PctScheduler::new_from_seed(seed, 3, schedules);
        explore::explore(scenario.name, scenario.run, "by priority", by_priority);
    }
}
