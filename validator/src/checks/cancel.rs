//! Calls that are cancelled.

use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::cases::{Case, judge};
use crate::events;
use crate::memory::Placement;
use crate::subject::{SOON, Subject};
use crate::watcher;

/// A call that lasts as long is cancelled here.
const LONG: Duration = Duration::from_millis(50);
/// What `exchange_cancel` may take.
const AT_ONCE: Duration = Duration::from_millis(30);

const SIZES: [usize; 5] = [100, 4096, 65_536, 1 << 20, 16 << 20];

pub(super) fn cancel(subject: &Subject) {
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        let tried = subject.cases(&[100, 4096]).take_while(|_| budget.goes_on());
        let quick = { tried }.find(|case| {
            let outcome = subject.run(case, Placement::End, 0);
            outcome.is_success() && outcome.answer.took < LONG.min(subject.options.patience / 2)
        });
        let works_after = |what: &str| {
            let Some(case) = &quick else { return };
            events::step(&format!("after {what}, {case}"));
            let outcome = subject.run(case, Placement::End, 0);
            if !outcome.is_success() && !outcome.answer.was_cut_short() {
                let value = outcome.answer.value;
                events::problem(
                    "cancel-sticks",
                    &format!("after {what}, a call fails with {value} ({case})"),
                );
            }
        };
        if subject.symbols.can_cancel() {
            cancel_at_once(subject);
            works_after("a cancel while no call ran");
        }
        let mut budget = Budget::new(subject);
        let mut longest: Option<Duration> = None;
        for case in subject.cases(&SIZES) {
            if !budget.goes_on() {
                break;
            }
            let Some(late) = cancelled_call(subject, &case) else {
                continue;
            };
            longest = Some(longest.map_or(late, |longest| longest.max(late)));
            if late > SOON {
                break;
            }
            works_after("a call that was cancelled");
        }
        watcher::finish_cancel();
        match longest {
            Some(longest) => events::summary(&format!("{} ms until a cancelled call returned", longest.as_millis())),
            None => events::skip("no call lasts 50 ms; --input gives a request that does"),
        }
    });
}

/// While no call runs. The fastest of a few counts, as this thread may not run for a while.
fn cancel_at_once(subject: &Subject) {
    events::step("exchange_cancel while no call runs");
    let took = |_| {
        let begun = Instant::now();
        subject.symbols.cancel();
        begun.elapsed()
    };
    if let Some(fastest) = (0..3).map(took).min().filter(|fastest| *fastest > AT_ONCE) {
        events::problem(
            "cancel-blocks",
            &format!("exchange_cancel took {} ms", fastest.as_millis()),
        );
    }
}

/// How long a call went on after it was cancelled. `None` if it was too short for that.
fn cancelled_call(subject: &Subject, case: &Case) -> Option<Duration> {
    events::step(&format!(
        "a call that is cancelled after {} ms, {case}",
        LONG.as_millis()
    ));
    let block = Subject::prepare(case, Placement::End, 0);
    let answer = subject.call_with(&block, &subject.request(case, false), LONG);
    judge(case, &block, &answer);
    let late = answer.late?;
    if late > SOON {
        let what = format!(
            "a call has gone on for {} ms after it was cancelled ({case})",
            late.as_millis()
        );
        let can_know = subject.symbols.can_cancel() || answer.was_asked;
        match (can_know, subject.library.performs()) {
            (true, _) => events::problem("cancel-late", &what),
            (false, true) => events::problem("cancel-unasked", &what),
            (false, false) => events::warning("cancel-absent", &what),
        }
    }
    Some(late)
}
