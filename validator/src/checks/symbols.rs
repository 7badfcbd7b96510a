//! What the library says of itself.

use std::collections::BTreeSet;
use std::ffi::CStr;

use crate::budget::Budget;
use crate::events;
use crate::memory::Placement;
use crate::subject::Subject;
use crate::texts::Kept;

/// Of `exchange_flags`.
const CONCURRENT: u32 = 1;
/// Of `exchange_operations`, and of a name in it.
const MAX_NAMES_LEN: usize = 32 << 10;
const MAX_NAME_LEN: usize = 255;

pub(super) fn symbols(subject: &Subject) {
    let texts = &subject.texts;
    let reserved = texts.flags() & !CONCURRENT;
    if reserved != 0 {
        events::problem("flags-reserved", &format!("exchange_flags sets the bits {reserved:#x}"));
    }
    let name = valid(texts.text(c"exchange_library_name"), c"exchange_library_name");
    let operations = valid(texts.text(c"exchange_operations"), c"exchange_operations");
    if let Some(operations) = &operations {
        judge_names(&String::from_utf8_lossy(&operations.bytes));
        if !subject.library.performs() {
            events::warning(
                "operations-unused",
                "exchange_operations is exported, and exchange_perform is not",
            );
        }
    }
    summarize(subject);
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        for case in subject.cases(&[0, 100, 4096]).take_while(|_| budget.goes_on()) {
            subject.run(&case, Placement::End, 0);
        }
    });
    events::step("reading the name and the operations again");
    for (text, function) in [(name, "exchange_library_name"), (operations, "exchange_operations")] {
        if text.is_some_and(|text| !text.is_unchanged()) {
            events::problem(
                "text-changes",
                &format!("the text of {function} has changed since it was returned"),
            );
        }
    }
}

fn valid(text: Option<Kept>, function: &CStr) -> Option<Kept> {
    let text = text?;
    if std::str::from_utf8(&text.bytes).is_err() {
        let shown = String::from_utf8_lossy(&text.bytes);
        events::problem(
            "text-utf8",
            &format!("{} returns {shown:?}", function.to_string_lossy()),
        );
    }
    Some(text)
}

fn judge_names(names: &str) {
    let lines: Vec<&str> = names.split('\n').collect();
    if names.len() > MAX_NAMES_LEN {
        let what = format!("exchange_operations has {} names in {} bytes", lines.len(), names.len());
        events::problem("operations-limit", &what);
    }
    if let Some(long) = lines.iter().find(|name| name.len() > MAX_NAME_LEN) {
        events::problem(
            "operations-limit",
            &format!("a name of an operation has {} bytes", long.len()),
        );
    }
    let mut seen = BTreeSet::new();
    if let Some(name) = lines.iter().find(|name| !name.is_empty() && !seen.insert(**name)) {
        events::warning("operations-twice", &format!("exchange_operations names {name} twice"));
    }
}

fn summarize(subject: &Subject) {
    let library = subject.library;
    let function = if library.performs() {
        "exchange_perform"
    } else {
        "exchange_inplace"
    };
    let calls = if library.is_serial() {
        "one call at a time"
    } else {
        "several calls at once"
    };
    let operations = library.operations().iter().filter(|name| !name.is_empty()).count();
    let operations = match (library.performs(), operations) {
        (false, _) => String::new(),
        (true, 1) => ", 1 operation".into(),
        (true, count) => format!(", {count} operations"),
    };
    events::summary(&format!("{:?}, {function}{operations}, {calls}", library.name()));
}
