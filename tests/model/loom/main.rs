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
    pub(crate) mod session;
}

use host::{call, dispatch, error, functions, library, session};

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use command::Exploration;
use scenarios::{SCENARIOS, Scenario};

fn main() {
    for scenario in SCENARIOS.iter().filter(|scenario| command::is_selected(scenario.name)) {
        explore(scenario);
    }
}

/// Explores all schedules with at most so many preemptions, or as many of them as the time limit allows.
fn explore(scenario: &Scenario) {
    let preemptions = command::option_or("--preemptions", 2);
    let limit = Duration::from_secs(command::option_or("--seconds", 60));
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.max_branches = 10_000;
    model.max_duration = Some(limit);
    model.checkpoint_interval = 1000; // how often it checks the time limit
    let (exploration, schedules) = (Exploration::of(scenario.name), Arc::new(AtomicUsize::new(0)));
    let (run, count) = (scenario.run, Arc::clone(&schedules));
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        run();
    });
    let extent = if exploration.elapsed() < limit {
        "all"
    } else {
        "not all"
    };
    let how = format!("{extent} with {preemptions} preemptions");
    exploration.report(&how, schedules.load(Ordering::Relaxed));
}
