//! The models of a source for several rings under shuttle. `scripts/model.mjs` runs them.
//!
//!     model-broadcast-shuttle [--scenario NAME] [--schedules COUNT] [--seed SEED]

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
mod lent;
mod library;
#[path = "../ring/memory.rs"]
#[allow(dead_code, reason = "some is for the models of a ring alone")]
mod memory;
#[path = "../ring/reader.rs"]
#[allow(dead_code, reason = "some is for the models of a ring alone")]
mod reader;
mod rings;
#[path = "../shared/scenario.rs"]
mod scenario;
mod scenarios;
mod sync;
mod workloads;

/// The files under test, unchanged.
#[path = "../../../host/src"]
#[allow(dead_code, reason = "a model does not use all of them")]
mod host {
    pub(crate) mod request;
    pub(crate) mod ring;

    pub(crate) mod stream {
        pub(crate) mod broadcast;
        mod fill;
        pub(crate) mod filler;
        use crate::lent as memory;
        pub(crate) mod options;
        mod output;
        mod push;
    }
}

/// What they take from elsewhere.
mod abi {
    pub(crate) use crate::library::{ReturnValue, Sink, StreamFunction};
}
mod error {
    pub(crate) use crate::library::Error;
}
mod lent_memory {
    pub(crate) use crate::lent::LentMemory;
}

use host::stream::{broadcast, filler, options};
use host::{request, ring};
use shuttle::sync::atomic;

use scenarios::SCENARIOS;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use workloads::WORKLOADS;

fn main() {
    let schedules = command::option_or("--schedules", 1000);
    let seed = command::option_or("--seed", 1);
    for scenario in SCENARIOS.iter().chain(WORKLOADS) {
        for variant in 0..scenario.variants {
            let run = move || (scenario.run)(variant);
            let random = RandomScheduler::new_from_seed(seed, schedules);
            explore::explore(scenario.name, run, "at random", random);
            let by_priority = PctScheduler::new_from_seed(seed, 3, schedules);
            explore::explore(scenario.name, run, "by priority", by_priority);
        }
    }
}
