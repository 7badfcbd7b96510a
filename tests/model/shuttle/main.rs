//! The models under shuttle: of any size, sampled at random. `scripts/model.mjs` runs them.
//!
//!     model-shuttle [--scenario NAME] [--schedules COUNT] [--seed SEED]

#![allow(clippy::unwrap_used, reason = "as in tests")]

mod checker;
mod workloads;

#[path = "../shared/abi.rs"]
mod abi;
#[path = "../shared/command.rs"]
mod command;
#[path = "../shared/environment.rs"]
mod environment;
#[path = "../shared/exit.rs"]
mod exit;
mod explore;
#[path = "../shared/lent_memory.rs"]
mod lent_memory;
#[path = "../shared/loader.rs"]
mod loader;
#[path = "../shared/record.rs"]
mod record;
#[path = "../shared/scenarios.rs"]
mod scenarios;
#[path = "../shared/sync.rs"]
mod sync;

/// The files under test, unchanged.
#[path = "../../../host/src"]
#[allow(unfulfilled_lint_expectations, reason = "a model uses what the host keeps for it")]
#[allow(dead_code, reason = "a model does not use all of the host")]
mod host {
    pub(crate) mod call;
    pub(crate) mod dispatch;
    pub(crate) mod error;
    pub(crate) mod functions;
    pub(crate) mod library;
    pub(crate) mod request;
    pub(crate) mod session;
}

use host::{call, dispatch, error, functions, library, request, session};

use shuttle::scheduler::{PctScheduler, RandomScheduler};

use scenarios::SCENARIOS;
use workloads::{WITHOUT_PREEMPTION, WORKLOADS};

fn main() {
    let schedules = command::option_or("--schedules", 1000);
    let seed = command::option_or("--seed", 1);
    for scenario in SCENARIOS.iter().chain(WORKLOADS) {
        explore::explore(
            scenario.name,
            scenario.run,
            "at random",
            RandomScheduler::new_from_seed(seed, schedules),
        );
    }
    // Each thread has a priority, which changes at a few random moments and when it yields.
    for scenario in SCENARIOS.iter().chain(WORKLOADS) {
        explore::explore(
            scenario.name,
            scenario.run,
            "by priority",
            PctScheduler::new_from_seed(seed, 3, schedules),
        );
    }
    for scenario in WITHOUT_PREEMPTION {
        explore::explore(
            scenario.name,
            scenario.run,
            "without preemption",
            PctScheduler::new_from_seed(seed, 1, schedules),
        );
    }
}
