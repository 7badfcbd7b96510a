//! How often a process was started again within the last minute.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// Restarts are counted over this time.
const MINUTE: Duration = Duration::from_secs(60);

/// A process was started too often, and rests so long; `None` for as long as the process runs that counts.
#[derive(Debug)]
pub(crate) struct Stopped(pub(crate) Option<Duration>);

impl std::error::Error for Stopped {}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it has ended too often")
    }
}

/// The restarts of one library's process.
#[derive(Default)]
pub(crate) struct Restarts {
    /// Whether the last process has ended by itself, and the next one is a restart.
    has_ended: bool,
    /// When it was started again within the last minute, oldest first.
    times: VecDeque<Instant>,
}

impl Restarts {
    /// The process has ended by itself.
    pub(crate) fn note_end(&mut self) {
        self.has_ended = true;
    }

    /// How many there were.
    pub(crate) fn count(&mut self) -> usize {
        self.forget_old(Instant::now());
        self.times.len()
    }

    /// Counts the start of a process, if it is a restart and one is left.
    pub(crate) fn count_start(&mut self, limit: usize) -> Result<(), Stopped> {
        if !self.has_ended {
            return Ok(());
        }
        let now = Instant::now();
        self.forget_old(now);
        if self.times.len() >= limit {
            let first = self.times.front();
            let rest = first.map(|first| MINUTE.saturating_sub(now.duration_since(*first)));
            return Err(Stopped(rest));
        }
        self.times.push_back(now);
        self.has_ended = false;
        Ok(())
    }

    /// How long ago each of them was, the oldest first.
    #[cfg(native_linux)]
    pub(crate) fn ages(&mut self) -> Vec<Duration> {
        let now = Instant::now();
        self.forget_old(now);
        self.times.iter().map(|time| now.duration_since(*time)).collect()
    }

    /// Takes over what another process has counted.
    pub(crate) fn set_ages(&mut self, ages: &[Duration]) {
        let now = Instant::now();
        self.times = ages.iter().filter_map(|age| now.checked_sub(*age)).collect();
    }

    fn forget_old(&mut self, now: Instant) {
        let is_old = |first: &Instant| now.duration_since(*first) >= MINUTE;
        while self.times.front().is_some_and(is_old) {
            self.times.pop_front();
        }
    }
}
