//! Environments: `exchange_open` and `exchange_close`, in pairs.

use crate::budget::Budget;
use crate::cases::Case;
use crate::events;
use crate::memory::Placement;
use crate::subject::Subject;
use crate::usage::{Usage, growth};

/// Pairs between two measurements.
const PAIRS: u32 = 100;

pub(super) fn open_close(subject: &Subject) {
    if !subject.texts.exports(c"exchange_open") && !subject.texts.exports(c"exchange_close") {
        events::skip("it exports neither exchange_open nor exchange_close");
        return;
    }
    let Some(works) = open_first(subject) else { return };
    let again = |what: &str| {
        let Some(case) = &works else { return };
        events::step(&format!("{what}, {case}"));
        let outcome = subject.run(case, Placement::End, 0);
        if !outcome.is_success() && !outcome.answer.was_cut_short() {
            let value = outcome.answer.value;
            events::problem(
                "session-fails",
                &format!("{what}, a call fails with {value} that had worked ({case})"),
            );
        }
    };
    if open(subject, "while it is open for another environment", false) {
        again("with two environments");
        close(subject);
        again("after one of two environments was closed");
    }
    close(subject);
    let mut measured = vec![Usage::now()];
    let mut budget = Budget::new(subject);
    for round in 1..=3 * PAIRS {
        if !budget.goes_on() || !open(subject, "after it was closed", true) {
            break;
        }
        again("after it was closed and opened again");
        close(subject);
        if round % PAIRS == 0 {
            measured.push(Usage::now());
        }
    }
    if let [_, rest @ ..] = &measured[..]
        && let Ok(three) = <[Usage; 3]>::try_from(rest)
    {
        for (id, what) in growth(three, PAIRS) {
            let what = what.replace("calls", "pairs of exchange_open and exchange_close");
            events::problem(id, &what);
        }
    }
    events::summary(&format!("{} environments", budget.calls() + 2));
}

/// Opens it, and finds a call that works.
fn open_first(subject: &Subject) -> Option<Option<Case>> {
    events::step("exchange_open");
    if let Err(status) = subject.symbols.open() {
        let words = subject
            .words_for(status)
            .map_or(String::new(), |words| format!(" ({words})"));
        events::problem(
            "open-refused",
            &format!("exchange_open refuses with status {status}{words}"),
        );
        return None;
    }
    let first = subject.cases(&[4096, 100, 64]).find(|case| {
        let outcome = subject.run(case, Placement::End, 0);
        outcome.is_success() && !outcome.answer.was_cut_short()
    });
    Some(first)
}

fn open(subject: &Subject, when: &str, must: bool) -> bool {
    events::step(&format!("exchange_open {when}"));
    let Err(status) = subject.symbols.open() else {
        return true;
    };
    let what = format!("exchange_open refuses with status {status} {when}");
    if must {
        events::problem("reopen-refused", &what);
    } else {
        events::warning("second-refused", &what);
    }
    false
}

fn close(subject: &Subject) {
    events::step("exchange_close");
    subject.symbols.close();
}
