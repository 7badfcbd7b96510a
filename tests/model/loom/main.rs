//! The models under loom: small ones, explored exhaustively. `scripts/model.mjs` runs them.
//!
//!     model-loom [--scenario NAME] [--preemptions COUNT] [--seconds COUNT]

#![allow(clippy::unwrap_used, reason = "as in tests")]

mod checker;

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
#[allow(dead_code, reason = "some is for what shuttle alone runs")]
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

use scenarios::SCENARIOS;

fn main() {
    for scenario in SCENARIOS {
        explore::explore(scenario.name, scenario.run);
    }
}
