//! How the programs of the models are cancelled, and how they answer.

use std::str::FromStr;
use std::time::{Duration, Instant};

/// What follows `name` on the command line.
fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// What follows `name`, or a default.
pub(crate) fn option_or<T: FromStr>(name: &str, default: T) -> T {
    option(name).map_or(default, |value| {
        value.parse().unwrap_or_else(|_| panic!("{name} does not take {value}"))
    })
}

/// Whether `--scenario` names this one, or is absent.
pub(crate) fn is_selected(scenario: &str) -> bool {
    option("--scenario").is_none_or(|name| name == scenario)
}

/// A scenario that is being explored.
pub(crate) struct Exploration {
    scenario: &'static str,
    begun: Instant,
}

impl Exploration {
    pub(crate) fn of(scenario: &'static str) -> Self {
        let begun = Instant::now();
        Self { scenario, begun }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Says how many schedules were explored, and how they were chosen.
    pub(crate) fn report(&self, how: &str, schedules: usize) {
        let seconds = self.elapsed().as_secs_f64();
        println!("{}, {how}: {schedules} schedules, {seconds:.1} s", self.scenario);
    }
}

impl Drop for Exploration {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} fails. Alone: --scenario {0}", self.scenario);
        }
    }
}
