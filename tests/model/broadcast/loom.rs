//! The models of a source for several rings under loom. `scripts/model.mjs` runs them.
//!
//!     model-broadcast-loom [--scenario NAME] [--preemptions COUNT] [--seconds COUNT]

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
use loom::sync::atomic;

use scenarios::SCENARIOS;

fn main() {
    for scenario in SCENARIOS {
        for variant in 0..scenario.variants {
            explore::explore(scenario.name, move || (scenario.run)(variant));
        }
    }
}
