//! How loom explores a scenario.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::command::{self, Exploration};

/// Explores all schedules with at most so many preemptions, or as many of them as the time limit allows.
pub(crate) fn explore(scenario: &'static str, run: impl Fn() + Copy + Send + Sync + 'static) {
    if !command::is_selected(scenario) {
        return;
    }
    let preemptions = command::option_or("--preemptions", 2);
    let limit = Duration::from_secs(command::option_or("--seconds", 60));
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.max_branches = 10_000;
    model.max_duration = Some(limit);
    model.checkpoint_interval = 1000; // how often it checks the time limit
    let (exploration, schedules) = (Exploration::of(scenario), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&schedules);
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
