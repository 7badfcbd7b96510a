//! The time that a check takes: it makes as many calls as fit, and says how many there were.

use std::time::{Duration, Instant};

use crate::subject::Subject;

/// Counts calls until the time is over. Calls that had to be cancelled take none of it: there are few of them, and the
/// others would not be made.
pub(crate) struct Budget<'a> {
    subject: &'a Subject,
    begun: Instant,
    lost_before: Duration,
    time: Duration,
    calls: u32,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(subject: &'a Subject) -> Self {
        Self::part(subject, 1)
    }

    /// A part of the time, such as a half.
    pub(crate) fn part(subject: &'a Subject, part: u32) -> Self {
        Self {
            subject,
            begun: Instant::now(),
            lost_before: subject.time_in_long_calls(),
            time: subject.options.budget / part,
            calls: 0,
        }
    }

    /// Counts a call that is about to be made. False when the time is over.
    pub(crate) fn goes_on(&mut self) -> bool {
        let lost = self.subject.time_in_long_calls().saturating_sub(self.lost_before);
        if self.begun.elapsed().saturating_sub(lost) >= self.time {
            return false;
        }
        self.calls += 1;
        true
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }
}
