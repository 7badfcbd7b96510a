//! How shuttle explores a scenario.

use shuttle::scheduler::Scheduler;
use shuttle::{Config, MaxSteps, Runner};

use crate::command::{self, Exploration};

pub(crate) fn explore(
    scenario: &'static str,
    run: impl Fn() + Copy + Send + Sync + 'static,
    how: &str,
    scheduler: impl Scheduler + 'static,
) {
    if !command::is_selected(scenario) {
        return;
    }
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(100_000);
    config.silence_warnings = true; // that orderings are not checked: loom does that
    let exploration = Exploration::of(scenario);
    let schedules = Runner::new(scheduler, config).run(run);
    exploration.report(how, schedules);
}
