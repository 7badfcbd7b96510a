//! What calls return.

use std::collections::BTreeMap;

use crate::budget::Budget;
use crate::cases::{Case, MAX_ROOM, Outcome};
use crate::events;
use crate::memory::Placement;
use crate::subject::Subject;
use crate::texts::Kept;

const SIZES: [usize; 12] = [0, 100, 1, 8, 64, 4096, 2, 3, 16, 1000, 65_536, 1 << 20];

/// A message may grow meanwhile; one that has grown each of so many times never fits.
const ATTEMPTS: usize = 5;

/// Counts, statuses and words.
pub(super) fn returns(subject: &Subject) {
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        let mut statuses = BTreeMap::new();
        let mut has_success = false;
        let each = subject.operations().into_iter().map(|operation| {
            let input = &subject.inputs[0];
            subject.case(operation, input.name, input.bytes(input.natural_len(4096)), 4096)
        });
        for case in each.chain(subject.cases(&SIZES)) {
            if subject.is_long(case.operation) || !budget.goes_on() {
                continue;
            }
            let Outcome { answer, .. } = subject.run(&case, Placement::End, 0);
            has_success |= answer.value >= 0;
            if answer.value < 0 && !answer.was_cut_short() {
                judge_words(subject, &case, answer.value, answer.words.as_deref());
                statuses.entry(answer.value).or_insert_with(|| case.to_string());
            }
        }
        if let (false, Some((status, case))) = (has_success, statuses.first_key_value()) {
            let words = subject
                .words_for(*status)
                .map_or(String::new(), |words| format!(", {words:?}"));
            events::note(
                "all-failed",
                &format!("every call has failed, such as {case} with {status}{words}"),
            );
        }
        judge_texts(subject, statuses.keys().copied());
        let kinds = if statuses.len() == 1 { "status" } else { "statuses" };
        events::summary(&format!(
            "{} calls, {} negative {kinds}",
            budget.calls(),
            statuses.len()
        ));
    });
}

fn judge_words(subject: &Subject, case: &Case, status: i64, words: Option<&str>) {
    match words {
        // The host has replaced what is not valid.
        Some(words) if words.contains('\u{fffd}') => {
            let shown: String = words.chars().take(20).collect();
            events::warning(
                "words-utf8",
                &format!("exchange_call.message was given {shown:?} ({case})"),
            );
        }
        Some(_) => {}
        None if subject.words_for(status).is_none() => {
            events::warning("no-words", &format!("status {status} has no words ({case})"));
        }
        None => {}
    }
}

/// Asks for the words of many statuses, and whether they stay as they are.
fn judge_texts(subject: &Subject, seen: impl Iterator<Item = i64>) {
    events::step("exchange_error_message");
    let statuses: Vec<i64> = seen.chain(-64..0).chain([i64::MIN, i32::MIN.into()]).collect();
    let kept: Vec<(i64, Kept)> = statuses
        .iter()
        .filter_map(|status| Some((*status, subject.texts.message(*status)?)))
        .collect();
    for (status, text) in &kept {
        if std::str::from_utf8(&text.bytes).is_err() {
            let shown = String::from_utf8_lossy(&text.bytes);
            events::problem(
                "text-utf8",
                &format!("exchange_error_message({status}) returns {shown:?}"),
            );
        }
        if !text.is_unchanged() {
            let was = String::from_utf8_lossy(&text.bytes);
            let what = format!("the text of exchange_error_message({status}) was {was:?}, and is so no longer");
            events::problem("text-changes", &what);
        }
    }
}

/// Calls with too little memory, then with as much as was asked for.
pub(super) fn too_small(subject: &Subject) {
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        let mut asked = 0;
        for operation in subject.operations() {
            for input in &subject.inputs {
                for len in input.request_len().into_iter().chain([0, 1, 2, 16, 100, 1000, 5000]) {
                    if subject.is_long(operation) || !budget.goes_on() {
                        continue;
                    }
                    let case = subject.case(operation, input.name, input.bytes(len), len);
                    asked += u32::from(give_what_is_needed(subject, &case));
                }
            }
        }
        events::summary(&format!(
            "{} inputs, {asked} of which needed more memory",
            budget.calls()
        ));
    });
}

/// Whether the memory was too small.
fn give_what_is_needed(subject: &Subject, case: &Case) -> bool {
    let mut outcome = subject.run(case, Placement::End, 0);
    let mut case = case.clone();
    for attempt in 0..ATTEMPTS {
        let needed = match usize::try_from(outcome.answer.value) {
            Ok(needed) if needed > case.capacity => needed,
            Ok(_) => return attempt > 0, // it fits
            Err(_) if attempt == 0 || outcome.answer.was_cut_short() => return false, // it fails for another reason
            Err(_) => {
                let status = outcome.answer.value;
                let what = format!("with exactly as many bytes as it had asked for it returned {status} ({case})");
                // Of exchange_inplace the input is all of the memory, so that a part of it is made up now.
                if subject.library.performs() || subject.is_whole_request(&case) {
                    events::problem("exact-fails", &what);
                } else {
                    events::warning("exact-fails", &what);
                }
                return true;
            }
        };
        if subject.library.performs() && outcome.block.read(case.input.len()) != case.input {
            let what = format!("the input was changed although the message did not fit ({case})");
            events::note("input-changed", &what);
        }
        if needed > MAX_ROOM {
            events::note(
                "too-large",
                &format!("it asks for {needed} bytes, which were not tried ({case})"),
            );
            return true;
        }
        case.capacity = needed;
        outcome = subject.run(&case, Placement::End, 0);
    }
    let what = format!(
        "it asked for more memory each of {ATTEMPTS} times, at last {} bytes ({case})",
        outcome.answer.value
    );
    if usize::try_from(outcome.answer.value).is_ok_and(|needed| needed > case.capacity) {
        events::problem("never-fits", &what);
    }
    true
}

/// The same input twice, and with other bytes after it.
pub(super) fn repeat(subject: &Subject) {
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        for case in subject.cases(&[100, 4096, 1000, 16, 64, 5000]) {
            let replies = [0, 0, 0xa5, 0].map(|stale| {
                budget.goes_on().then(|| {
                    let outcome = subject.run(&case, Placement::End, stale);
                    (!outcome.answer.was_cut_short()).then(|| outcome.reply())
                })
            });
            let [
                Some(Some(first)),
                Some(Some(second)),
                Some(Some(other)),
                Some(Some(last)),
            ] = replies
            else {
                continue;
            };
            if first != second || second != last {
                let what = format!("returned {} and {}, or other bytes ({case})", first.value, second.value);
                events::note("differs", &what);
            } else if subject.library.performs() && other != first {
                events::problem(
                    "stale",
                    &format!("the answer depends on the bytes after the input ({case})"),
                );
            }
        }
        events::summary(&format!("{} calls", budget.calls()));
    });
}
