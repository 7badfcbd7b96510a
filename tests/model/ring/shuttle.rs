//! The models of a ring under shuttle. `scripts/model.mjs` runs them.
//!
//!     model-ring-shuttle [--scenario NAME] [--schedules COUNT] [--seed SEED]

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
mod memory;
mod reader;
#[path = "../shared/scenario.rs"]
mod scenario;
mod scenarios;
mod sync;
mod workloads;
mod writers;

/// The file under test, unchanged.
#[path = "../../../host/src"]
#[allow(dead_code, reason = "a model does not use all of it")]
mod host {
    pub(crate) mod ring;
}

use host::ring;
use shuttle::sync::atomic;

use scenarios::SCENARIOS;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use workloads::WORKLOADS;
use writers::WRITERS;

fn main() {
    let schedules: usize = command::option_or("--schedules", 1000);
    let seed = command::option_or("--seed", 1);
    let of_each_step = schedules.div_ceil(10); // at which a writer dies
    for (list, schedules) in [(SCENARIOS, schedules), (WRITERS, of_each_step), (WORKLOADS, schedules)] {
        for scenario in list {
            for variant in 0..scenario.variants {
                let run = move || (scenario.run)(variant);
                let random = RandomScheduler::new_from_seed(seed, schedules);
                explore::explore(scenario.name, run, "at random", random);
                let by_priority = PctScheduler::new_from_seed(seed, 3, schedules);
                explore::explore(scenario.name, run, "by priority", by_priority);
            }
        }
    }
}
